"""The flow of `qianxun tune reranker` and `tune encoder`: judgements → examples → LoRA → checkpoint → proof → kept.

The tuned checkpoint is written into a folder that nobody reads, asked through the same search as everybody's, and moved
to its place only if search is better with it; otherwise, or if anything fails, the folder is deleted. A folder that a
killed run left is deleted by the next one. Nothing that is in force changes: whoever runs it sets the new model.
"""

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import filelock

from qianxun.errors import Busy, InputError, UnfitModel
from qianxun.evaluation.comparison import Comparison, compared
from qianxun.models.formats import encoder_format
from qianxun.models.in_process.memory import memory_of
from qianxun.records import Asker, SearchResult
from qianxun.settings import EncoderSettings, Settings, models_directory
from qianxun.settings.engines import model_of
from qianxun.settings.enriching import maker_of
from qianxun.storage.reindex import Progress, Report, silent
from qianxun.storage.store import Store
from qianxun.training import checkpoints
from qianxun.training.division import Division, divide
from qianxun.training.encoder import train_encoder
from qianxun.training.judgements import Judgements
from qianxun.training.lora import import_peft, order_of_steps
from qianxun.training.pairs import DEPTH, Examples, mined
from qianxun.training.proof import Role, values_of
from qianxun.training.recipe import Recipe
from qianxun.training.report import Plan, TuneReport
from qianxun.training.reranker import train_reranker
from qianxun.training.subject import Subject, subject_of

MIN_QUESTIONS: Final = 50
MIN_HELD_BACK: Final = 10
# Below the folder of models, beside the organisations that others come from.
TUNED: Final = "tuned"
_UNFINISHED: Final = ".new-"


class Base(Protocol):
    """What is asked of a knowledge base here."""

    settings: Settings

    def search(self, query: str, *, k: int, asker: Asker) -> SearchResult: ...
    def reindex(self, encoder: str, *, switch: bool, progress: Any) -> object: ...
    def check_model(self, role: str) -> Any: ...
    def close(self) -> None: ...


# Opens the knowledge base with further settings (`key=value`) over those of this run.
Opener: TypeAlias = Callable[[Sequence[str]], Base]


def tune(
    role: Role,
    judged: Callable[[Store], Judgements],
    *,
    directory: Path,
    opener: Opener,
    asker: Asker,
    recipe: Recipe,
    dry_run: bool = False,
    report: Report = silent,
) -> TuneReport:
    """Tunes a model on judgements, proves it on some that it has not seen, and keeps it only if search is better.

    `judged` reads the judgements with the store of the knowledge base in `directory`. `dry_run` only plans. The same
    judgements, documents, settings and recipe give the same model on the same machine. Raises SettingsError,
    InputError (too few judgements), MissingExtra, Busy, StorageError, ModelError.
    """
    started = time.monotonic()
    with contextlib.closing(opener([])) as base:
        subject = subject_of(role, base.settings)
    if not dry_run:
        import_peft()
    with contextlib.closing(Store(directory, create=False)) as store:
        plan, division, examples = _planned(subject, judged(store), store, opener, asker, recipe, report)
        if dry_run:
            return TuneReport(plan, seconds=time.monotonic() - started)
        with _unfinished(plan.folder) as beside:
            losses = _trained(subject, recipe, examples, beside, report)
            proof, unfit = _proof(subject, beside, division, opener, asker, directory, report)
            kept = proof is not None and proof.verdict == "better"
            if proof is not None and kept:
                _refuse_if_gone(store, examples)
                checkpoints.write_facts(beside, _facts(subject, recipe, division, examples, proof))
                _put(beside, plan.folder)
    settings, command = subject.to_set(plan.folder) if kept else ((), ())
    return TuneReport(
        plan,
        verdict="unfit" if proof is None else proof.verdict,
        losses=losses,
        proof=proof,
        unfit=unfit,
        kept=kept,
        settings=settings,
        command=command,
        seconds=time.monotonic() - started,
    )


