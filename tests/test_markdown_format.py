"""Markdown: block structure, with the text as written."""

from pathlib import Path

import pytest

from qianxun.documents.formats import markdown
from qianxun.documents.formats.markdown import MarkdownLoader
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings


def loaded(folder: Path, text: "str | bytes", name: str = "说明.md") -> RawDocument:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (document,) = MarkdownLoader().load(RawFile.on_disk(path), ReadingSettings())
    return document


def shapes(document: RawDocument) -> list[tuple[str, int, str]]:
    return [(block.kind, block.level, block.text) for block in document.blocks]


def test_headings_lose_their_marks_and_keep_their_levels(tmp_path: Path) -> None:
    document = loaded(tmp_path, "# 制度 #\n\n年假\n====\n\n### 细则\n\n正文。\n")
    assert shapes(document) == [
        ("heading", 1, "制度"),
        ("heading", 1, "年假"),
        ("heading", 3, "细则"),
        ("paragraph", 0, "正文。"),
    ]
    assert document.title == "制度"
    assert document.format == "markdown"


def test_text_stays_as_written(tmp_path: Path) -> None:
    source = "每位**员工**享有[年假](hr.md)，见 `a.py`：\n第二行 &amp; <b>粗</b>"
    assert shapes(loaded(tmp_path, source)) == [("paragraph", 0, source)]


def test_table_has_two_header_lines(tmp_path: Path) -> None:
    table = "| 名称 | 价 |\n| --- | ---: |\n| 甲 | 1 |\n| 乙 | 2 |"
    (block,) = loaded(tmp_path, table + "\n").blocks
    assert block == Block("table", table, header_lines=2)


def test_code_and_lists_are_whole_blocks(tmp_path: Path) -> None:
    document = loaded(
        tmp_path, "```python\n# no heading\nx = 1\n```\n\n- 甲\n  - 乙\n- 丙\n\n1. 一\n2. 二\n\n    indented\n"
    )
    assert shapes(document)[:3] == [
        ("code", 0, "# no heading\nx = 1\n"),
        ("list", 0, "- 甲\n  - 乙\n- 丙"),
        ("list", 0, "1. 一\n2. 二\n\n    indented"),
    ]


@pytest.mark.parametrize(
    "front, title",
    [
        ("---\ntitle: '员工手册'\ntags: [a]\n---\n", "员工手册"),
        ('+++\ntitle = "员工手册"\n+++\n', "员工手册"),
        ("---\na: 1\n---\n", "一"),
    ],
)
def test_front_matter_is_removed_and_names_the_document(tmp_path: Path, front: str, title: str) -> None:
    document = loaded(tmp_path, f"{front}\n## 一\n\n正文。\n")
    assert document.title == title
    assert shapes(document) == [("heading", 2, "一"), ("paragraph", 0, "正文。")]


def test_rule_at_the_beginning_is_no_front_matter(tmp_path: Path) -> None:
    assert ("paragraph", 0, "正文。") in shapes(loaded(tmp_path, "---\n\n正文。\n\n---\n"))


def test_html_inside_is_read_as_html(tmp_path: Path) -> None:
    document = loaded(
        tmp_path, "<!-- note -->\n\n<table><tr><th>名</th><th>价</th></tr><tr><td>甲</td><td>1</td></tr></table>\n"
    )
    assert shapes(document) == [("table", 0, "名 | 价\n甲 | 1")]


def test_title_without_a_heading_is_the_file_name(tmp_path: Path) -> None:
    assert loaded(tmp_path, "正文。").title == "说明"
    assert loaded(tmp_path, "# **重要** [说明](a.md)\n").title == "重要 说明"


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig"])
def test_encodings_are_recognised(tmp_path: Path, encoding: str) -> None:
    text = "# 制度\r\n\r\n公司规定每位员工每年享有五天带薪年假。\r\n"
    assert shapes(loaded(tmp_path, text.encode(encoding))) == [
        ("heading", 1, "制度"),
        ("paragraph", 0, "公司规定每位员工每年享有五天带薪年假。"),
    ]


def test_image_named_markdown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDocument, match="a PNG image"):
        loaded(tmp_path, b"\x89PNG\r\n\x1a\n" + bytes(40))


def test_large_files_are_parsed_in_segments_that_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "\n\n".join(
        f"## {n}\n\n段落{n}。\n\n```\ncode\n\n# {n}\n```\n\n| a | b |\n|---|---|\n| {n} | 2 |" for n in range(60)
    )
    whole = shapes(loaded(tmp_path, text))
    monkeypatch.setattr(markdown, "SEGMENT_CHARS", 64)
    assert len(list(markdown._segments([text]))) > 20
    assert shapes(loaded(tmp_path, text)) == whole
