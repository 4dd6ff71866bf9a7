"""A cache in Redis (extra `redis`), shared by all processes of a service. Knows nothing of what it keeps.

A Redis that is down, slow or full costs a search at most a few tenths of a second, once in a while: after a failure
it is left alone for some seconds. All keys begin with `qianxun:`, and only those are ever read or removed.
"""

import importlib.util
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from typing import Any, Final
from urllib.parse import urlsplit

from qianxun.caches.memory import MAX_VALUE_BYTES
from qianxun.errors import MissingExtra, SettingsError
from qianxun.settings import Settings

logger = logging.getLogger(__name__)

# Changes with the form of the values, so that an older program's are not read.
_NAMESPACE: Final = "qianxun:1:"
_COUNTS: Final = f"{_NAMESPACE}counts"
# Waiting longer costs more than a cache can save: a question is encoded in about this time.
_CONNECT_SECONDS: Final = 0.2
_ANSWER_SECONDS: Final = 0.1
_LEFT_ALONE_SECONDS: Final = 5.0
_KEYS_AT_A_TIME: Final = 512
_SCHEMES: Final = ("redis", "rediss", "unix")


def open_cache(settings: Settings) -> "RedisCache":
    """The cache at `models.query_cache_redis`. Connects to nothing yet.

    Raises SettingsError for what is no address of a Redis, MissingExtra if its client is not installed.
    """
    return RedisCache(settings.models.query_cache_redis)


class RedisCache:
    """Values in the Redis at `url`. Satisfies `Cache`. Safe to share between threads.

    `setting` is where the address was written. A value of more than MAX_VALUE_BYTES is not kept. Redis itself decides
    what goes when its memory is full (`maxmemory-policy`). `now` gives seconds that never go back.
    """

    name = "redis"

    def __init__(
        self, url: str, *, setting: str = "models.query_cache_redis", now: Callable[[], float] = time.monotonic
    ) -> None:
        _check_url(url, setting)
        if importlib.util.find_spec("redis") is None:
            raise MissingExtra(
                "The cache in Redis needs a package that is not installed.",
                remedy="Run `pip install 'qianxun[redis]'`.",
            )
        self._url = url
        self._now = now
        self._client: Any = None
        self._left_alone_until: float | None = None
        self._guard = threading.Lock()

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values in the order of the keys; None for one that is not there, or if Redis cannot be asked."""
        found: list[bytes | None] = []
        for start in range(0, len(keys), _KEYS_AT_A_TIME):
            names = [_named(key) for key in keys[start : start + _KEYS_AT_A_TIME]]
            values = self._asked(methodcaller("mget", names))
            found += [None] * len(names) if values is None else values
        return found

    def set(self, items: Mapping[bytes, bytes], *, seconds: int | None = None) -> None:
        """Keeps values, for so many seconds (None: until Redis has no room)."""
        kept = [(_named(key), value) for key, value in items.items() if len(value) <= MAX_VALUE_BYTES]
        dropped = [_named(key) for key, value in items.items() if len(value) > MAX_VALUE_BYTES]

        def write(client: Any) -> None:
            with client.pipeline(transaction=False) as pipeline:
                for key, value in kept:
                    pipeline.set(key, value, ex=seconds)
                if dropped:
                    pipeline.unlink(*dropped)
                pipeline.execute()

        self._asked(write)

    def count(self, hits: int, misses: int) -> None:
        """Adds to the counts that all processes share."""

        def add(client: Any) -> None:
            with client.pipeline(transaction=False) as pipeline:
                pipeline.hincrby(_COUNTS, "hits", hits)
                pipeline.hincrby(_COUNTS, "misses", misses)
                pipeline.execute()

        self._asked(add)

    def counts(self) -> tuple[int, int] | None:
        """Hits and misses of all processes since the last `clear`; None if Redis cannot be asked."""
        found = self._asked(lambda client: client.hmget(_COUNTS, ["hits", "misses"]))
        return None if found is None else (int(found[0] or 0), int(found[1] or 0))

    def clear(self) -> None:
        """Removes every key that a qianxun of this form wrote, with the counts; no other key."""

        def remove(client: Any) -> None:
            some: list[bytes] = []
            for key in client.scan_iter(match=f"{_NAMESPACE}*", count=_KEYS_AT_A_TIME):
                some.append(key)
                if len(some) == _KEYS_AT_A_TIME:
                    client.unlink(*some)
                    some.clear()
            if some:
                client.unlink(*some)

        # Also while Redis is left alone: whoever clears means it.
        self._asked(remove, at_once=True)

    def close(self) -> None:
        """Lets go of connections; the next use makes new ones."""
        with self._guard:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _asked(self, ask: Callable[[Any], Any], *, at_once: bool = False) -> Any:
        """What Redis answers; None if it cannot be asked now."""
        from redis.exceptions import RedisError

        with self._guard:
            left_alone = self._left_alone_until is not None and self._now() < self._left_alone_until
            if left_alone and not at_once:
                return None
            client = self._client = self._client or _client(self._url)
        try:
            answer = ask(client)
        except (RedisError, OSError) as error:
            self._failed(error)
            return None
        if self._left_alone_until is not None:
            with self._guard:
                self._left_alone_until = None
            logger.info("Redis answers again")
        return answer

    def _failed(self, error: Exception) -> None:
        with self._guard:
            first = self._left_alone_until is None
            self._left_alone_until = self._now() + _LEFT_ALONE_SECONDS
        if first:
            # The client's own words may hold the address, and the address a password.
            logger.warning("Redis cannot be used (%s); the cache in it is off until it answers", type(error).__name__)


def _client(url: str) -> Any:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        url,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=_ANSWER_SECONDS,
        # Its own tries would multiply the wait.
        retry=Retry(NoBackoff(), 0),
    )


def _named(key: bytes) -> str:
    return f"{_NAMESPACE}{key.hex()}"


def _check_url(url: str, setting: str) -> None:
    if not _usable(url):
        # The value seen may hold a password.
        raise SettingsError(
            "{setting} is not the address of a Redis.",
            remedy="Write it as redis://HOST:6379/0, rediss:// with encryption, or unix:///PATH.",
            setting=setting,
        )


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    # The client takes any of its options from the address, also those that must be as they are here.
    options = [option.partition("=")[0] for option in parts.query.split("&") if option]
    if port == 0 or not all(option == "db" or option.startswith("ssl_") for option in options):
        return False
    if parts.scheme == "unix":
        return bool(parts.path)
    database = parts.path.strip("/")
    return parts.scheme in _SCHEMES and bool(parts.hostname) and (not database or database.isdecimal())