# -- what is learned from ----------------------------------------------------------------------------------------------


def _planned(
    subject: Subject,
    judgements: Judgements,
    store: Store,
    opener: Opener,
    asker: Asker,
    recipe: Recipe,
    report: Report,
) -> tuple[Plan, Division, Examples]:
    learned = checkpoints.facts_of(subject.checkpoint).get("learned_from", ())
    division = divide(judgements.questions, seed=recipe.seed, learned=set(learned))
    _refuse_too_few(judgements, division)
    done = _Counted("searching", len(division.learning), report)
    with contextlib.closing(opener(["reranker.name=none"])) as base:
        examples = mined(
            division,
            judgements.rejected,
            search=lambda question: base.search(question, k=DEPTH, asker=asker).passages,
            store=store,
            asker=asker,
            n_negatives=recipe.negatives,
            seed=recipe.seed,
            maker=maker_of(subject.settings) if subject.role == "encoder" else "",
            done=done,
        )
    if not examples.examples:
        raise InputError(
            "For none of the {n} questions there is a passage that does not answer it.",
            remedy="Add more documents, or judgements of passages that do not answer.",
            n=len(division.learning),
        )
    name = checkpoints.name_of(model_of(subject.section), _digest(subject, recipe, division, examples))
    plan = Plan(
        role=subject.role,
        model=model_of(subject.section),
        place=subject.place.in_words,
        folder=models_directory(subject.settings).absolute() / TUNED / name,
        recipe=recipe,
        n_learned_from=len(examples.examples),
        n_held_back=len(division.held_back),
        n_documents=len(examples.documents),
        n_shared=len(division.shared),
        n_positives=examples.n_positives,
        n_negatives=examples.n_negatives,
        n_judged=examples.n_judged,
        n_unpaired=examples.n_unpaired,
        n_steps=len(order_of_steps(len(examples.examples), recipe)),
        left_out=judgements.left_out,
    )
    return plan, division, examples


def _refuse_too_few(judgements: Judgements, division: Division) -> None:
    n, held_back = len(judgements.questions), len(division.held_back)
    if n < MIN_QUESTIONS or held_back < MIN_HELD_BACK:
        raise InputError(
            "Too few judged questions to fine-tune with: {n} ({held} to be held back that the model has not learned "
            "from before); judgements left out: {left}.",
            remedy="Collect at least {least}, of which {least_held} can be held back.",
            n=n,
            held=held_back,
            left=len(judgements.left_out),
            least=MIN_QUESTIONS,
            least_held=MIN_HELD_BACK,
        )


def _digest(subject: Subject, recipe: Recipe, division: Division, examples: Examples) -> str:
    """Tells apart models that were made from other weights, examples or numbers."""
    made_from = [
        subject.role,
        subject.checkpoint.weights_print(),
        recipe.as_json(),
        subject.place.precision,
        sorted(question.key for question in division.held_back),
        [[e.question, [examples.texts[c] for c in (*e.positives, *e.negatives)]] for e in examples.examples],
    ]
    return hashlib.sha256(json.dumps(made_from, ensure_ascii=False).encode(errors="surrogatepass")).hexdigest()


# -- training and proving ----------------------------------------------------------------------------------------------


