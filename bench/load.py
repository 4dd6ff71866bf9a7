"""A light load generator: so many clients, each of which asks again as soon as it is answered. Knows no server of ours.

Plain HTTP/1.1 over kept connections, without a client library: on two cores what asks must cost little beside what
answers.

    python -m bench.load HOST PORT CLIENTS SECONDS < REQUESTS      JSON of what came of it

REQUESTS is a JSON list of [method, path, body or null, {header: value}]; each client begins at another place in it.
"""

import asyncio
import json
import resource
import sys
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Came:
    """What came of it: seconds of each reply that was in time, by status; what failed without one."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    broken: int = 0
    wrong: list[str] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(
        self, requests: list[bytes], first: int, until: float, came: Came, ended: asyncio.Future[None]
    ) -> None:
        self.requests, self.place, self.until, self.came, self.ended = requests, first, until, came, ended
        self.buffer = bytearray()
        self.begun = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.begun = time.perf_counter()
        self.transport.write(self.requests[self.place % len(self.requests)])
        self.place += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self.buffer[:end]).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(self.buffer) < end + 4 + length:
            return
        now = time.perf_counter()
        status = int(head[9:12])
        self.came.seconds.setdefault(status, []).append(now - self.begun)
        if status != 200 and len(self.came.wrong) < 3:
            self.came.wrong.append(bytes(self.buffer[end + 4 : end + 304]).decode("utf-8", "replace"))
        del self.buffer[: end + 4 + length]
        if now < self.until:
            if status == 200:
                self.ask()
            else:  # as told: later
                asyncio.get_running_loop().call_later(1.0, self.ask)
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if time.perf_counter() < self.until:
            self.came.broken += 1
        if not self.ended.done():
            self.ended.set_result(None)


def written(method: str, path: str, body: Any, headers: dict[str, str], host: str) -> bytes:
    """A request as bytes."""
    content = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in {"Content-Type": "application/json", **headers}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


async def ask_all(host: str, port: int, clients: int, seconds: float, requests: list[bytes]) -> tuple[Came, float]:
    """What came of it, and how long it took."""
    loop, came = asyncio.get_running_loop(), Came()
    begun = time.perf_counter()
    until = begun + seconds
    ends = [loop.create_future() for _ in range(clients)]
    step = max(1, len(requests) // clients)
    for n, ended in enumerate(ends):
        await loop.create_connection(
            lambda n=n, ended=ended: Client(requests, n * step, until, came, ended), host, port
        )
    await asyncio.wait(ends, timeout=seconds + 60)
    return came, time.perf_counter() - begun


def main() -> int:
    """The command."""
    host, port, clients, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    requests = [written(*one, f"{host}:{port}") for one in json.load(sys.stdin)]
    try:
        import uvloop

        runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    except ImportError:
        runner = asyncio.Runner()
    with runner:
        came, took = runner.run(ask_all(host, port, clients, seconds, requests))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    good = sorted(came.seconds.get(200, []))
    print(
        json.dumps(
            {
                "seconds": took,
                "replies": {str(status): len(times) for status, times in came.seconds.items()},
                "broken": came.broken,
                "wrong": came.wrong,
                "per_second": len(good) / took,
                "p50_ms": 1000 * good[len(good) // 2] if good else None,
                "p99_ms": 1000 * good[int(len(good) * 0.99)] if good else None,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
