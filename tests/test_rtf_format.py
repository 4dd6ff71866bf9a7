"""Rich text: every way of writing Chinese, headings, lists, tables, notes; broken and hostile files."""

import contextlib
import random
from collections.abc import Iterator

import pytest

from qianxun.documents.formats.rtf import RtfLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings


def loaded(data: bytes | str, name: str = "合同.rtf") -> RawDocument:
    data = data.encode("ascii") if isinstance(data, str) else data
    (raw,) = RtfLoader().load(RawFile.of_bytes(name, data), ReadingSettings())
    assert isinstance(raw, RawDocument)
    return raw


def shapes(data: bytes | str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in loaded(data).blocks]


def text(data: bytes | str) -> str:
    blocks: Iterator[Block] = iter(loaded(data).blocks)
    return "\n".join(block.text for block in blocks)


def as_hex(words: str, encoding: str) -> str:
    r"""Words as \'xx, ASCII too."""
    return "".join(f"\\'{byte:02x}" for byte in words.encode(encoding))


def as_units(words: str, fallback: str = "?") -> str:
    r"""Words as \uN, signed 16 bits, with a fallback after each."""
    units = words.encode("utf-16-le")
    numbers = (int.from_bytes(units[i : i + 2], "little", signed=True) for i in range(0, len(units), 2))
    return "".join(f"\\u{number} {fallback}" for number in numbers)


MIXED = "甲方（Buyer）於２０２５年签署 Contract-7，總價１２％。"


@pytest.mark.parametrize(
    "data",
    [
        rf"{{\rtf1\ansi\ansicpg936 {as_hex(MIXED, 'gb18030')}\par}}",
        rf"{{\rtf1\ansi\ansicpg936\deff0{{\fonttbl{{\f0\fnil\fcharset134 S;}}}}\f0 {as_hex(MIXED, 'gb18030')}\par}}",
        rf"{{\rtf1\ansi\ansicpg1252\deff0{{\fonttbl{{\f0\fcharset0 Arial;}}{{\f13\fcharset134 SimSun;}}}}"
        rf"{{\f13 {as_hex(MIXED, 'gb18030')}}}\par}}",
        rf"{{\rtf1\ansi\ansicpg1252\deff1{{\fonttbl{{\f0\fcharset0 Arial;}}{{\f1\fcharset134 SimSun;}}}}"
        rf"{as_hex(MIXED, 'gb18030')}\par}}",
        rf"{{\rtf1\ansi\ansicpg1252\uc1 {as_units(MIXED)}\par}}",
        rf"{{\rtf1\ansi\ansicpg936\uc2 {as_units(MIXED, as_hex('中', 'gb18030'))}\par}}",
        rf"{{\rtf1\ansi\uc0 {as_units(MIXED, '')}\par}}",
        b"{\\rtf1\\ansi\\ansicpg936 " + MIXED.encode("gb18030") + b"\\par}",
        b"{\\rtf1\\ansi\\ansicpg65001 " + MIXED.encode("utf-8") + b"\\par}",
    ],
)
def test_chinese_is_read_however_it_is_written(data: bytes | str) -> None:
    assert text(data) == MIXED


def test_traditional_chinese_of_big5_is_read() -> None:
    words = "臺北分公司：加班須事先申請（Overtime），經主管核准。許功蓋"  # the last three end with a backslash in Big5
    assert text(rf"{{\rtf1\ansi\ansicpg950 {as_hex(words, 'cp950')}\par}}") == words
    assert text(b"{\\rtf1\\ansi\\ansicpg950 " + words.encode("cp950") + b"\\par}") == words
    font = rf"{{\rtf1\ansi\ansicpg1252{{\fonttbl{{\f2\fcharset136 MingLiU;}}}}\f2 {as_hex(words, 'cp950')}\par}}"
    assert text(font) == words


def test_second_byte_may_be_a_bare_letter_and_stand_on_the_next_line() -> None:
    assert "丂丄".encode("gbk") == b"\x81\x40\x81\x41"
    assert text(r"{\rtf1\ansi\ansicpg936 \'81@\'81A\par}") == "丂丄"
    assert text("{\\rtf1\\ansi\\ansicpg936 \\'d6\r\n\\'d0\\par}") == "中"
    assert text(r"{\rtf1\ansi\ansicpg936 {\'d6}{\'d0}\par}") == "中"


def test_long_text_is_the_same_text() -> None:
    bare = b"".join(("許功蓋" * 2000).encode("cp950").replace(b"{", b"\\{").split())
    assert text(b"{\\rtf1\\ansi\\ansicpg950 " + bare + b"\\par}") == "許功蓋" * 2000
    assert text(b"{\\rtf1\\ansi\\ansicpg936 " + b"\x81\\'40" * 5000 + b"\\par}") == "丂" * 5000
    western = b"{\\rtf1\\ansi\\ansicpg936{\\fonttbl{\\f0\\fcharset0 A;}}\\f0 " + b"caf\xe9\\b0 s " * 2000 + b"\\par}"
    assert text(western) == ("cafés " * 2000).strip()


