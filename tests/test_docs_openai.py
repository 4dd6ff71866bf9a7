"""docs/openai.md does what it says: its curl lines and its example run against a real server."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from service_fixtures import Served, running

from qianxun import TextItem
from qianxun.service.openai.described import AnswerPart, ChatReply, EmbeddingsReply, RerankReply, ScoreReply

PAGE = (Path(__file__).parents[1] / "docs" / "openai.md").read_text(encoding="utf-8")
CURLS = [block for block in re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL) if block.startswith("curl")]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    served = Served(tmp_path_factory.mktemp("home"), ["encoder.name=builtin"])
    with served.base() as kb:
        kb.add_texts(
            [
                TextItem("leave", "年假", "工作满一年的员工每年有五天带薪年假。"),
                TextItem("remote", "Remote work", "Remote work is limited to 3 days per week."),
            ]
        )
    with running(served.app) as url:
        key = served.key(actions=("ask", "models"))
        yield {"PATH": os.environ["PATH"], "QIANXUN_URL": url, "QIANXUN_KEY": key, "LC_ALL": "C.UTF-8"}


def printed(block: str, environment: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-c", block], env=environment, capture_output=True, check=True, timeout=60)
    return done.stdout.decode()


def test_curl_lists_models(environment: dict[str, str]) -> None:
    found = json.loads(printed(CURLS[0], environment))
    assert [one["id"] for one in found["data"]] == ["default", "embed:builtin", "rerank:builtin"]


def test_curl_asks(environment: dict[str, str]) -> None:
    reply = json.loads(printed(CURLS[1], environment))
    ChatReply.model_validate(reply)
    message = reply["choices"][0]["message"]
    assert "五天带薪年假" in message["content"]
    assert "- [1] 年假 (leave)" in message["content"]
    assert set(message["qianxun"]) == set(AnswerPart.model_fields)
    assert message["qianxun"]["usage_by"] == "estimate"


def test_every_part_of_an_answer_is_on_the_page() -> None:
    section = PAGE.partition("### `qianxun`, beside the text")[2].partition("###")[0]
    assert [name for name in AnswerPart.model_fields if f"`{name}`" not in section] == []


def test_curl_streams(environment: dict[str, str]) -> None:
    lines = [line for line in printed(CURLS[2], environment).splitlines() if line]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert chunks[-1]["choices"] == []
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert "3 days per week" in text


def test_curl_embeds_reranks_and_scores(environment: dict[str, str]) -> None:
    found: list[Any] = [json.loads(printed(block, environment)) for block in CURLS[3:]]
    vectors, ranked, tei, scores = found
    EmbeddingsReply.model_validate(vectors)
    assert vectors["qianxun"]["usage_by"] == "tokenizer"
    assert len(vectors["data"][0]["embedding"]) == vectors["qianxun"]["dim"]
    RerankReply.model_validate(ranked)
    assert ranked["results"][0]["index"] == 0
    assert [one["index"] for one in tei] == [0, 1]
    ScoreReply.model_validate(scores)
    assert scores["data"][0]["score"] == pytest.approx(tei[0]["score"], abs=1e-6)


def test_the_example_runs(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    for name in ("QIANXUN_URL", "QIANXUN_KEY"):
        monkeypatch.setenv(name, environment[name])
    names: dict[str, Any] = {}
    exec(compile(example.group(1), "openai.md", "exec"), names)
    names["client"].close()
    assert "leave 工作满一年的员工每年有五天带薪年假。 supported" in capsys.readouterr().out
