"""The neighbours of a chunk and the section that it stands in: the document's own text, for who may read it."""

import json
from pathlib import Path

import pytest

from qianxun import Asker, TextItem
from qianxun.cli.main import main
from qianxun.errors import InputError, NotFound
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Passage, chunk_id

PUBLIC = Asker.of("public")
MANUAL = """# 員工手冊

歡迎加入。

## 年假 Annual leave

每年五天（含試用期）。

### 申請

提前三天申請。

### 例外

經主管核准。

## 病假

Ｓｉｃｋ leave needs a note.

# 附錄

聯絡方式。
"""


@pytest.fixture
def manual(kb: KnowledgeBase, tmp_path: Path) -> list[Passage]:
    """The chunks of a document with sections in sections."""
    path = tmp_path / "手冊.md"
    path.write_text(MANUAL, "utf-8")
    kb.add([path])
    return kb.chunks(kb.documents()[0].id)


def named(passages: list[Passage], text: str) -> Passage:
    (found,) = [passage for passage in passages if text in passage.text]
    return found


def test_neighbours_are_in_reading_order_without_the_chunk_itself(kb: KnowledgeBase, manual: list[Passage]) -> None:
    ids = [passage.chunk for passage in manual]
    assert len(ids) == 6
    for at, chunk in enumerate(ids):
        for before, after in ((1, 1), (0, 2), (3, 0), (0, 0), (99, 99)):
            found = [p.chunk for p in kb.neighbours(chunk, before=before, after=after)]
            assert found == ids[max(0, at - before) : at] + ids[at + 1 : at + 1 + after]
    assert [p.rank for p in kb.neighbours(ids[2])] == [1, 2]
    assert kb.neighbours(ids[2])[0].text == manual[1].text


def test_neighbours_end_with_the_document(kb: KnowledgeBase, manual: list[Passage]) -> None:
    kb.add_texts([TextItem("next", "下一份", "另一份文件。")])
    assert kb.neighbours(manual[-1].chunk, before=0, after=5) == []
    (other,) = kb.chunks(kb.matching(["next"])[0].id)
    assert kb.neighbours(other.chunk, before=5, after=5) == []


def test_the_parent_is_the_section_of_the_deepest_heading_with_all_below(
    kb: KnowledgeBase, manual: list[Passage]
) -> None:
    text = kb.text(manual[0].document)
    expected = {
        "歡迎加入": (text, "員工手冊", "needs a note."),
        "每年五天": (text, "年假 Annual leave", "經主管核准。"),
        "提前三天": (text, "申請", "提前三天申請。"),
        "needs a note": (text, "病假", "Ｓｉｃｋ leave needs a note."),
        "聯絡方式": (text, "附錄", "聯絡方式。"),
    }
    for inside, (whole, begins, ends) in expected.items():
        chunk = named(manual, inside)
        section = kb.parent(chunk.chunk)
        assert section.text.startswith(begins)
        assert section.text.endswith(ends)
        assert whole[section.span.start : section.span.end] == section.text
        assert section.span.start <= chunk.span.start
        assert section.span.end >= chunk.span.end
        assert section.heading == chunk.heading
    assert "提前三天" in kb.parent(named(manual, "每年五天").chunk).text
    assert "病假" not in kb.parent(named(manual, "每年五天").chunk).text


def test_a_text_without_headings_is_one_section(kb: KnowledgeBase) -> None:
    text = "\n\n".join(f"第{n}段，" + "很長的內容。" * 60 for n in range(9))
    kb.add_texts([TextItem("plain", "", text)])
    chunks = kb.chunks(kb.documents()[0].id)
    assert len(chunks) > 3
    assert kb.parent(chunks[2].chunk).text == text
    assert kb.parent(chunks[2].chunk).chunk == chunks[2].chunk


def test_equal_headings_are_different_sections(kb: KnowledgeBase, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# 甲\n\n## 說明\n\n甲的說明。\n\n# 乙\n\n## 說明\n\n乙的說明。\n", "utf-8")
    kb.add([path])
    chunks = kb.chunks(kb.documents()[0].id)
    assert kb.parent(named(chunks, "乙的").chunk).text == "說明\n\n乙的說明。"


def test_who_may_not_read_the_document_may_not_read_around(kb: KnowledgeBase, manual: list[Passage]) -> None:
    kb.label([manual[0].document], add=["hr"], remove=["public"])
    chunk = manual[2].chunk
    assert kb.neighbours(chunk, asker=Asker.of("hr"))
    for asked in (kb.neighbours, kb.parent):
        with pytest.raises(NotFound) as hidden:
            asked(chunk, asker=PUBLIC)
        with pytest.raises(NotFound) as absent:
            asked(chunk_id(99, 2), asker=PUBLIC)
        assert str(hidden.value).replace(str(chunk), "ID") == str(absent.value).replace(str(chunk_id(99, 2)), "ID")
        for wrong in (0, 1, -1, chunk_id(manual[0].document, 99), 1 << 70):
            with pytest.raises(NotFound, match="There is no chunk"):
                asked(wrong)
    with pytest.raises(InputError, match="-1 neighbours"):
        kb.neighbours(chunk, before=-1)


class TestCommand:
    """`qianxun show CHUNK --around N` and `--section`."""

    def test_shows_what_is_around_in_order(
        self, kb: KnowledgeBase, manual: list[Passage], capsys: pytest.CaptureFixture[str]
    ) -> None:
        kb.close()
        line = ["show", str(manual[2].chunk), "--kb", str(kb.directory)]
        assert main([*line, "--around", "1"]) == 0
        out = capsys.readouterr().out
        places = [out.index(passage.text[:4]) for passage in manual[1:4]]
        assert places == sorted(places)
        assert "歡迎加入" not in out
        assert main([*line, "--around", "2", "--section", "--json"]) == 0
        shape = json.loads(capsys.readouterr().out)
        assert [p["chunk"] for p in shape["around"]] == [manual[i].chunk for i in (0, 1, 3, 4)]
        assert shape["section"]["text"] == "申請\n\n提前三天申請。"
        assert main([*line, "--section"]) == 0
        assert "申請" in capsys.readouterr().out

    def test_bad_input_is_one_line(
        self, kb: KnowledgeBase, manual: list[Passage], capsys: pytest.CaptureFixture[str]
    ) -> None:
        kb.close()
        assert main(["show", "1", "--section", "--kb", str(kb.directory)]) == 2
        assert "1 is a document's id" in capsys.readouterr().err
        assert main(["show", str(manual[0].chunk), "--around", "0", "--kb", str(kb.directory)]) == 2
        assert main(["show", str(manual[0].chunk), "--section", "--as", "hr", "--kb", str(kb.directory)]) == 4
