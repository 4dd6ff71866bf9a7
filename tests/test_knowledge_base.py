"""The Python door, end to end: add, sync, search, ask, label, remove, check, rebuild, compact."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import qianxun
from qianxun.errors import InputError, NotFound, SettingsError, StaleIndex
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Asker, SearchResult, Status

PUBLIC = Asker.of("public")


def sources(result: SearchResult) -> list[str]:
    return [Path(p.source).name for p in result.passages]


def test_documents_are_found_by_words_in_both_languages(kb: KnowledgeBase, documents: Path) -> None:
    report = kb.add([documents])
    assert (report.added, report.failed, report.skipped) == (5, [], 0)
    for question, name in {
        "年假有几天？": "年假.md",
        "工程师三级月薪28000": "薪酬.txt",
        "what does E-1042 mean": "oncall.md",
        "加班要先申请吗": "加班.txt",  # simplified question, traditional document
        "２０２５年３月１８日发布": "mixed.txt",  # full-width question
    }.items():
        assert sources(kb.search(question))[0] == name, question


def test_what_both_legs_put_first_draws_the_question_to_it(
    kb: KnowledgeBase, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The searcher hands the vectors on: without feedback, or without vectors, the first passage scores less."""
    kb.add([documents])
    question = "年假有几天？"
    drawn = kb.search(question).passages[0]
    with monkeypatch.context() as patched:
        patched.setattr("qianxun.retrieval.fuse.FEEDBACK", 0.0)
        plain = kb.search(question).passages[0]
    assert (drawn.chunk, drawn.stages) == (plain.chunk, plain.stages)
    assert drawn.score > plain.score + 0.01


