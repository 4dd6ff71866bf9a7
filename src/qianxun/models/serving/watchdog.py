"""Runs one server as its child, keeps its output in a bounded file, and ends it when whoever started it is gone.

    python -I watchdog.py LOG_FILE LOG_BYTES GRACE_SECONDS COMMAND…

Whoever starts it keeps the other end of its standard input open and writes nothing. When that closes, for whatever
reason (a wish, a crash, `kill -9`), the server gets SIGTERM, and after the grace everything in its process group gets
SIGKILL. The first line of its standard output is the server's process id; its exit code is the server's (128 and the
signal's number, if one ended it). Standard library only, so that it starts at once and is never the reason for a
failure. Knows nothing of models.
"""

import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

# So many older log files are kept: NAME.1 is the youngest.
KEPT_FILES: Final = 2
_READ_BYTES: Final = 65536


class BoundedLog:
    """A file that output is added to; when it is full it is put aside, and the oldest goes."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)

    def write(self, piece: bytes) -> None:
        """Adds output. A full disk costs output, not the server."""
        try:
            if self._file.tell() + len(piece) > self._max_bytes:
                self._turn()
            self._file.write(piece)
        except OSError:
            return

    def _turn(self) -> None:
        self._file.close()
        for number in range(KEPT_FILES, 0, -1):
            older = self._path.with_name(f"{self._path.name}.{number}")
            newer = self._path if number == 1 else self._path.with_name(f"{self._path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)
        self._file = self._path.open("ab", buffering=0)


def main(arguments: list[str]) -> int:
    """Runs the command until it ends or is to end; its exit code."""
    log = BoundedLog(Path(arguments[0]), int(arguments[1]))
    grace_seconds = float(arguments[2])
    try:
        child = subprocess.Popen(
            arguments[3:],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        log.write(f"{error}\n".encode())
        return 127
    _tell(f"{child.pid}\n")
    signal.signal(signal.SIGTERM, lambda *_: _ask(child))
    _watch(child, log, grace_seconds)
    _end_group(child.pid)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _watch(child: "subprocess.Popen[bytes]", log: BoundedLog, grace_seconds: float) -> None:
    """Copies output until the child has ended; asks it to, once our input is closed."""
    if child.stdout is None:
        return
    ends_at: float | None = None
    with selectors.DefaultSelector() as waiting:
        waiting.register(sys.stdin.fileno(), selectors.EVENT_READ, "input")
        waiting.register(child.stdout.fileno(), selectors.EVENT_READ, "output")
        while child.poll() is None and (ends_at is None or time.monotonic() < ends_at):
            for key, _ in waiting.select(timeout=0.2):
                piece = os.read(key.fd, _READ_BYTES)
                if key.data == "output":
                    log.write(piece)
                if not piece:
                    waiting.unregister(key.fd)
                    if key.data == "input":
                        ends_at = time.monotonic() + grace_seconds
                        _ask(child)
    os.set_blocking(child.stdout.fileno(), False)
    while piece := _rest(child.stdout.fileno()):
        log.write(piece)


def _rest(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _READ_BYTES)
    except BlockingIOError:
        return b""


def _ask(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)


def _end_group(group: int) -> None:
    """Whatever the server left behind: its workers are in its process group."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _tell(line: str) -> None:
    try:
        sys.stdout.write(line)
        sys.stdout.flush()
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
