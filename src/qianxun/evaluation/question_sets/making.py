"""A question set proposed from the documents that an asker may see, for a person to accept or reject.

Questions come from a generator if there is one, else from rules (`rules`); each is checked before
anybody sees it. Documents are visited in turns, in an order drawn by the seed, so that a long one asks no more than a
short one. Some questions ask for what the documents lack, which search confirms; a person confirms both.
"""

import hashlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from qianxun.errors import InputError
from qianxun.evaluation.question_sets.checks import Asked, fault_of, quote_of
from qianxun.evaluation.question_sets.records import Evidence, Question
from qianxun.evaluation.question_sets.rules import Proposal, proposals, topic_of
from qianxun.evaluation.question_sets.unanswerable import Lacking, lacking_of
from qianxun.evaluation.question_sets.writing import AT_A_TIME, write
from qianxun.protocols import Generator
from qianxun.records import Asker, Document, Passage, SearchResult

logger = logging.getLogger(__name__)

UNANSWERABLE_SHARE: Final = 0.2
# A shorter passage says too little for a generator to ask about it.
MIN_CHARS: Final = 40
# So many passages in a row that a generator wrote nothing of use about, and it is not they that are at fault.
MAX_IN_VAIN: Final = 8
_SEARCHED: Final = 10

# Called with the stage ("proposing"), how much of it is done, and how much there is.
Progress: TypeAlias = Callable[[str, int, int], None]


class Readable(Protocol):
    """What is asked of a knowledge base here."""

    def documents(self, *, asker: Asker) -> Sequence[Document]: ...
    def chunks(self, id: int, *, asker: Asker) -> Sequence[Passage]: ...
    def search(self, query: str, *, k: int, mode: str | None, asker: Asker) -> SearchResult: ...


@dataclass(slots=True)
class Made:
    """What was proposed. `dropped` counts proposals that were not fit, by what was wrong with them.

    `documents` are those that were visited, `degraded` says what was done without.
    """

    questions: list[Question] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    degraded: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """What `eval make --json` prints of it, without the questions."""
        return {
            "proposed": len(self.questions),
            "answerable": sum(question.answerable for question in self.questions),
            "documents": self.documents,
            "dropped": dict(sorted(self.dropped.items())),
            "degraded": list(self.degraded),
        }


