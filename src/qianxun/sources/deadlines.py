"""Requests that end at a moment, however slowly the answer comes: httpx bounds each read, not all of them together."""

import functools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_here = threading.local()


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """No read of this thread, of connections of a `timed` transport, goes on past `deadline` (monotonic, seconds).

    A read that would raises what a server that is silent for too long does: httpx.ReadTimeout.
    """
    before = getattr(_here, "deadline", None)
    _here.deadline = deadline
    try:
        yield
    finally:
        _here.deadline = before


def timed(transport: Any) -> Any:
    """An `httpx.HTTPTransport`, whose connections keep to `until` from now on."""
    # httpx has no parameter for what connects; `test_headers_that_drip_end` shows whether it is still kept there.
    transport._pool._network_backend = _backend()()
    return transport


@functools.cache
def _backend() -> Any:
    import httpcore

    class Stream(httpcore.NetworkStream):
        def __init__(self, inner: httpcore.NetworkStream) -> None:
            self._inner = inner

        def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
            deadline = getattr(_here, "deadline", None)
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise httpcore.ReadTimeout("timed out")
                timeout = left if timeout is None else min(timeout, left)
            return self._inner.read(max_bytes, timeout)

        def write(self, buffer: bytes, timeout: float | None = None) -> None:
            self._inner.write(buffer, timeout)

        def close(self) -> None:
            self._inner.close()

        def get_extra_info(self, info: str) -> Any:
            return self._inner.get_extra_info(info)

        def start_tls(self, *args: Any, **more: Any) -> httpcore.NetworkStream:
            return Stream(self._inner.start_tls(*args, **more))

    class Backend(httpcore.SyncBackend):
        def connect_tcp(self, *args: Any, **more: Any) -> httpcore.NetworkStream:
            return Stream(super().connect_tcp(*args, **more))

    return Backend
