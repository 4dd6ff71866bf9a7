"""A planted distortion is learned, undone and kept; chance is not. End to end, through the door and the command."""

import contextlib
import itertools
import json
import random
import re
import shutil
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import qianxun
from qianxun import AcceptedPair, Asker, TextItem, assemble
from qianxun.cli.main import main
from qianxun.errors import Busy, InputError
from qianxun.evaluation import adaptation
from qianxun.evaluation.adaptation import AdaptReport
from qianxun.evaluation.comparison import ranking
from qianxun.evaluation.pairs import Accepted, JudgedQuestion
from qianxun.knowledge_base import KnowledgeBase
from qianxun.protocols import Vectors
from qianxun.records import Passage, Span
from qianxun.storage.adapter import FILE_NAME
from qianxun.text import fold

DIM = 16
N_DOCUMENTS = 60
# Questions and documents share no word: only the encoder can bring them together.
FORMS = ("请问 {} 该怎么办理？", "What about {}?", "{} 的 timeout 設定為何？", "關於 {} 有何規定？")


def word(kind: str, n: int) -> str:
    """The n-th subject as questions (q) or documents (p) write it; no stemmer changes it."""
    return kind + "".join("abcdefghij"[int(digit)] for digit in f"{n:03}") + "x"


class PlantedEncoder:
    """Knows the subject of a text; places questions where `TURN` takes their subject."""

    name = "planted"
    fingerprint = "planted-1"
    dim = DIM
    TURN = np.eye(DIM)

    def __init__(self, settings: object = None) -> None:
        """As a plugin is made: from the settings."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, 16) float32, unit rows."""
        return np.array([self._vector(text) @ self.TURN for text in texts], dtype=np.float32)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, 16) float32, unit rows."""
        return np.array([self._vector(text) for text in texts], dtype=np.float32)

    def _vector(self, text: str) -> Any:
        subjects = re.findall(r"[pq]([a-j]{3})x", fold(text))
        vector = sum((_direction(subject) for subject in subjects), np.zeros(DIM)) + 0.15 * _direction(text)
        return vector / np.linalg.norm(vector)


def _direction(text: str) -> Any:
    vector = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(DIM)
    return vector / np.linalg.norm(vector)


def turned() -> Any:
    """A rotation that leaves nothing near where it was."""
    turn, _ = np.linalg.qr(np.random.default_rng(11).standard_normal((DIM, DIM)))
    return turn


def pairs_of(subjects: Sequence[int], forms: Sequence[str] = FORMS, shift: int = 0) -> list[AcceptedPair]:
    return [
        AcceptedPair(form.format(word("q", n)), f"/docs/{(n + shift) % N_DOCUMENTS}.txt")
        for n in subjects
        for form in forms
    ]


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(assemble.BUILT_IN["encoders"], "planted", f"{__name__}:PlantedEncoder")  # type: ignore[arg-type]
    monkeypatch.setattr(PlantedEncoder, "TURN", turned())
    monkeypatch.setattr(sys, "argv", ["qianxun"])


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A knowledge base of the sixty documents; every third is for hr alone. Not to be changed."""
    directory = tmp_path_factory.mktemp("planted") / "kb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(assemble.BUILT_IN["encoders"], "planted", f"{__name__}:PlantedEncoder")  # type: ignore[arg-type]
        with qianxun.open(directory, overrides=["encoder.name=planted"]) as kb:
            for start, labels in ((0, ["hr"]), (1, ["public"]), (2, ["public"])):
                items = [
                    TextItem(f"/docs/{n}.txt", "", f"{word('p', n)}：此项说明，详见附件。")
                    for n in range(start, N_DOCUMENTS, 3)
                ]
                kb.add_texts(items, labels=labels)
    return directory


@pytest.fixture
def base(ready: Path, tmp_path: Path) -> Iterator[KnowledgeBase]:
    shutil.copytree(ready, tmp_path / "kb")
    with qianxun.open(tmp_path / "kb") as kb:
        yield kb


def source_of_first(kb: KnowledgeBase, question: str, **options: Any) -> str:
    return kb.search(question, k=1, **options).passages[0].source


