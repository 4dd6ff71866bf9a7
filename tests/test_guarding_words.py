"""Words of lists: where they stand however they are written, where they do not, masked whole and in pieces."""

import re
from pathlib import Path

import guarding_reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qianxun.errors import SettingsError
from qianxun.guarding import Action, Entry, Found, Guarding, Words, guard, read_words
from qianxun.guarding.letters import letters, one_form


def places(text: str, *entries: str) -> list[str]:
    """What of the text is found."""
    return [text[each.start : each.end] for each in Words(map(Entry, entries)).find(text)]


@pytest.mark.parametrize(
    "entry, text, found",
    [
        ("敏感词", "含有敏感词的句子", "敏感词"),
        ("敏感词", "敏 感-词", "敏 感-词"),
        ("敏感词", "敏\u3000感\u3000词", "敏\u3000感\u3000词"),
        ("敏感词", "敏*感_词", "敏*感_词"),
        ("敏感词", "敏🙂感🙂词", "敏🙂感🙂词"),
        ("敏感词", "敏\u200b感\u2060\ufeff词", "敏\u200b感\u2060\ufeff词"),
        ("敏感词", "敏\u0301感\ufe0f词", "敏\u0301感\ufe0f词"),
        ("敏感词", "敏。感。词", "敏。感。词"),
        ("敏感词", "【敏】【感】【词】", "敏】【感】【词"),
        ("敏感词", "敏\n感\n词", "敏\n感\n词"),
        ("敏感詞", "敏感词", "敏感词"),
        ("头发", "頭髮", "頭髮"),
        ("頭髮", "头发", "头发"),
        ("睡着了", "睡著瞭", "睡著瞭"),
        ("sensitive", "Is it SENSITIVE?", "SENSITIVE"),
        ("sensitive", "ｓｅｎｓｉｔｉｖｅ", "ｓｅｎｓｉｔｉｖｅ"),
        ("ＶＩＰ客户", "每个vip客户", "vip客户"),
        ("sensitive", "s.e.n.s.i.t.i.v.e", "s.e.n.s.i.t.i.v.e"),
        ("sensitive", "s e n s i t i v e", "s e n s i t i v e"),
        ("sensitive", "s, e, n, s, i, t, i, v, e", "s, e, n, s, i, t, i, v, e"),
        ("sensitive", "sen*sit-ive", "sen*sit-ive"),
        ("sensitive", "sensi tive", "sensi tive"),
        ("sensitive", "sensi-\ntive", "sensi-\ntive"),
        ("sensitive", "se\u00adnsi\u200dtive", "se\u00adnsi\u200dtive"),
        ("sensitive", "sénsïtivé", "sénsïtivé"),
        ("sensitive", "se\u0301nsitive", "se\u0301nsitive"),
        ("straße", "STRASSE", "STRASSE"),
        ("kg", "5 ㎏", "㎏"),
        ("sex", "这是sex吗", "sex"),
        ("sex", "s e x", "s e x"),
        ("vx", "加vx12345", "vx"),
        ("new york", "New\nYork", "New\nYork"),
        ("new york", "NewYork", "NewYork"),
        ("go to", "go to", "go to"),
        ("well-known", "well known", "well known"),
        ("马克·吐温", "马克吐温", "马克吐温"),
        ("马克·吐温", "马克•吐温", "马克•吐温"),
        ("O'Brien", "o’brien", "o’brien"),
        ("C++", "用 Ｃ＋＋ 写", "Ｃ＋＋"),
        ("C++", "C + \u200b+", "C + \u200b+"),
        ("a$$", "an a$$!", "a$$"),
        ("微信号", "微●信●号", "微●信●号"),
        ("13800138000", "138-0013 8000", "138-0013 8000"),
        ("64", "是64号", "64"),
        ("8964", "８９６４", "８９６４"),
        ("秘密", "秘 \t 密", "秘 \t 密"),
        ("ばか", "ばか", "ばか"),
        ("바보", "바 보", "바 보"),
        ("дурак", "ДУРАК!", "ДУРАК"),
        ("①②③", "123", "123"),
    ],
)
def test_an_entry_is_found_however_it_is_written(entry: str, text: str, found: str) -> None:
    assert places(text, entry) == [found]