def test_passage_is_a_slice_of_the_document_it_names(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    passage = kb.search("年假有几天", explain=True).passages[0]
    assert passage.heading == ("员工手册", "年假")
    text = kb.text(passage.document)
    assert text[passage.span.start : passage.span.end] == passage.text
    assert kb.chunks(passage.chunk)[0].text == passage.text
    assert passage.matched
    assert set(passage.stages) == {"dense", "lexical"}


def test_adding_again_does_nothing(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    before = kb.info()["revision"]
    report = kb.add([documents])
    assert (report.added, report.unchanged, report.vectors) == (0, 5, 0)
    assert kb.info()["revision"] == before


def test_a_changed_file_is_replaced_and_only_new_text_is_encoded(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    file = documents / "人事" / "年假.md"
    file.write_text(file.read_text(encoding="utf-8").replace("五天", "七天"), encoding="utf-8")
    report = kb.add([documents])
    assert (report.replaced, report.unchanged) == (1, 4)
    assert report.vectors == 1
    texts = [p.text for p in kb.search("带薪年假").passages]
    assert any("七天" in text for text in texts)
    assert not any("五天" in text for text in texts)
    assert kb.check().ok


def test_a_renamed_file_keeps_its_text_once_after_sync(kb: KnowledgeBase, documents: Path) -> None:
    assert kb.add([documents]).vectors == 6
    (documents / "oncall.md").rename(documents / "值班.md")
    report = kb.add([documents], sync=True)
    assert (report.added, report.removed, report.vectors) == (1, 1, 0)
    assert [Path(d.source).name for d in kb.documents() if "E-1042" in kb.text(d.id)] == ["值班.md"]


def test_sync_removes_only_below_the_folder_given(kb: KnowledgeBase, documents: Path, tmp_path: Path) -> None:
    other = tmp_path / "文档2"
    shutil.copytree(documents, other)
    kb.add([documents, other])
    (documents / "mixed.txt").unlink()
    (other / "mixed.txt").unlink()
    assert kb.add([documents], sync=True).removed == 1
    assert str(other / "mixed.txt") in {d.source for d in kb.documents()}


def test_sync_of_a_folder_that_is_gone_removes_nothing(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    shutil.rmtree(documents)
    with pytest.raises(NotFound, match="no file or folder"):
        kb.add([documents], sync=True)
    assert len(kb.documents()) == 5


def test_one_bad_file_stops_nothing_and_is_named(kb: KnowledgeBase, documents: Path) -> None:
    (documents / "坏.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (documents / "空.txt").write_bytes(b"")
    (documents / "photo.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
    report = kb.add([documents])
    assert report.added == 5
    assert [Path(source).name for source, _ in report.failed] == ["坏.pdf"]
    assert [Path(source).name for source, _ in report.empty] == ["空.txt"]
    assert report.skipped == 1
    status = {Path(d.source).name: d.status for d in kb.documents()}
    assert (status["坏.pdf"], status["空.txt"]) == (Status.FAILED, Status.EMPTY)
    again = kb.add([documents])
    assert len(again.failed) == 1
    assert kb.check().ok


def test_a_file_that_becomes_unreadable_keeps_its_last_good_text(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    (documents / "oncall.md").write_bytes(bytes(range(256)) * 20)
    report = kb.add([documents])
    assert len(report.failed) == 1
    assert sources(kb.search("E-1042 coil"))[0] == "oncall.md"
    assert kb.info()["unfinished"] == [str(documents / "oncall.md")]


def test_labels_decide_on_every_path(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents / "人事" / "薪酬.txt"], labels=["hr"])
    kb.add([documents])
    (secret,) = kb.matching([documents / "人事" / "薪酬.txt"])
    assert secret.labels == ("hr",)
    for mode in ("hybrid", "dense", "lexical"):
        assert "薪酬.txt" not in sources(kb.search("工程师三级的月薪", mode=mode, asker=PUBLIC))
        assert sources(kb.search("工程师三级的月薪", mode=mode, asker=Asker.of("hr"))) == ["薪酬.txt"]
        assert kb.search("工程师三级的月薪", mode=mode, asker=Asker.of()).passages == ()
    assert secret.id not in {d.id for d in kb.documents(asker=PUBLIC)}
    assert "28000" not in kb.ask("工程师三级的月薪是多少？", asker=PUBLIC).text
    with pytest.raises(NotFound):
        kb.text(secret.id, asker=PUBLIC)
    with pytest.raises(NotFound):
        kb.chunks((secret.id << 24), asker=PUBLIC)
    kb.label([secret.id], add=["public"])
    assert "薪酬.txt" in sources(kb.search("工程师三级的月薪", asker=PUBLIC))
    kb.label([secret.id], remove=["public", "hr"])
    assert "薪酬.txt" not in sources(kb.search("工程师三级的月薪", asker=PUBLIC))
    assert "薪酬.txt" in sources(kb.search("工程师三级的月薪"))


def test_labels_of_the_settings_are_written_as_given_ones(tmp_path: Path, documents: Path) -> None:
    overrides = ["encoder.name=hash", "reading.workers=1", "access.default_labels=ｈｒ"]
    with qianxun.open(tmp_path / "wide", overrides=overrides) as kb:
        with pytest.raises(SettingsError, match=r"^access\.default_labels: 'ｈｒ' .*'hr'"):
            kb.add([documents])
        assert kb.documents() == []


def test_a_hidden_duplicate_is_neither_named_nor_counted(kb: KnowledgeBase, documents: Path, tmp_path: Path) -> None:
    copy = tmp_path / "机密副本.md"
    shutil.copy(documents / "oncall.md", copy)
    kb.add([copy], labels=["secret"])
    kb.add([documents])
    admin = kb.search("E-1042 coil open").passages[0]
    assert {Path(admin.source).name, *(Path(s).name for s in admin.duplicates)} == {"oncall.md", "机密副本.md"}
    shown = kb.search("E-1042 coil open", asker=PUBLIC).passages[0]
    assert (Path(shown.source).name, shown.duplicates) == ("oncall.md", ())


def test_nearly_the_same_is_shown_once_and_a_hidden_one_is_not_named(kb: KnowledgeBase, tmp_path: Path) -> None:
    text = (
        "设备 LF-2043 的检查周期为九十天，由第七组负责记录，记录须在三天内交給質量部，逾期者由组长說明原因。"
        "The seventh team keeps the record of every inspection and hands it over within three days."
    )
    versions = {
        "旧版.txt": text,
        "新版.txt": text.replace("逾期者由组长說明原因", "逾期者由組長書面說明原因"),
        "九十一天.txt": text.replace("LF-2043", "LF-2044"),
    }
    for name, content in versions.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    kb.add([tmp_path / "旧版.txt", tmp_path / "九十一天.txt"], labels=["public"])
    kb.add([tmp_path / "新版.txt"], labels=["secret"])
    found = kb.search("LF-2043 检查周期").passages
    shown = {Path(p.source).name: [Path(s).name for s in p.near_duplicates] for p in found}
    first = Path(found[0].source).name
    assert shown == {first: ["新版.txt" if first == "旧版.txt" else "旧版.txt"], "九十一天.txt": []}
    public = kb.search("LF-2043 检查周期", asker=PUBLIC).passages
    assert [p.near_duplicates for p in public] == [(), ()]


def test_removed_documents_are_gone_everywhere_and_the_receipt_says_what_went(
    kb: KnowledgeBase, documents: Path
) -> None:
    kb.add([documents])
    receipt = kb.remove([documents / "人事"])
    assert sorted(Path(source).name for _, source in receipt.documents) == ["年假.md", "薪酬.txt"]
    assert receipt.chunks == 3
    assert receipt.vectors == 3
    assert "年假.md" not in sources(kb.search("年假"))
    assert kb.check().ok
    with pytest.raises(NotFound, match="No document matches"):
        kb.remove(["年假.md"])


@pytest.mark.parametrize("sync", [True, False])
def test_a_moved_file_keeps_its_labels(kb: KnowledgeBase, documents: Path, sync: bool) -> None:
    kb.add([documents], labels=["hr"])
    (documents / "oncall.md").rename(documents / "值班.md")
    kb.add([documents], sync=sync)
    assert kb.matching([documents / "值班.md"])[0].labels == ("hr",)
    shutil.copy(documents / "值班.md", documents / "副本.md")
    kb.add([documents])
    if sync:  # a copy is a new document; where the old one was not removed, the stricter label is the safe guess
        assert kb.matching([documents / "副本.md"])[0].labels == ("public",)


def test_an_empty_name_means_nothing(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    for nothing in ("", " ", "\u3000"):
        with pytest.raises(InputError, match="empty name"):
            kb.remove([nothing])
        with pytest.raises(InputError, match="empty name"):
            kb.label([nothing], add=["x"])
    assert len(kb.documents()) == 5


def test_a_file_name_that_is_no_utf8_is_a_document_like_others(kb: KnowledgeBase, documents: Path) -> None:
    path = documents / os.fsdecode("中文文件.txt".encode("gbk"))
    path.write_text("旧服务器上的文件名。", encoding="utf-8")
    report = kb.add([documents])
    assert (report.added, report.failed) == (6, [])
    source = kb.search("旧服务器上的文件名").passages[0].source
    assert "\\xd6\\xd0" in source
    assert kb.add([documents], sync=True).removed == 0
    path.unlink()
    assert kb.add([documents], sync=True).removed == 1


def test_a_folder_that_cannot_be_entered_loses_nothing(
    kb: KnowledgeBase, documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb.add([documents])
    walk = os.walk

    def refused(top: Path, onerror: Callable[[OSError], None], followlinks: bool) -> Iterator[object]:
        for here, folders, names in walk(top):
            if Path(here).name == "人事":
                onerror(PermissionError(13, "Permission denied", here))
            else:
                yield here, folders, names

    monkeypatch.setattr(os, "walk", refused)
    report = kb.add([documents], sync=True)
    assert (report.removed, len(report.failed)) == (0, 1)
    assert len(kb.documents()) == 5


def test_a_pipe_is_refused_and_not_waited_for(kb: KnowledgeBase, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    assert "not a regular file" in kb.add([pipe]).failed[0][1]


def test_globs_and_ids_mean_documents(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    assert len(kb.matching(["*.txt"])) == 3
    assert len(kb.matching(["人事/*"])) == 2
    first = kb.documents()[0]
    assert kb.matching([first.id, str(first.id), first.source]) == [first]


def test_another_object_sees_changes_without_reopening(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    with qianxun.open(kb.directory) as reader:
        assert "oncall.md" in sources(reader.search("E-1042 coil"))
        kb.remove([documents / "oncall.md"])
        assert "oncall.md" not in sources(reader.search("E-1042 coil"))
        (documents / "new.md").write_text("The hippopotamus E-1042 coil is new.", encoding="utf-8")
        kb.add([documents])
        assert "new.md" in sources(reader.search("hippopotamus E-1042 coil"))
        kb.compact()
        assert "new.md" in sources(reader.search("hippopotamus E-1042 coil"))


def test_check_names_gaps_and_orphans_and_rebuild_mends(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    keeping = kb._keeping
    dense = keeping.indexes[0]
    victim = kb.documents()[0]
    dense.remove([victim.id])
    dense.commit(dense.revision)
    keeping.vectors.put([b"nobody"], __import__("numpy").ones((1, 64), dtype="float32"))
    problems = kb.check().problems
    assert {(p.kind, p.where) for p in problems} == {("gap", "faiss"), ("orphan", "vectors/hash-1.db")}
    assert victim.source in {p.name for p in problems}
    kb.rebuild()
    assert kb.check().ok


def test_each_damaged_index_file_is_named_and_mended_by_rebuild(kb: KnowledgeBase, documents: Path) -> None:
    """Cut in half or overwritten, a file is refused with the remedy, or harmless: never wrong hits."""
    kb.add([documents])
    expected = sources(kb.search("E-1042 coil"))
    kb.close()
    files = [p for p in (kb.directory / "indexes").rglob("*") if p.is_file() and p.stat().st_size]
    n_refused = 0
    for name in sorted(p.relative_to(kb.directory) for p in files):
        path = kb.directory / name
        if not path.exists():  # another generation by now
            continue
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with qianxun.open(kb.directory) as damaged:
            try:
                assert sources(damaged.search("E-1042 coil")) == expected
            except StaleIndex as error:
                n_refused += 1
                assert "qianxun rebuild" in str(error)  # noqa: PT017 (either outcome is right)
            damaged.rebuild()
            assert damaged.check().ok
            assert sources(damaged.search("E-1042 coil")) == expected
    assert n_refused >= 2


def test_an_index_of_another_encoder_is_refused_then_rebuilt(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    kb.close()
    with qianxun.open(kb.directory, overrides=["encoder.name=builtin"]) as other:
        with pytest.raises(StaleIndex, match="another encoder"):
            other.search("年假")
        other.rebuild()
        assert other.check().ok
        assert sources(other.search("年假有几天"))[0] == "年假.md"


def test_bad_questions_are_refused_in_one_line(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    for question in ("", "   ", "\u3000\n"):
        with pytest.raises(InputError, match="empty"):
            kb.search(question)
        with pytest.raises(InputError, match="empty"):
            kb.ask(question)
    with pytest.raises(InputError, match="k is 0"):
        kb.search("年假", k=0)
    with pytest.raises(InputError, match="no search mode"):
        kb.search("年假", mode="magic")
    long = kb.search("年假有几天？" * 20_000)
    assert sources(long)[0] == "年假.md"
    assert "4096" in long.degraded[0]
    for odd in ("？！……", "🎉", "a" * 5000, "\x00", '[1] OR -x "', "的"):
        kb.search(odd)
        kb.ask(odd)


def test_empty_knowledge_base_answers_that_it_has_nothing(kb: KnowledgeBase) -> None:
    assert kb.search("任何问题").passages == ()
    answer = kb.ask("任何问题？")
    assert (answer.verdict, answer.citations) == ("no_evidence", ())


def test_a_new_knowledge_base_remembers_its_encoder(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    kb.close()
    with qianxun.open(kb.directory) as later:
        assert later.settings.encoder.name == "hash"


def test_texts_can_be_added_without_files(kb: KnowledgeBase) -> None:
    items = [qianxun.TextItem(f"faq/{n}", f"问题{n}", f"第{n}条：退货须在{n}天内提出。") for n in range(3)]
    assert kb.add_texts(items).added == 3
    assert kb.add_texts(items).unchanged == 3
    found = kb.search("退货须在2天内").passages[0]
    assert (found.source, found.heading) == ("faq/2", ("问题2",))
    assert kb.check().ok


def test_answers_quote_the_document_exactly(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    answer = kb.ask("满一年的员工有几天带薪年假？")
    assert answer.verdict == "answered"
    assert "五天" in answer.text
    assert "[1]" in answer.text
    for citation in answer.citations:
        assert kb.text(citation.document)[citation.span.start : citation.span.end] == citation.quote
        assert citation.support == "supported"
