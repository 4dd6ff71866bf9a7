"""Encodings: told over the whole file, never guessed; what is not sure needs attention; a setting overrides."""

import random
import tracemalloc
from pathlib import Path

import pytest

from qianxun.documents.decoding import (
    READ_BYTES,
    decoded,
    encoding_of,
    guessed_encoding,
    named_encoding,
    read_text,
    text_pieces,
)
from qianxun.documents.formats.html import HtmlLoader
from qianxun.documents.formats.markdown import MarkdownLoader
from qianxun.documents.formats.text import TextLoader
from qianxun.documents.split import measure_of
from qianxun.documents.worker import _FileReader
from qianxun.errors import SettingsError, UncertainDocument, UnreadableDocument
from qianxun.files import RawFile
from qianxun.languages.zh.encodings import MESSAGES
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings, SplittingSettings

SETTINGS = ReadingSettings()
SIMPLIFIED = "公司规定每位员工每年享有五天带薪年假，申请须提前三日提出。"
TRADITIONAL = "公司規定每位員工每年享有五天帶薪年假，申請須提前三日提出。"
MIXED = "使用 Python 3.12 读取配置文件 config.toml，编号ＡＢ－０１２，共３页。"
ENGLISH = "Every employee may take five days of paid leave; ask for them three days ahead.\n"
JAPANESE = "従業員は毎年五日の有給休暇を取得できます。申請は三日前までに。"
KOREAN = "직원은 매년 오일의 유급 휴가를 받을 수 있습니다. 신청은 사흘 전에."
FRENCH = "Chaque employé a droit à cinq jours de congés payés, dès l’été où il a été engagé à Orléans."
POLISH = "Każdy pracownik może otrzymać pięć dni urlopu; należy zgłosić się wcześniej, w Łodzi też."
CZECH = "Každý zaměstnanec může dostat pět dnů dovolené, žádost podá ředitelství společnosti včas."
RUSSIAN = "Каждый сотрудник имеет право на пять дней отпуска; заявление подаётся за три дня."
UKRAINIAN = "Кожен працівник має право на п'ять днів відпустки; заяву її подають за три дні."
GREEK = "Κάθε εργαζόμενος δικαιούται πέντε ημέρες άδεια, η αίτηση γίνεται τρεις ημέρες πριν."
TURKISH = "Her çalışan yılda beş gün ücretli izin alabilir; başvuru üç gün önce yapılmalıdır, değil mi?"
HEBREW = "כל עובד זכאי לחמישה ימי חופשה בשנה, את הבקשה יש להגיש שלושה ימים מראש."
ARABIC = "يحق لكل موظف الحصول على خمسة أيام إجازة في السنة ويقدم الطلب قبل ثلاثة أيام."
LITHUANIAN = "Kiekvienas darbuotojas gali gauti penkias dienas atostogų; prašymą reikia pateikti įmonėje, ačiū."
THAI = "พนักงานทุกคนมีสิทธิลาพักร้อนปีละห้าวัน ต้องยื่นคำขอล่วงหน้าสามวัน"


def in_memory(data: bytes, name: str = "笔记.txt") -> RawFile:
    return RawFile.of_bytes(name, data)


def read(data: bytes, settings: ReadingSettings = SETTINGS, name: str = "笔记.txt") -> str:
    return decoded(in_memory(data, name), data, settings)


def _read_or_refused(data: bytes) -> str | None:
    """The text, or None where it was refused in one clear line that has a translation."""
    try:
        return read(data)
    except UnreadableDocument as refused:
        error = refused
    assert "\n" not in str(error)
    assert "笔记.txt" in str(error)
    assert error.template in MESSAGES or "looks like" in error.template
    return None