def _trained(subject: Subject, recipe: Recipe, examples: Examples, folder: Path, report: Report) -> tuple[float, float]:
    """Trains, writes the merged checkpoint, and returns the mean loss of the first and the last tenth of the steps."""
    done = _Counted("learning", len(order_of_steps(len(examples.examples), recipe)), report)
    with memory_of(subject.role, model_of(subject.section), subject.place.device):
        if isinstance(subject.section, EncoderSettings):
            form = encoder_format(subject.settings)
            differences, losses = train_encoder(subject.checkpoint, subject.place, form, recipe, examples, done)
        else:
            differences, losses = train_reranker(
                subject.checkpoint, subject.place, subject.section, recipe, examples, done
            )
        checkpoints.write_merged(subject.checkpoint, differences, folder)
    tenth = max(1, len(losses) // 10)
    return sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth


def _proof(
    subject: Subject,
    folder: Path,
    division: Division,
    opener: Opener,
    asker: Asker,
    directory: Path,
    report: Report,
) -> tuple[Comparison | None, str]:
    """What the held-back questions tell, or why the model cannot be used at all."""
    proof: Comparison | None = None
    try:
        with (
            contextlib.closing(opener(subject.kept_settings)) as before,
            contextlib.closing(opener(subject.settings_with(folder))) as after,
        ):
            try:
                found = after.check_model(subject.role)
                if found is not None:
                    found.require()
            except UnfitModel as error:
                return None, error.in_words()
            if subject.role == "encoder":
                before.reindex(str(folder), switch=False, progress=report)
            done = _Counted("measuring", 2 * len(division.held_back), report)
            old, new = (values_of(base, division.held_back, asker, subject.role, done) for base in (before, after))
            proof = compared(old, new)
        return proof, ""
    finally:
        if subject.role == "encoder" and (proof is None or proof.verdict != "better"):
            _forget_derived(subject, folder, directory)


def _forget_derived(subject: Subject, folder: Path, directory: Path) -> None:
    """Takes out what was made with an encoder that is not kept. Its fingerprint is nobody else's."""
    fingerprint = subject.fingerprint_with(folder)
    for path in [*directory.glob(f"vectors/{fingerprint}.db*"), *directory.glob(f"indexes/*@{fingerprint}*")]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _refuse_if_gone(store: Store, examples: Examples) -> None:
    """Else something of a document would stay in the weights that was removed before they were kept."""
    if len(store.live(examples.documents)) < len(examples.documents):
        raise Busy(
            "Documents were removed or replaced while the model was trained on them; it is not kept.",
            remedy="Run the command again.",
        )


# -- folders -----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """A place for the folder that nobody reads, under its own name, gone afterwards. Raises InputError, Busy.

    The folder's name stays as it is: a model's family is told by it.
    """
    if folder.exists():
        raise InputError(
            "The same judgements, settings and numbers made {folder} already.",
            remedy="Set that model, delete the folder, or choose another --seed.",
            folder=folder,
        )
    lock = filelock.FileLock(folder.parent / ".lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        raise Busy(
            "Another process is fine-tuning a model into {folder}.", remedy="Try again later.", folder=folder.parent
        ) from error
    except OSError as error:
        raise checkpoints.unwritable(folder.parent, error) from error
    try:
        for left in folder.parent.glob(f"{_UNFINISHED}*"):  # of runs that were killed: who holds the lock is alone
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=folder.parent, ignore_cleanup_errors=True) as beside:
            yield Path(beside) / folder.name
    finally:
        lock.release()


def _put(beside: Path, folder: Path) -> None:
    try:
        beside.rename(folder)
    except OSError as error:
        raise checkpoints.unwritable(folder, error) from error


def _facts(
    subject: Subject, recipe: Recipe, division: Division, examples: Examples, proof: Comparison
) -> dict[str, object]:
    """What a tuned checkpoint says of itself: keys of questions and ids of documents, no text."""
    import qianxun

    before = checkpoints.facts_of(subject.checkpoint)
    learned = {*before.get("learned_from", ()), *(question.key for question in division.learning)}
    return {
        "role": subject.role,
        "made_from": model_of(subject.section).rstrip("/").rpartition("/")[2],
        "weights": subject.checkpoint.weights_print(),
        "recipe": recipe.as_json(),
        "comparison": proof.as_json(),
        "learned_from": sorted(learned),
        "documents": list(examples.documents),
        "version": qianxun.__version__,
    }


class _Counted:
    """Reports how much of a stage is done."""

    def __init__(self, stage: str, total: int, report: Report) -> None:
        self._stage = stage
        self._total = total
        self._report = report
        self._done = 0
        self._started = time.monotonic()

    def __call__(self) -> None:
        self._done += 1
        self._report(Progress(self._stage, self._done, self._total, "", time.monotonic() - self._started))
