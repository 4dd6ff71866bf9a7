"""Answers of a model kept for a while, so that the same question costs nothing twice.

The key holds all that an answer depends on: the question and what comes with it, every setting, the knowledge base's
revision, the asker's labels. What is kept is no text of documents but places in them (`keeping`), read again with the
asker's rights: a removed document or a lost right takes effect at once, by the key and by the reading.
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from qianxun import tally
from qianxun.answering.keeping import Show, answer_of, kept_of
from qianxun.protocols import Cache
from qianxun.records import Answer, Asker, Span
from qianxun.storage.conversations import KeptAnswer, KeptCitation, KeptPassage, KeptStatement
from qianxun.storage.store import Store

# Changes with the form of what is kept.
_FORM: Final = 1


class Key(NamedTuple):
    """What an answer is kept under, and the knowledge base's revision that it was made at."""

    digest: bytes
    revision: int


@dataclasses.dataclass(frozen=True, slots=True)
class Remembered:
    """The caches of answers of one knowledge base, the nearest first.

    `caches` gives them as they are now: what leaves the process is sealed with a secret that every removal changes.
    """

    caches: Callable[[], Sequence[Cache]]
    store: Store
    seconds: int
    shown: Show = list

    def key(self, asker: Asker, *depends_on: object) -> Key:
        """The key of an answer now; `depends_on` is what it depends on beside the documents and the asker."""
        labels = None if asker.labels is None else sorted(asker.labels)
        revision = self.store.revision
        parts = [_FORM, revision, labels, [repr(part) for part in depends_on]]
        written = json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return Key(hashlib.sha256(written).digest(), revision)

    def recall(self, key: Key, question: str, asker: Asker) -> Answer | None:
        """The answer of this key, if it is kept and all that it was made from is there for this asker."""
        found = self._found(key)
        if found is None:
            tally.count("cache", "answers", "miss")
            return None
        kept, scores, notes = _read(found)
        answer, all_there = answer_of(kept, question, self.store, asker, self.shown)
        # Stale: kept, but what it was made from is not all there any more for this asker.
        tally.count("cache", "answers", "hit" if all_there else "stale")
        if not all_there:
            return None
        passages = tuple(dataclasses.replace(p, score=s) for p, s in zip(answer.passages, scores, strict=True))
        return dataclasses.replace(answer, passages=passages, notes=notes, cached=True)

    def keep(self, key: Key, answer: Answer) -> None:
        """Keeps an answer, if it is one to be kept: a model's, whole, and claiming nothing of its own."""
        if not is_worth_keeping(answer):
            return
        value = _written(kept_of(answer), [passage.score for passage in answer.passages], answer.notes)
        # In this order: a removal comes before the look at the revision, or it destroys the secret that we seal with.
        caches = self.caches()
        if self.store.revision == key.revision:
            for cache in caches:
                cache.set({key.digest: value}, seconds=self.seconds)

    def _found(self, key: Key) -> bytes | None:
        """What is kept under a key, in the nearest cache that has it; those before it get it too."""
        before: list[Cache] = []
        for cache in self.caches():
            (found,) = cache.get([key.digest])
            if found is not None:
                for nearer in before:
                    nearer.set({key.digest: found}, seconds=self.seconds)
                return found
            before.append(cache)
        return None


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