@pytest.mark.parametrize(
    "text, encoding",
    [
        *((text, e) for text in (SIMPLIFIED, TRADITIONAL, MIXED, ENGLISH, JAPANESE) for e in ("utf-8", "utf-8-sig")),
        *((text, e) for text in (SIMPLIFIED, TRADITIONAL, MIXED) for e in ("gb18030", "gbk")),
        *((text, e) for text in (SIMPLIFIED, TRADITIONAL, MIXED, ENGLISH) for e in ("utf-16", "utf-32")),
        *((text, e) for text in (SIMPLIFIED, TRADITIONAL, MIXED, ENGLISH) for e in ("utf-16-le", "utf-16-be")),
        *((text, e) for text in (MIXED, ENGLISH) for e in ("utf-32-le", "utf-32-be")),
        (TRADITIONAL, "big5"),
        (TRADITIONAL + "佢哋嘅嘢", "big5hkscs"),
        (TRADITIONAL, "cp950"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (KOREAN, "cp949"),
        (KOREAN, "euc_kr"),
        (KOREAN, "iso2022_kr"),
        (SIMPLIFIED, "hz"),
        (FRENCH, "cp1252"),
        (FRENCH.replace("’", "'"), "iso8859-1"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        (CZECH, "cp1250"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "iso8859-5"),
        (UKRAINIAN, "cp1251"),
        (GREEK, "cp1253"),
        (TURKISH, "cp1254"),
        (HEBREW, "cp1255"),
        (ARABIC, "cp1256"),
        (LITHUANIAN, "cp1257"),
        (THAI, "cp874"),
    ],
)
def test_a_sentence_is_read_in_its_encoding(text: str, encoding: str) -> None:
    assert read(text.encode(encoding)) == text


@pytest.mark.parametrize("seed", range(20))
def test_what_also_decodes_in_another_encoding_is_read_in_its_own(seed: int) -> None:
    """Big5 that is also GBK, GBK that is also EUC-KR or Shift-JIS: valid in both, but text in one."""
    chosen = random.Random(seed)
    for text, encoding, others in (
        (TRADITIONAL, "big5", ("gb18030",)),
        (SIMPLIFIED, "gb2312", ("cp949", "euc_jp", "big5hkscs")),
        (SIMPLIFIED, "gb2312", ("cp932",)),
    ):
        characters = [c for c in text if c not in "，。"]
        for other in others:
            kept = [c for c in characters if _decodes(c.encode(encoding), other)]
            shuffled = "".join(chosen.sample(kept, len(kept)))
            assert len(shuffled) >= 8, other
            data = shuffled.encode(encoding)
            assert _decodes(data, other)
            assert _right_or_uncertain(data, shuffled), (encoding, other)


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL, MIXED, ENGLISH, JAPANESE, KOREAN, RUSSIAN])
@pytest.mark.parametrize("n", [40, 6000])
def test_long_text_in_wide_encodings_without_a_mark(text: str, n: int) -> None:
    lines = f"{text}\n" * n
    for encoding in ("utf-16-le", "utf-16-be"):
        assert read(lines.encode(encoding)) == lines


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        return bool(data.decode(encoding))
    except UnicodeDecodeError:
        return False


def _right_or_uncertain(data: bytes, text: str) -> bool:
    try:
        return read(data) == text
    except UncertainDocument:
        return len(text) <= 10


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("encoding", ["gb18030", "big5hkscs", "cp932", "euc_jp", "utf-16-le", "cp1251", "cp1252"])
def test_damaged_text_is_never_read_silently(seed: int, encoding: str) -> None:
    """A text with noise in it is refused, or read but for the place of the noise."""
    texts = {"gb18030": SIMPLIFIED, "big5hkscs": TRADITIONAL, "cp1251": RUSSIAN, "cp1252": FRENCH}
    text = texts.get(encoding, JAPANESE) * 4
    data = bytearray(text.encode(encoding))
    chosen = random.Random(seed)
    for _ in range(3):
        data[chosen.randrange(len(data))] = chosen.randrange(256)
    got = _read_or_refused(bytes(data))
    if got is not None:
        assert "\ufffd" not in got
        wanted = bytes(data).decode(encoding, "replace")
        assert sum(a == b for a, b in zip(got, wanted, strict=False)) >= len(wanted) - 8


def test_half_broken_utf8_needs_attention() -> None:
    whole = (SIMPLIFIED * 10).encode()
    for data in (
        whole[:100] + whole[101:],
        whole + b"\xe5\xb9\n" + whole,
        (SIMPLIFIED + "\n").encode() * 5 + (SIMPLIFIED + "\n").encode("gb18030") * 5,
        whole[:301] + b"\xff\xfe" + whole[301:],
    ):
        with pytest.raises(UncertainDocument, match=r"reading\.encodings"):
            read(data)


def test_a_cut_last_character_is_no_damage() -> None:
    assert read((SIMPLIFIED * 5).encode()[:-1]) == (SIMPLIFIED * 5)[:-1]
    assert read((SIMPLIFIED[:-1] * 5).encode("gb18030")[:-1]) == (SIMPLIFIED[:-1] * 5)[:-1]
    assert read((TRADITIONAL[:-1] * 5).encode("big5")[:-1]) == (TRADITIONAL[:-1] * 5)[:-1]
    assert read(b"\xff\xfe" + (MIXED * 5).encode("utf-16-le")[:-1]) == (MIXED * 5)[:-1]


def test_text_that_somebody_damaged_before_needs_attention() -> None:
    with pytest.raises(UncertainDocument):
        read(("\ufffd" * 30 + SIMPLIFIED).encode())
    about = f"The sign \ufffd stands for what was lost. {SIMPLIFIED}"
    assert read(about.encode()) == about


