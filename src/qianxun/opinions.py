"""Feedback through the Python door: who may see a passage may say what it is worth.

with qianxun.open("kb") as kb:
    found = kb.search("年假有几天？")
    token = kb.feedback.record("up", found.query, [found.passages[0].chunk])
    kb.feedback.undo(token)
"""

from collections.abc import Collection, Iterator, Sequence

from qianxun.assemble import FeedbackFile
from qianxun.errors import InputError, NotFound
from qianxun.filters import visible_to
from qianxun.records import AcceptedPair, Asker
from qianxun.storage.database import batches
from qianxun.storage.feedback import DELIBERATE, KINDS, Judgement, Kind
from qianxun.storage.store import Store


class Opinions:
    """What people make known of the passages of one knowledge base. Writing raises Busy while the file is in use."""

    def __init__(self, file: FeedbackFile, store: Store, *, enabled: bool) -> None:
        self._file = file
        self._store = store
        self._enabled = enabled

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def record(
        self,
        kind: Kind,
        question: str,
        chunks: Sequence[int],
        *,
        above: Sequence[int] | None = None,
        person: str | None = None,
        comment: str = "",
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
    ) -> str:
        """Keeps a `click`, `up`, `down` or `accepted` citation of passages; returns the token that undoes it.

        `chunks` are the passages judged together, `above` those that stood above one that was clicked ([] if it stood
        first; None: not known). `person` tells voices apart, and is kept as a hash if `feedback.keep_people` says so;
        a `comment` is kept as it is.
        Raises NotFound for a passage that the asker may not see, InputError where feedback is off.
        """
        if not self._enabled:
            raise InputError("Feedback is not kept.", remedy="Set feedback.enabled to true.")
        named = list(dict.fromkeys([*chunks, *(above or ())]))
        whole = [chunk for chunk in named if isinstance(chunk, int) and 0 <= chunk < 1 << 63]
        seen = self._store.passages(whole, visible_to(asker))
        for chunk in whole:
            if chunk not in seen:
                raise NotFound("There is no chunk {id}.", remedy="`qianxun search --explain` shows the ids.", id=chunk)
        return self._file.opened().record(kind, question, chunks, above=above, person=person, comment=comment)

    def undo(self, token: str) -> None:
        """Takes a judgement back. Raises NotFound if it is not there (any more)."""
        feedback = self._file()
        if feedback is None:
            raise NotFound("There is no such feedback.", remedy="It may have been taken back before, or be too old.")
        feedback.undo(token)

    def totals(self) -> dict[Kind, int]:
        """How many judgements of each kind there are."""
        feedback = self._file()
        return feedback.totals() if feedback is not None else dict.fromkeys(KINDS, 0)

    def pairs(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        clicks: bool = False,
    ) -> Iterator[AcceptedPair]:
        """What was found good, as pairs that `adapt`, `tune` and `reindex --eval` read; with `clicks` these too.

        Of questions whose texts were kept (`feedback.keep_questions`), and of documents that the asker may read.
        """
        from qianxun.storage.feedback_pairs import accepted_pairs

        feedback = self._file()
        if feedback is not None:
            yield from accepted_pairs(feedback, self._store, asker, KINDS if clicks else DELIBERATE)

    def inbox(
        self,
        *,
        asker: Asker = Asker.admin(),  # noqa: B008 (frozen)
        kinds: Collection[Kind] = DELIBERATE,
        before: int | None = None,
        count: int = 50,
    ) -> list[Judgement]:
        """Single judgements, the newest first, as far as the asker may read every passage that they name.

        A question may share words with what it was found for, or with what stood above: so all of it must be readable.
        `before`: only those made before the one of this id. At most `count`.
        """
        feedback, found = self._file(), list[Judgement]()
        while feedback is not None and len(found) < count:
            batch = feedback.judgements(kinds, before=before, count=count)
            if not batch:
                break
            before = batch[-1].id
            named = list({chunk for one in batch for chunk in (*one.chunks, *one.passed)})
            seen = {chunk for part in batches(named) for chunk in self._store.passages(part, visible_to(asker))}
            found += [one for one in batch if seen.issuperset((*one.chunks, *one.passed))]
        return found[:count]

    def erase(self, person: str) -> int:
        """Takes out everything of one person, of all knowledge bases; returns how many judgements that were."""
        feedback = self._file()
        return feedback.erase(person) if feedback is not None else 0

    def forget_all(self) -> int:
        """Takes out everything about this knowledge base; returns how many judgements that were."""
        feedback = self._file()
        return feedback.forget_all() if feedback is not None else 0

    def forget_questions(self) -> int:
        """Forgets the texts of all questions; returns how many there were."""
        feedback = self._file()
        return feedback.forget_questions() if feedback is not None else 0