def test_planted_distortion_is_undone_and_kept_for_every_process(base: KnowledgeBase) -> None:
    with qianxun.open(base.directory) as other:
        before = other.search("What about qaaax?")
        assert "adapter" not in before.models
        report = base.adapt(pairs_of(range(0, N_DOCUMENTS - 5)))
        assert (report.verdict, report.kept) == ("better", True)
        assert report.before < 0.3
        assert report.after > 0.9
        assert 0 < report.interval[0] < report.gain < report.interval[1]
        assert report.learned_from + report.held_back == 4 * (N_DOCUMENTS - 5)
        assert report.in_force is None
        # Subjects and phrasings that nobody accepted anything for, in a process that was open before.
        for n, form in itertools.product(range(N_DOCUMENTS - 5, N_DOCUMENTS), (*FORMS, "{}？")):
            question = form.format(word("q", n))
            assert source_of_first(other, question) == f"/docs/{n}.txt", question
        after = other.search("What about qaaax?")
        assert after.models["adapter"] == base.info()["adapter"]["made"]
        assert after.degraded == ()


def test_info_tells_what_was_measured(base: KnowledgeBase) -> None:
    assert base.info()["adapter"] is None
    report = base.adapt(pairs_of(range(30)))
    facts = base.info()["adapter"]
    assert facts["in_force"] is True
    assert "problem" not in facts
    assert facts["fingerprint"] == "planted-1"
    assert (facts["measure"], facts["learned_from"], facts["held_back"]) == (
        "nDCG@10",
        report.learned_from,
        report.held_back,
    )
    assert facts["after"] == pytest.approx(report.after, abs=1e-4)
    assert (facts["documents"], facts["gone"]) == (report.documents, 0)


