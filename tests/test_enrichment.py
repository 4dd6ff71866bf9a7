"""What a generator writes about chunks is searched, is never shown, and goes with the last chunk that it is about."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from model_server import Fault, ModelServer, said

import qianxun
from qianxun import Asker, TextItem, assemble
from qianxun.cli.main import main
from qianxun.errors import BadModelReply, ModelRefused, ModelUnavailable, SettingsError, StaleIndex
from qianxun.evaluation.retrieval import evaluate_retrieval
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Delta, Message, Sampling
from qianxun.settings import Settings, load_settings, maker_of
from qianxun.shapes import answer_shape, search_shape
from qianxun.storage import reindex as catching_up
from qianxun.storage.reindex import Progress
from qianxun.storage.store import Store

CANARY = "绀珠雨燕zyxquokka"
# Word of the documents → a word of no document, for each kind of script.
SYNONYMS = {
    "带薪年假": "vacances 沐休",
    "月薪": "俸祿 remuneration",
    "加班費": "逾時津貼",
    "coil": "induktionsspule",
    "Release": "ｖｅｒöffentlichung 發佈",
}
QUESTIONS = {
    "沐休": "年假.md",
    "vacances": "年假.md",
    "remuneration": "薪酬.txt",
    "俸禄": "薪酬.txt",
    "逾时津贴": "加班.txt",
    "induktionsspule": "oncall.md",
    "veröffentlichung": "mixed.txt",
}
PUBLIC = Asker.of("public")
ON = ("generator.name=notes", "enrichment.enabled=true")


class Notes:
    """A generator that knows synonyms, and writes a canary into everything that it writes about a chunk."""

    name = "notes"
    context_tokens = 4096
    asked: list[str] = []  # noqa: RUF012 (every instance of a test adds to it)
    prompts: list[str] = []  # noqa: RUF012
    reply: Callable[[str], str] | None = None

    def __init__(self, settings: Settings) -> None:
        """As a plugin is made: from the settings."""

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """An enrichment if a schema is given, else an answer that cites the first passage."""
        Notes.prompts += [message.content for message in messages]
        if schema is None:
            yield Delta("工作满一年的员工每年有五天带薪年假。[1]")
        else:
            assert sampling.temperature == 0
            text = excerpt_in(messages[-1].content)
            Notes.asked.append(text)
            yield Delta((Notes.reply or notes_about)(text))
        yield Delta(finish_reason="stop", usage=(1, 1))

    def count_tokens(self, text: str) -> int:
        """A safe over-estimate."""
        return len(text.encode())


class OtherNotes(Notes):
    """Another generator."""

    name = "other-notes"


def excerpt_in(prompt: str) -> str:
    """The text of the chunk in a prompt."""
    found = re.search(r"<(原文|excerpt)>\n(.*)\n</\1>", prompt, re.DOTALL)
    assert found is not None
    return found[2]


def notes_about(text: str) -> str:
    """What the stand-in writes about a text."""
    words = " ".join(synonym for word, synonym in SYNONYMS.items() if word in text)
    return json.dumps({"context": f"{CANARY} {words}", "questions": [f"{words}？ {CANARY}", "別的問題？"]})


@pytest.fixture(autouse=True)
def generators(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Notes, OtherNotes):
        monkeypatch.setitem(assemble.BUILT_IN["generators"], kind.name, f"{__name__}:{kind.__name__}")  # type: ignore[arg-type]
    monkeypatch.setattr(Notes, "asked", [])
    monkeypatch.setattr(Notes, "prompts", [])
    monkeypatch.setattr(Notes, "reply", None)


def opened(directory: Path, *overrides: str) -> KnowledgeBase:
    return qianxun.open(directory, overrides=["encoder.name=hash", "reading.workers=1", *overrides])


@pytest.fixture
def plain(tmp_path: Path, documents: Path) -> Iterator[KnowledgeBase]:
    """A knowledge base without enrichment, with a generator at hand."""
    with opened(tmp_path / "plain", "generator.name=notes") as kb:
        kb.add([documents])
        yield kb


@pytest.fixture
def enriched(tmp_path: Path, documents: Path) -> Iterator[KnowledgeBase]:
    """The same documents, enriched."""
    with opened(tmp_path / "enriched", *ON) as kb:
        report = kb.add([documents]).enrichment
        assert (report.vain, report.waiting, report.problem) == (0, 0, None)
        assert report.enriched == len(Notes.asked) > 4
        yield kb


def names(kb: KnowledgeBase, question: str, **how: Any) -> list[str]:
    return [Path(passage.source).name for passage in kb.search(question, **how).passages]


def in_force(directory: Path) -> str:
    with opened(directory) as kb:
        return maker_of(kb.settings)


def cosine(kb: KnowledgeBase, question: str, name: str) -> float:
    """How near a document comes to a question in the dense index; the stand-in encoder is too coarse to rank by."""
    found = [p for p in kb.search(question, mode="dense").passages if Path(p.source).name == name]
    return max(p.stages["dense"].score or 0.0 for p in found)


def everywhere(kb: KnowledgeBase) -> list[Any]:
    """What every question finds in each mode, with scores."""
    return [
        [(Path(p.source).name, p.span, round(p.score, 5)) for p in kb.search(question, mode=mode).passages]
        for question in (*QUESTIONS, "年假 coil")
        for mode in ("lexical", "dense", "hybrid")
    ]


def raising(error: Exception) -> Callable[[str], str]:
    def reply(text: str) -> str:
        raise error

    return reply


def traces(folder: Path) -> list[str]:
    """Files with the canary, or a rare part of it, in any encoding."""
    needles = [part.encode(e) for part in ("绀珠", "雨燕", "zyxquokka") for e in ("utf-8", "utf-16-le", "utf-16-be")]
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [str(path) for path in files if any(needle in path.read_bytes() for needle in needles)]


def rows_of(directory: Path) -> list[tuple[bytes, str]]:
    with sqlite3.connect(directory / "knowledge.db") as db:
        found = db.execute("SELECT hash, context FROM enrichments").fetchall()
    db.close()
    return found


class TestSearching:
    """A word of the enrichment finds the chunk."""

    @pytest.mark.parametrize("mode", ["lexical", "dense", "hybrid"])
    def test_a_word_that_no_document_has_finds_the_chunk_only_with_enrichment(
        self, plain: KnowledgeBase, enriched: KnowledgeBase, mode: str
    ) -> None:
        if mode == "dense":
            gains = [cosine(enriched, *asked) - cosine(plain, *asked) for asked in QUESTIONS.items()]
            assert min(gains) > 0
            assert sum(gains) / len(gains) > 0.2
            return
        for question, name in QUESTIONS.items():
            assert names(enriched, question, mode=mode)[0] == name, question
        if mode == "lexical":
            for question in ("vacances", "induktionsspule", "remuneration", "veröffentlichung"):
                assert names(plain, question, mode=mode) == []

    def test_the_canary_finds_passages_and_is_in_nothing_that_is_shown(
        self, enriched: KnowledgeBase, documents: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = enriched.search(CANARY, explain=True)
        assert len(found.passages) > 4
        answers = [enriched.ask("工作满一年有几天带薪年假？沐休"), enriched.ask(CANARY)]
        assert answers[0].models["answer"] == "notes"
        assert answers[0].citations
        prompts = [re.sub(f"(问题：|Question: ){CANARY}$", "", prompt) for prompt in Notes.prompts]
        with opened(enriched.directory, "generator.name=none") as quoting:
            answers += map(quoting.ask, ("工作满一年有几天带薪年假？", CANARY, "induktionsspule coil"))
        assert answers[2].models["answer"] == "extractive"
        assert answers[2].citations
        everything = [json.dumps(search_shape(found)["hits"], ensure_ascii=False)]
        for answer in answers:
            shape = {key: value for key, value in answer_shape(answer).items() if key not in ("question", "searched")}
            everything.append(json.dumps(shape, ensure_ascii=False))
        for document in enriched.documents():
            everything += [enriched.text(document.id), repr(enriched.chunks(document.id)), repr(document)]
        everything += [repr(enriched.info()), repr(enriched.duplicates()), repr(enriched.check())]
        for line in (["search", CANARY, "--explain"], ["show", "1", "--chunks"], ["list"], ["info"]):
            assert main([*line, "--kb", str(enriched.directory), "--set", "generator.name=none"]) == 0
            out = capsys.readouterr()
            everything.append(out.out + out.err)
        seen = [text for text in (*everything, *prompts) for part in ("绀珠", "zyxquokka") if part in text]
        assert seen == []
        assert prompts, "the answer's prompt must have been seen"

    def test_which_generator_wrote_is_said(self, enriched: KnowledgeBase, plain: KnowledgeBase) -> None:
        assert enriched.search("年假").models["enrichment"] == "notes"
        assert "enrichment" not in plain.search("年假").models
        info = enriched.info()["enrichment"]
        assert (info["model"], info["vain"], info["waiting"]) == ("notes", 0, 0)
        assert info["enriched"] == enriched.info()["chunks"]
        assert info["maker"] == maker_of(enriched.settings)
        assert plain.info()["enrichment"] is None

    def test_who_may_not_read_a_document_does_not_find_it_by_its_enrichment(
        self, tmp_path: Path, documents: Path
    ) -> None:
        with opened(tmp_path / "kb", *ON) as kb:
            kb.add([documents / "人事" / "薪酬.txt"], labels=["hr"])
            kb.add([documents])
            for mode in ("lexical", "dense", "hybrid"):
                assert "薪酬.txt" not in names(kb, "remuneration 俸祿", mode=mode, asker=PUBLIC)
                assert names(kb, "remuneration 俸祿", mode=mode, asker=Asker.of("hr")) == ["薪酬.txt"]
            (secret,) = kb.matching([documents / "人事" / "薪酬.txt"])
            kb.label([secret.id], add=["public"])
            for mode in ("lexical", "dense", "hybrid"):
                assert names(kb, "remuneration 俸祿", mode=mode, asker=PUBLIC)[0] == "薪酬.txt"
            kb.label([secret.id], remove=["public"])
            assert "薪酬.txt" not in names(kb, "remuneration", asker=PUBLIC)
            assert kb.check().ok

    def test_nothing_of_another_document_or_chunk_is_in_an_enrichment(self, tmp_path: Path) -> None:
        shared = "共享的条款：押金在合同終止後三十日內退還。Deposits are returned within 30 days."
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "機密項目鳳凰.txt").write_text(shared, "utf-8")
        (tmp_path / "b.txt").write_text(shared, "utf-8")
        with opened(tmp_path / "kb", *ON) as kb:
            kb.add([tmp_path / "a"], labels=["secret"])
            kb.add([tmp_path / "b.txt"])
            kb.add_texts([TextItem("c", "", "鄰段的秘密。\n\n" + "其他。" * 900 + "\n\n最後一段。")])
        assert Notes.asked.count(shared) == 1, "the same text is written about once"
        assert not any("鳳凰" in prompt for prompt in Notes.prompts)
        of_last = [prompt for prompt in Notes.prompts if "最後一段" in prompt]
        assert of_last
        assert not any("鄰段的秘密" in prompt for prompt in of_last)


class TestFailures:
    """A generator that is away or writes nonsense stops nothing."""

    def test_away_the_documents_are_found_by_their_words_and_the_next_run_goes_on(
        self, tmp_path: Path, documents: Path, enriched: KnowledgeBase
    ) -> None:
        Notes.asked.clear()
        Notes.reply = raising(ModelUnavailable("http://gpu:8103 cannot be reached."))
        with opened(tmp_path / "kb", *ON) as kb:
            report = kb.add([documents]).enrichment
            assert isinstance(report.problem, ModelUnavailable)
            assert (report.enriched, report.vain) == (0, 0)
            assert report.waiting == len(kb._store.hashes())
            assert len(Notes.asked) <= 8, "it is not asked for every chunk when nobody answers"
            assert names(kb, "E-1042 coil")[0] == "oncall.md"
            assert names(kb, "induktionsspule", mode="lexical") == []
            assert kb.check().ok
            assert kb.info()["enrichment"]["waiting"] == report.waiting
            Notes.reply = None
            Notes.asked.clear()
            later = kb.add([documents]).enrichment
            assert (later.enriched, later.waiting, later.problem) == (report.waiting, 0, None)
            assert everywhere(kb) == everywhere(enriched)
            assert kb.check().ok
            Notes.asked.clear()
            kb.add([documents])
            assert Notes.asked == []

    @pytest.mark.parametrize("slice_chunks", [2, 4096])
    def test_what_comes_late_replaces_also_large_documents_and_those_labelled_meanwhile(
        self, tmp_path: Path, documents: Path, monkeypatch: pytest.MonkeyPatch, slice_chunks: int
    ) -> None:
        monkeypatch.setattr(catching_up, "BATCH_CHUNKS", slice_chunks)
        paragraphs = [f"# 第{n}節\n\n第{n}節的內容，section {n}。" for n in range(9)]
        (documents / "large.md").write_text("\n\n".join([*paragraphs, "# 末\n\ncoil 加班費"]), "utf-8")
        Notes.reply = raising(ModelUnavailable("Nobody."))
        with opened(tmp_path / "kb", *ON) as kb:
            kb.add([documents])
            kb.label([str(documents / "large.md")], add=["hr"])
            Notes.reply = None
            with opened(tmp_path / "kb", *ON) as other:
                other.label([str(documents / "large.md")], add=["more"])
                other.add([documents])
            for mode in ("lexical", "dense"):
                assert set(names(kb, "induktionsspule", mode=mode)[:2]) == {"large.md", "oncall.md"}
                assert names(kb, "逾時津貼", mode=mode, asker=Asker.of("more"))[0] == "large.md"
            assert kb.check().ok
            before = {mode: names(kb, "induktionsspule 津貼", mode=mode) for mode in ("lexical", "dense", "hybrid")}
            kb.rebuild()
            assert before == {mode: names(kb, "induktionsspule 津貼", mode=mode) for mode in before}
            assert kb.check().ok

    @pytest.mark.parametrize(
        "reply",
        [
            "no JSON",
            '{"context": "x"}',
            '{"context": 3, "questions": []}',
            '{"context": "", "questions": ["", " \\u3000 "]}',
            "[]",
            '{"context": "cut o',
        ],
    )
    def test_an_unusable_answer_costs_one_chunk_and_is_not_asked_for_again(
        self, tmp_path: Path, documents: Path, reply: str
    ) -> None:
        Notes.reply = lambda text: reply if "coil" in text else notes_about(text)
        with opened(tmp_path / "kb", *ON) as kb:
            report = kb.add([documents]).enrichment
            assert (report.vain, report.waiting, report.problem) == (1, 0, None)
            assert names(kb, "E-1042")[0] == "oncall.md"
            assert names(kb, "remuneration", mode="lexical") == ["薪酬.txt"]
            assert kb.info()["enrichment"]["vain"] == 1
            assert kb.check().ok
            Notes.asked.clear()
            kb.add([documents])
            assert Notes.asked == []
            Notes.reply = None
            kb.rebuild()
            assert len(Notes.asked) == 1
            assert "coil" in Notes.asked[0]
            for mode in ("lexical", "dense"):
                assert names(kb, "induktionsspule", mode=mode)[0] == "oncall.md"
            assert kb.check().ok

    @pytest.mark.parametrize("error", [BadModelReply("A web page."), ModelRefused("Wrong key.")])
    def test_a_server_that_never_answers_well_is_at_fault_and_not_the_chunks(
        self, tmp_path: Path, error: Exception
    ) -> None:
        Notes.reply = raising(error)
        texts = [TextItem(f"{n}.txt", "", f"第{n}號通知 notice {n}") for n in range(30)]
        with opened(tmp_path / "kb", *ON, "remote.concurrency=2") as kb:
            report = kb.add_texts(texts).enrichment
            assert str(report.problem) == str(error)
            assert (report.vain, report.waiting) == (0, 30)
            assert len(Notes.asked) <= 12
            assert rows_of(kb.directory) == []
            Notes.reply = None
            assert kb.add_texts(texts).enrichment.enriched == 30

    def test_one_chunk_that_a_service_refuses_holds_up_no_other(self, tmp_path: Path, documents: Path) -> None:
        def reply(text: str) -> str:
            if "coil" in text:
                raise ModelRefused("Data inspection failed.")
            if "月薪" in text:
                raise ModelUnavailable("Hung up.")
            return notes_about(text)

        Notes.reply = reply
        with opened(tmp_path / "kb", *ON, "remote.concurrency=1") as kb:
            report = kb.add([documents]).enrichment
            assert (report.vain, report.waiting, str(report.problem)) == (1, 1, "Hung up.")
            assert names(kb, "逾時津貼", mode="lexical") == ["加班.txt"]

    def test_what_is_written_is_one_line_of_bounded_length_and_no_controls(self, tmp_path: Path) -> None:
        wild = {
            "context": "  一\n二\t三\x00\u202e四\ud800 " + "長" * 1000,
            "questions": ["問？", "问？", "  ", "What\nis it?", "a" * 999, "另一個？", "更多？"],
        }
        Notes.reply = lambda text: json.dumps(wild)
        with opened(tmp_path / "kb", *ON, "enrichment.questions=4") as kb:
            kb.add_texts([TextItem("a", "", "內容 text（全角）")])
            ((_, context),) = rows_of(kb.directory)
            assert context.startswith("一 二 三四 長長")
            assert len(context) <= 300
            (kept,) = kb._store.enrichments.of(list(kb._store.hashes()), maker_of(kb.settings)).values()
            # Traditional and simplified are one question; empty ones are none.
            assert kept.enrichment.questions == ("問？", "What is it?", "a" * 200, "另一個？")
            assert kb.check().ok

    def test_stopped_by_hand_nothing_written_is_asked_for_again(self, tmp_path: Path, documents: Path) -> None:
        def stop(progress: Progress) -> None:
            if progress.stage == "enriching" and progress.done == 2:
                raise KeyboardInterrupt

        with opened(tmp_path / "kb", *ON, "remote.concurrency=1") as kb:
            with pytest.raises(KeyboardInterrupt):
                kb.add([documents], progress=stop)
            kept = len(rows_of(kb.directory))
            assert kept == 2
            first = Notes.asked[:kept]
            Notes.asked.clear()
            report = kb.add([documents]).enrichment
            assert set(first).isdisjoint(Notes.asked)
            assert len(Notes.asked) == len(set(Notes.asked)) == report.enriched
            assert kb.check().ok
        assert not any(thread.name == "qianxun-enrichment" for thread in threading.enumerate())


class TestTruth:
    """Rows follow the chunks that they are about."""

    def test_removed_and_compacted_is_in_no_byte(self, enriched: KnowledgeBase) -> None:
        directory = enriched.directory
        assert traces(directory), "the test looks in the wrong place: the canary must be there before"
        enriched.remove([document.id for document in enriched.documents()])
        assert rows_of(directory) == []
        assert enriched._keeping.vectors.hashes() == set()
        assert enriched.check().ok
        enriched.compact()
        assert traces(directory) == []
        enriched.close()
        assert traces(directory) == []

    def test_what_two_documents_share_goes_with_the_last(self, tmp_path: Path) -> None:
        with opened(tmp_path / "kb", *ON) as kb:
            kb.add_texts([TextItem("一", "", "coil 與月薪。"), TextItem("二", "", "coil 與月薪。")])
            assert len(Notes.asked) == len(rows_of(kb.directory)) == 1
            kb.remove(["一"])
            assert len(rows_of(kb.directory)) == 1
            assert names(kb, "induktionsspule", mode="lexical") == ["二"]
            assert kb.check().ok
            kb.remove(["二"])
            assert rows_of(kb.directory) == []
            assert kb.check().ok

    def test_a_changed_document_keeps_what_is_of_unchanged_chunks(self, tmp_path: Path) -> None:
        path = tmp_path / "制度.md"
        path.write_text("# 甲\n\n加班費須核准。\n\n# 乙\n\n月薪每月發放。", "utf-8")
        with opened(tmp_path / "kb", *ON) as kb:
            kb.add([path])
            n = len(Notes.asked)
            path.write_text("# 甲\n\n加班費須核准。\n\n# 乙\n\n月薪於十日發放。", "utf-8")
            kb.add([path])
            assert [text for text in Notes.asked[n:] if "加班費" in text] == []
            assert len(Notes.asked) == n + 1
            assert names(kb, "逾時津貼", mode="lexical") == ["制度.md"]
            assert not any("每月" in context for _, context in rows_of(kb.directory))
            assert kb.check().ok

    def test_check_names_what_belongs_to_nobody_and_what_was_changed(self, enriched: KnowledgeBase) -> None:
        with sqlite3.connect(enriched.directory / "knowledge.db") as db:
            db.execute("INSERT INTO enrichments VALUES (x'00ff', 'm', x'00ff', 'c', '[]')")
            db.execute("UPDATE enrichments SET context = 'other' WHERE hash = (SELECT hash FROM chunks LIMIT 1)")
        db.close()
        problems = enriched.check().problems
        assert {(p.kind, p.detail.partition(" about")[0]) for p in problems} == {
            ("orphan", "enrichment of no chunk"),
            ("text", "what was written"),
        }

    def test_a_knowledge_base_of_before_gets_the_table(self, plain: KnowledgeBase) -> None:
        directory = plain.directory
        plain.close()
        with sqlite3.connect(directory / "knowledge.db") as db:
            for later in ("enrichments", "originals", "forgotten_originals"):
                db.execute(f"DROP TABLE {later}")
            db.execute("PRAGMA user_version = 4")
        db.close()
        store = Store(directory)
        assert store.enrichments.keys() == set()
        store.close()
        with opened(directory) as kb:
            assert names(kb, "E-1042 coil")[0] == "oncall.md"
            assert kb.check().ok


class TestGoingOver:
    """Switching it on, off, and to another generator is a managed change."""

    def test_switched_on_beside_and_off_again(self, plain: KnowledgeBase) -> None:
        with opened(plain.directory) as other:
            assert names(other, "induktionsspule", mode="lexical") == []
            report = plain.reindex(enrich=True)
            assert report.switched
            assert report.before == "hash-1"
            assert report.enrichment.enriched == len(Notes.asked) > 4
            for each in (plain, other):
                for mode in ("lexical", "dense"):
                    assert names(each, "induktionsspule", mode=mode)[0] == "oncall.md"
            assert report.after == f"hash-1+{maker_of(plain.settings)}"
        own = tomllib.loads((plain.directory / "kb.toml").read_text("utf-8"))["enrichment"]
        assert own == {"enabled": True, "context": True, "questions": 3, "model": "notes", "prompt": 1}
        assert plain.check().ok
        back = plain.reindex(enrich=False)
        assert (back.vectors, back.after) == (0, "hash-1")
        assert names(plain, "induktionsspule", mode="lexical") == []
        assert plain.check().ok
        n = len(Notes.asked)
        again = plain.reindex(enrich=True)
        assert (again.vectors, len(Notes.asked)) == (0, n)
        assert plain.check().ok
        plain.compact()
        kept = sorted(path.name for path in (plain.directory / "indexes").iterdir())
        assert [name.partition("@")[0] for name in kept] == ["faiss", "tantivy"]
        assert all(maker_of(plain.settings) in name for name in kept)
        assert len(plain._keeping.vectors.hashes()) == len(plain._store.hashes())
        assert plain.check().ok
        plain.reindex(enrich=False)
        plain.compact()
        assert rows_of(plain.directory) == []
        assert traces(plain.directory) == []
        assert plain.check().ok
        plain.reindex(enrich=True)
        assert len(Notes.asked) == 2 * n

    def test_while_it_is_built_nothing_looks_behind_and_what_comes_and_goes_is_caught_up_with(
        self, plain: KnowledgeBase, documents: Path
    ) -> None:
        degraded: list[tuple[str, ...]] = []

        def meanwhile(progress: Progress) -> None:
            if progress.stage != "enriching" or progress.done not in (2, 4):
                return
            with opened(plain.directory, "generator.name=notes") as other:
                degraded.append(other.search("年假").degraded)
                if progress.done == 4:
                    other.remove([str(documents / "oncall.md")])
                    other.add_texts([TextItem("later", "", "The coil of pump 7, 線圈。")])
                degraded.append(other.search("年假").degraded)

        plain.reindex(enrich=True, progress=meanwhile)
        assert degraded == [()] * 4
        assert names(plain, "induktionsspule", mode="lexical") == ["later"]
        assert plain.check().ok
        plain.reindex(enrich=False)
        assert names(plain, "coil", mode="lexical") == ["later"]
        assert plain.search("coil").degraded == ()
        assert plain.check().ok

    def test_new_documents_are_enriched_after_going_over_and_by_whoever_adds(
        self, plain: KnowledgeBase, tmp_path: Path
    ) -> None:
        plain.reindex(enrich=True)
        with opened(plain.directory, "generator.name=notes") as other:
            other.add_texts([TextItem("later", "", "The coil of pump 7.")])
        assert "later" in names(plain, "induktionsspule", mode="lexical")
        assert plain.check().ok

    def test_stopped_in_the_middle_nothing_changes_and_the_next_goes_on(self, plain: KnowledgeBase) -> None:
        n = len(plain._store.hashes())

        def reply(text: str) -> str:
            if len(Notes.asked) > 3:
                raise ModelUnavailable("Nobody answers.")
            return notes_about(text)

        Notes.reply = reply
        with pytest.raises(ModelUnavailable):
            plain.reindex(enrich=True)
        assert names(plain, "induktionsspule", mode="lexical") == []
        assert "enrichment" not in plain.search("年假").models
        kept = len(rows_of(plain.directory))
        assert kept == 3
        done = set(Notes.asked[:3])
        Notes.reply = None
        Notes.asked.clear()
        assert plain.reindex(enrich=True).enrichment.enriched == n - kept
        assert done.isdisjoint(Notes.asked)
        assert names(plain, "induktionsspule", mode="lexical") == ["oncall.md"]
        assert plain.check().ok

    def test_the_encoder_may_change_and_the_enrichment_stays(self, enriched: KnowledgeBase) -> None:
        n = len(Notes.asked)
        enriched.reindex("builtin")
        assert enriched.settings.enrichment.enabled
        assert len(Notes.asked) == n
        for mode in ("lexical", "dense"):
            assert names(enriched, "induktionsspule", mode=mode)[0] == "oncall.md"
        assert enriched.check().ok

    def test_compared_on_accepted_pairs_before_it_is_taken(self, plain: KnowledgeBase) -> None:
        # Each in two wordings: with fewer than six questions that change nothing can be told from chance.
        pairs = [
            qianxun.AcceptedPair(asked, source=name)
            for question, name in QUESTIONS.items()
            for asked in (question, f"zzz {question} zzz")
        ]
        found = plain.reindex(enrich=True, pairs=pairs, switch=False).comparison
        assert found.verdict == "better"
        assert found.after == 1.0
        assert names(plain, "induktionsspule", mode="lexical") == []

    def test_mixing_is_refused_with_the_command(self, plain: KnowledgeBase) -> None:
        with opened(plain.directory, *ON) as kb, pytest.raises(StaleIndex, match=r"enrichment.*reindex --enrich"):
            kb.search("年假")

    def test_a_settings_file_that_asks_for_it_changes_no_knowledge_base_that_is_there(
        self, plain: KnowledgeBase
    ) -> None:
        settings = load_settings(overrides=ON)
        with qianxun.open(plain.directory, settings=settings) as kb:
            assert names(kb, "induktionsspule", mode="lexical") == []
            assert kb.reindex().switched
            assert names(kb, "induktionsspule", mode="lexical") == ["oncall.md"]

    def test_what_a_run_asks_for_is_gone_over_to(
        self, plain: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        line = ["reindex", "--kb", str(plain.directory), "--set", "generator.name=notes"]
        assert main([*line, "--set", "encoder.name=hash", "--set", "enrichment.enabled=true"]) == 0
        makers = [in_force(plain.directory)]
        assert main([*line, "--enrich", "--set", "enrichment.questions=1", "--dry-run"]) == 0
        assert in_force(plain.directory) == makers[0]
        assert main([*line, "--enrich", "--set", "enrichment.questions=1"]) == 0
        makers.append(in_force(plain.directory))
        monkeypatch.setenv("QIANXUN_ENRICHMENT__QUESTIONS", "2")
        with opened(plain.directory) as kb, pytest.raises(StaleIndex, match="reindex --enrich"):
            kb.search("年假")
        assert main([*line, "--enrich"]) == 0
        with opened(plain.directory) as kb:
            makers.append(maker_of(kb.settings))
            assert names(kb, "induktionsspule", mode="lexical") == ["oncall.md"]
            assert kb.check().ok
        assert len(set(makers)) == 3
        assert "" not in makers
        capsys.readouterr()

    def test_another_generator_does_not_mix_in(self, enriched: KnowledgeBase, documents: Path) -> None:
        asked = len(Notes.asked)
        with opened(enriched.directory, "generator.name=other-notes") as kb:
            report = kb.add_texts([TextItem("new", "", "Another coil.")]).enrichment
            assert isinstance(report.problem, SettingsError)
            assert "notes" in str(report.problem)
            assert "reindex --enrich" in str(report.problem)
            assert (report.waiting, len(Notes.asked)) == (1, asked)
            assert "new" in names(kb, "another coil")
            assert names(kb, "induktionsspule", mode="lexical") == ["oncall.md"]
            kb.reindex(enrich=True)
            assert set(names(kb, "induktionsspule", mode="lexical")) == {"oncall.md", "new"}
            assert kb.settings.enrichment.model == "other-notes"
            assert kb.check().ok
        with opened(enriched.directory, "generator.name=none") as kb:
            assert set(names(kb, "induktionsspule", mode="lexical")) == {"oncall.md", "new"}
            assert kb.add_texts([TextItem("newer", "", "text 內容")]).enrichment.waiting == 1

    def test_without_a_generator_it_is_refused_before_anything_is_made(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"no generator is set.*generator\.url"):
            opened(tmp_path / "kb", "enrichment.enabled=true")
        assert not (tmp_path / "kb").exists()
        with pytest.raises(SettingsError, match="neither a context nor questions"):
            opened(tmp_path / "kb", *ON, "enrichment.context=false", "enrichment.questions=0")
        with opened(tmp_path / "plain") as kb, pytest.raises(SettingsError, match="no generator"):
            kb.reindex(enrich=True)

    def test_only_questions_or_only_a_context(self, tmp_path: Path) -> None:
        for setting, keys in (("enrichment.context=false", {"questions"}), ("enrichment.questions=0", {"context"})):
            Notes.reply = lambda text, keys=keys: json.dumps(  # type: ignore[misc]
                {key: value for key, value in json.loads(notes_about(text)).items() if key in keys}
            )
            with opened(tmp_path / setting, *ON, setting) as kb:
                assert kb.add_texts([TextItem("a", "", "coil")]).enrichment.enriched == 1
                assert names(kb, "induktionsspule", mode="lexical") == ["a"]
                (kept,) = kb._store.enrichments.of(list(kb._store.hashes()), maker_of(kb.settings)).values()
                assert bool(kept.enrichment.context) == ("context" in keys)
                assert bool(kept.enrichment.questions) == ("questions" in keys)


class TestAblation:
    """`eval retrieval` measures without and with it."""

    @pytest.fixture
    def dataset(self, tmp_path: Path) -> Path:
        folder = tmp_path / "tiny"
        (folder / "qrels").mkdir(parents=True)
        corpus = [
            {"_id": "a", "title": "", "text": "The coil is open."},
            {"_id": "b", "title": "", "text": "員工申請加班費。"},
            {"_id": "c", "title": "无关", "text": "其他内容，nothing else."},
        ]
        queries = [{"_id": "q1", "text": "induktionsspule"}, {"_id": "q2", "text": "逾时津贴"}]
        for name, rows in (("corpus", corpus), ("queries", queries)):
            lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / f"{name}.jsonl").write_text(lines, "utf-8")
        (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t1\n", "utf-8")
        return folder

    def test_each_mode_is_measured_without_and_with(self, dataset: Path, tmp_path: Path) -> None:
        settings = load_settings(overrides=[*ON, "encoder.name=hash"])
        report = evaluate_retrieval(dataset, settings=settings, modes=("lexical", "hybrid"), runs=tmp_path / "runs")
        found = {(result.mode, result.enriched): result.measured.mean["nDCG@10"] for result in report.results}
        assert list(found) == [("lexical", False), ("hybrid", False), ("lexical", True), ("hybrid", True)]
        assert found["lexical", True] == found["hybrid", True] == 1.0
        assert found["lexical", False] < 0.9
        assert {"lexical", "hybrid-enriched", "enriching"} <= set(report.as_json()["seconds"])  # type: ignore[call-overload]
        assert (tmp_path / "runs" / "tiny-lexical-enriched.trec").is_file()
        plain = evaluate_retrieval(dataset, settings=load_settings(overrides=["encoder.name=hash"]), modes=("lexical",))
        assert [result.enriched for result in plain.results] == [False]

    def test_the_table_has_a_line_for_each(self, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
        given = [word for setting in (*ON, "encoder.name=hash") for word in ("--set", setting)]
        assert main(["eval", "retrieval", str(dataset), "--mode", "lexical", *given]) == 0
        assert "lexical, enriched" in capsys.readouterr().out


class TestCommands:
    """What people are told."""

    def test_add_reindex_and_info_say_what_was_done(
        self, tmp_path: Path, documents: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kb = ["--kb", str(tmp_path / "kb"), "--set", "encoder.name=hash", "--set", "generator.name=notes"]
        assert main(["add", str(documents), *kb]) == 0
        out = capsys.readouterr().out
        assert "Enriched" not in out
        assert main(["reindex", "--enrich", *kb, "--json"]) == 0
        shape = json.loads(capsys.readouterr().out)
        assert shape["switched"]
        assert shape["enrichment"]["enriched"] > 4
        (documents / "later.md").write_text("新的内容 coil", "utf-8")
        Notes.reply = raising(ModelUnavailable("http://gpu:8103 cannot be reached."))
        assert main(["add", str(documents), *kb]) == 0
        told = capsys.readouterr()
        assert "not yet enriched 1 of the texts of chunks" in told.out
        assert told.err.count("http://gpu:8103 cannot be reached.") == 1
        assert "the next `qianxun add` goes on" in told.err
        Notes.reply = None
        assert main(["add", str(documents), *kb]) == 0
        assert "Enriched 1 of the texts of chunks." in capsys.readouterr().out
        assert main(["info", *kb]) == 0
        assert "notes" in capsys.readouterr().out
        assert main(["reindex", "--no-enrich", *kb]) == 0
        assert "The new index is in force." in capsys.readouterr().out
        assert main(["info", *kb, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["enrichment"] is None


MODEL = "Qwen/Qwen2.5-7B-Instruct"


def serving(server: ModelServer, seconds: float) -> list[str]:
    """Has a server answer as the stand-in does, after a while; the excerpts that it was asked about, as they come."""
    asked: list[str] = []
    server.chat = said("5")  # to the question of the self-test

    def answer(body: dict[str, Any]) -> Fault | None:
        if "response_format" not in body:
            return None
        text = excerpt_in(body["messages"][-1]["content"])
        asked.append(text)
        time.sleep(seconds)
        return Fault(body=b"".join(said(notes_about(text))), media="text/event-stream")

    server.refuse = answer
    return asked


def over_http(server: ModelServer) -> list[str]:
    return [
        f"generator.model={MODEL}",
        f"generator.url={server.url}",
        "models.waive_meaning_checks=true",
        "enrichment.enabled=true",
        "remote.retries=0",
        "encoder.name=hash",
        "reading.workers=1",
    ]


class TestServer:
    """A real HTTP server."""

    def test_asked_with_a_schema_and_no_more_at_a_time_than_set(self, tmp_path: Path) -> None:
        with ModelServer(model=MODEL) as server:
            asked = serving(server, 0.02)
            texts = [TextItem(f"{n}.txt", "", f"第{n}號通知 coil {n}（全角）") for n in range(24)]
            with qianxun.open(tmp_path / "kb", overrides=[*over_http(server), "remote.concurrency=3"]) as kb:
                report = kb.add_texts(texts).enrichment
                assert (report.enriched, report.problem) == (24, None)
                assert sorted(asked) == sorted(item.text for item in texts)
                assert len(names(kb, "induktionsspule", mode="lexical", k=30)) == 24
                assert kb.info()["enrichment"]["model"] == MODEL
            assert server.most_at_a_time == 3
            bodies = [body for body in server.asked("/v1/chat/completions") if "response_format" in body]
            assert len(bodies) == 24
            assert {body["temperature"] for body in bodies} == {0.0}
            assert {body["response_format"]["type"] for body in bodies} == {"json_schema"}

    def test_killed_and_begun_again_nothing_kept_is_asked_for_again(self, tmp_path: Path) -> None:
        folder = tmp_path / "文件"
        folder.mkdir()
        for n in range(40):
            (folder / f"{n}.txt").write_text(f"第{n}號通知 coil {n}（全角）", "utf-8")
        with ModelServer(model=MODEL) as server:
            asked = serving(server, 0.1)
            given = [word for text in over_http(server) for word in ("--set", text)]
            line = [sys.executable, "-m", "qianxun", "add", str(folder), "--kb", str(tmp_path / "kb"), *given]
            for least in (5, 15):
                process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                ended = time.monotonic() + 60
                while len(asked) < least and time.monotonic() < ended:
                    time.sleep(0.02)
                process.send_signal(signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL
            with qianxun.open(tmp_path / "kb", overrides=over_http(server)) as kb:
                kept = set(rows_of(tmp_path / "kb"))
                assert 3 < len(kept) < 40
                known = {
                    chunk.text
                    for document in kb._store.live_documents()
                    for chunk in kb._store.chunks(document)
                    if chunk.hash in {hash_ for hash_, _ in kept}
                }
                asked.clear()
                report = kb.add([folder]).enrichment
                assert known.isdisjoint(asked)
                assert len(asked) == report.enriched == 40 - len(kept)
                assert len(names(kb, "induktionsspule", mode="lexical", k=50)) == 40
                assert kb.check().ok
