"""The processes of a service: those that answer, the one that works on jobs, and who keeps them running.

The parent listens and answers nothing: a worker that crashes takes no connection with it that another cannot take up,
and a reload is new workers beside the old ones. The new ones listen once they are ready; the old ones answer until
then, and end after what they are answering. What crashes is started again; what crashes again and again at once ends
the service, with a word.
"""

import contextlib
import ipaddress
import logging
import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import filelock

from qianxun import knowledge_base
from qianxun.assemble import record_of_keys
from qianxun.errors import InputError, QianxunError, SettingsError
from qianxun.messages import language
from qianxun.service import worker
from qianxun.service.bases import must_be_there
from qianxun.service.jobs.process import serve_jobs
from qianxun.settings import Settings, engine_of, home_directory, knowledge_base_directory
from qianxun.storage.keys import Grant, Keys
from qianxun.storage.service import open_service

logger = logging.getLogger(__name__)

# A process that ends so soon after its start has crashed quickly; so many times in a row, and nobody tries again.
_QUICK_SECONDS: Final = 10.0
_MAX_QUICK_CRASHES: Final = 3
_BACKOFF_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.2
_START_SECONDS: Final = 300.0
# The one process that works on jobs.
JOBS: Final = "jobs"
# Where processes put what they count, so that each can tell of all.
METRICS_ENVIRONMENT: Final = "PROMETHEUS_MULTIPROC_DIR"


def is_loopback(host: str) -> bool:
    """Whether an address is one of this machine only. Raises InputError for what is no address."""
    if host == "localhost":
        return True
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InputError("{host!r} is no address to listen on.", remedy="Set service.host.", host=host) from error
    return all(ipaddress.ip_address(address[4][0]).is_loopback for address in found)


def first_key(settings: Settings) -> str | None:
    """An administrator's key where there has never been one, None else. Nobody can read it a second time."""
    with contextlib.closing(Keys(open_service(home_directory(settings)))) as keys:
        with keys.database.transaction():  # two services that start together make one key
            if keys.all():
                return None
            key, secret = keys.create("admin", Grant.everything())
        record_of_keys(settings, keys.database, "keys.create", key.id, "service", name=key.name)
        return secret


def first_base(settings: Settings) -> None:
    """Makes the knowledge base that the settings name, empty, where home has none: the documentation's lines need one.

    Elsewhere than below home, or where the settings say which are served, none is made.
    """
    folder = knowledge_base_directory(settings)
    below = home_directory(settings) / "kb"
    if settings.service.knowledge_bases or folder.parent != below or (below.is_dir() and any(below.iterdir())):
        return
    knowledge_base.open(folder, settings=settings).close()


def check(settings: Settings) -> None:
    """Raises SettingsError for what must not be served so, or cannot be; NotFound for a knowledge base that is not."""
    from qianxun.service.jobs.schedules import Schedules
    from qianxun.service.oidc.signing import check_oidc
    from qianxun.service.tokens import tokens_of

    Schedules(settings)
    tokens_of(settings)
    check_oidc(settings)
    must_be_there(settings)
    section = settings.service
    if section.workers > 1:
        for role in ("encoder", "reranker", "generator"):
            if engine_of(getattr(settings, role)) == "transformers":
                raise SettingsError(
                    "{n} processes would load the {role} {n} times.",
                    remedy="Set service.workers to 1, or serve the model with `qianxun models serve`.",
                    n=section.workers,
                    role=role,
                )
    if not is_loopback(section.host) and section.anonymous != "everywhere":
        with contextlib.closing(Keys(open_service(home_directory(settings)))) as keys:
            if not keys.any_holds():
                raise SettingsError(
                    "Nobody could show a key to a service at {host}.",
                    remedy="Make one first: `qianxun keys create NAME --admin`.",
                    host=section.host,
                )


def listen(settings: Settings) -> socket.socket:
    """A socket at the settings' address. Raises InputError if it is taken."""
    host, port = settings.service.host, settings.service.port
    family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(worker.BACKLOG)
    except OSError as error:
        listening.close()
        raise InputError(
            "{host}:{port} cannot be listened on ({error}).",
            remedy="Set service.port to another one, or end who has it.",
            host=host,
            port=port,
            error=error.strerror or error,
        ) from error
    return listening


