"""HTML: the content without its surroundings, tables as rows, the right encoding."""

from pathlib import Path

import pytest

from qianxun.documents.formats.html import HtmlLoader
from qianxun.errors import UncertainDocument, UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

LONG = "公司规定每位员工每年享有五天带薪年假。" * 4


def loaded(folder: Path, text: "str | bytes") -> RawDocument:
    path = folder / "网页.html"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (document,) = HtmlLoader().load(RawFile.on_disk(path), ReadingSettings())
    return document


def shapes(document: RawDocument) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in document.blocks]


def text_of(document: RawDocument) -> str:
    return "\n".join(block.text for block in document.blocks)


def test_blocks_in_order(tmp_path: Path) -> None:
    document = loaded(
        tmp_path,
        "<html><head><title>员工&amp;手册\n 2025</title></head><body><h1>手册</h1><p>甲<b>乙</b>&nbsp;丙</p>散文"
        "<div>丁<div>戊</div>己</div><h3>细<i>则</i></h3><pre>x = 1\n  y</pre>"
        "<ul><li>一<ul><li>二</li></ul></li><li>三</li></ul>"
        "<ol><li>甲<br>乙</li></ol></body></html>",
    )
    assert document.title == "员工&手册 2025"
    blocks = list(document.blocks)
    assert [(block.kind, block.text) for block in blocks] == [
        ("heading", "手册"),
        ("paragraph", "甲乙\u00a0丙"),
        ("paragraph", "散文"),
        ("paragraph", "丁"),
        ("paragraph", "戊"),
        ("paragraph", "己"),
        ("heading", "细则"),
        ("code", "x = 1\n  y"),
        ("list", "- 一\n  - 二\n- 三"),
        ("list", "1. 甲 乙"),
    ]
    assert [block.level for block in blocks if block.kind == "heading"] == [1, 3]


def test_line_breaks_of_the_source_are_not_spaces_in_chinese(tmp_path: Path) -> None:
    assert shapes(loaded(tmp_path, "<p>每位员工\n  每年享有 five\n days</p><p>甲<br>乙</p>")) == [
        ("paragraph", "每位员工每年享有 five days"),
        ("paragraph", "甲\n乙"),
    ]


@pytest.mark.parametrize(
    "surroundings",
    [
        "<nav>导航</nav>",
        "<header>导航</header>",
        "<footer>导航</footer>",
        "<aside>导航</aside>",
        "<form>导航<input value=x></form>",
        "<div role='navigation'>导航</div>",
        "<div class='top-menu'>导航</div>",
        "<div id='sideBar breadcrumb'>导航</div>",
        "<script>var 导航;</script>",
        "<style>.导航{}</style>",
        "<noscript>导航</noscript>",
        "<div hidden>导航</div>",
        "<p style='display: none'>导航</p>",
        "<!-- 导航 -->",
        "<select><option>导航</option></select>",
        "<article>正文。<nav>导航</nav></article>",
    ],
)
def test_surroundings_are_left_out(tmp_path: Path, surroundings: str) -> None:
    found = text_of(loaded(tmp_path, f"<body>{surroundings}<p>{LONG}</p>尾巴</body>"))
    assert "导航" not in found
    assert LONG in found
    assert "尾巴" in found


def test_text_after_what_is_left_out_stays(tmp_path: Path) -> None:
    assert shapes(loaded(tmp_path, f"<p>前<script>x</script>后{LONG}</p>")) == [("paragraph", f"前后{LONG}")]


@pytest.mark.parametrize(
    "page",
    [
        f"<form>{'<p>' + LONG}</form>",
        f"<div class='menu'><p>{LONG}</p></div>",
        f"<header><p>{LONG}</p></header><footer><p>{LONG}</p></footer>",
        "<nav><p>全部内容都在导航里，没有别的。</p></nav>",
    ],
)
def test_page_that_is_nearly_all_surroundings_keeps_them(tmp_path: Path, page: str) -> None:
    assert text_of(loaded(tmp_path, f"<body>{page}</body>")) != ""


def test_heading_in_a_header_stays(tmp_path: Path) -> None:
    document = loaded(tmp_path, f"<body><header><h1>手册</h1><nav>导航</nav></header><p>{LONG}</p></body>")
    assert shapes(document) == [("heading", "手册"), ("paragraph", LONG)]


@pytest.mark.parametrize(
    "name",
    ["class=header", "id=header", "class=top-nav", "class='menu'", "class=mainMenu", "id=site-header", "class=crumbs"],
)
def test_short_list_of_links_named_as_a_menu_is_left_out_of_a_short_page(tmp_path: Path, name: str) -> None:
    links = "".join(f"<li><a href='/{word}'>{word}</a></li>" for word in ("首页", "制度", "通讯录", "Help desk"))
    page = f"<body><div {name}><ul>{links}</ul></div><p>食堂每天十二点开饭。</p><p>周五没有面条。</p></body>"
    assert shapes(loaded(tmp_path, page)) == [("paragraph", "食堂每天十二点开饭。"), ("paragraph", "周五没有面条。")]


def test_main_heading_among_the_links_of_a_header_stays(tmp_path: Path) -> None:
    page = (
        "<body><div class=header><a href=/>首页</a> | <div><h1><a href=/c>食堂</a> 开放时间</h1></div>"
        f"<ul><li><a href=/a>制度</a><li><a href=/b>通讯录</a></ul></div><p>{LONG}</p></body>"
    )
    assert shapes(loaded(tmp_path, page)) == [("heading", "食堂 开放时间"), ("paragraph", LONG)]


