"""The whole way on tiny checkpoints: a planted rule is learned and kept, chance is not, and nothing half is left."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

import tiny_models
import torch
import training_world as world

import qianxun
from qianxun.cli import tune_encoder, tune_reranker
from qianxun.cli.arguments import Parser, add_common
from qianxun.cli.session import Session
from qianxun.errors import Busy, InputError, MissingExtra, ModelUnavailable, NotFound, QianxunError, SettingsError
from qianxun.evaluation.comparison import compared
from qianxun.evaluation.significance import verdict
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import AcceptedPair, Asker
from qianxun.settings import load_settings
from qianxun.storage.feedback import Feedback
from qianxun.storage.reindex import Progress
from qianxun.storage.service import open_service
from qianxun.training import tuning
from qianxun.training.judgements import Named, judgements
from qianxun.training.proof import Role, values_of
from qianxun.training.recipe import Recipe
from qianxun.training.report import TuneReport
from qianxun.training.tuning import tune

N = 66
ADMIN = Asker.admin()
RECIPE = Recipe(rank=8, rate=3e-3, epochs=2, negatives=3)
COMMON = (
    "models.waive_meaning_checks=true",
    "search.group_near_duplicates=false",
    "reranker.candidates=10",
    "encoder.precision=float32",
    "reranker.precision=float32",
    "reading.workers=1",
)


class World:
    """A knowledge base, the models and what is true there."""

    def __init__(self, folder: Path, role: Role) -> None:
        self.role: Role = role
        self.folder = folder
        if role == "reranker":
            self.model = tiny_models.make_reranker(folder / "Qwen3-Reranker-tiny")
            own = ["encoder.name=hash", f"reranker.model={self.model}"]
        else:
            self.model = tiny_models.make_embedding(folder / "Qwen3-Embedding-tiny")
            own = [f"encoder.model={self.model}", "encoder.dimension=96"]
        self.home = folder / "home"
        self.overrides = [*own, *COMMON, f"home={self.home}"]
        self.directory = folder / "kb"
        with self.open() as base:
            self.pairs = world.fill(base, N)
            self.by_lot = world.shuffled(self.pairs, base)

    @property
    def tuned(self) -> Path:
        """Where tuned models go."""
        return self.home / "models" / "tuned"

    def open(self, more: Sequence[str] = ()) -> KnowledgeBase:
        return qianxun.open(self.directory, overrides=[*self.overrides, *more])

    def tune(self, pairs: Sequence[AcceptedPair], *, asker: Asker = ADMIN, recipe: Recipe = RECIPE, **more: Any) -> Any:
        return tune(
            self.role,
            lambda store: judgements(Named(tuple(pairs)), store, asker),
            directory=self.directory,
            opener=more.pop("opener", self.open),
            asker=asker,
            recipe=recipe,
            **more,
        )

    def files(self) -> set[str]:
        """Everything below the home and the derived files of the knowledge base, locks and databases' logs apart."""
        found = [*self.home.rglob("*"), *self.directory.glob("vectors/*"), *self.directory.glob("indexes/*")]
        return {str(p) for p in found if not p.is_dir() and not p.name.endswith((".lock", ".holder", "-wal", "-shm"))}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Several spin for one another where another process wants the cores."""
    n = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n)


@pytest.fixture(scope="module")
def reranking(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("reranking"), "reranker")


@pytest.fixture(scope="module")
def encoding(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("encoding"), "encoder")


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training that takes no time and changes nothing."""
    monkeypatch.setattr(tuning, "train_reranker", lambda *_: ({}, [1.0]))


@pytest.fixture
def clean(reranking: World) -> Iterator[World]:
    """The reranker's world, without anything tuned."""
    shutil.rmtree(reranking.tuned, ignore_errors=True)
    yield reranking
    shutil.rmtree(reranking.tuned, ignore_errors=True)


# -- learned, and kept only then -----------------------------------------------------------------------------------


