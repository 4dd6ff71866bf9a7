"""A conversation's own files: visible in it and to its owner only, expiring, and deleted with it.

They are documents like others, in the same indexes; their sources begin with the conversation's token, which is their
only label. Nobody else's rights hold such a label, and administrators' searches leave such sources out (`visit`).
"""

from datetime import UTC, datetime, timedelta

from qianxun.errors import NotFound
from qianxun.filters import Prefix
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import Document
from qianxun.service.visit import OWN_FILES


def folder_of(token: str) -> str:
    """What the sources of a conversation's files begin with."""
    return f"{OWN_FILES}{token}/"


def label_of(token: str) -> str:
    """The one label of a conversation's files."""
    return f"{OWN_FILES}{token}"


def files_of(kb: KnowledgeBase, token: str) -> list[Document]:
    """The files of a conversation, by name."""
    return kb.documents(where=Prefix("source", folder_of(token)))


def remove_all(kb: KnowledgeBase, token: str) -> int:
    """Removes the files of a conversation, and what was answered from them; returns how many there were."""
    return _removed(kb, files_of(kb, token))


def expire(kb: KnowledgeBase, days: int, *, now: datetime | None = None) -> int:
    """Removes files that are older than so many days, or whose conversation is gone; returns how many."""
    last = ((now or datetime.now(UTC)) - timedelta(days=days)).isoformat()
    found = kb.documents(where=Prefix("source", OWN_FILES))
    tokens = {one.id: one.source.removeprefix(OWN_FILES).partition("/")[0] for one in found}
    there = {token for token in set(tokens.values()) if kb.conversations.exists(token)}
    return _removed(kb, [one for one in found if one.added < last or tokens[one.id] not in there])


def _removed(kb: KnowledgeBase, documents: list[Document]) -> int:
    if documents:
        try:
            kb.remove([one.id for one in documents], purge=True)
        except NotFound:  # somebody else was removing them at the same time
            return 0
    return len(documents)
