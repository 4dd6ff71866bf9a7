"""Answers of a model kept for a while, so that the same question costs nothing twice.

The key holds all that an answer depends on: the question and what comes with it, every setting, the knowledge base's
revision, the asker's labels. What is kept is no text of documents but places in them (`keeping`), read again with the
asker's rights: a removed document or a lost right takes effect at once, by the key and by the reading.
"""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from qianxun.answering.keeping import Show, answer_of, kept_of
from qianxun.protocols import Cache
from qianxun.records import Answer, Asker, Span
from qianxun.storage.conversations import KeptAnswer, KeptCitation, KeptPassage, KeptStatement
from qianxun.storage.store import Store

# Changes with the form of what is kept.
_FORM: Final = 1


@dataclasses.dataclass(frozen=True, slots=True)
class Remembered:
    """The cache of answers of one knowledge base."""

    cache: Cache
    store: Store
    seconds: int
    shown: Show = list

    def key(self, asker: Asker, *depends_on: object) -> bytes:
        """The key of an answer now; `depends_on` is what it depends on beside the documents and the asker."""
        labels = None if asker.labels is None else sorted(asker.labels)
        parts = [_FORM, self.store.revision, labels, [repr(part) for part in depends_on]]
        return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")).digest()

    def recall(self, key: bytes, question: str, asker: Asker) -> Answer | None:
        """The answer of this key, if it is kept and all that it was made from is there for this asker."""
        (found,) = self.cache.get([key])
        if found is None:
            return None
        kept, scores, notes = _read(found)
        answer, all_there = answer_of(kept, question, self.store, asker, self.shown)
        if not all_there:
            return None
        passages = tuple(dataclasses.replace(p, score=s) for p, s in zip(answer.passages, scores, strict=True))
        return dataclasses.replace(answer, passages=passages, notes=notes, cached=True)

    def keep(self, key: bytes, answer: Answer) -> None:
        """Keeps an answer, if it is one to be kept: a model's, whole, and claiming nothing of its own."""
        if is_worth_keeping(answer):
            scores = [passage.score for passage in answer.passages]
            self.cache.set({key: _written(kept_of(answer), scores, answer.notes)}, seconds=self.seconds)


def is_worth_keeping(answer: Answer) -> bool:
    """Quotes cost little to find again; what was cut short, or made without a part that was away, may do better."""
    return (
        answer.usage is not None
        and answer.finish_reason == "stop"
        and not answer.degraded
        and answer.verdict != "ungrounded"
        and not any(one.own for one in answer.statements)
        and not (answer.conflicts or answer.options or answer.plan)  # of which not all is kept
    )


def _written(kept: KeptAnswer, scores: Sequence[float], notes: Sequence[str]) -> bytes:
    return json.dumps([dataclasses.asdict(kept), scores, notes], ensure_ascii=False).encode("utf-8", "surrogatepass")


def _read(value: bytes) -> tuple[KeptAnswer, list[float], tuple[str, ...]]:
    found: dict[str, Any]
    found, scores, notes = json.loads(value.decode("utf-8", "surrogatepass"))
    statements = (
        KeptStatement(**one | {"span": Span(**one["span"]), **{k: tuple(one[k]) for k in ("numbers", "unknown")}})
        for one in found["statements"]
    )
    kept = KeptAnswer(
        **found
        | {
            "statements": tuple(statements),
            "citations": tuple(KeptCitation(**one | {"span": Span(**one["span"])}) for one in found["citations"]),
            "passages": tuple(KeptPassage(**one | {"span": Span(**one["span"])}) for one in found["passages"]),
            "recalled": tuple(found["recalled"]),
        }
    )
    return kept, scores, tuple(notes)
