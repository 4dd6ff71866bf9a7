"""What was said in conversations goes with the documents that it was written from, if that is asked for.

It lies in another file than the documents. Quotes are kept as places and go by themselves; what a model wrote stays
until its documents are purged; what was summed up never outlives them.
"""

import logging
from collections.abc import Sequence

from qianxun.errors import QianxunError
from qianxun.storage.reindex import Keeping

logger = logging.getLogger(__name__)


def answers_written_from(keeping: Keeping, documents: Sequence[int]) -> int:
    """How many kept answers were written from any of these documents."""
    try:
        kept = keeping.conversations()
        return kept.citing(documents) if kept is not None else 0
    except (QianxunError, OSError) as error:
        logger.warning("answers written from removed documents were not counted: %s", error)
        return 0


def forget_answers(keeping: Keeping, documents: Sequence[int]) -> int:
    """Erases these answers; returns how many. What cannot be erased is an error: it was asked for."""
    kept = keeping.conversations()
    return kept.forget(documents) if kept is not None else 0


def forget_summaries(keeping: Keeping, documents: Sequence[int]) -> None:
    """Erases what was summed up of such answers."""
    try:
        kept = keeping.conversations()
        if kept is not None:
            kept.forget_summaries(documents)
    except (QianxunError, OSError) as error:
        logger.warning("what was summed up of removed documents is still there: %s", error)


def compact_conversations(keeping: Keeping) -> None:
    """Takes out what is too old, or summed up from documents that are gone, and rewrites the file.

    Raises Busy while somebody reads it.
    """
    kept = keeping.conversations()
    if kept is not None:
        kept.settle()
        kept.expire()
        kept.forget_summaries(kept.documents() - set(keeping.store.live_documents()))
        kept.compact()