def test_a_reranker_that_cannot_tell_learns_the_rule_and_is_kept(clean: World) -> None:
    told: list[Progress] = []
    report: TuneReport = clean.tune(clean.pairs, report=told.append)
    assert report.losses is not None
    assert report.proof is not None
    assert report.losses[1] < 0.6 * report.losses[0]
    assert (report.verdict, report.kept) == ("better", True)
    assert report.proof.before < 0.6 < 0.8 < report.proof.after
    assert (report.plan.n_learned_from, report.plan.n_held_back) == (46, 20)
    assert {progress.stage for progress in told} == {"searching", "learning", "measuring"}
    folder = report.plan.folder
    assert folder.parent == clean.tuned
    assert folder.name.startswith("Qwen3-Reranker-tiny-tuned-")
    assert report.settings == (f'reranker.model = "{folder}"',)
    # The very lines put it in force, and a subject that no question was about is judged by the rule.
    with clean.open([line.replace(' = "', "=").rstrip('"') for line in report.settings]) as base:
        base.add_texts(world.papers("电子邮件 第七会议室", 990))
        found = base.search("电子邮件 第七会议室", k=4)
        assert found.degraded == ()
        assert found.passages[0].source.endswith("approved")
        for number in [d.id for d in base.documents() if d.source.startswith("paper-990")]:
            base.remove([number])
    # Its own words: what it learned from, no text.
    facts = json.loads((folder / "tuned.json").read_text(encoding="utf-8"))
    assert facts["comparison"]["p"] <= 0.05
    assert len(facts["learned_from"]) == 46
    written = (folder / "tuned.json").read_text(encoding="utf-8")
    assert not any(pair.question in written or pair.source in written for pair in clean.pairs)
    with pytest.raises(InputError, match=r"made .* already"):
        clean.tune(clean.pairs)


def test_a_tuned_model_is_never_proven_on_what_it_learned(clean: World) -> None:
    first = clean.tune(clean.pairs)
    learned = set(json.loads((first.plan.folder / "tuned.json").read_text(encoding="utf-8"))["learned_from"])
    again = [f"reranker.model={first.plan.folder}"]
    plan = clean.tune(clean.pairs, dry_run=True, recipe=Recipe(seed=5), opener=lambda more: clean.open([*again, *more]))
    # Twenty were held back, and another seed takes no other ones.
    assert plan.plan.n_held_back == 20
    assert plan.plan.folder.name.count("-tuned-") == 1
    facts = first.plan.folder / "tuned.json"
    with clean.open() as base:
        every = {question.key for question in judgements(Named(tuple(clean.pairs)), base._store, ADMIN).questions}
    assert learned < every
    found = json.loads(facts.read_text(encoding="utf-8"))
    facts.write_text(json.dumps({**found, "learned_from": sorted(every)}), encoding="utf-8")
    with pytest.raises(InputError, match=r"\(0 to be held back that the model has not"):
        clean.tune(clean.pairs, opener=lambda more: clean.open([*again, *more]))


def test_a_reranker_that_learned_answers_drawn_by_lot_is_not_kept(clean: World) -> None:
    before = clean.files()
    report = clean.tune(clean.by_lot)
    assert report.verdict in ("no difference", "worse")
    assert not report.kept
    assert (report.settings, report.command) == ((), ())
    assert not report.plan.folder.exists()
    assert clean.files() == before


def test_an_encoder_learns_the_rule_and_reindex_goes_over_to_it(encoding: World) -> None:
    report: TuneReport = encoding.tune(encoding.pairs)
    assert report.losses is not None
    assert report.proof is not None
    assert report.losses[1] < report.losses[0]
    assert (report.verdict, report.kept) == ("better", True)
    with encoding.open() as base:  # nothing that is in force has changed
        before = base.search("年假 上海").models["encoder"]
        assert "tuned" not in before
    words = list(report.command)
    assert words[:3] == ["qianxun", "reindex", "--encoder"]
    assert words[4:] == ["--set", "encoder.dimension=96"]
    with qianxun.open(encoding.directory, overrides=[*encoding.overrides, words[5]]) as base:
        change = base.reindex(words[3])
        # Its vectors were made when it was measured.
        assert (change.switched, change.vectors) == (True, 0)
    apart = [text for text in encoding.overrides if not text.startswith(("encoder.model", "encoder.dimension"))]
    with qianxun.open(encoding.directory, overrides=apart) as base:
        assert "tuned" in base.search("年假 上海").models["encoder"]
        # Back, for whoever comes next.
        base.reindex(str(encoding.model))


def test_an_encoder_that_learned_answers_drawn_by_lot_is_not_kept_nor_its_vectors(encoding: World) -> None:
    before = encoding.files()
    report = encoding.tune(encoding.by_lot, recipe=Recipe(rank=4, rate=3e-3, epochs=1, negatives=3, seed=1))
    assert report.verdict in ("no difference", "worse")
    assert not report.kept
    assert encoding.files() == before


# -- nothing by halves ---------------------------------------------------------------------------------------------