@pytest.mark.parametrize(
    "entry, text",
    [
        ("ass", "class"),
        ("ass", "assistant"),
        ("ass", "ｃｌａｓｓ"),
        ("ass", "a\u200bssi\u200bstant"),
        ("ass", "àssïst"),
        ("ass", "as soon"),
        ("ass", "as s"),
        ("anus", "for an US company"),
        ("anus", "an, us"),
        ("sensitive", "sensi. tive"),
        ("sensitive", "we sense it. I've"),
        ("g", "5 ㎏"),
        ("敏感", "我过敏，感谢你"),
        ("敏感", "我过敏。感谢你"),
        ("敏感", "过敏、感冒"),
        ("敏感", "过敏（感冒）"),
        ("敏感", "“过敏”感冒"),
        ("敏感", "过敏——感冒"),
        ("敏感", "过敏\n感冒"),
        ("敏感", "过敏!感冒"),
        ("敏感", "过敏;感冒"),
        ("敏感词", "敏感，词"),
        ("敏感", "敏    感"),
        ("敏感", "敏****感"),
        ("敏感", "敏" + "\u200b" * 65 + "感"),
        ("敏感", "敏不感"),
        ("64", "6.4"),
        ("64", "6 4"),
        ("64", "1645"),
        ("64", "x64"),
        ("64", "64th"),
        ("C++", "C and c, C+"),
        ("a$$", "a $5"),
        ("R&D", "on Park Rd. again"),
        ("か", "か\u3099"),
        ("か", "が"),
        ("바", "바\u11a8"),
        ("дурак", "дураков"),
    ],
)
def test_what_only_looks_like_an_entry_is_not_found(entry: str, text: str) -> None:
    assert places(text, entry) == []


def test_separators_within_the_limits_are_skipped_and_one_more_is_not() -> None:
    assert places("敏***感", "敏感") == ["敏***感"]
    assert places("敏" + "\u200b" * 64 + "感", "敏感") == ["敏" + "\u200b" * 64 + "感"]
    assert places("sens\u200b \u200b \u200b \u200bitive", "sensitive") == ["sens\u200b \u200b \u200b \u200bitive"]


def test_all_entries_are_found_where_they_overlap() -> None:
    words = Words([Entry("敏感"), Entry("敏感词", "block"), Entry("感词", "warn")])
    assert words.find("敏感词") == (
        Found(0, 2, "敏感", "mask"),
        Found(0, 3, "敏感词", "block"),
        Found(1, 3, "感词", "warn"),
    )


def test_entries_written_alike_are_one_with_the_strictest_action() -> None:
    words = Words(
        [Entry("頭髮", "warn"), Entry("头发", "block"), Entry("头 发"), Entry("goto"), Entry("go to", "warn")]
    )
    assert len(words) == 2
    assert [(each.entry, each.action) for each in words.find("头发 go to")] == [("头发", "block"), ("goto", "mask")]


def test_nothing_is_found_without_entries() -> None:
    assert Words([]).find("敏感词 class") == ()
    assert guard("敏感词", Words([])).text == "敏感词"
    assert Guarding(Words([])).feed("敏感词") == "敏感词"


def test_masking_replaces_an_entry_and_nothing_else() -> None:
    words = Words([Entry("敏感词"), Entry("secret"), Entry("注意", "warn")])
    text = "前敏 感-词后，SECRET！注意"
    guarded = guard(text, words)
    assert guarded.text == "前■■■■■后，■■■■■■！注意"
    assert guarded.action == "mask"
    assert [text[each.start : each.end] for each in guarded.found] == ["敏 感-词", "SECRET", "注意"]
    assert guard(text, words, sign="*").text == "前*****后，******！注意"
    assert guard("注意", words).action == "warn"
    assert guard("没有 nothing", words) == type(guarded)("没有 nothing", None, ())


def test_a_blocked_entry_ends_the_text() -> None:
    words = Words([Entry("机密", "block"), Entry("词")])
    guarded = guard("这词是机密的词", words)
    assert (guarded.text, guarded.action) == ("这■是", "block")
    assert len(guarded.found) == 3


