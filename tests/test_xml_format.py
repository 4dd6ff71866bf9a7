"""XML: prose, records, feeds, declared encodings, entities refused."""

import contextlib
import random

import pytest

from qianxun.documents.formats.xml import XmlLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import RawDocument
from qianxun.settings import ReadingSettings

MANUAL = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE book PUBLIC "-//OASIS//DTD DocBook XML V4.5//EN" "http://example.invalid/docbookx.dtd">
<!-- 手册 -->
<book xml:lang="zh">
  <title>使用手册</title>
  <chapter id="c1">
    <title>安装&nbsp;Install</title>
    <para>先下载软件，
      再校驗<emphasis>它</emphasis>&mdash;then
      run it.</para>
    <itemizedlist><listitem><para>甲</para></listitem><listitem><para>Ｂ</para></listitem></itemizedlist>
    <programlisting>make
  install</programlisting>
    <section>
      <title>細節</title>
      <para>內容。</para>
      <table><title>价目</title><tgroup cols="2">
        <thead><row><entry>名称</entry><entry>价格</entry></row></thead>
        <tbody><row><entry>轴承</entry><entry>8.50</entry></row></tbody>
      </tgroup></table>
    </section>
  </chapter>
</book>
"""

ARTICLE = (
    "<article><front><article-meta><title-group><article-title>检索综述</article-title></title-group>"
    "<abstract><p>摘要。</p></abstract></article-meta></front><body><sec><title>引言</title><p>正文。</p>"
    "<sec><title>背景</title><p>x</p></sec></sec><sec><title>結論</title><p>y</p></sec></body></article>"
)

LONG = "澜砚仪器的保修期为十八个月。The warranty starts on acceptance. " * 5


def loaded(data: "bytes | str", name: str = "文件.xml") -> RawDocument:
    raw = data.encode() if isinstance(data, str) else data
    (document,) = XmlLoader().load(RawFile.of_bytes(name, raw), ReadingSettings())
    assert isinstance(document, RawDocument)
    return document


def shapes(data: "bytes | str") -> list[tuple[str, int, str, str | None]]:
    return [(block.kind, block.level, block.text, block.location) for block in loaded(data).blocks]


def test_manual_in_its_order() -> None:
    assert loaded(MANUAL).title == "使用手册"
    assert shapes(MANUAL) == [
        ("heading", 1, "使用手册", "line 5"),
        ("heading", 2, "安装\xa0Install", "line 7"),
        ("paragraph", 0, "先下载软件，再校驗它—then run it.", "line 8"),
        ("list", 0, "- 甲\n- Ｂ", "line 11"),
        ("code", 0, "make\n  install", "line 12"),
        ("heading", 3, "細節", "line 15"),
        ("paragraph", 0, "內容。", "line 16"),
        ("paragraph", 0, "价目", "line 17"),
        ("table", 0, "名称 | 价格\n轴承 | 8.50", "line 17"),
    ]
    assert [block.header_lines for block in loaded(MANUAL).blocks if block.kind == "table"] == [1]


def test_article_with_nested_sections() -> None:
    assert loaded(ARTICLE).title == "检索综述"
    assert [(kind, level, text) for kind, level, text, _ in shapes(ARTICLE)] == [
        ("heading", 1, "检索综述"),
        ("paragraph", 0, "摘要。"),
        ("heading", 1, "引言"),
        ("paragraph", 0, "正文。"),
        ("heading", 2, "背景"),
        ("paragraph", 0, "x"),
        ("heading", 1, "結論"),
        ("paragraph", 0, "y"),
    ]


def test_siblings_with_fields_are_records() -> None:
    text = (
        '<catalog 说明="样本"><book id="b1"><author>王禾</author><title>甲书</title><price cur="CNY">12.50</price>'
        "</book>"
        f'<book id="b2"><title>Warranty</title><pub><city>臺北</city></pub><note>{LONG}</note></book></catalog>'
    )
    assert loaded(text).title == "文件"
    assert shapes(text) == [
        ("list", 0, "说明: 样本", "line 1"),
        ("list", 0, "id: b1\nauthor: 王禾\ntitle: 甲书\nprice.cur: CNY\nprice: 12.50", "book 1"),
        ("heading", 1, "Warranty", "book 2"),
        ("list", 0, "id: b2\npub.city: 臺北", "book 2"),
        ("paragraph", 0, f"note: {LONG.strip()}", "book 2"),
    ]


def test_rows_of_attributes_are_records() -> None:
    text = '<posts>\n<row Id="1" Title="怎么安装？"/>\n<row Id="2" Title="How to ｉnstall"/>\n</posts>'
    assert shapes(text) == [
        ("list", 0, "Id: 1\nTitle: 怎么安装？", "row 1"),
        ("list", 0, "Id: 2\nTitle: How to ｉnstall", "row 2"),
    ]


def test_configuration_is_lines_of_dotted_names() -> None:
    text = (
        '<project xmlns="http://example.invalid/pom">\n<name>千寻</name>\n<properties><java.version>17</java.version>'
        "</properties>\n<dependencies><dependency><id>a</id></dependency><dependency><id>乙</id></dependency>"
        "</dependencies><last>完</last></project>"
    )
    assert shapes(text) == [
        ("list", 0, "name: 千寻\nproperties.java.version: 17", "line 2"),
        ("list", 0, "id: a", "dependency 1"),
        ("list", 0, "id: 乙", "dependency 2"),
        ("list", 0, "last: 完", "line 4"),
    ]


def test_words_in_attributes_of_prose() -> None:
    text = (
        '<doc><section title="付款" id="s1"><p>三十天内付清。</p></section><section 名="交付"><p>x</p></section></doc>'
    )
    assert [text for _, _, text, _ in shapes(text)] == ["title: 付款", "三十天内付清。", "名: 交付", "x"]


def test_rss_feed_by_entry() -> None:
    text = (
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>公司新闻</title>'
        "<description>每日更新</description><item><title>新品发布 &amp;amp; more</title>"
        "<pubDate>Mon, 06 Jan 2025</pubDate>"
        "<category>产品</category><description>短</description><content:encoded>"
        "<![CDATA[<h2>規格</h2><p>长 &nbsp;文</p>"
        "<ul><li>甲</li><li>B</li></ul>]]></content:encoded></item><item><title>第二条</title></item></channel></rss>"
    )
    document = loaded(text, "新闻.rss")
    assert (document.title, document.format) == ("公司新闻", "feed")
    assert shapes(text) == [
        ("paragraph", 0, "每日更新", None),
        ("heading", 1, "新品发布 & more", "entry 1"),
        ("list", 0, "pubDate: Mon, 06 Jan 2025\ncategory: 产品", "entry 1"),
        ("heading", 3, "規格", "entry 1"),
        ("paragraph", 0, "长 \xa0文", "entry 1"),
        ("list", 0, "- 甲\n- B", "entry 1"),
        ("heading", 1, "第二条", "entry 2"),
    ]


def test_atom_feed_with_xhtml() -> None:
    text = (
        '<feed xmlns="http://www.w3.org/2005/Atom"><title>博客</title><entry><title>Ｅ</title><author><name>林嵐</name>'
        '</author><link href="http://example.invalid/1"/><content type="xhtml">'
        '<h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>Hello <h:b>世界</h:b></h:p></h:div></content>'
        "</entry></feed>"
    )
    assert shapes(text) == [
        ("heading", 1, "Ｅ", "entry 1"),
        ("list", 0, "author: 林嵐\nlink: http://example.invalid/1", "entry 1"),
        ("paragraph", 0, "Hello 世界", "entry 1"),
    ]


def test_xhtml_is_read_as_a_page() -> None:
    text = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>页</title></head>'
        "<body><h1>標題</h1><p>正文 text。</p></body></html>"
    )
    assert (loaded(text).format, loaded(text).title) == ("html", "页")
    assert [text for _, _, text, _ in shapes(text)] == ["標題", "正文 text。"]


@pytest.mark.parametrize(
    "declared, written",
    [
        ("GB2312", "gb18030"),
        ("gbk", "gb18030"),
        ("GB2312", "utf-8"),  # converted, and the declaration forgotten
        ("UTF-8", "gb18030"),
        ("utf-16", "utf-16"),
        ("no-such-encoding", "utf-8"),
        ("Big5", "utf-8-sig"),
    ],
)
def test_declared_encoding_is_taken_unless_it_is_false(declared: str, written: str) -> None:
    text = f'<?xml version="1.0" encoding="{declared}"?>\n<文档><p>本合同的付款方式为银行转账。Payment</p></文档>'
    assert shapes(text.encode(written)) == [("paragraph", 0, "本合同的付款方式为银行转账。Payment", "line 2")]


def test_declaration_decides_where_nothing_else_can() -> None:
    text = '<?xml version="1.0" encoding="{}"?><a><p>龘靐齉</p></a>'
    for name in ("Big5", "GB18030"):
        rare = "犇" if name == "GB18030" else "鬱"
        data = text.format(name).replace("龘靐齉", rare).encode("gb18030" if name == "GB18030" else "big5")
        assert [text for _, _, text, _ in shapes(data)] == [rare]


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY x "哈"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>',
        "<!DOCTYPE a [<!-- ]> ' --><!ENTITY x SYSTEM 'file:///etc/hostname'>]><a>&x;</a>",
        '<?xml version="1.0"?><!-- <a> --><!DOCTYPE a SYSTEM "http://example.invalid/]>" [\n<!ENTITY % p "x">]><a/>',
        f"<!--{'空' * 300_000}--><!DOCTYPE a [<!ENTITY x 'x'>]><a b='&x;'/>",
    ],
)
def test_entities_are_refused(text: str) -> None:
    with pytest.raises(UnreadableDocument, match=r"^文件\.xml declares entities of its own"):
        shapes(text)


def test_billion_laughs_are_refused_at_once() -> None:
    entities = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 20))
    with pytest.raises(UnreadableDocument, match="declares entities"):
        shapes(f'<!DOCTYPE a [<!ENTITY a0 "ha">{entities}]><a>&a19;</a>')


def test_document_type_without_entities_and_text_about_them_are_read() -> None:
    assert shapes("<!DOCTYPE a [<!ELEMENT a (#PCDATA)>]><a>好</a>") == [("list", 0, "好", "line 1")]
    assert shapes("<a><![CDATA[<!ENTITY x>]]></a>") == [("list", 0, "<!ENTITY x>", "line 1")]


@pytest.mark.parametrize(
    "text, says",
    [
        ("<书>\n<页></书>", r"is not valid XML at line 2, column \d+ \(Opening and ending tag mismatch"),
        ("<a>没有完", r"is not valid XML at line 1, column \d+ \("),
        ("<a/><b/>", r"is not valid XML at line 1, column \d+ \("),
        ("  \n ", r"is not valid XML at line \d+, column \d+ \("),
        ("不是 XML", r"is not valid XML at line 1, column 1 \("),
        ('<甲 b="1" b="2"/>', r"is not valid XML at line 1, column \d+ \(Attribute b redefined"),
        ("<a>" * 400 + "</a>" * 400, r"is not valid XML at line 1, column \d+ \(Excessive depth"),
        ("<!--" + "长" * 1_500_000, r"its first element does not come within 1048576 characters"),
    ],
)
def test_broken_xml_is_one_line_with_its_place(text: str, says: str) -> None:
    with pytest.raises(
        UnreadableDocument, match=rf"^文件\.xml {says}|^文件\.xml is no XML that can be read: {says}"
    ) as caught:
        shapes(text)
    assert "\n" not in str(caught.value)


def test_other_files_named_xml_are_refused() -> None:
    with pytest.raises(UnreadableDocument, match=r"looks like a ZIP archive, but is named \.xml"):
        shapes(b"PK\x03\x04" + bytes(100))


def test_many_records_are_read_in_time() -> None:
    record = "<书><title>第{}本</title><作者>林</作者></书>"
    found = shapes(f"<库>{''.join(record.format(i) for i in range(30_000))}</库>")
    assert len(found) == 30_000
    assert found[-1] == ("list", 0, "title: 第29999本\n作者: 林", "书 30000")


def test_element_of_very_many_attributes_is_read_in_time() -> None:
    text = " ".join(f'a{i}="值"' for i in range(60_000))
    (block,) = loaded(f"<a {text}/>").blocks
    assert block.text.startswith("a0: 值\na1: 值\n")


def test_damaged_files_are_read_or_refused() -> None:
    chance = random.Random(11)
    for _ in range(600):
        text = chance.choice([MANUAL, ARTICLE]).encode()
        data = bytearray(text[: chance.randrange(1, len(text))] if chance.random() < 0.3 else text)
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.choice(b"<>&/\"' \n;ax!\x80\xff")
        with contextlib.suppress(UnreadableDocument):
            for _, _, shown, _ in shapes(bytes(data)):
                assert shown