def test_a_dry_run_counts_and_trains_nothing(clean: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it was trained")

    monkeypatch.setattr(tuning, "train_reranker", refuse)
    monkeypatch.setattr(tuning, "import_peft", refuse)
    before = clean.files()
    report = clean.tune(clean.pairs, dry_run=True)
    plan = report.plan
    assert (report.verdict, report.proof, report.losses, report.kept) == (None, None, None, False)
    assert (plan.n_learned_from, plan.n_held_back, plan.n_positives, plan.n_negatives) == (46, 20, 46, 138)
    assert (plan.n_steps, plan.n_shared, plan.n_unpaired) == (12, 0, 0)
    assert clean.files() == before


@pytest.mark.parametrize("where", ["write", "prove", "put"])
def test_what_fails_in_the_middle_leaves_nothing(
    clean: World, untrained: None, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise KeyboardInterrupt

    if where == "put":
        monkeypatch.setattr(tuning, "compared", lambda *_: compared([0.0] * 9, [1.0] * 9))
    target = {"write": (tuning.checkpoints, "write_merged"), "prove": (tuning, "values_of"), "put": (tuning, "_put")}
    monkeypatch.setattr(*target[where], fail)
    with pytest.raises(KeyboardInterrupt):
        clean.tune(clean.pairs)
    assert [p.name for p in clean.tuned.iterdir() if p.name != ".lock"] == []


def test_what_a_killed_run_left_is_taken_away_and_the_folder_is_one_run_s(clean: World) -> None:
    left = clean.tuned / ".new-killed" / "Qwen3-Reranker-tiny-tuned-00000000"
    left.mkdir(parents=True)
    with tuning._unfinished(clean.tuned / "one") as beside:
        assert not left.parent.exists()
        assert beside.name == "one"
        with pytest.raises(Busy, match="Another process is fine-tuning"), tuning._unfinished(clean.tuned / "two"):
            pass
        beside.mkdir()
    assert [p.name for p in clean.tuned.iterdir() if p.name != ".lock"] == []


def test_a_model_is_not_kept_if_what_it_learned_from_went_meanwhile(
    clean: World, untrained: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuning, "compared", lambda *_: compared([0.0] * 9, [1.0] * 9))
    monkeypatch.setattr(tuning.Store, "live", lambda *_: {})
    with pytest.raises(Busy, match="removed or replaced while the model was trained"):
        clean.tune(clean.pairs)
    assert [p.name for p in clean.tuned.iterdir() if p.name != ".lock"] == []


def test_a_model_that_fails_its_self_test_is_not_kept(clean: World, untrained: None) -> None:
    strict = ["models.waive_meaning_checks=false"]
    report = clean.tune(clean.pairs, opener=lambda more: clean.open([*more, *strict]))
    assert (report.verdict, report.kept, report.proof) == ("unfit", False, None)
    assert "self-test" in report.unfit
    assert not report.plan.folder.exists()


def test_a_search_without_the_model_proves_nothing(clean: World) -> None:
    with clean.open(["models.waive_meaning_checks=false"]) as base:
        questions = judgements(Named(tuple(clean.pairs[:2])), base._store, ADMIN).questions
        with pytest.raises(ModelUnavailable, match="did without the reranker"):
            values_of(base, questions, ADMIN, "reranker", lambda: None)


def test_the_verdict_is_that_of_eval_compare() -> None:
    before, after = [0.5] * 12, [0.5, *[0.75] * 11]
    found = compared(before, after)
    assert (found.verdict, found.n, found.n_changed) == ("better", 12, 11)
    assert found.verdict == verdict([b - a for a, b in zip(before, after, strict=True)])
    assert compared(after, before).verdict == "worse"
    assert compared([0.1, 0.2, 0.3], [1.0, 1.0, 1.0]).verdict == "no difference"  # three cannot tell
    assert compared([0.3], [0.3 + 1e-12]).n_changed == 0


# -- what cannot be tuned ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "role, overrides, words",
    [
        ("reranker", [], "No reranker is set"),
        ("reranker", ["reranker.url=http://127.0.0.1:9/v1", "reranker.model=x"], "runs on a server"),
        ("encoder", ["encoder.model=http://127.0.0.1:9/v1"], "runs on a server"),
        ("encoder", [], "The encoder is builtin, which cannot be fine-tuned"),
        ("encoder", ["encoder.model=Qwen/Qwen3-Embedding-0.6B"], "is not on this machine"),
    ],
)
def test_models_that_cannot_be_tuned_here_are_named(role: Role, overrides: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        tuning.subject_of(role, load_settings(overrides=overrides))


def test_other_rerankers_are_refused(tmp_path: Path) -> None:
    folder = tiny_models.make_cross_encoder(tmp_path / "bge")
    with pytest.raises(SettingsError, match="only Qwen3-Reranker can be fine-tuned"):
        tuning.subject_of("reranker", load_settings(overrides=[f"reranker.model={folder}"]))


def test_too_few_judgements_are_counted_and_the_least_number_is_said(clean: World) -> None:
    with pytest.raises(InputError, match=r"49 \(15 to be held back.*at least 50, of which 10"):
        clean.tune(clean.pairs[:49])
    # What the asker may not read is not counted.
    with pytest.raises(InputError, match=r"0 \(0 to be held back.*left out: 66"):
        clean.tune(clean.pairs, asker=Asker.of("nobody"))


def test_without_the_extra_the_install_line_is_said_before_anything_is_searched(
    clean: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtra, match=r"pip install 'qianxun\[train\]'"):
        clean.tune(clean.pairs, report=lambda progress: pytest.fail(progress.stage))
    clean.tune(clean.pairs, dry_run=True)


# -- the commands --------------------------------------------------------------------------------------------------


def command(of: World, *words: str, as_json: bool = False) -> int:
    module: Any = tune_reranker if of.role == "reranker" else tune_encoder
    parser = Parser(f"qianxun tune {of.role}", module.description())
    module.arguments(parser)
    add_common(parser)
    args = parser.parsed(list(words))
    settings = load_settings(overrides=of.overrides)
    session = Session(settings, kb=str(of.directory), overrides=of.overrides, as_json=as_json)
    code: int = module.run(session, args)
    return code


def test_the_command_says_what_it_would_do_in_words_and_as_json(
    clean: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = world.write(tmp_path / "pairs.jsonl", [*clean.pairs, AcceptedPair("不在的？", source="nowhere")])
    assert command(clean, str(file), "--dry-run", "--rank", "8", "--epochs", "3") == 0
    shown = capsys.readouterr()
    assert "46 questions" in shown.out
    assert "18 steps of 8 questions; rank 8, rate 0.0001, seed 0" in shown.out
    assert "Nothing was trained." in shown.out
    assert "Left out 1 pair: no such document 1." in shown.err
    assert command(clean, str(file), "--dry-run", "--seed", "3", as_json=True) == 0
    shape = json.loads(capsys.readouterr().out)
    assert (shape["held_back"], shape["recipe"]["seed"], shape["verdict"]) == (20, 3, None)
    assert shape["left_out"] == [{"question": "不在的？", "source": "nowhere", "reason": "no document"}]


def test_the_command_learns_from_feedback_and_prints_what_to_set(
    clean: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with clean.open() as base:
        chunk_of = {d.source: base.chunks(d.id)[0].chunk for d in base.documents()}
        ids = {d.source: d.id for d in base.documents()}
    feedback = Feedback(open_service(clean.home), str(clean.directory), keep_questions=True)
    for pair in clean.pairs:
        feedback.record("up", pair.question, [chunk_of[pair.source]], person="a")
    draft = next(source for source in chunk_of if source.startswith("paper-0-") and source.endswith("draft"))
    feedback.record("down", clean.pairs[0].question, [chunk_of[draft]], person="a")
    try:
        words = ["--rank", "8", "--rate", "3e-3", "--negatives", "3"]
        assert command(clean, *words) == 0
        shown = capsys.readouterr().out
        assert "Kept in" in shown
        assert 'reranker.model = "' in shown
        assert "gain" in shown
        with pytest.raises(InputError, match="There is nothing to learn from"):
            command(clean, "--no-feedback")
    finally:
        feedback.forget(set(ids.values()))
        feedback.close()


@pytest.mark.parametrize(
    "words, kind, said",
    [
        (["--rank", "0"], InputError, "--rank is 0, but it must be 1 to 256"),
        (["--rank", "1.5"], InputError, "--rank is '1.5', which is not a whole number"),
        (["--rate", "fast"], InputError, "--rate is 'fast', which is not a number"),
        (["--rate", "nan"], InputError, "--rate is 'nan'"),
        (["--max-tokens", "64"], InputError, "--max-tokens is 64"),
        (["--qrels", "x"], InputError, "--qrels and --queries belong together"),
        (["/nowhere.jsonl"], NotFound, "There is no question set at /nowhere.jsonl"),
        (["--temperature", "0.1"], InputError, "unrecognized arguments: --temperature"),
    ],
)
def test_bad_arguments_are_one_clear_line(clean: World, words: list[str], kind: type[QianxunError], said: str) -> None:
    with pytest.raises(kind) as caught:
        command(clean, *words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_names_the_defaults_and_ranges_there_are() -> None:
    from qianxun.cli.tuning import _numbers
    from qianxun.training.recipe import RANGES, default_of

    assert _numbers().keys() == RANGES.keys()
    for name, words in _numbers().items():
        said = words.partition("(default: ")
        assert float(said[2].rstrip(")")) == default_of(name)
        if name != "seed":
            bounds = said[0].rpartition(", ")[2].split(" to ")
            assert [float(bound) for bound in bounds] == list(RANGES[name])