def test_traditional_and_simplified_are_one_whatever_stands_around() -> None:
    """Character by character, so that a word is the same word within every phrase."""
    from opencc import OpenCC

    simplified = "皇后乘坐干燥的汽车在台湾后面发现头发里面的面条已经著名地干了覆盖着复杂的钟表系统卫生关系"
    for variant in ("s2t", "s2tw", "s2hk"):
        traditional = OpenCC(variant).convert(simplified)
        assert letters(traditional).text == letters(simplified).text


@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40), st.booleans())
def test_letters_of_a_text_are_those_of_its_characters(text: str, symbols: bool) -> None:
    found = letters(text, symbols=symbols)
    expected = [
        (c, i) for i, character in enumerate(text) for c in guarding_reference.letters_of(character, exact=symbols)
    ]
    assert list(zip(found.text, found.places.tolist(), strict=True)) == expected


@given(st.characters())
def test_the_one_form_of_a_letter_is_its_own(character: str) -> None:
    form = one_form(character)
    assert "".join(map(one_form, form)) == form


SOME = st.sampled_from("敏感词詞感敏aAsSｓé1２4 \u3000\u200b.，。-*\n\u0301㎏+＋()·'か\u3099")
TEXTS = st.text(SOME, max_size=24) | st.text(max_size=12)
ENTRIES = st.lists(
    st.builds(
        Entry,
        st.text(SOME, min_size=1, max_size=5).filter(lambda text: bool(letters(text, symbols=True).text)),
        st.sampled_from(["warn", "mask", "block"]),
    ),
    max_size=6,
)


@given(TEXTS, ENTRIES)
def test_finding_is_trying_every_entry_at_every_character(text: str, entries: list[Entry]) -> None:
    one_each = list({guarding_reference.written(entry.text)[:2]: entry for entry in entries}.values())
    forms = {entry.text: guarding_reference.written(entry.text)[1] for entry in one_each}
    found = {(each.start, each.end, forms[each.entry]) for each in Words(one_each).find(text)}
    assert found == guarding_reference.found(text, one_each)


@given(TEXTS, ENTRIES)
def test_masked_are_exactly_the_characters_of_what_is_found(text: str, entries: list[Entry]) -> None:
    guarded = guard(text, Words(entries))
    covered = {i for each in guarded.found if each.action == "mask" for i in range(each.start, each.end)}
    end = len(guarded.text)
    assert guarded.text == "".join("■" if i in covered else c for i, c in enumerate(text[:end]))
    assert end == min((each.start for each in guarded.found if each.action == "block"), default=len(text))


