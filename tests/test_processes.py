"""`qianxun serve` as a person runs it: real processes, signals, kills."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from service_fixtures import SETTINGS

import qianxun
from qianxun.errors import InputError, NotFound, SettingsError
from qianxun.service import processes
from qianxun.service.processes import check, first_base, first_key, is_loopback, listen
from qianxun.service.worker import gentle
from qianxun.settings import load_settings

START_SECONDS = 60


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one knowledge base, and a settings file for it."""
    folder = tmp_path / "家"
    folder.mkdir()
    settings = "\n".join(f"{key} = {json.dumps(value)}" for key, value in (("home", str(folder)),))
    sections = '[encoder]\nname = "hash"\n[reading]\nworkers = 1\n[service]\nport = 0\nstop_seconds = 5\n'
    (folder / "qianxun.toml").write_text(f"{settings}\n{sections}", encoding="utf-8")
    monkeypatch.setenv("QIANXUN_HOME", str(folder))
    with qianxun.open(folder / "kb" / "default", settings=load_settings(overrides=[f"home={folder}", *SETTINGS])) as kb:
        kb.add_texts([qianxun.TextItem("制度.md", "制度", "工作满一年的员工每年有五天带薪年假。")])
    return folder


class Serving:
    """A running `qianxun serve`."""

    def __init__(self, home: Path, *arguments: str) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with (home / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "qianxun",
                    "serve",
                    "--json",
                    "--config",
                    str(home / "qianxun.toml"),
                    *arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                cwd=home,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (home / "serve.log").read_text(encoding="utf-8")[-2000:]
        told: dict[str, Any] = json.loads(line)
        self.url, self.key = told["url"], told["key"]

    def get(self, path: str, **given: Any) -> httpx.Response:
        """A reply to a request without a key."""
        return httpx.get(self.url + path, timeout=30, trust_env=False, **given)

    def search(self) -> httpx.Response:
        """A search."""
        place = f"{self.url}/api/v1/bases/default/search"
        return httpx.post(place, json={"query": "年假"}, timeout=30, trust_env=False)

    def children(self) -> set[int]:
        """The processes that it has started."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        found = [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
        return {pid for pid in found if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()}

    def end(self) -> int:
        """Ends it as an operator does; its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def serving(home: Path, *arguments: str) -> Iterator[Serving]:
    one = Serving(home, *arguments)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait(30)
        if one.process.stdout is not None:
            one.process.stdout.close()


def wait_for(what: Any, seconds: float = START_SECONDS) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come about"
        time.sleep(0.05)


def test_it_serves_is_ready_and_ends_when_told_to(home: Path) -> None:
    with serving(home) as one:
        assert one.key.startswith("qx-")
        wait_for(lambda: one.get("/readyz").status_code == 200)
        assert one.search().json()["hits"][0]["source"] == "制度.md"
        me = one.get("/api/v1/me", headers={"Authorization": f"Bearer {one.key}"}).json()
        assert me["labels"] is None
        assert "admin" in me["actions"]
        assert one.end() == 0
        with pytest.raises(httpx.ConnectError):
            one.get("/healthz")
    with serving(home) as again:
        assert again.key is None, "the first key is shown once"
        assert again.end() == 0
    log = (home / "serve.log").read_text(encoding="utf-8")
    assert "年假" not in log
    assert one.key not in log


@pytest.mark.parametrize("which", [min, max])  # the one that answers was started first, the one that runs jobs last
def test_a_process_that_is_killed_is_started_again(home: Path, which: Any) -> None:
    with serving(home) as one:
        before = one.children()
        assert len(before) == 2
        os.kill(which(before), signal.SIGKILL)
        wait_for(lambda: len(one.children()) == 2 and one.children() != before)
        assert one.search().status_code == 200  # the connection waits until somebody takes it up
        assert one.end() == 0


def test_a_parent_that_is_killed_takes_its_workers_along(home: Path) -> None:
    with serving(home) as one:
        workers = one.children()
        one.process.kill()
        one.process.wait(30)
        wait_for(lambda: not any(_runs(pid) for pid in workers))
    with serving(home) as again:
        assert again.search().status_code == 200
        assert again.end() == 0


def test_who_had_connected_is_answered_by_a_process_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("qianxun.service.worker._ABOUT_TO_ASK_SECONDS", 1.0)  # also where others work

    async def answering(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(answering, log_config=None, lifespan="off", http="httptools", timeout_graceful_shutdown=1)
    server = gentle(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        wait_for(lambda: server.started)
        with socket.create_connection(listening.getsockname()) as client:
            wait_for(lambda: bool(server.server_state.connections))
            server.should_exit = True
            wait_for(lambda: not server.servers[0].is_serving())
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 204")
        thread.join()


def test_settings_are_read_anew_without_a_break(home: Path) -> None:
    file = home / "qianxun.toml"
    with serving(home) as one:
        before = one.children()
        assert one.get("/api/v1/me").json()["requests_per_minute"] == 600
        text = file.read_text(encoding="utf-8")
        file.write_text(text + "anonymous_requests_per_minute = 1000\n", encoding="utf-8")
        one.process.send_signal(signal.SIGHUP)
        while one.get("/api/v1/me").json()["requests_per_minute"] != 1000:  # every one of these is answered
            time.sleep(0.02)
        wait_for(lambda: one.children().isdisjoint(before))
        after = one.children()
        file.write_text(text + "workers = many\n", encoding="utf-8")
        one.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "as they were" in (home / "serve.log").read_text(encoding="utf-8"))
        assert one.children() == after
        assert one.search().status_code == 200
        assert one.end() == 0


def test_a_reload_waits_until_what_is_new_is_ready(home: Path) -> None:
    """A model that is down by then: the old processes, which work, go on answering, and the reload is given up."""
    file = home / "qianxun.toml"
    with serving(home) as one:
        wait_for(lambda: one.get("/readyz").status_code == 200)
        before = one.children()
        text = file.read_text(encoding="utf-8")
        down = f'[generator]\nurl = "http://127.0.0.1:{_free_port()}/v1"\n[remote]\nretries = 0\n'
        file.write_text(f"{text}anonymous_requests_per_minute = 5000\n{down}", encoding="utf-8")
        one.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "waits for" in (home / "serve.log").read_text(encoding="utf-8"))
        for _ in range(40):
            assert one.get("/readyz").status_code == 200
            assert one.get("/api/v1/me").json()["requests_per_minute"] == 600
        assert before < one.children(), "new processes beside the old ones"
        file.write_text(f"{text}anonymous_requests_per_minute = 1000\n", encoding="utf-8")
        one.process.send_signal(signal.SIGHUP)  # mended: what waits is not waited for
        while one.get("/api/v1/me").json()["requests_per_minute"] != 1000:
            assert one.get("/readyz").status_code == 200
            time.sleep(0.02)
        wait_for(lambda: len(one.children()) == 2 and one.children().isdisjoint(before))
        assert one.end() == 0


def test_a_reload_that_does_not_become_ready_is_given_up(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    overrides = [f"home={home}", *SETTINGS, "service.port=0", "service.stop_seconds=2"]
    down = [*overrides, f"generator.url=http://127.0.0.1:{_free_port()}/v1", "remote.retries=0"]
    settings = load_settings(overrides=overrides)
    with listen(settings) as listening:
        supervisor = processes.Supervisor(settings, listening, load=lambda: load_settings(overrides=down))
        thread = threading.Thread(target=supervisor.run)
        thread.start()
        try:
            wait_for(lambda: supervisor.started)
            monkeypatch.setattr(processes, "_START_SECONDS", 4.0)
            supervisor.reload()
            wait_for(lambda: "as they were" in caplog.text)
            assert "was not ready after 4 s" in caplog.text
            url = processes.address_of(listening)
            assert httpx.get(f"{url}/readyz", timeout=30, trust_env=False).status_code == 200
        finally:
            supervisor.stop()
            thread.join(30)
        assert not thread.is_alive()


def test_two_services_of_one_home_do_not_get_in_each_others_way(home: Path) -> None:
    with serving(home) as first:
        with serving(home) as second:
            assert {first.search().status_code, second.search().status_code} == {200}
            assert second.key is None, "there is one first key"
            assert second.end() == 0
        before = first.children()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(first.children()) == 2 and first.children().isdisjoint(before))
        assert first.search().status_code == 200
        assert "qianxun_requests_total" in first.get("/metrics").text
        first.process.kill()  # leaves what it counted
        first.process.wait(30)
    metrics = home / "run" / "metrics"
    assert len(list(metrics.glob("*/"))) == 1
    with serving(home) as third:
        assert len(list(metrics.glob("*/"))) == 1, "what the dead one left is swept"
        assert third.end() == 0
    assert not list(metrics.iterdir())


def test_what_does_not_exist_is_not_served(home: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "qianxun", "serve", "--kb", "没有", "--config", str(home / "qianxun.toml")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == NotFound.exit_code
    assert "没有" in ended.stderr
    assert not (home / "kb" / "没有").exists()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_two_workers_answer_on_one_port(home: Path) -> None:
    with serving(home, "--workers", "2") as one:
        assert len(one.children()) == 3
        assert {one.search().status_code for _ in range(8)} == {200}
        assert one.end() == 0


def test_a_port_that_is_taken_is_said_before_anything_is_made(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings = load_settings(overrides=[f"home={home}", f"service.port={taken.getsockname()[1]}"])
        with pytest.raises(InputError, match="cannot be listened on"):
            listen(settings)


@pytest.mark.parametrize(
    "host, loopback", [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False)]
)
def test_which_addresses_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_what_is_no_address_is_said() -> None:
    with pytest.raises(InputError, match="no address"):
        is_loopback("no such host。")


def test_nobody_listens_elsewhere_without_a_key_to_show(tmp_path: Path) -> None:
    settings = load_settings(overrides=[f"home={tmp_path}", "service.host=0.0.0.0"])
    with pytest.raises(SettingsError, match=r"Nobody could show a key.*keys create"):
        check(settings)
    assert first_key(settings) is not None
    assert first_key(settings) is None
    check(settings)


def test_a_home_without_a_knowledge_base_gets_an_empty_one(tmp_path: Path) -> None:
    settings = load_settings(overrides=[f"home={tmp_path}", "kb=人事"])
    first_base(settings)
    assert [one.name for one in (tmp_path / "kb").iterdir()] == ["人事"]
    first_base(load_settings(overrides=[f"home={tmp_path}"]))
    assert [one.name for one in (tmp_path / "kb").iterdir()] == ["人事"]
    named = load_settings(overrides=[f"home={tmp_path}/b", f'service.knowledge_bases=["{tmp_path}/kb/人事"]'])
    first_base(named)
    first_base(load_settings(overrides=[f"home={tmp_path}/b", f"kb={tmp_path}/elsewhere"]))
    assert not (tmp_path / "b" / "kb").exists()
    assert not (tmp_path / "elsewhere").exists()


def test_models_in_process_are_loaded_once_only(tmp_path: Path) -> None:
    settings = load_settings(
        overrides=[f"home={tmp_path}", "service.workers=3", "encoder.model=/m", "encoder.name=transformers"]
    )
    with pytest.raises(SettingsError, match="would load the encoder 3 times"):
        check(settings)


def _runs(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
