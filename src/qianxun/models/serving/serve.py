"""Keeps vLLM servers running: starts them, waits for their health, restarts crashed ones, ends them all.

Each runs under a watchdog process of its own (`watchdog.py`), which keeps its log and ends it with its workers as soon
as this process is gone, even by `kill -9`. Servers start one after the other, since each measures how much of the
GPU is free. Knows command lines only as words, and asks a server nothing but its health.
"""

import http.client
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

from qianxun.errors import ModelTimeout, ModelUnavailable, SettingsError
from qianxun.models.serving import watchdog
from qianxun.models.serving.ports import holder_of
from qianxun.models.serving.vllm_command import ModelServer, Role

logger = logging.getLogger(__name__)

State = Literal["waiting", "starting", "healthy", "restarting", "stopped"]
_TAIL_BYTES: Final = 64 * 1024
_SHOWN_LINES: Final = 3
_MARK: Final = "--- qianxun starts: "
# vLLM's own words before a line of a worker's traceback.
_PREFIX: Final = re.compile(r"^(\([^)]*\)\s*)?((ERROR|WARNING|INFO|CRITICAL) [\d-]+ [\d:]+ \[[^\]]*\]\s*)?")
_TELLING: Final = re.compile(r"^([\w.]*(Error|Exception)\b|[\w./ -]+: error: )")


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a supervisor is. Times in seconds.

    A server that ends within `quick` after it was healthy has crashed quickly; after `max_quick_crashes` in a row
    there is no further try. Between tries it waits `backoff`, then twice that, up to `max_backoff`. A server whose
    health cannot be had for `silent` is ended and started again.
    """

    start: float = 900.0
    stop: float = 30.0
    quick: float = 60.0
    max_quick_crashes: int = 3
    backoff: float = 1.0
    max_backoff: float = 60.0
    silent: float = 60.0
    poll: float = 0.5
    ask_every: float = 5.0
    health_timeout: float = 5.0
    log_bytes: int = 10 * 2**20


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """What became of a server: its new state, how long it has been starting, and a line of its log or the reason."""

    role: Role
    state: State
    seconds: float
    detail: str = ""


@dataclass(slots=True)
class _Managed:
    """A server and what is known of it."""

    server: ModelServer
    log: Path
    state: State = "waiting"
    process: "subprocess.Popen[bytes] | None" = None
    group: int | None = None
    started: float = 0.0
    healthy_since: float | None = None
    ever_healthy: bool = False
    asked: float = 0.0
    answered: float = 0.0
    quick_crashes: int = 0
    restart_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Starts servers and keeps them up. `logs` is the folder of their logs, one file for each, bounded.

    `run` does it all; `start`, `watch` and `stop` are its parts. Leaving a `with` block stops them.
    """

    servers: Sequence[ModelServer]
    command: Sequence[str]
    logs: Path
    limits: Limits = field(default_factory=Limits)
    progress: Callable[[ServerEvent], None] | None = None
    environ: Mapping[str, str] | None = None
    _managed: list[_Managed] = field(default_factory=list, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _ending: Any = field(default_factory=threading.Lock, init=False)

    def run(self) -> None:
        """Starts the servers and keeps them up until `ask_to_stop`, SIGINT or SIGTERM; then ends them.

        Raises as `start` and `watch` do. Signals are seen to only in the main thread.
        """
        with self, _Signals(self.ask_to_stop):
            self.start()
            self.watch()

    def start(self) -> None:
        """Starts the servers and returns when all are healthy (or when asked to stop).

        Raises SettingsError if a port is taken or a key missing, ModelUnavailable if a server ends before it is
        healthy, ModelTimeout if it takes too long; then none is left running.
        """
        self._managed = [_Managed(server, self.logs / f"vllm-{server.role}.log") for server in self.servers]
        try:
            for managed in self._managed:
                self._check_port(managed.server)
            for managed in self._managed:
                self._launch(managed)
                while managed.state != "healthy" and not self._stop.wait(self.limits.poll):
                    self._look_after_all()
        except BaseException:
            self.stop()
            raise

    def watch(self) -> None:
        """Restarts what crashes, until asked to stop.

        Raises ModelUnavailable when a server crashed too often too quickly.
        """
        while not self._stop.wait(self.limits.poll):
            self._look_after_all()

    def ask_to_stop(self) -> None:
        """Lets `run`, `start` and `watch` return soon. May be called from a signal handler or another thread."""
        self._stop.set()

    def stop(self) -> None:
        """Ends all servers with their workers; returns when they are gone. Does nothing the second time.

        While another thread is in `start` or `watch`, use `ask_to_stop` and wait for it.
        """
        self._stop.set()
        with self._ending:
            for managed in self._managed:
                if managed.process is not None and managed.process.stdin is not None:
                    managed.process.stdin.close()
            for managed in self._managed:
                if managed.state not in ("stopped", "waiting"):
                    self._end(managed)
                    self._becomes(managed, "stopped")

    def states(self) -> dict[Role, State]:
        """What each server is doing."""
        return {managed.server.role: managed.state for managed in self._managed}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _check_port(self, server: ModelServer) -> None:
        holder = holder_of(server.host, server.port)
        if holder is not None:
            raise SettingsError(
                "Port {port} of the {role}'s server is taken by {holder}.",
                remedy="End that program, or give {role}.url another port.",
                port=server.port,
                role=server.role,
                holder=holder or "?",
            )

    def _launch(self, managed: _Managed) -> None:
        server, limits = managed.server, self.limits
        environment = {**(os.environ if self.environ is None else self.environ), **server.environment}
        if server.key_env:
            if not environment.get(server.key_env):
                raise SettingsError(
                    "{role}.api_key_env is {name}, and there is no such environment variable.",
                    remedy="Set the variable, or leave {role}.api_key_env empty.",
                    role=server.role,
                    name=server.key_env,
                )
            environment["VLLM_API_KEY"] = environment[server.key_env]
        words = server.words(self.command)
        _mark(managed.log, words)
        # A session of its own: Ctrl-C on a terminal is for us alone, who then end the servers in good order.
        managed.process = subprocess.Popen(
            [
                sys.executable,
                "-I",
                watchdog.__file__,
                str(managed.log),
                str(limits.log_bytes),
                str(limits.stop),
                *words,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        managed.group = _first_line(managed.process)
        managed.started = time.monotonic()
        managed.healthy_since = None
        logger.info("the %s server starts on port %d; log %s", server.role, server.port, managed.log)
        self._becomes(managed, "starting")

    def _look_after_all(self) -> None:
        for managed in self._managed:
            if managed.state == "restarting" and time.monotonic() >= managed.restart_at:
                self._launch(managed)
            elif managed.state in ("starting", "healthy"):
                self._look_after(managed)

    def _look_after(self, managed: _Managed) -> None:
        now = time.monotonic()
        if managed.process is not None and managed.process.poll() is not None:
            self._crashed(managed, f"ended with exit code {managed.process.returncode}")
        elif managed.state == "healthy" and now - managed.asked < self.limits.ask_every:
            return
        elif _is_healthy(managed.server, self.limits.health_timeout):
            managed.asked = managed.answered = now
            if managed.state != "healthy":
                managed.healthy_since = now
                managed.ever_healthy = True
                logger.info("the %s server is healthy after %.1f s", managed.server.role, now - managed.started)
                self._becomes(managed, "healthy")
        elif managed.state == "starting":
            if now - managed.started > self.limits.start:
                self._too_slow(managed)
            self._becomes(managed, "starting", _last_line(managed.log))
        elif now - managed.answered > self.limits.silent:
            self._crashed(managed, f"did not answer for {self.limits.silent:g} s")

    def _crashed(self, managed: _Managed, reason: str) -> None:
        """Plans the next try, or gives up."""
        now = time.monotonic()
        self._end(managed)
        lasted = now - managed.healthy_since if managed.healthy_since is not None else 0.0
        managed.quick_crashes = managed.quick_crashes + 1 if lasted < self.limits.quick else 1
        logger.warning("the %s server %s", managed.server.role, reason)
        if not managed.ever_healthy or managed.quick_crashes >= self.limits.max_quick_crashes:
            managed.state = "stopped"
            raise ModelUnavailable(
                'The {role}\'s server {model} does not stay up. Its log {log} ends with "{lines}".',
                remedy="Mend what the log says; `qianxun models plan` shows what fits on a GPU.",
                role=managed.server.role,
                model=managed.server.model,
                log=managed.log,
                lines=telling_lines(managed.log),
            )
        wait = min(self.limits.max_backoff, self.limits.backoff * 2 ** (managed.quick_crashes - 1))
        managed.restart_at = now + wait
        self._becomes(managed, "restarting", reason)

    def _too_slow(self, managed: _Managed) -> None:
        raise ModelTimeout(
            'The {role}\'s server {model} is not healthy after {seconds} s. Its log {log} ends with "{lines}".',
            remedy="Give it longer with serve.start_seconds, or mend what the log says.",
            role=managed.server.role,
            model=managed.server.model,
            seconds=f"{self.limits.start:g}",
            log=managed.log,
            lines=telling_lines(managed.log),
        )

    def _end(self, managed: _Managed) -> None:
        """Ends a server, its workers and its watchdog, however they take it."""
        process = managed.process
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            # The watchdog needs its grace and a moment more.
            process.wait(self.limits.stop + 5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _kill_group(managed.group)
        managed.process = managed.group = None

    def _becomes(self, managed: _Managed, state: State, detail: str = "") -> None:
        managed.state = state
        if self.progress is not None:
            seconds = time.monotonic() - managed.started if managed.started else 0.0
            self.progress(ServerEvent(managed.server.role, state, seconds, detail))


def telling_lines(log: Path) -> str:
    """What a log says of the last failure: its first and last line that names an error, else its last lines."""
    lines = [_PREFIX.sub("", line).strip() for line in _tail(log)]
    lines = [line for line in lines if line]
    told = [line for line in lines if _TELLING.match(line)]
    chosen = list(dict.fromkeys([told[0], told[-1]])) if told else lines[-_SHOWN_LINES:]
    return " | ".join(line[:500] for line in chosen) or "-"


def _tail(log: Path) -> list[str]:
    """The end of a log, since the server was last started."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    _, mark, said = text.rpartition(_MARK)
    return said.splitlines()[1:] if mark else said.splitlines()


def _last_line(log: Path) -> str:
    return next((line for line in (_PREFIX.sub("", line).strip() for line in reversed(_tail(log))) if line), "")


def _mark(log: Path, words: Sequence[str]) -> None:
    """A line in the log that says what was started, and where the next try's output begins."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{_MARK}{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(words)}\n")


def _first_line(process: "subprocess.Popen[bytes]") -> int | None:
    """The process id that a watchdog tells; None if it could start nothing."""
    line = process.stdout.readline() if process.stdout is not None else b""
    return int(line) if line.strip().isdigit() else None


def _is_healthy(server: ModelServer, timeout_seconds: float) -> bool:
    host = server.url.removeprefix("http://").rpartition(":")[0]
    connection = http.client.HTTPConnection(host, server.port, timeout=timeout_seconds)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _kill_group(group: int | None) -> None:
    if group is None:
        return
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


class _Signals:
    """While entered, SIGINT and SIGTERM call a function instead of ending the process; in the main thread only."""

    def __init__(self, wish: Callable[[], None]) -> None:
        self._wish = wish
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, lambda *_: self._wish())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