@pytest.mark.parametrize("text", ["一些", "联通", "é", "Łódź"])
def test_two_characters_that_may_be_another_text_are_not_guessed(text: str) -> None:
    for encoding in ("gb18030", "cp1250"):
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:
            continue
        assert _read_or_refused(data) in (text, None)


def test_the_reason_names_the_candidates_and_the_way_out() -> None:
    with pytest.raises(UncertainDocument) as caught:
        read("一些".encode("gb18030"), name="卷/旧.txt")
    message = str(caught.value)
    assert "gb18030" in message
    assert "utf-8" in message
    assert 'reading.encodings = ["旧.txt=gb18030"]' in message
    settings = ReadingSettings(encodings=("旧.txt=gb18030",))
    assert read("一些".encode("gb18030"), settings, "卷/旧.txt") == "一些"


@pytest.mark.parametrize("n", [1_500, 10_000_000])
def test_gb18030_after_much_ascii(tmp_path: Path, n: int) -> None:
    path = tmp_path / "a.log"
    head = (ENGLISH.encode() * (n // len(ENGLISH) + 1))[:n] + b"\n"
    path.write_bytes(head + f"{SIMPLIFIED}\n".encode("gb18030") * 3)
    text = read_text(RawFile.on_disk(path), SETTINGS)
    assert text.endswith(f"{SIMPLIFIED}\n" * 3)
    assert len(text) == len(head) + 3 * (len(SIMPLIFIED) + 1)


def test_the_second_half_shows_that_the_first_guess_was_wrong(tmp_path: Path) -> None:
    """The first block is a few bytes of either; what follows is only Big5."""
    path = tmp_path / "旧.txt"
    path.write_bytes(
        "年\n".encode("big5")
        + ENGLISH.encode() * (2 * READ_BYTES // len(ENGLISH))
        + f"{TRADITIONAL}\n".encode("big5") * 50
    )
    assert encoding_of(RawFile.on_disk(path), SETTINGS) == "big5hkscs"
    assert read_text(RawFile.on_disk(path), SETTINGS).startswith("年\n")


@pytest.mark.parametrize(
    "first, second", [("gb18030", "utf-8"), ("utf-8", "gb18030"), ("gb18030", "big5hkscs"), ("big5hkscs", "gb18030")]
)
@pytest.mark.parametrize("n", [60, 12_000])
def test_a_file_of_two_encodings_needs_attention(tmp_path: Path, first: str, second: str, n: int) -> None:
    path = tmp_path / "合并.txt"
    data = [f"{TRADITIONAL if e == 'big5hkscs' else SIMPLIFIED}\n".encode(e) * n for e in (first, second)]
    path.write_bytes(b"".join(data))
    with pytest.raises(UncertainDocument):
        list(text_pieces(RawFile.on_disk(path), SETTINGS))


def test_a_few_lines_in_another_encoding_within_a_large_file_are_found(tmp_path: Path) -> None:
    path = tmp_path / "日志.txt"
    lines = f"{SIMPLIFIED}\n".encode("gb18030") * 30_000
    path.write_bytes(lines + f"{TRADITIONAL}\n".encode("big5") + lines)
    with pytest.raises(UncertainDocument, match="a part of it seems to be in big5"):
        next(text_pieces(RawFile.on_disk(path), SETTINGS))


def test_memory_is_bounded_while_a_large_file_is_judged(tmp_path: Path) -> None:
    path = tmp_path / "大.txt"
    path.write_bytes(f"{SIMPLIFIED}\n".encode("gb18030") * 300_000)
    read("预热".encode("gb18030") * 20)
    tracemalloc.start()
    assert encoding_of(RawFile.on_disk(path), SETTINGS) == "gb18030"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000


def test_noise_is_refused() -> None:
    chosen = random.Random(1)
    for n in (50, 300, 3000):
        with pytest.raises(UnreadableDocument):
            read(bytes(chosen.randrange(0x21, 0x100) for _ in range(n)))
        with pytest.raises(UnreadableDocument, match="binary data"):
            read(bytes(chosen.randrange(0x100) for _ in range(n)) + b"\x00\x01\x02")


def test_ascii_and_code_are_left_alone() -> None:
    for text in (
        "a",
        "ok",
        "README",
        "x = {y: ~{z}}\n",
        ENGLISH,
        "dGVzdA==",
        "\x1b[31mred\x1b[0m",
        "1,2,3\n4,5,6\n",
        "\n",
    ):
        assert read(text.encode()) == text


@pytest.mark.parametrize("name", ["logs/旧.log", "旧.log", "C:\\logs\\旧.log", "包.zip!logs/旧.log"])
def test_a_pattern_names_the_encoding(name: str) -> None:
    settings = ReadingSettings(encodings=("别的*=utf-8", "*.log=gbk", "*=big5"))
    assert named_encoding(in_memory(b"", name), settings) == "gb18030"
    data = "一些繁體简体".encode("gb18030")
    assert read(data, settings, name) == "一些繁體简体"
    assert named_encoding(in_memory(b"", "x.txt"), settings) == "big5hkscs"
    assert named_encoding(in_memory(b"", "x.txt"), SETTINGS) == ""
    # As the documentation has it: a pattern with a folder, wherever that lies.
    below = ReadingSettings(encodings=("档案/1998/*=big5",))
    for path in ("/srv/共享/档案/1998/旧.txt", "https://host/档案/1998/旧.txt", "档案/1998/旧.txt"):
        assert named_encoding(in_memory(b"", path), below) == "big5hkscs"
    assert named_encoding(in_memory(b"", "/srv/新档案/1998/旧.txt"), below) == ""


def test_a_named_encoding_reads_a_damaged_file_but_not_a_wrong_one(tmp_path: Path) -> None:
    settings = ReadingSettings(encodings=("*.txt=gb18030",))
    data = (SIMPLIFIED * 40).encode("gb18030")
    damaged = data[:200] + b"\xff" + data[200:]
    with pytest.raises(UncertainDocument):
        read(damaged)
    assert read(damaged, settings).count("\ufffd") == 1
    with pytest.raises(UncertainDocument, match=r"which reading\.encodings names"):
        read((SIMPLIFIED * 40).encode("utf-16-le"), settings)
    path = tmp_path / "大.txt"
    path.write_bytes(damaged * 100)
    assert read_text(RawFile.on_disk(path), settings).count("\ufffd") == 100
    assert read(b"\xef\xbb\xbf" + SIMPLIFIED.encode(), settings) == SIMPLIFIED  # its mark says more than a pattern


@pytest.mark.parametrize(
    "line", ["*.log", "=gb18030", "*.log=", "*.log=base64", "*.log=idna", "*.log=无", "*.log=gb 1"]
)
def test_a_malformed_override_is_one_clear_line(line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read(SIMPLIFIED.encode(), ReadingSettings(encodings=(line,)))
    assert repr(line) in str(caught.value)
    assert "*.log=gb18030" in str(caught.value)


def test_loaders_follow_the_setting() -> None:
    settings = ReadingSettings(encodings=("*=gb18030",))
    data = "一些".encode("gb18030")
    page = b"<html><head><meta charset=big5></head><body><p>" + data + b"</p></body></html>"
    for loader, name, content in (
        (TextLoader(), "a.txt", data),
        (MarkdownLoader(), "a.md", data),
        (HtmlLoader(), "a.html", page),
    ):
        (document,) = loader.load(in_memory(content, name), settings)
        assert isinstance(document, RawDocument)
        assert "".join(block.text for block in document.blocks) == "一些"


def test_the_worker_sets_an_uncertain_file_aside_and_hands_on_nothing(tmp_path: Path) -> None:
    path = tmp_path / "混.txt"
    path.write_bytes(f"{SIMPLIFIED}\n".encode() * 50 + f"{SIMPLIFIED}\n".encode("gb18030") * 50)
    events = list(_FileReader(SETTINGS, SplittingSettings(), measure_of(None)).events(path, "混.txt", ".txt", ()))
    assert [event[0] for event in events] == ["ended"]
    assert events[0][1] == "needs attention"
    assert "混.txt" in events[0][2]


@pytest.mark.parametrize("seed", range(30))
def test_truncated_and_mutated_bytes_never_crash(seed: int) -> None:
    chosen = random.Random(seed)
    text = chosen.choice([SIMPLIFIED, TRADITIONAL, MIXED, JAPANESE, KOREAN, FRENCH, RUSSIAN]) * chosen.randrange(1, 20)
    data = bytearray(text.encode(chosen.choice(["utf-8", "gb18030", "utf-16", "utf-32", "utf-16-be"])))
    for _ in range(chosen.randrange(8)):
        data[chosen.randrange(len(data))] = chosen.randrange(256)
    cut = bytes(data[: chosen.randrange(len(data))])
    _read_or_refused(cut)


def test_short_names_are_guessed_for_showing() -> None:
    assert guessed_encoding("合同扫描件".encode("gb18030")) == "gb18030"
    assert guessed_encoding("合約掃描件".encode("big5")) == "big5hkscs"
    assert guessed_encoding("契約書について".encode("cp932")) == "cp932"
