"""How often, and how much at a time, a caller may ask. Counted in memory, or in Redis for all processes.

Requests in a minute are counted by the library `limits` with a sliding window: no burst of twice the number at the turn
of a minute. A Redis that is away is done without for some seconds: each process then counts for itself.
"""

import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from qianxun import tally
from qianxun.errors import LimitReached, MissingExtra
from qianxun.service.access import Caller
from qianxun.settings import ServiceSettings

logger = logging.getLogger(__name__)

_MINUTE: Final = 60
_LEFT_ALONE_SECONDS: Final = 5.0


class Limiter:
    """Counts what callers ask for. To be used from one event loop."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._redis = settings.limits_redis
        self._near: Any = None
        self._shared: Any = None
        self._left_alone_until = 0.0
        self._streams: Counter[str] = Counter()

    async def request(self, caller: Caller) -> None:
        """Counts a request. Raises LimitReached if it is one too many."""
        most = caller.limits.requests_per_minute
        if not most:
            return
        from limits import RateLimitItemPerMinute

        item = RateLimitItemPerMinute(most)
        for strategy in self._strategies():
            try:
                taken = await strategy.hit(item, caller.id)
                if taken:
                    return
                stats = await strategy.get_window_stats(item, caller.id)
            except Exception as error:
                if strategy is self._near:
                    raise
                self._left_alone_until = now() + _LEFT_ALONE_SECONDS
                logger.warning("limits are counted in this process for a while: %s", type(error).__name__)
                continue
            raise reached(most, max(1.0, stats.reset_time - time.time()))

    @asynccontextmanager
    async def stream(self, caller: Caller) -> AsyncIterator[None]:
        """An answer that the caller waits for. Raises LimitReached if they wait for too many. Counted by process."""
        most = caller.limits.streams
        if most and self._streams[caller.id] >= most:
            tally.count("limited", "streams")
            error = LimitReached("You are waiting for {n} answers already.", remedy="Let one end.", n=most)
            error.retry_after = 1.0
            raise error
        self._streams[caller.id] += 1
        try:
            yield
        finally:
            self._streams[caller.id] -= 1
            if not self._streams[caller.id]:
                del self._streams[caller.id]

    async def close(self) -> None:
        """Lets go of Redis."""
        if self._shared is not None:
            await self._shared.storage.bridge.get_connection().aclose()
            self._shared = None

    def _strategies(self) -> list[Any]:
        from limits.aio.storage import MemoryStorage
        from limits.aio.strategies import SlidingWindowCounterRateLimiter

        if self._near is None:
            self._near = SlidingWindowCounterRateLimiter(MemoryStorage())
        if not self._redis:
            return [self._near]
        if self._shared is None:
            self._shared = SlidingWindowCounterRateLimiter(_in_redis(self._redis))
        return [self._shared, self._near] if now() >= self._left_alone_until else [self._near]


def now() -> float:
    """Seconds by a clock that only goes forward."""
    return time.monotonic()


def _in_redis(url: str) -> Any:
    import importlib.util

    if importlib.util.find_spec("redis") is None:
        raise MissingExtra(
            "Counting limits in Redis needs a package that is not installed.",
            remedy="Run `pip install 'qianxun[redis]'`.",
        )
    from limits.aio.storage import RedisStorage

    return RedisStorage(
        f"async+{url}", implementation="redispy", key_prefix="qianxun:limits",
        socket_timeout=0.2, socket_connect_timeout=0.2,
    )  # fmt: skip


def reached(most: int, seconds: float) -> LimitReached:
    """The error that says when to ask again."""
    tally.count("limited", "requests")
    error = LimitReached(
        "More than {n} requests in a minute.", remedy="Wait for {seconds} s.", n=most, seconds=round(seconds)
    )
    error.retry_after = seconds
    return error
