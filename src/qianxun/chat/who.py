"""Who asks: the secret of the session that a browser sent, for the time of its request or connection.

It is in no object that a page could be sent: Chainlit knows names only.
"""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

_secret: contextvars.ContextVar[str | None] = contextvars.ContextVar("qianxun_chat_secret", default=None)


def secret() -> str | None:
    """The session's secret; None for who is not signed in."""
    return _secret.get()


@contextmanager
def asking_as(secret: str | None) -> Iterator[None]:
    """Requests to the service from here, and from tasks begun here, show this secret."""
    token = _secret.set(secret)
    try:
        yield
    finally:
        _secret.reset(token)
