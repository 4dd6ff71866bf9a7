"""Three questions from beginning to end, against a scripted server: a pasted table, an equation, a résumé to JSON."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from qianxun.cli.main import main
from qianxun.testing import Reply, ScriptedServer

Command = Callable[..., tuple[int, str]]

SALES = "请总结下表的趋势：\n\n月份 | 销售额（万元）\n--- | ---\n1月 | 120\n2月 | 110\n3月 | 180\n"
STEPS = (
    "因式分解：$x^2 - 5x + 6 = (x - 2)(x - 3)$。\n令每个因式为零：$x - 2 = 0$ 或 $x - 3 = 0$。\n"
    "所以 $x = 2$ 或 $x = 3$。\n\n"
    "```python\nassert [x for x in range(9) if x * x - 5 * x + 6 == 0] == [2, 3]\n```"
)
RESUME = """# 个人简历

姓名：張偉　性别：男
邮箱：zhang.wei@example.com
教育经历：２００８年至２０１２年，浙江大学，计算机科学，学士
工作经历：2012年7月至2020年3月，杭州某某公司，后端工程师
"""
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "email": {"type": "string"},
        "school": {"type": "string"},
        "graduated": {"type": "integer"},
        "languages": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name", "email", "school", "graduated", "languages"],
}
VALUES = {
    "name": "张伟", "email": "zhang.wei@example.com", "school": "浙江大学", "graduated": 2012, "languages": ["Python"],
}  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.setenv("QIANXUN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "qianxun.toml").write_text(
        'language = "zh"\n[personas.math]\ngrounding = "off"\ninstructions = "逐步推导。"\n', encoding="utf-8"
    )
    (tmp_path / "年假.md").write_text("工作满一年的员工每年有五天带薪年假。\n", encoding="utf-8")

    def ran(*argv: str, server: ScriptedServer | None = None) -> tuple[int, str]:
        settings = []
        if server is not None:
            settings = [f"generator.url={server.url}", "generator.name=http", "models.waive_meaning_checks=true"]
        code = main([*argv, "--kb", "./kb", *(word for one in settings for word in ("--set", one))])
        return code, capsys.readouterr().out

    assert ran("add", "年假.md")[0] == 0
    return ran


def test_the_trend_of_a_pasted_table(run: Command) -> None:
    code, shown = run("ask", SALES, "--json")
    assert code == 0
    answer = json.loads(shown)
    assert answer["verdict"] == "answered"
    assert "从 1月 的 120 万元 升到 3月 的 180 万元" in answer["answer"]
    assert {one["number"] for one in answer["citations"]} == {0}
    said = "销售额从 120 万元升到 180 万元，增加 60 万元（+50.0%）[Q]。\n二月跌了 30 万元[Q]。"
    with ScriptedServer([Reply(said)] * 3) as server:
        answer = json.loads(run("ask", SALES, "--json", server=server)[1])
        asked = server.chats[-1].body["messages"][-1]["content"]
    assert "+50.0%" in asked, "the model is given the figures"
    assert [one["support"] for one in answer["statements"]] == ["supported", "absent"]
    assert answer["verdict"] == "partial"


def test_an_equation_with_its_steps(run: Command) -> None:
    with ScriptedServer([Reply(STEPS)] * 3) as server:
        code, shown = run("ask", "--persona", "math", "解方程 x² − 5x + 6 = 0", "--json", server=server)
        messages = server.chats[-1].body["messages"]
    answer = json.loads(shown)
    assert code == 0
    assert answer["answer"] == STEPS, "formulas and code are as the model wrote them"
    assert answer["verdict"] == "ungrounded"
    assert all(one["own"] for one in answer["statements"] if one["claim"])
    assert "年假" not in messages[-1]["content"], "no passage is looked for"
    assert messages[0]["content"].endswith("逐步推导。")


def test_a_resume_to_json(run: Command, tmp_path: Path) -> None:
    (tmp_path / "resume.md").write_text(RESUME, encoding="utf-8")
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    with ScriptedServer([Reply(json.dumps(VALUES, ensure_ascii=False))] * 3) as server:
        code, shown = run("extract", "--schema", "schema.json", "resume.md", "--json", server=server)
    assert code == 0
    (result,) = json.loads(shown)["results"]
    assert result["value"] == VALUES
    supports = {one["pointer"]: one["support"] for one in result["fields"]}
    assert supports.pop("/languages/0") == "absent", "it stands nowhere in the résumé"
    assert set(supports.values()) == {"supported"}
    quotes = {one["pointer"]: one["quote"] for one in result["fields"]}
    assert quotes["/name"] == "張偉"