def test_western_accents_stay_what_they_are() -> None:
    assert text(rf"{{\rtf1\ansi\ansicpg1252 {as_hex('café “naïve” €', 'cp1252')}\par}}") == "café “naïve” €"
    western = r"{\rtf1\ansi\ansicpg936{\fonttbl{\f0\fcharset0 Arial;}}\f0 caf\'e9 ol\'e9\par}"
    assert text(western) == "café olé"
    assert text(r"{\rtf1\ansi\ansicpg1251 \'cf\'f0\'e8\par}") == "При"


def test_chinese_in_a_font_called_western_is_chinese_where_the_code_page_says_so() -> None:
    data = rf"{{\rtf1\ansi\ansicpg936{{\fonttbl{{\f0\fcharset0 Arial;}}}}\f0 {as_hex('付款 terms', 'gb18030')}\par}}"
    assert text(data) == "付款 terms"


def test_characters_beyond_the_basic_plane_come_in_two_halves() -> None:
    assert text(rf"{{\rtf1\ansi\uc1 {as_units('𠮷野家')}\par}}") == "𠮷野家"


def test_paragraphs_headings_and_title() -> None:
    data = (
        r"{\rtf1\ansi\ansicpg936{\fonttbl{\f0\fcharset134 SimSun;}}{\colortbl;\red0\green0\blue0;}"
        rf"{{\stylesheet{{\s0 Normal;}}{{\s1\outlinelevel0 heading 1;}}}}{{\info{{\title {as_hex('框架合同', 'gbk')}}}"
        r"{\author Nobody}}"
        rf"\pard\s1 {as_hex('第一条 付款', 'gbk')}\par\pard {as_hex('先付一半。', 'gbk')}\line Then the rest.\par"
        rf"\pard\outlinelevel1 {as_hex('細則', 'gbk')}\par}}"
    )
    raw = loaded(data)
    assert [(b.kind, b.level, b.text) for b in raw.blocks] == [
        ("heading", 1, "第一条 付款"),
        ("paragraph", 0, "先付一半。\nThen the rest."),
        ("heading", 2, "細則"),
    ]
    assert (raw.title, raw.format, raw.pages) == ("第一条 付款", "rtf", None)
    assert loaded(rf"{{\rtf1\ansi\ansicpg936{{\info{{\title {as_hex('框架合同', 'gbk')}}}}}x\par}}").title == "框架合同"
    assert loaded(r"{\rtf1 x\par}").title == "合同"


def test_lists_have_the_numbers_that_their_program_wrote() -> None:
    data = (
        r"{\rtf1\ansi\ansicpg936{\fonttbl{\f0\fcharset134 S;}{\f3\fcharset2 Symbol;}}\f0 "
        rf"\pard{{\listtext\pard\plain\f3 \'b7\tab}}{as_hex('验收', 'gbk')}\par"
        r"\pard{\listtext\pard\plain 2.\tab}Delivery\par"
        rf"\pard{{\pntext\f0 {as_hex('三、', 'gbk')}\tab}}{{\*\pn\pnlvlbody}}{as_hex('保固', 'gbk')}\par"
        rf"\pard {as_hex('以上。', 'gbk')}\par}}"
    )
    assert shapes(data) == [("list", "- 验收\n2. Delivery\n三、 保固"), ("paragraph", "以上。")]


def row(
    *cells: str, edges: tuple[int, ...] = (1000, 2000, 3000), flags: tuple[str, ...] = ("", "", ""), head: str = ""
) -> str:
    shape = "".join(f"{flag}\\cellx{edge}" for flag, edge in zip(flags, edges, strict=True))
    inner = "".join(f"\\pard\\intbl {cell}\\cell" for cell in cells)
    return f"\\trowd{head}{shape}{inner}\\row"


def test_tables_become_rows_with_merged_cells_repeated() -> None:
    names, price = as_hex("名称", "gbk"), as_hex("價格", "gbk")
    data = (
        r"{\rtf1\ansi\ansicpg936 Before\par"
        + row(names, f"{price} Price", edges=(1000, 3010), flags=("", ""), head="\\trhdr")
        + row(as_hex("法兰", "gbk"), "1", as_hex("２", "gbk"), flags=("\\clvmgf", "", ""))
        + row("", "3", "4\\par 5", flags=("\\clvmrg", "", ""))
        + row("a", "b", "", flags=("", "\\clmgf", "\\clmrg"))
        + r"\pard After\par}"
    )
    blocks = list(loaded(data).blocks)
    assert [(b.kind, b.text, b.header_lines) for b in blocks] == [
        ("paragraph", "Before", 0),
        ("table", "名称 | 價格 Price | 價格 Price\n法兰 | 1 | ２\n法兰 | 3 | 4 5\na | b | b", 1),
        ("paragraph", "After", 0),
    ]


