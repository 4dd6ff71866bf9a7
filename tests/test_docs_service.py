"""docs/service.md does what it says: its commands and curl lines run against a real server."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_fixtures import Served, running

from qianxun import TextItem
from qianxun.cli.main import main
from qianxun.service.replies import Answered, BaseList, Found

PAGE = (Path(__file__).parents[1] / "docs" / "service.md").read_text(encoding="utf-8")
CURLS = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^\$ qianxun (keys.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    served = Served(tmp_path_factory.mktemp("home"), ["encoder.name=builtin"])
    with served.base() as kb:
        kb.add_texts(
            [
                TextItem("年假.txt", "年假", "工作满一年的员工每年有五天带薪年假。"),
                TextItem("remote.txt", "Remote work", "Remote work is limited to 3 days per week."),
            ]
        )
    with running(served.app) as url:
        yield {"PATH": os.environ["PATH"], "QIANXUN_URL": url, "QIANXUN_KEY": served.key(), "LC_ALL": "C.UTF-8"}


def printed(block: str, environment: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-c", block], env=environment, capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def test_the_curl_lines_run(environment: dict[str, str]) -> None:
    bases, found, answer, ruled, events = (printed(block, environment) for block in CURLS)
    BaseList.model_validate_json(bases)
    assert Found.model_validate_json(found).hits[0].source == "年假.txt"
    assert "3 days per week" in Answered.model_validate_json(answer).answer
    assert "五天" in Answered.model_validate_json(ruled).answer
    told = [json.loads(line.removeprefix("data: ")) for line in events.splitlines() if line.startswith("data: ")]
    assert next(one["event"] for one in told) == "shown"
    assert told[-1]["event"] == "done"
    assert "五天" in told[-1]["answer"]["answer"]


def test_the_commands_about_keys_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in COMMANDS:
        assert main([*shlex.split(command), "--set", f"home={tmp_path}"]) == 0, command
    listed = capsys.readouterr().out
    assert listed.count("qx-") == 4


def test_every_path_on_the_page_is_there_and_every_path_is_on_the_page(tmp_path: Path) -> None:
    served = Served(tmp_path)
    paths: dict[str, Any] = served.app.openapi()["paths"]
    served.close()
    table = PAGE.partition("| path under `/api/v1` | what |")[2].partition("\n\n")[0]
    for path in paths:
        if not path.startswith("/api/v1/"):
            continue
        named = [part for part in path.removeprefix("/api/v1/").split("/") if not part.startswith("{")]
        assert all(part in table for part in named), path
