"""The care taken of model servers: started, watched, restarted, ended with all that is theirs.

The processes are real, the server is a stand-in: it has vLLM's command line and its /health, and does what a test
asks of it. Every process of a server holds a connection to the test, so that its end is seen without waiting by guess.
"""

import contextlib
import dataclasses
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qianxun.errors import ModelTimeout, ModelUnavailable, SettingsError
from qianxun.models.serving import watchdog
from qianxun.models.serving.ports import holder_of
from qianxun.models.serving.serve import Limits, ServerEvent, Supervisor, telling_lines
from qianxun.models.serving.vllm_command import ModelServer

pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="vLLM does not run here")

WAIT_SECONDS = 60.0
STAND_IN = '''
import http.server, json, os, signal, socket, subprocess, sys, threading

def tell(who):
    """A connection that ends with the process."""
    line = socket.create_connection(("127.0.0.1", int(os.environ["TEST_PORT"])))
    line.sendall(who.encode() + b"\\n")
    return line

if sys.argv[1] == "worker":
    line = tell("worker")
    print("here", flush=True)
    line.recv(1)
    sys.exit()
words = sys.argv[1:]
assert words[0] == "serve", words
model, port = words[1], int(words[words.index("--port") + 1])
print("loading", model, flush=True)
if model == "broken":
    print("(EngineCore pid=7) ERROR 11-21 09:00:00 [core.py:1] Traceback (most recent call last):")
    print("(EngineCore pid=7) ERROR 11-21 09:00:00 [core.py:2] ValueError: No room for weights of 数字", flush=True)
    print("RuntimeError: Engine core initialization failed.", flush=True)
    sys.exit(1)
if model == "wordy":
    for number in range(2000):
        print("line", number, flush=True)
line = tell("server")
child = subprocess.Popen([sys.executable, sys.argv[0], "worker"], stdout=subprocess.PIPE)
child.stdout.readline()  # healthy only with its worker
health = 503 if model == "slow" else 200

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(health, json.dumps(dict(os.environ)))

    def do_POST(self):
        global health
        if self.path == "/crash":
            os._exit(3)
        if self.path == "/unwell":
            health = 503
        if self.path == "/deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self.answer(200, "")

    def answer(self, status, text):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass

signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # leaves its worker behind, as a bad server may
print("ready", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
'''


class Processes:
    """The processes of servers, by the connections they hold."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(WAIT_SECONDS)
        self.port = self._listener.getsockname()[1]
        self._lines: list[socket.socket] = []

    def wait_for(self, count: int) -> list[str]:
        """Who connected next, sorted."""
        names = []
        for _ in range(count):
            line, _ = self._listener.accept()
            line.settimeout(WAIT_SECONDS)
            self._lines.append(line)
            names.append(line.makefile().readline().strip())
        return sorted(names)

    def wait_until_gone(self) -> None:
        """Returns when every process that connected has ended."""
        for line in self._lines:
            with contextlib.suppress(ConnectionResetError):
                assert line.recv(1) == b""
            line.close()
        self._lines.clear()

    def close(self) -> None:
        for line in self._lines:
            line.close()
        self._listener.close()


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    found = Processes()
    monkeypatch.setenv("TEST_PORT", str(found.port))
    yield found
    found.close()


@pytest.fixture
def command(tmp_path: Path) -> tuple[str, str]:
    script = tmp_path / "vllm stand-in.py"
    script.write_text(STAND_IN, encoding="utf-8")
    return sys.executable, str(script)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def a_server(model: str = "model", role: str = "encoder", **changed: Any) -> ModelServer:
    port = free_port()
    return ModelServer(
        role=role,  # type: ignore[arg-type]
        model=model,
        folder=None,
        served_as=model,
        host="127.0.0.1",
        port=port,
        arguments=("serve", model, "--port", str(port)),
        **{"environment": {}, **changed},
    )


def post(server: ModelServer, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)
    try:
        connection.request("POST", path)
        connection.getresponse().read()
    except (http.client.HTTPException, OSError):  # a crash answers nothing
        pass
    finally:
        connection.close()


def environment_of(server: ModelServer) -> dict[str, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)
    connection.request("GET", "/health")
    found: dict[str, str] = json.loads(connection.getresponse().read())
    connection.close()
    return found


def states_in(events: list[ServerEvent]) -> list[tuple[str, str]]:
    """Each role's changes of state: a server that starts says so again and again."""
    found = [(event.role, event.state) for event in events]
    return [now for before, now in zip([None, *found], found, strict=False) if now != before]