@pytest.mark.parametrize("seed", range(4))
def test_random_pairs_are_rejected_and_nothing_changes(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(PlantedEncoder, "TURN", turned() if seed % 2 else np.eye(DIM))
    chance = random.Random(seed)
    pairs = [
        AcceptedPair(form.format(word("q", n)), f"/docs/{chance.randrange(N_DOCUMENTS)}.txt")
        for n in range(N_DOCUMENTS)
        for form in FORMS[:2]
    ]
    report = base.adapt(pairs)
    assert (report.verdict, report.kept) == ("not better", False)
    assert report.interval[0] <= 0
    assert not (base.directory / FILE_NAME).exists()


def test_right_pairs_that_search_finds_already_change_nothing(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PlantedEncoder, "TURN", np.eye(DIM))
    report = base.adapt(pairs_of(range(N_DOCUMENTS), FORMS[:2]))
    assert report.before > 0.9
    assert (report.verdict, report.kept) == ("not better", False)


def test_dry_run_measures_and_keeps_nothing(base: KnowledgeBase) -> None:
    files = sorted(base.directory.rglob("*"))
    report = base.adapt(pairs_of(range(30)), keep=False)
    assert (report.verdict, report.kept) == ("better", False)
    assert sorted(base.directory.rglob("*")) == files


def test_too_few_is_one_line_with_the_numbers_and_nothing_changes(base: KnowledgeBase) -> None:
    base.adapt(pairs_of(range(30)))
    kept = (base.directory / FILE_NAME).read_bytes()
    pairs = [*pairs_of(range(10)), AcceptedPair("x", "gone.txt")]
    with pytest.raises(InputError) as caught:
        base.adapt(pairs)
    assert str(caught.value).startswith("Too few questions to learn from: 40 with an accepted passage (")
    assert str(caught.value).endswith(
        " to be held back); pairs left out: 1. Collect at least 50, so that 10 or more are held back."
    )
    with pytest.raises(InputError, match=r"learn from: 0 with an accepted passage"):
        base.adapt([])
    assert (base.directory / FILE_NAME).read_bytes() == kept


def test_order_of_the_pairs_does_not_matter(base: KnowledgeBase) -> None:
    pairs = pairs_of(range(20), FORMS[1:])
    made = []
    for given in (pairs, pairs[::-1]):
        base.adapt(given)
        with np.load(base.directory / FILE_NAME) as arrays:
            made.append(arrays["change"].tobytes())
        base.remove_adapter()
    assert made[0] == made[1]


def test_only_what_the_asker_may_read_is_learned_from_and_measured(base: KnowledgeBase) -> None:
    forbidden = {d.id for d in base.documents(asker=Asker.of("hr"))}
    report = base.adapt(pairs_of(range(N_DOCUMENTS), FORMS[:3]), asker=Asker.of("public"))
    assert report.kept
    assert len(report.left_out) == 3 * len(forbidden)
    assert {left.reason for left in report.left_out} == {"no document"}
    assert report.learned_from + report.held_back == 3 * 40
    with np.load(base.directory / FILE_NAME) as arrays:
        assert not forbidden.intersection(arrays["documents"].tolist())
        assert len(arrays["documents"]) == report.documents
    # And nobody sees more than before.
    assert "hr" not in {label for p in base.search("qaaax", asker=Asker.of("public")).passages for label in p.labels}


def test_adapter_of_another_encoder_is_ignored_and_named(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    question = "What about qaafx?"
    plain = [p.chunk for p in base.search(question).passages]
    base.adapt(pairs_of(range(30)))
    assert [p.chunk for p in base.search(question).passages] != plain
    path = base.directory / FILE_NAME
    path.write_bytes(_with_fingerprint(path, "planted-0"))
    found = base.search(question)
    assert [p.chunk for p in found.passages] == plain
    assert found.degraded == ("query adapter: made for another encoder (planted-0)",)
    assert base.ask(question).degraded == found.degraded
    assert "adapter" not in found.models
    assert base.search(question, mode="lexical").degraded == ()  # it asks no encoder
    facts = base.info()["adapter"]
    assert (facts["in_force"], facts["fingerprint"]) == (False, "planted-0")
    assert base.adapt(pairs_of(range(30))).kept  # measured against no adapter, and replaces it
    assert base.search(question).degraded == ()


def _with_fingerprint(path: Path, fingerprint: str) -> bytes:
    with np.load(path) as arrays:
        about = json.loads(bytes(arrays["about"])) | {"fingerprint": fingerprint}
        changed = dict(arrays) | {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    beside = path.with_name("changed.npz")
    np.savez(beside, **changed)
    data = beside.read_bytes()
    beside.unlink()
    return data


def test_damaged_adapter_is_ignored_named_and_removable(
    base: KnowledgeBase, capsys: pytest.CaptureFixture[str]
) -> None:
    (base.directory / FILE_NAME).write_bytes(b"PK\x03\x04 no archive")
    assert base.search("qaaax").degraded == ("query adapter: adapter.npz is damaged",)
    assert "is damaged" in base.info()["adapter"]["problem"]
    assert main(["info", "--kb", str(base.directory), "--language", "zh"]) == 0
    assert "查询适配器\t查询适配器 " in capsys.readouterr().out
    assert base.remove_adapter()
    assert not base.remove_adapter()
    assert base.search("qaaax").degraded == ()


def test_one_that_is_worse_than_the_one_in_force_is_not_kept(base: KnowledgeBase) -> None:
    assert base.adapt(pairs_of(range(N_DOCUMENTS))).kept
    kept = (base.directory / FILE_NAME).read_bytes()
    # Right for most, and a third of nonsense to learn from: better than none still.
    muddled = [
        pair if n % 3 else AcceptedPair(pair.question, "/docs/1.txt")
        for n, pair in enumerate(pairs_of(range(20), FORMS[:3]))
    ]
    report = base.adapt(muddled)
    assert report.in_force is not None
    assert report.interval[0] > 0
    assert report.after < report.in_force
    assert (report.verdict, report.kept) == ("worse than the one in force", False)
    assert (base.directory / FILE_NAME).read_bytes() == kept


def test_removed_documents_are_counted_and_compact_takes_the_adapter_away(base: KnowledgeBase) -> None:
    report = base.adapt(pairs_of(range(30)))
    assert base.compact()["adapter_removed"] is False
    assert base.info()["adapter"]["gone"] == 0
    base.remove(["/docs/59.txt"])  # not learned from
    assert base.compact()["adapter_removed"] is False
    base.remove(["/docs/7.txt", "/docs/8.txt"])
    base.add_texts([TextItem("/docs/9.txt", "", f"{word('p', 9)}：换了内容。")])
    facts = base.info()["adapter"]
    assert (facts["documents"], facts["gone"]) == (report.documents, 3)
    assert source_of_first(base, "What about qabax?") == "/docs/10.txt"  # it goes on until then
    assert base.compact()["adapter_removed"] is True
    assert base.info()["adapter"] is None
    assert base.search("qabax").models == {"encoder": "planted-1"}
    assert base.check().ok


def test_compact_takes_away_what_a_crash_left_and_the_adapter_of_another_encoder(base: KnowledgeBase) -> None:
    base.adapt(pairs_of(range(30)))
    path = base.directory / FILE_NAME
    (base.directory / "adapter.new").write_bytes(path.read_bytes()[:100])
    path.write_bytes(_with_fingerprint(path, "planted-0"))
    assert base.compact()["adapter_removed"] is True
    assert list(base.directory.glob("adapter*")) == []


def test_no_question_and_no_text_is_in_the_file(base: KnowledgeBase) -> None:
    base.adapt(pairs_of(range(30)))
    with np.load(base.directory / FILE_NAME) as arrays:
        assert set(arrays) == {"about", "change", "documents"}
        about = bytes(arrays["about"]).decode()
    assert "qa" not in about
    assert "docs" not in about
    assert set(json.loads(about)["facts"]) == {
        "learned_from",
        "held_back",
        "measure",
        "before",
        "after",
        "interval",
        "p",
        "ridge",
        "nearest",
    }


def test_documents_that_go_while_it_learns_keep_it_from_being_kept(
    base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn = adaptation.learn_adapter

    def slow(*args: Any, **options: Any) -> Any:
        learned = learn(*args, **options)
        with qianxun.open(base.directory) as other:
            other.remove(["/docs/3.txt"])
            other.compact()
        return learned

    monkeypatch.setattr(adaptation, "learn_adapter", slow)
    with pytest.raises(Busy, match=r"it is not kept\. Run the command again"):
        base.adapt(pairs_of(range(30)))
    assert not (base.directory / FILE_NAME).exists()


def test_pairs_whose_vectors_are_not_made_yet_are_left_out(base: KnowledgeBase) -> None:
    with contextlib.closing(assemble.vectors(base.directory, PlantedEncoder())) as vectors:
        hashes = [c.hash for d in base.documents() if d.source == "/docs/4.txt" for c in base._store.chunks(d.id)]
        vectors.remove(hashes)
    report = base.adapt(pairs_of(range(30)))
    assert [left.reason for left in report.left_out] == ["no vector"] * 4


def test_odd_questions_and_the_hash_encoder_do_no_harm(kb: KnowledgeBase, documents: Path) -> None:
    kb.add([documents])
    odd = ["！？", "😀", "a" * 10_000, "\0", "年" * 5000]
    texts = [f"第{n}条：加班費如何申請 {n}？" for n in range(40)]
    texts += [f"What does E-1042 mean, case {n}?" for n in range(40)]
    pairs = [AcceptedPair(text, "加班.txt" if "加班" in text else "oncall.md") for text in [*texts, *odd]]
    report = kb.adapt(pairs)
    assert report.learned_from + report.held_back == 85
    assert report.verdict in ("better", "not better")
    assert kb.search("！？").passages == ()


def passage(rank: int, document: int, ordinal: int, duplicates: tuple[str, ...] = ()) -> Passage:
    return Passage(
        rank, 1 / rank, document * 100 + ordinal, document, f"/{document}", "", None, None, (), Span(0, 1), "x", "",
        ("public",), {}, (), duplicates,
    )  # fmt: skip


def test_ranking_counts_documents_once_and_wrong_passages_of_the_right_one_for_themselves() -> None:
    question = JudgedQuestion(
        "0" * 32,
        "?",
        {1: Accepted(1, "/1", True, (100, 101), (b"", b"")), 2: Accepted(2, "/2", False, (203,), (b"",))},
    )
    found = [passage(1, 3, 0), passage(2, 3, 1), passage(3, 2, 7), passage(4, 1, 1), passage(5, 1, 0), passage(6, 2, 3)]
    assert ranking(question, found) == ["3", "2/207", "1", "2"]


def test_a_passage_that_says_the_same_as_an_accepted_one_counts_as_that() -> None:
    question = JudgedQuestion("0" * 32, "?", {1: Accepted(1, "/1", True, (100,), (b"",))})
    assert ranking(question, [passage(1, 4, 0), passage(2, 3, 0, ("/9", "/1"))]) == ["4", "1"]


class TestCommand:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "采纳.jsonl"
        lines = [{"question": p.question, "source": p.source} for p in pairs_of(range(30))]
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
        return path

    def run(self, base: KnowledgeBase, *argv: str, expect: int = 0) -> None:
        assert main(["adapt", *argv, "--kb", str(base.directory)]) == expect

    def test_says_what_it_learned_what_it_gained_and_that_it_is_kept(
        self, base: KnowledgeBase, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.run(base, str(file), "--dry-run")
        out = capsys.readouterr().out
        assert re.search(r"^learned from\t\d+ questions, 30 documents$", out, re.MULTILINE)
        assert re.search(r"^held back\t\d+ questions$", out, re.MULTILINE)
        assert re.search(r"^nDCG@10 without adapter\t0\.[0-2]", out, re.MULTILINE)
        assert re.search(
            r"^gain\t\+0\.\d{4} \(95 % interval \+0\.\d{4} … \+[01]\.\d{4}, p 0\.\d{4}\)$", out, re.MULTILINE
        )
        assert out.endswith("It would be kept. Nothing was changed.\n")
        assert base.info()["adapter"] is None
        self.run(base, str(file))
        out = capsys.readouterr().out
        assert out.endswith("Kept: searches apply it from now on. `qianxun adapt --remove` takes it away.\n")
        assert main(["search", "qaaax", "--kb", str(base.directory)]) == 0
        assert f"adapter of {base.info()['adapter']['made']}" in capsys.readouterr().out
        assert main(["info", "--kb", str(base.directory)]) == 0
        assert re.search(r"^query adapter\tnDCG@10 0\.\d{4} → \d\.\d{4} \(\d+ questions", capsys.readouterr().out, re.M)
        self.run(base, str(file), "--language", "zh")
        out = capsys.readouterr().out
        assert "用现有适配器的 nDCG@10\t" in out
        assert out.endswith("已保留：今后的搜索都会使用它。`qianxun adapt --remove` 可将其移除。\n")

    def test_json_and_remove(self, base: KnowledgeBase, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.run(base, str(file), "--json", "--as", "public, hr")
        shape = json.loads(capsys.readouterr().out)
        assert (shape["verdict"], shape["kept"], shape["measure"]) == ("better", True, "nDCG@10")
        assert shape["left_out"] == []
        self.run(base, "--remove", "--json")
        assert json.loads(capsys.readouterr().out)["removed"] is True
        self.run(base, "--remove")
        assert capsys.readouterr().out == "There is no query adapter.\n"

    def test_as_leaves_out_what_the_asker_may_not_read(
        self, base: KnowledgeBase, file: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.run(base, str(file), "--as", "public")
        caught = capsys.readouterr()
        # The first document, 0, is hr's; its name is what the file says, not what the knowledge base knows.
        assert caught.err.startswith("Left out 40 pairs: no such document 40. The first: 请问 qaaax 该怎么办理？ → ")
        self.run(base, str(file), "--as", "nobody", expect=2)
        caught = capsys.readouterr()
        assert caught.err == (
            "Too few questions to learn from: 0 with an accepted passage (0 to be held back); pairs left out: 120. "
            "Collect at least 50, so that 10 or more are held back.\n"
        )

    @pytest.mark.parametrize(
        "argv, words",
        [
            ((), "No file of accepted pairs was named. Type `qianxun adapt FILE`, or --remove.\n"),
            (("--remove", "x.jsonl"), "--remove goes alone. Leave out the file and the other options.\n"),
            (("--remove", "--dry-run"), "--remove goes alone. Leave out the file and the other options.\n"),
        ],
    )
    def test_wrong_use_is_one_clear_line(
        self, base: KnowledgeBase, argv: Sequence[str], words: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.run(base, *argv, expect=2)
        assert capsys.readouterr().err == words

    def test_no_such_file_and_a_bad_line(
        self, base: KnowledgeBase, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.run(base, str(tmp_path / "nowhere.jsonl"), expect=4)
        assert capsys.readouterr().err.startswith(f"There is no file at {tmp_path / 'nowhere.jsonl'}. ")
        (tmp_path / "bad.jsonl").write_text('{"question": "a"}\n', encoding="utf-8")
        self.run(base, str(tmp_path / "bad.jsonl"), "--language", "zh", expect=2)
        assert capsys.readouterr().err == (
            f'{tmp_path / "bad.jsonl"} 第 1 行：不是采纳对（no "source"）。'
            '每行应为含有 "question" 和 "source"（或 "document"）的 JSON 对象，可另有 "quote"。\n'
        )

    @pytest.mark.parametrize(
        "verdict, words",
        [
            ("not better", "Not kept: it cannot be told from chance that search is better with it."),
            ("worse than the one in force", "Not kept: the one in force is better."),
        ],
    )
    def test_not_kept_is_no_error_and_says_why(
        self,
        base: KnowledgeBase,
        file: Path,
        verdict: Any,
        words: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        report = AdaptReport(verdict, 40, 20, 12, 0.5, 0.49, (-0.02, 0.01), 0.4, 0.6, 0.1, 0.0)
        monkeypatch.setattr(KnowledgeBase, "adapt", lambda self, file, **options: report)
        self.run(base, str(file))
        out = capsys.readouterr().out
        assert "gain\t-0.0100 (95 % interval -0.0200 … +0.0100, p 0.4000)\n" in out
        assert out.endswith(f"{words} Nothing was changed.\n")