@given(TEXTS, ENTRIES, st.data())
def test_pieces_give_what_the_whole_gives(text: str, entries: list[Entry], data: st.DataObject) -> None:
    words = Words(entries)
    whole = guard(text, words)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    stream = Guarding(words)
    given_out = "".join(stream.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
    given_out += stream.close()
    assert given_out == whole.text
    assert stream.stopped == (whole.action == "block")
    assert stream.found == tuple(each for each in whole.found if not stream.stopped or each.start <= len(whole.text))


@pytest.mark.parametrize("n", range(1, 6))
def test_long_texts_in_small_pieces_give_what_the_whole_gives(n: int) -> None:
    words = Words([Entry("敏感词"), Entry("sensitive"), Entry("感"), Entry("C++"), Entry("注意", "warn")])
    text = "".join(
        f"第{i}句敏\u200b感{gap}词，class C +{gap}+ s.e.n.s.i.t.i.v.e{gap}感 "
        for i, gap in enumerate(["", " ", "--", "\n"] * 12)
    )
    text += "敏" + "\u200b" * 200 + "感词 sensitive" + " " * 300 + "感"
    stream = Guarding(words)
    pieces = [stream.feed(text[i : i + n]) for i in range(0, len(text), n)]
    assert "".join([*pieces, stream.close()]) == guard(text, words).text
    assert stream.found == words.find(text)


def test_text_waits_only_while_it_may_begin_an_entry() -> None:
    stream = Guarding(Words([Entry("敏感词"), Entry("sensitive")]))
    assert stream.feed("今天很") == "今天很"
    assert stream.feed("敏") == ""
    assert stream.feed("捷") == "敏捷"
    assert stream.feed("，敏 ") == "，"
    assert stream.feed("感") == ""
    assert stream.feed("词") == ""
    assert stream.feed("。") == ""
    assert stream.feed("完") == "■■■■。完"
    assert stream.feed("sense") == "sen"  # "se" may begin it
    assert stream.close() == "se"


@given(st.lists(st.text(SOME, max_size=3), max_size=60))
def test_what_waits_is_bounded(pieces: list[str]) -> None:
    stream, fed, given_out = Guarding(Words([Entry("敏感词"), Entry("sas")])), 0, 0
    for piece in [*pieces, "敏", "\u200b" * 90, "s" * 90]:
        given_out += len(stream.feed(piece))
        fed += len(piece)
        assert fed - given_out <= 3 * 65


def test_nothing_comes_after_a_blocked_entry() -> None:
    stream = Guarding(Words([Entry("机密", "block")]))
    assert stream.feed("这是机") == "这是"
    assert not stream.stopped
    assert stream.feed("密文件") == ""
    assert stream.stopped
    assert stream.action == "block"
    assert stream.feed("还有") + stream.close() == ""


# Lists


def lists(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "词表 words.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_list_is_a_line_an_entry(tmp_path: Path) -> None:
    text = (
        "\ufeff# 注释 comment\r\n\n敏感词\ntrade secret | warn\n代号X7｜BLOCK\n＃话题\n* | warn\n内部\n a$$ | mask \n"
    )
    text += "x | y | block\n"
    words = read_words([lists(tmp_path, text)])
    expected: dict[str, Action] = {
        "敏感词": "mask", "trade secret": "warn", "代号X7": "block", "＃话题": "mask", "内部": "warn", "a$$": "mask",
        "x | y": "block",
    }  # fmt: skip
    assert len(words) == len(expected)
    for entry, action in expected.items():
        assert [(each.entry, each.action) for each in words.find(entry)] == [(entry, action)]
    assert words.find("#话题")
    assert not words.find("话题")


def test_several_lists_are_one(tmp_path: Path) -> None:
    first, second = tmp_path / "一.txt", tmp_path / "二.txt"
    first.write_text("敏感 | warn\n* | block\n", encoding="utf-8")
    second.write_text("敏感 | block\n其他\n", encoding="utf-8")
    assert [each.action for each in read_words([first, second]).find("敏感其他")] == ["block", "mask"]


@pytest.mark.parametrize(
    "content, message",
    [
        ("好\n词 | blok\n", "line 2: 'blok' is no action. Write block, mask or warn"),
        ("词 | \n", "line 1: '' is no action"),
        ("好\n\n | block\n", "line 3: '' cannot be looked for"),
        ("\u200b\u200b\n", "line 1: '\\u200b\\u200b' cannot be looked for"),
        ("长" * 201, "line 1: '长长"),
        ("好\n好\n".encode() + "敏感".encode("gb18030"), "line 3: this is not UTF-8"),
    ],
)
def test_a_wrong_line_is_named(content: str | bytes, message: str, tmp_path: Path) -> None:
    path = lists(tmp_path, content)
    with pytest.raises(SettingsError) as raised:
        read_words([path])
    assert str(raised.value).startswith(f"{path}, {message}")
    assert "\n" not in str(raised.value)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"The word list .*missing\.txt cannot be read"):
        read_words([tmp_path / "missing.txt"])
    with pytest.raises(SettingsError, match="cannot be read"):
        read_words([tmp_path])


# The page


def test_the_table_of_the_page_is_true() -> None:
    page = (Path(__file__).parents[1] / "docs" / "filters.md").read_text(encoding="utf-8")
    rows = page.partition("| entry | is found in | not in |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(rows) >= 7
    for row in rows:
        entry, found, other = (re.findall("`([^`]+)`", cell) for cell in row.strip("|").split(" | "))
        assert len(entry) == 1
        assert all(places(text, *entry) for text in found), row
        assert not any(places(text, *entry) for text in other), row