@pytest.mark.parametrize(
    "content",
    [
        "<div class=header><p>本制度自 2025 年起施行。</p></div>",
        "<div class=card-header>适用范围：<a href=/x>全体员工</a></div>",
        "<div class=header><a href=/1>关于调整二〇二五年国庆节放假安排及值班工作有关事项的通知（人事部，全体员工）</a>"
        "<a href=/2>关于调整二〇二六年元旦节放假安排及值班工作有关事项的通知（人事部，全体员工）</a></div>",
    ],
)
def test_header_that_is_no_menu_stays(tmp_path: Path, content: str) -> None:
    assert len(shapes(loaded(tmp_path, f"<body>{content}<p>{LONG}</p></body>"))) == 2


def test_main_is_the_content_when_most_of_the_text_is_in_it(tmp_path: Path) -> None:
    assert shapes(loaded(tmp_path, f"<body><p>立即咨询</p><main><p>{LONG}</p></main></body>")) == [("paragraph", LONG)]


def test_merged_cells_are_repeated_and_the_header_is_known(tmp_path: Path) -> None:
    document = loaded(
        tmp_path,
        "<table><caption>价目</caption><tr><th rowspan=2>名称</th><th colspan=2>价格</th></tr>"
        "<tr><th>一月</th><th>二月</th></tr>"
        "<tr><td rowspan=2>甲</td><td>1</td><td>2</td></tr><tr><td colspan=2>3<br>元</td></tr></table>",
    )
    caption, table = document.blocks
    assert caption.text == "价目"
    assert table.text == "名称 | 价格 | 价格\n名称 | 一月 | 二月\n甲 | 1 | 2\n甲 | 3 元 | 3 元"
    assert table.header_lines == 2


def test_first_row_of_words_is_the_header_when_none_is_declared(tmp_path: Path) -> None:
    words = loaded(tmp_path, "<table><tr><td>名称</td><td>价</td></tr><tr><td>甲</td><td>1</td></tr></table>")
    assert [block.header_lines for block in words.blocks] == [1]
    figures = loaded(tmp_path, "<table><tr><td>甲</td><td>1</td></tr><tr><td>乙</td><td>2</td></tr></table>")
    assert [block.header_lines for block in figures.blocks] == [0]


def test_layout_tables_are_walked_into(tmp_path: Path) -> None:
    page = f"<table><tr><td><h2>题</h2><p>{LONG}</p></td><td>侧</td></tr></table>"
    assert shapes(loaded(tmp_path, page)) == [("heading", "题"), ("paragraph", LONG), ("paragraph", "侧")]


@pytest.mark.parametrize(
    "declaration, encoding",
    [
        ('<meta charset="gb2312">', "gb18030"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=GBK">', "gb18030"),
        ('<meta charset="big5">', "big5hkscs"),
        ("", "gb18030"),
        ("", "utf-16"),
        ("", "utf-8-sig"),
        ('<meta charset="gbk">', "utf-8"),  # says one thing, is another
        ('<meta charset="utf-8">', "gb18030"),
        ('<meta charset="nonsense">', "gb18030"),
        ('<?xml version="1.0" encoding="gb2312"?>', "gb18030"),
    ],
)
def test_encoding_declared_or_not(tmp_path: Path, declaration: str, encoding: str) -> None:
    text = "公司員工每年享有五天年假㐀。" if encoding == "gb18030" else "公司員工每年享有五天年假。"
    page = f"{declaration}<title>制度</title><p>{text}</p>"
    document = loaded(tmp_path, page.encode(encoding))
    assert shapes(document) == [("paragraph", text)]
    assert document.title == "制度"


def test_entities_are_resolved(tmp_path: Path) -> None:
    assert shapes(loaded(tmp_path, "<p>5 &lt; 6 &amp; &#x5E74;&hellip;</p>")) == [("paragraph", "5 < 6 & 年…")]


def test_title_falls_back_to_heading_and_file_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, "<h1>制度</h1><p>x").title == "制度"
    assert loaded(tmp_path, "<p>x").title == "网页"


@pytest.mark.parametrize("page", ["<!-- nothing -->", "<html></html>", "   ", "<body><script>x</script></body>"])
def test_page_without_text_has_no_blocks(tmp_path: Path, page: str) -> None:
    assert list(loaded(tmp_path, page).blocks) == []


def test_archive_named_html_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="a ZIP archive"):
        loaded(tmp_path, b"PK\x03\x04" + bytes(40))


def test_thousands_of_open_elements_do_not_end_the_program(tmp_path: Path) -> None:
    assert "底" in text_of(loaded(tmp_path, "<div>" * 1500 + "底" + LONG))


def test_what_xhtml_closes_at_once_is_empty_and_swallows_nothing(tmp_path: Path) -> None:
    document = loaded(
        tmp_path,
        '<?xml version="1.0" encoding="UTF-8"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/>'
        '<script src="a.js"/></head><body><p>年假为五天。<br/>請假須知</p><div class="x"/><p>Leave is five days.</p>'
        "</body></html>",
    )
    assert shapes(document) == [("paragraph", "年假为五天。\n請假須知"), ("paragraph", "Leave is five days.")]


def test_a_damaged_character_of_the_declared_encoding_needs_attention(tmp_path: Path) -> None:
    page = f'<html><head><meta charset="gbk"></head><body><p>{LONG}</p></body></html>'.encode("gbk")
    at = page.index("年假".encode("gbk")) + 1
    with pytest.raises(UncertainDocument):
        text_of(loaded(tmp_path, page[:at] + b"\xff\xff" + page[at:]))