def propose(
    base: Readable,
    n: int,
    *,
    asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    generator: Generator | None = None,
    generator_name: str = "",
    known: Sequence[Question] = (),
    unanswerable: float = UNANSWERABLE_SHARE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Made:
    """At most n new questions, of which the share `unanswerable` asks for what the documents lack.

    None repeats one of `known`, whatever became of that. The same documents, seed and known questions give the same
    proposals, as far as the generator does. A generator that fails is done without, and named in `degraded`. Raises
    InputError where the asker sees no document with text.
    """
    if n < 1 or not 0 <= unanswerable <= 1:
        raise InputError(
            "{n} questions with a share of {share} unanswerable ones cannot be made.",
            remedy="Ask for at least 1, and a share of 0 to 1.",
            n=n,
            share=unanswerable,
        )
    documents = [document for document in base.documents(asker=asker) if document.chunks]
    if not documents:
        raise InputError("There is no document with text to ask about.", remedy="Add some with `qianxun add PATH`.")
    maker = _Maker(base, asker, known, seed, progress or _silent, n)
    n_lacking = round(n * unanswerable)
    maker.answerable(documents, n - n_lacking, generator, generator_name)
    maker.lacking(n_lacking)
    return maker.made


class _Maker:
    """One run: what was proposed so far, and where it comes from."""

    def __init__(
        self, base: Readable, asker: Asker, known: Sequence[Question], seed: int, tell: Progress, total: int
    ) -> None:
        self.made = Made()
        self._base = base
        self._asker = asker
        self._asked = Asked(question.question for question in known)
        self._seed = seed
        self._random = random.Random(seed)
        self._tell = tell
        self._total = total
        self._visited: list[Passage] = []

    def answerable(self, documents: Sequence[Document], n: int, generator: Generator | None, name: str) -> None:
        """Proposes n questions that the documents answer, as far as they go."""
        ordered = sorted(documents, key=lambda document: document.source)
        self._random.shuffle(ordered)
        visits = self._in_turns(ordered)
        if generator is not None:
            self._written(visits, n, generator, name or generator.name)
            if len(self.made.questions) >= n or not self.made.degraded:
                return
            visits = self._in_turns(ordered)
        self._by_rules(visits, n)

    def _by_rules(self, visits: Iterator[Passage], n: int) -> None:
        """One question of a passage at a time; the others of it are asked where documents are few."""
        later: list[tuple[Passage, list[Proposal]]] = []
        while len(self.made.questions) < n:
            passage = next(visits, None)
            if passage is None:
                taken = [self._take(passage, rest, n) for passage, rest in later]
                if not any(taken):
                    return
                continue
            found = proposals(passage)
            self._random.shuffle(found)
            self._visited.append(passage)
            self._take(passage, found, n)
            later.append((passage, found))

    def _take(self, passage: Passage, found: list[Proposal], n: int) -> bool:
        """Proposes the first of these that is fit, and takes it off with those before it; False if none is."""
        while found and len(self.made.questions) < n:
            one = found.pop()
            if self._offer(one.question, one.answer, one.quote, passage, f"rules:{one.rule}"):
                return True
        return False

    def _written(self, visits: Iterator[Passage], n: int, generator: Generator, name: str) -> None:
        in_vain = 0
        while len(self.made.questions) < n:
            batch = [p for _, p in zip(range(AT_A_TIME), (p for p in visits if len(p.text) >= MIN_CHARS), strict=False)]
            if not batch:
                return
            for written in write(generator, batch):
                if written.error is not None:
                    self.made.dropped["no use of the generator's answer"] += 1
                    in_vain += 1
                    if not written.in_vain or in_vain >= MAX_IN_VAIN:
                        logger.warning("proposing by rules: %s", written.error)
                        self.made.degraded.append(f"generator: {written.error}")
                        return
                    continue
                in_vain = 0
                self._visited.append(written.passage)
                for question, answer in written.pairs:
                    if len(self.made.questions) < n:
                        self._offer(question, answer, "", written.passage, f"generator:{name}")

    def _offer(self, question: str, answer: str, quote: str, passage: Passage, made_by: str) -> bool:
        """Proposes a question if it is fit; counts what is wrong with it otherwise."""
        fault = fault_of(question, answer, passage.text)
        if fault is None and question in self._asked:
            fault = "repeated"
        if fault is not None:
            self.made.dropped[fault] += 1
            return False
        quote = quote or quote_of(answer, passage.text)
        self._propose(
            Question(
                id=_id(question),
                question=question,
                answers=(answer,),
                evidence=(Evidence(passage.source, quote),),
                status="proposed",
                made_by=made_by,
            )
        )
        return True

    def _propose(self, question: Question) -> None:
        self._asked.add(question.question)
        self.made.questions.append(question)
        self._tell("proposing", len(self.made.questions), self._total)

    def lacking(self, n: int) -> None:
        """Proposes n questions that the documents do not answer, as far as search can tell."""
        wanted = len(self.made.questions) + n
        answered = [question for question in self.made.questions if question.answerable]
        topics = list(dict.fromkeys(topic for passage in self._visited if (topic := topic_of(passage))))
        for one in lacking_of([question.question for question in answered], topics, self._random):
            if len(self.made.questions) >= wanted:
                return
            fault: str | None = fault_of(one.question, "", "")
            if fault is None and one.question in self._asked:
                fault = "repeated"
            if fault is None and not self._is_lacking(one):
                fault = "answerable"
            if fault is not None:
                self.made.dropped[fault] += 1
                continue
            self._propose(
                Question(
                    _id(one.question), one.question, answerable=False, status="proposed", made_by=f"rules:{one.rule}"
                )
            )

    def _is_lacking(self, one: Lacking) -> bool:
        """True if no passage that search finds has what is asked for."""
        for query, mode in ((one.question, None), (one.needle, "lexical")):
            found = self._base.search(query, k=_SEARCHED, mode=mode, asker=self._asker).passages
            if any(one.is_in(f"{p.title}\n{p.context}\n{p.text}") for p in found):
                return False
        return True

    def _in_turns(self, documents: Sequence[Document]) -> Iterator[Passage]:
        """A passage of each document, then another of each, …; within a document in an order of its own."""
        waiting: list[Iterator[Passage]] = []
        self.made.documents = 0
        for document in documents:
            passages = self._passages(document)
            first = next(passages, None)
            self.made.documents += 1
            if first is not None:
                waiting.append(passages)
                yield first
        while waiting:
            still = []
            for passages in waiting:
                following = next(passages, None)
                if following is not None:
                    still.append(passages)
                    yield following
            waiting = still

    def _passages(self, document: Document) -> Iterator[Passage]:
        found = list(self._base.chunks(document.id, asker=self._asker))
        # Of its own, so that it does not depend on what was drawn before.
        random.Random(f"{self._seed}:{document.source}").shuffle(found)
        yield from found


def _id(question: str) -> str:
    """The same for the same question: twelve hexadecimal digits."""
    return "q" + hashlib.sha256(question.encode("utf-8", "replace")).hexdigest()[:12]


def _silent(stage: str, done: int, total: int) -> None:
    """Tells nobody."""