def test_table_of_one_column_is_text() -> None:
    data = r"{\rtf1 " + row("Note", edges=(1000,), flags=("",)) + r"\pard x\par}"
    assert shapes(data) == [("paragraph", "Note"), ("paragraph", "x")]


def test_what_is_not_shown_is_left_out() -> None:
    data = (
        r"{\rtf1\ansi\ansicpg936{\header Running}{\*\generator Program;}{\*\unknown hidden}{\footer 1}"
        r"Shown{\v not shown} and{\deleted gone}{\*\bkmkstart mark}{\pict\pngblip 0102ff} this.{\*\annotation no}"
        r"{\field{\*\fldinst{HYPERLINK \"http://example.com\"}}{\fldrslt  link}}\par"
        r"{\upr{ansi}{\*\ud{\u20320 ?}}}\par}"
    )
    assert shapes(data) == [("paragraph", "Shown and this. link"), ("paragraph", "你")]


def test_binary_data_is_passed_over() -> None:
    data = b"{\\rtf1 a{\\pict\\bin7 }}{{\\\\\\}b\\par}"
    assert text(data) == "ab"


def test_notes_and_boxes_follow_their_paragraph() -> None:
    data = (
        rf"{{\rtf1\ansi\ansicpg936 {as_hex('正文', 'gbk')}"
        rf"{{\super\chftn{{\footnote\pard\chftn {as_hex('註釋一', 'gbk')}}}}}"
        rf"{as_hex('繼續。', 'gbk')}{{\shp{{\*\shpinst\shpleft0{{\sp{{\sn a}}{{\sv 1}}}}{{\shptxt\pard Box\par}}}}"
        r"{\shprslt old}}\par Next\par}"
    )
    assert shapes(data) == [
        ("paragraph", "正文繼續。"),
        ("paragraph", "註釋一"),
        ("paragraph", "Box"),
        ("paragraph", "Next"),
    ]


def test_symbols_and_spaces() -> None:
    data = r"{\rtf1 a\~b\_c\-d \{e\}\\ \ldblquote f\rdblquote\emdash g\tab h" + "\\\ni\\par}"
    assert shapes(data) == [("paragraph", "a\u00a0b-cd {e}\\ “f”—g\th"), ("paragraph", "i")]


@pytest.mark.parametrize(
    "data, says",
    [
        (b"hello", r"合同\.rtf looks like something else than rich text, but is named \.rtf"),
        (b"%PDF-1.4", r"looks like a PDF, but is named \.rtf"),
        (b"{\\rtf1 the middle of a sen", r"ends in the middle: 1 groups are not closed"),
        (b"{\\rtf1 {\\b done\\par", r"ends in the middle: 2 groups are not closed"),
        (b"{\\rtf1 " + b"{" * 5000, "nested too deeply"),
    ],
)
def test_unreadable_files_say_why(data: bytes, says: str) -> None:
    with pytest.raises(UnreadableDocument, match=says):
        loaded(data)


def test_a_forgotten_last_brace_is_no_damage() -> None:
    assert shapes("{\\rtf1 done\\par\n") == [("paragraph", "done")]
    assert shapes(r"{\rtf1 done\par} after the end") == [("paragraph", "done")]
    assert shapes(r"{\rtf1}") == []


def test_strange_numbers_are_no_crash() -> None:
    data = (
        r"{\rtf1\ansicpg99999\uc-5\deff-1{\fonttbl{\f-1\fcharset-9 X;}{\f\fcharset\cpg1;}}\f99\u9999999999 ?"
        r"\u-32769 ?\u55296 ?\outlinelevel99\s-3 x\bin-4\cellx\trowd\cellx-5\cell\row\par}"
    )
    assert "x" in text(data)


def test_damage_is_an_error_and_never_a_crash() -> None:
    whole = (
        r"{\rtf1\ansi\ansicpg936{\fonttbl{\f0\fcharset134 SimSun;}}{\stylesheet{\s1\outlinelevel0 h;}}\f0 "
        rf"\pard\s1 {as_hex('第一条', 'gbk')}\par\pard {as_units('臺灣 mixed')}{{\footnote note}}\par"
        + row(as_hex("名称", "gbk"), "Price", "", flags=("\\clvmgf", "\\clmgf", "\\clmrg"))
        + r"{\listtext 1.\tab}item\par}"
    ).encode("ascii")
    for cut in range(6, len(whole), 7):
        with_cut = whole[:cut]
        try:
            loaded(with_cut)
        except UnreadableDocument:
            continue
        assert with_cut.count(b"{") - with_cut.count(b"}") <= 1
    chance = random.Random(20250318)
    for _ in range(600):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(5, len(data))] = chance.choice(b"{}\\'u-0f \xd6\x00;")
        with contextlib.suppress(UnreadableDocument):
            loaded(bytes(data))