LIMITS = Limits(start=WAIT_SECONDS, stop=5.0, backoff=0.01, poll=0.02, ask_every=0.0)


class TestSupervisor:
    def test_servers_start_one_after_the_other_and_end_with_their_workers(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        events: list[ServerEvent] = []
        servers = [a_server("文档", "encoder"), a_server("rank", "reranker")]
        supervisor = Supervisor(servers, command, tmp_path / "logs", LIMITS, events.append)
        with supervisor:
            supervisor.start()
            assert processes.wait_for(4) == ["server", "server", "worker", "worker"]
            assert supervisor.states() == {"encoder": "healthy", "reranker": "healthy"}
        processes.wait_until_gone()
        assert states_in(events) == [
            ("encoder", "starting"),
            ("encoder", "healthy"),
            ("reranker", "starting"),
            ("reranker", "healthy"),
            ("encoder", "stopped"),
            ("reranker", "stopped"),
        ]
        assert "loading 文档" in (tmp_path / "logs" / "vllm-encoder.log").read_text(encoding="utf-8")

    def test_a_crashed_server_is_restarted(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        server = a_server()
        events: queue.Queue[ServerEvent] = queue.Queue()
        supervisor = Supervisor([server], command, tmp_path, LIMITS, events.put)
        with supervisor:
            supervisor.start()
            watching = threading.Thread(target=supervisor.watch)
            watching.start()
            processes.wait_for(2)
            seen = until(events, "healthy")
            post(server, "/crash")
            seen += until(events, "healthy")
            processes.wait_until_gone()
            processes.wait_for(2)
            supervisor.ask_to_stop()
            watching.join(WAIT_SECONDS)
        processes.wait_until_gone()
        assert [state for _, state in states_in(seen)] == ["starting", "healthy", "restarting", "starting", "healthy"]
        assert next(e.detail for e in seen if e.state == "restarting") == "ended with exit code 3"

    def test_a_server_that_crashes_again_and_again_is_given_up_and_the_others_end(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        good, bad = a_server(), a_server("generator", "generator")

        def crash(event: ServerEvent) -> None:
            if event.role == "generator" and event.state == "healthy":
                post(bad, "/crash")

        supervisor = Supervisor([good, bad], command, tmp_path, LIMITS, crash)
        with supervisor:
            supervisor.start()
            with pytest.raises(ModelUnavailable, match="generator's server generator does not stay up"):
                supervisor.watch()
        # One of the encoder's, three of the generator's, each with a worker.
        processes.wait_for(8)
        processes.wait_until_gone()

    def test_a_server_that_falls_silent_is_restarted(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        server = a_server()
        events: queue.Queue[ServerEvent] = queue.Queue()
        supervisor = Supervisor([server], command, tmp_path, dataclasses.replace(LIMITS, silent=0.0), events.put)
        with supervisor:
            supervisor.start()
            until(events, "healthy")
            post(server, "/unwell")
            watching = threading.Thread(target=supervisor.watch)
            watching.start()
            assert until(events, "restarting")[-1].detail == "did not answer for 0 s"
            until(events, "healthy")
            processes.wait_for(4)  # ended sooner, a worker might never have said that it was there
            supervisor.ask_to_stop()
            watching.join(WAIT_SECONDS)
        processes.wait_until_gone()

    def test_a_server_that_cannot_start_is_reported_with_its_own_words(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        supervisor = Supervisor([a_server("broken")], command, tmp_path, LIMITS)
        with pytest.raises(ModelUnavailable) as caught:
            supervisor.start()
        assert "ValueError: No room for weights of 数字 | RuntimeError: Engine core" in str(caught.value)
        assert str(tmp_path / "vllm-encoder.log") in str(caught.value)

    def test_a_server_that_takes_too_long_is_ended(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        limits = dataclasses.replace(LIMITS, start=3.0)
        supervisor = Supervisor([a_server("slow")], command, tmp_path, limits)
        with pytest.raises(ModelTimeout, match=r"not healthy after 3 s"):
            supervisor.start()
        assert processes.wait_for(2) == ["server", "worker"]
        processes.wait_until_gone()

    def test_a_server_that_does_not_heed_sigterm_is_ended_all_the_same(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        server = a_server()
        supervisor = Supervisor([server], command, tmp_path, dataclasses.replace(LIMITS, stop=0.2))
        with supervisor:
            supervisor.start()
            processes.wait_for(2)
            post(server, "/deaf")
        processes.wait_until_gone()

    def test_a_program_that_is_none_is_reported(self, tmp_path: Path) -> None:
        supervisor = Supervisor([a_server()], (str(tmp_path / "no-such"),), tmp_path, LIMITS)
        with pytest.raises(ModelUnavailable, match="No such file"):
            supervisor.start()

    def test_a_taken_port_names_who_holds_it(self, command: tuple[str, str], tmp_path: Path) -> None:
        server = a_server()
        with socket.create_server(("127.0.0.1", server.port)), pytest.raises(SettingsError) as caught:
            Supervisor([server], command, tmp_path, LIMITS).start()
        assert f"Port {server.port} of the encoder's server is taken by" in str(caught.value)
        if Path("/proc/net/tcp").exists():
            assert f"(process {os.getpid()})" in str(caught.value)
        assert not (tmp_path / "vllm-encoder.log").exists()

    def test_a_key_reaches_the_server_by_its_environment_only(
        self, command: tuple[str, str], processes: Processes, tmp_path: Path
    ) -> None:
        server = a_server(environment={"HF_HUB_OFFLINE": "1"}, key_env="MY_KEY")
        with pytest.raises(SettingsError, match="MY_KEY"):
            Supervisor([server], command, tmp_path, LIMITS).start()
        environ = {**os.environ, "MY_KEY": "秘密-123"}
        with Supervisor([server], command, tmp_path, LIMITS, environ=environ) as supervisor:
            supervisor.start()
            found = environment_of(server)
        assert (found["VLLM_API_KEY"], found["HF_HUB_OFFLINE"]) == ("秘密-123", "1")
        assert "秘密" not in (tmp_path / "vllm-encoder.log").read_text(encoding="utf-8")

    def test_logs_are_bounded(self, command: tuple[str, str], processes: Processes, tmp_path: Path) -> None:
        limits = dataclasses.replace(LIMITS, log_bytes=4000)
        with Supervisor([a_server("wordy")], command, tmp_path, limits) as supervisor:
            supervisor.start()
        files = sorted(tmp_path.glob("vllm-encoder.log*"))
        assert [path.name for path in files] == ["vllm-encoder.log", "vllm-encoder.log.1", "vllm-encoder.log.2"]
        # A piece that came at once is kept whole, and pipes carry at most 64 KiB at once.
        assert all(path.stat().st_size <= 4000 + 65536 for path in files)
        assert "ready" in files[0].read_text(encoding="utf-8")


RUNNER = """
import json, sys
from pathlib import Path
from qianxun.models.serving.serve import Limits, Supervisor
from qianxun.models.serving.vllm_command import ModelServer
command, logs, port = json.loads(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
server = ModelServer("encoder", "m", None, "m", "127.0.0.1", port, ("serve", "m", "--port", str(port)), {})
Supervisor([server], command, logs, Limits(stop=5.0, poll=0.02), lambda e: print(e.state, flush=True)).run()
print("ended in good order", flush=True)
"""


@pytest.fixture
def supervising(command: tuple[str, str], processes: Processes, tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """A process that runs a supervisor, its server healthy."""
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, json.dumps(command), str(tmp_path), str(free_port())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert runner.stdout is not None
    assert processes.wait_for(2) == ["server", "worker"]
    while runner.stdout.readline().strip() != "healthy":
        assert runner.poll() is None
    yield runner
    runner.kill()
    runner.wait()
    runner.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_servers_in_good_order(
    supervising: "subprocess.Popen[str]", processes: Processes, number: signal.Signals
) -> None:
    supervising.send_signal(number)
    out, _ = supervising.communicate(timeout=WAIT_SECONDS)
    assert out.splitlines()[-2:] == ["stopped", "ended in good order"]
    assert supervising.returncode == 0
    processes.wait_until_gone()


def test_no_server_is_left_when_the_supervisor_is_killed(
    supervising: "subprocess.Popen[str]", processes: Processes
) -> None:
    supervising.send_signal(signal.SIGKILL)
    processes.wait_until_gone()


def test_no_server_is_left_when_its_watchdog_is_killed(
    command: tuple[str, str], processes: Processes, tmp_path: Path
) -> None:
    supervisor = Supervisor([a_server()], command, tmp_path, LIMITS)
    with supervisor:
        supervisor.start()
        processes.wait_for(2)
        process = supervisor._managed[0].process
        assert process is not None
        process.kill()
        process.wait()
    processes.wait_until_gone()


def test_a_watchdog_gives_on_the_exit_code(tmp_path: Path) -> None:
    words = [sys.executable, "-I", watchdog.__file__, str(tmp_path / "log"), "1000", "1"]
    words += [sys.executable, "-c", "raise SystemExit(7)"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read().strip().isdigit()
        assert process.wait(WAIT_SECONDS) == 7


def until(events: "queue.Queue[ServerEvent]", state: str) -> list[ServerEvent]:
    """The events up to one of this state."""
    seen = [events.get(timeout=WAIT_SECONDS)]
    while seen[-1].state != state:
        seen.append(events.get(timeout=WAIT_SECONDS))
    return seen


def test_a_free_port_has_no_holder_and_a_foreign_address_is_refused() -> None:
    assert holder_of("127.0.0.1", free_port()) is None
    with pytest.raises(SettingsError, match=r"No server can listen on 192\.0\.2\.1"):
        holder_of("192.0.2.1", 8101)


def test_telling_lines_are_the_first_and_the_last_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "ValueError: of an earlier try\n--- qianxun starts: now\nINFO 11-21 10:00:00 [a.py:1] fine\n"
        "torch.OutOfMemoryError: CUDA out of memory.\nsomething\nRuntimeError: Engine core failed. See above.\nbye\n",
        encoding="utf-8",
    )
    assert (
        telling_lines(log)
        == "torch.OutOfMemoryError: CUDA out of memory. | RuntimeError: Engine core failed. See above."
    )
    log.write_text("--- qianxun starts: now\nvllm serve: error: unrecognized arguments: --task\n", encoding="utf-8")
    assert telling_lines(log) == "vllm serve: error: unrecognized arguments: --task"
    log.write_text("one\ntwo\nthree\nfour\n", encoding="utf-8")
    assert telling_lines(log) == "two | three | four"
    assert telling_lines(tmp_path / "none") == "-"


def test_progress_is_optional_and_stopping_twice_is_no_error(
    command: tuple[str, str], processes: Processes, tmp_path: Path
) -> None:
    supervisor = Supervisor([a_server()], command, tmp_path, LIMITS)
    supervisor.start()
    supervisor.stop()
    supervisor.stop()
    processes.wait_for(2)
    processes.wait_until_gone()
    assert supervisor.states() == {"encoder": "stopped"}
