"""A client of a running qianxun service: what the Python door does, over HTTP, with the rights of a key.

    import qianxun

    with qianxun.Client("http://127.0.0.1:8000", key) as client:
        for passage in client.search("报销标准").passages:
            print(passage.rank, passage.source, passage.text)

Replies are the records of `qianxun.records` wherever there is one. Errors are those of `qianxun.errors`, of the same
classes as they have in the service. Imports httpx and nothing else that is heavy.
"""

from qianxun.client.client import Client
from qianxun.client.records import (
    BaseSummary,
    Conversation,
    DocumentPage,
    Health,
    Job,
    JobError,
    Me,
    PassageInPlace,
    Stopped,
    Told,
    Turn,
    WholeConversation,
)

__all__ = [
    "BaseSummary",
    "Client",
    "Conversation",
    "DocumentPage",
    "Health",
    "Job",
    "JobError",
    "Me",
    "PassageInPlace",
    "Stopped",
    "Told",
    "Turn",
    "WholeConversation",
]