def address_of(listening: socket.socket) -> str:
    """Where a service can be reached on this machine."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


@dataclass(slots=True)
class _Child:
    """A process and when it was started. It sets `started`; `replaced` is set for it."""

    role: str
    process: Any
    started: Any
    replaced: Any
    since: float = field(default_factory=time.monotonic)


class Supervisor:
    """Keeps the processes of a service running. `load` reads the settings anew, for a reload.

    `run` returns after SIGTERM or SIGINT, when all have ended; SIGHUP reloads. Raises QianxunError when a process
    cannot be kept running.
    """

    def __init__(self, settings: Settings, listening: socket.socket, *, load: Callable[[], Settings]) -> None:
        self._settings = settings
        self._listening = listening
        self._load = load
        self._context = multiprocessing.get_context("spawn")
        self._children: list[_Child] = []
        self._leaving: list[_Child] = []
        self._crashes: dict[str, int] = {}
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._started_all = threading.Event()

    @property
    def started(self) -> bool:
        """Whether every process has been up once."""
        return self._started_all.is_set()

    def run(self, on_start: Callable[[], None] = lambda: None) -> None:
        """Runs until it is stopped; `on_start` is called once requests are answered."""
        with self._signals(), _metrics_folder(self._settings):
            try:
                self._children = self._started(self._settings)
                self._wait_until_up(self._children)
                self._started_all.set()
                on_start()
                while not self._stop.wait(_LOOK_SECONDS):
                    if self._reload.is_set():
                        self._reload.clear()
                        self._reloaded()
                    self._look_after()
            finally:
                self._end([*self._children, *self._leaving])

    def stop(self) -> None:
        """Lets `run` return soon."""
        self._stop.set()

    def reload(self) -> None:
        """Lets `run` read the settings anew soon."""
        self._reload.set()

    # -- starting ------------------------------------------------------------------------------------

    def _started(self, settings: Settings, *, when_ready: bool = False) -> list[_Child]:
        roles = [f"worker {n}" for n in range(1, settings.service.workers + 1)]
        return [self._start(role, settings, when_ready=when_ready) for role in (*roles, JOBS)]

    def _start(self, role: str, settings: Settings, *, when_ready: bool = False) -> _Child:
        # Somebody may have cleared away what seemed to be of no use.
        Path(os.environ[METRICS_ENVIRONMENT]).mkdir(parents=True, exist_ok=True, mode=0o700)
        started, replaced = self._context.Event(), self._context.Event()
        target: Callable[..., None] = serve_jobs
        given: tuple[Any, ...] = (settings, language(), started)
        if role != JOBS:
            loopback = is_loopback(settings.service.host)
            target = worker.serve
            given = (settings, self._listening, loopback, language(), started, replaced, when_ready)
        process = self._context.Process(target=target, args=given, name=f"qianxun {role}")
        process.start()
        return _Child(role, process, started, replaced)

    def _wait_until_up(self, children: list[_Child], meanwhile: Callable[[], None] = lambda: None) -> None:
        until = time.monotonic() + _START_SECONDS
        for child in children:
            while not child.started.wait(_LOOK_SECONDS) and not self._stop.is_set():
                if not child.process.is_alive():
                    raise _not_kept(child.role, child.process.exitcode)
                if time.monotonic() > until:
                    raise QianxunError(
                        "The process {role} was not ready after {seconds} s.",
                        remedy="Its words are above.",
                        role=child.role,
                        seconds=round(_START_SECONDS),
                    )
                meanwhile()

    # -- keeping -------------------------------------------------------------------------------------

    def _look_after(self) -> None:
        ended = [child for child in (*self._children, *self._leaving) if not child.process.is_alive()]
        for child in ended:
            _forget_gauges(child.process.pid)
        self._leaving = [child for child in self._leaving if child not in ended]
        for place, child in enumerate(self._children):
            if child.process.is_alive():
                if time.monotonic() - child.since > _QUICK_SECONDS:
                    self._crashes.pop(child.role, None)
                continue
            code = child.process.exitcode
            n = self._crashes[child.role] = self._crashes.get(child.role, 0) + 1
            if n > _MAX_QUICK_CRASHES:
                raise _not_kept(child.role, code)
            logger.error("%s ended with %s; it is started again", child.role, code)
            if self._stop.wait(_BACKOFF_SECONDS * (2 ** (n - 1) - 1)):
                return
            self._children[place] = self._start(child.role, self._settings)

    def _reloaded(self) -> None:
        """New processes with new settings, and once they are ready the end of the old ones, which answer until then.

        With settings that do not hold, or with which nothing becomes ready, nothing changes.
        """
        new: list[_Child] = []
        try:
            settings = self._load()
            here, there = self._settings.service, settings.service
            if (here.host, here.port) != (there.host, there.port) or self._settings.home != settings.home:
                logger.warning("home, service.host and service.port are as they were until the service is restarted")
            check(settings)
            new = self._started(settings, when_ready=True)
            self._wait_until_up(new, self._look_after_the_old)
        except QianxunError as error:
            self._end(new)
            logger.error("the settings are as they were: %s", error)
            return
        old, self._children, self._settings = self._children, new, settings
        for child in old:
            child.replaced.set()
            child.process.terminate()
        self._leaving += old
        logger.info("the settings were read anew")

    def _look_after_the_old(self) -> None:
        """Raises QianxunError if the settings were changed once more, which may be just because nothing gets ready."""
        if self._reload.is_set():
            raise QianxunError("They are to be read once more.")
        self._look_after()

    def _end(self, children: list[_Child]) -> None:
        for child in children:
            if child.process.is_alive():
                child.process.terminate()
        until = time.monotonic() + self._settings.service.stop_seconds + 10.0
        for child in children:
            child.process.join(max(0.0, until - time.monotonic()))
            if child.process.is_alive():
                logger.warning("%s did not end in time", child.role)
                child.process.kill()
                child.process.join()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            signal.SIGTERM: signal.signal(signal.SIGTERM, lambda *_: self._stop.set()),
            signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: self._stop.set()),
            signal.SIGHUP: signal.signal(signal.SIGHUP, lambda *_: self._reload.set()),
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _not_kept(role: str, code: int | None) -> QianxunError:
    return QianxunError(
        "The process {role} does not stay up (exit code {code}).", remedy="Its words are above.", role=role, code=code
    )


def _forget_gauges(pid: int) -> None:
    """What a process that has ended had running and waiting is no more; its counts stay."""
    for path in Path(os.environ[METRICS_ENVIRONMENT]).glob(f"gauge_live*_{pid}.db"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _metrics_folder(settings: Settings) -> Iterator[None]:
    """An empty folder that the processes of this service alone count in, named in their environment.

    Another service of the same home has another one. A lock beside it says that its service lives: the system lets go
    of it however the service ends, and who starts next sweeps what is left.
    """
    everybodys = Path(home_directory(settings)) / "run" / "metrics"
    everybodys.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep_metrics(everybodys)
    folder = everybodys / secrets.token_hex(8)
    before = os.environ.get(METRICS_ENVIRONMENT)
    with _lock_of(folder):
        folder.mkdir(mode=0o700)
        os.environ[METRICS_ENVIRONMENT] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[METRICS_ENVIRONMENT]
            else:
                os.environ[METRICS_ENVIRONMENT] = before
            shutil.rmtree(folder, ignore_errors=True)
            _lock_path(folder).unlink(missing_ok=True)


def _sweep_metrics(everybodys: Path) -> None:
    """Deletes what services left behind that are gone."""
    for folder in everybodys.glob("*/"):
        lock = _lock_of(folder)
        with contextlib.suppress(OSError):  # held: its service lives
            lock.acquire(blocking=False)
            shutil.rmtree(folder, ignore_errors=True)
            _lock_path(folder).unlink(missing_ok=True)
            lock.release()


def _lock_of(folder: Path) -> filelock.FileLock:
    return filelock.FileLock(_lock_path(folder), thread_local=False, is_singleton=False)


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")
