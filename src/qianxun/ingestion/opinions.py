"""What people made known of passages goes where their documents go: over to a new version, or away.

It lies in another file than the documents. So this comes after the truth is written, and a crash in between leaves
feedback on documents that are gone: `check` names it, and the next `compact` takes it out.
"""

import logging
from collections.abc import Sequence

from qianxun.errors import QianxunError
from qianxun.storage.feedback import Feedback
from qianxun.storage.reindex import Keeping

logger = logging.getLogger(__name__)


def hashes_if_judged(keeping: Keeping, document: int) -> dict[bytes, int]:
    """What each chunk of a document says (its hash) → the chunk; {} where nothing was made known of the document."""
    try:
        feedback = keeping.feedback()
        judged = feedback is not None and bool(feedback.counts([document])[1])
    except (QianxunError, OSError) as error:
        logger.warning("feedback on document %d will not be carried over: %s", document, error)
        return {}
    return {chunk.hash: chunk.id for chunk in keeping.store.chunks(document)} if judged else {}


def carry_over(keeping: Keeping, document: int, before: dict[bytes, int], successor: int) -> None:
    """A document was replaced: what was made known of its chunks, `before`, is known of those that say the same."""
    if not before:
        return
    now = {chunk.hash: chunk.id for chunk in keeping.store.chunks(successor)}
    try:
        feedback = keeping.feedback()
        if feedback is not None:
            feedback.replace(document, {chunk: now[hash_] for hash_, chunk in before.items() if hash_ in now})
    except (QianxunError, OSError) as error:
        logger.warning("feedback on document %d was not carried over: %s", document, error)


def forget_opinions(keeping: Keeping, documents: Sequence[int]) -> int:
    """Takes out what was made known of documents that were removed; how many judgements have nothing left."""
    try:
        feedback = keeping.feedback()
        return feedback.forget(documents) if feedback is not None else 0
    except (QianxunError, OSError) as error:
        logger.warning("feedback on removed documents is still there: %s", error)
        return 0


def orphans(keeping: Keeping, feedback: Feedback) -> list[int]:
    """Documents that something was made known of, and that are not there any more."""
    return sorted(feedback.documents() - set(keeping.store.live_documents()))


def compact_feedback(keeping: Keeping) -> None:
    """Takes out feedback on what is gone, or too old, and rewrites its file. Raises Busy while somebody reads it."""
    feedback = keeping.feedback()
    if feedback is not None:
        feedback.forget(orphans(keeping, feedback))
        feedback.expire()
        feedback.compact()
