"""The whole service is killed while files come in and go: what was accepted is done once after the next start."""

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from test_processes import Serving, home, serving, wait_for

import qianxun
from qianxun.settings import load_settings
from qianxun.storage.jobs import Jobs
from qianxun.storage.service import open_service

__all__ = ["home"]


def documents(n: int) -> list[tuple[str, tuple[str, bytes]]]:
    made = []
    for i in range(n):
        text = f"第{i}条：加班費須經核准。Pump {i} is serviced yearly. " + " ".join(
            f"词{j}" for j in range(i % 60 + 20)
        )
        made.append(("files", (f"文件（{i}）.md", text.encode())))
    return made


def kill_all(one: Serving) -> None:
    """Parent and children at once: none has time for a last word."""
    pids = one.children()
    one.process.kill()
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    one.process.wait(30)


def call(one: Serving, method: str, path: str, key: str, **given: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.request(method, f"{one.url}/api/v1/{path}", headers=headers, timeout=60, trust_env=False, **given)


def went_through(home: Path, seconds: float, n: int) -> None:
    """Sends files, kills everything after a while, starts again, and looks; then takes some out in the same way."""
    with serving(home) as one:
        key = one.key
        accepted = call(one, "POST", "bases/default/documents", key, files=documents(n))
        assert accepted.status_code == 202
        time.sleep(seconds)
        kill_all(one)
    token = accepted.json()["job"]
    with serving(home) as again:
        wait_for(lambda: call(again, "GET", f"jobs/{token}", key).json()["state"] == "done")
        found = call(again, "GET", "bases/default/documents", key, params={"count": 1000}).json()["documents"]
        assert sorted(d["source"] for d in found) == sorted(["制度.md", *(f"文件（{i}）.md" for i in range(n))])
        original = call(again, "GET", f"bases/default/documents/{found[-1]['id']}/original", key)
        assert original.content in [data for _, (_, data) in documents(n)]
        call(again, "POST", "bases/default/maintenance", key, json={"job": "compact"})
        deleted = call(again, "DELETE", f"bases/default/documents/{found[-1]['id']}", key)
        kill_all(again)
    assert deleted.status_code == 200
    with serving(home) as last:
        wait_for(lambda: not any(j["state"] in ("queued", "running") for j in jobs_of(last, key)))
        check = call(last, "POST", "bases/default/maintenance", key, json={"job": "check"}).json()["job"]
        wait_for(lambda: call(last, "GET", f"jobs/{check}", key).json()["state"] == "done")
        assert call(last, "GET", f"jobs/{check}", key).json()["result"]["problems"] == []
        assert last.end() == 0
    assert not list((home / "uploads").glob("*"))


def jobs_of(one: Serving, key: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(one, "GET", "jobs", key).json()["jobs"]
    return found


@pytest.mark.kill
def test_killed_while_files_are_added_the_service_goes_on_after_the_next_start(home: Path) -> None:
    went_through(home, 0.4, 40)


@pytest.mark.kill
@pytest.mark.parametrize("round", range(4))
def test_killed_at_random_moments(home: Path, round: int) -> None:
    went_through(home, random.SystemRandom().uniform(0.0, 3.0), 150)


def test_searches_are_answered_while_files_are_added(home: Path) -> None:
    settings = load_settings(overrides=[f"home={home}"])
    with serving(home) as one:
        job = call(one, "POST", "bases/default/documents", one.key, files=documents(60)).json()["job"]
        jobs = Jobs(open_service(home))
        wait_for(lambda: jobs.get(job).state == "running")
        n = 0
        while not jobs.get(job).ended:
            assert one.search().status_code == 200
            n += 1
        jobs.close()
        assert n > 0
        assert one.end() == 0
    with qianxun.open(home / "kb" / "default", settings=settings) as kb:
        assert len(kb.documents()) == 61
