"""Conversations on the command line: each call is a process of its own, and knows what was asked before."""

import json
from pathlib import Path

import pytest

import qianxun
from qianxun import TextItem
from qianxun.cli.main import main

TEXT = "去上海出差，每晚住宿限额为 650 元。"


@pytest.fixture(autouse=True)
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIANXUN_KB", "./kb")
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        kb.add_texts([TextItem("差旅.txt", "差旅标准", TEXT)])
        kb.add_texts([TextItem("leave.txt", "Leave", "Annual leave is ten days a year.")], labels=["hr"])


Captured = pytest.CaptureFixture[str]


def run(capsys: Captured, *words: str, expect: int = 0) -> tuple[str, str]:
    assert main(list(words)) == expect
    captured = capsys.readouterr()
    return captured.out, captured.err


def begun(capsys: Captured) -> str:
    """A conversation of two questions; its token as people are told it."""
    out, err = run(capsys, "ask", "--conversation", "new", "去上海出差每晚的住宿限额是多少？")
    assert TEXT in out
    token = err.partition("--conversation ")[2].partition("`")[0]
    assert len(token) == 8
    out, err = run(capsys, "ask", "--conversation", token, "那广州呢？")
    assert "Searched for: 去广州出差每晚的住宿限额是多少" in out
    assert err == ""
    return token


def test_a_follow_up_leans_on_the_call_before(capsys: Captured) -> None:
    token = begun(capsys)
    out, _ = run(capsys, "conversations")
    header, line = out.splitlines()
    assert header.split("\t") == ["token", "last question (UTC)", "questions", "title"]
    assert line.split("\t")[0] == token
    assert line.split("\t")[2:] == ["2", "去上海出差每晚的住宿限额是多少？"]
    out, _ = run(capsys, "conversations", "show", token[:4])
    assert "1. 去上海出差每晚的住宿限额是多少？" in out
    assert "2. 那广州呢？" in out
    assert out.count(TEXT) == 4  # said and quoted, twice


def test_one_is_renamed_exported_and_deleted(capsys: Captured, tmp_path: Path) -> None:
    token = begun(capsys)
    assert run(capsys, "conversations", "rename", token, "出差", "２０２６")[0] == f"Renamed {token}: 出差 ２０２６\n"
    assert run(capsys, "conversations", "rename", token, " ", expect=2)[1].startswith("The title is empty.")
    out, _ = run(capsys, "conversations", "export", token, "--language", "zh")
    assert out.startswith("# 出差 ２０２６\n\n开始于 ")
    assert f"> {TEXT}" in out
    assert "Wrote conversation" in run(capsys, "conversations", "export", token, "--out", "talk.md")[0]
    assert (tmp_path / "talk.md").read_text(encoding="utf-8").startswith("# 出差 ２０２６\n\nBegun ")
    assert "cannot be written" in run(capsys, "conversations", "export", token, "--out", "no/a.md", expect=2)[1]
    shape = json.loads(run(capsys, "conversations", "export", token, "--format", "json")[0])
    assert [turn["question"] for turn in shape["turns"]] == ["去上海出差每晚的住宿限额是多少？", "那广州呢？"]
    assert "Which conversations" in run(capsys, "conversations", "delete", expect=2)[1]
    assert run(capsys, "conversations", "delete", token, "--yes")[0] == "Deleted 1 conversation.\n"
    assert run(capsys, "conversations", "show", token, expect=4)[1].startswith(f"There is no conversation {token}.")
    begun(capsys)
    begun(capsys)
    assert run(capsys, "conversations", "delete", "--all", "--yes")[0] == "Deleted 2 conversations.\n"


def test_what_may_not_be_read_is_not_shown(capsys: Captured) -> None:
    _, err = run(capsys, "ask", "--conversation", "new", "How long is annual leave?")
    token = err.partition("--conversation ")[2].partition("`")[0]
    for command in ("show", "export"):
        assert "ten days" in run(capsys, "conversations", command, token)[0]
        out, _ = run(capsys, "conversations", command, token, "--as", "public")
        assert "ten days" not in out
        assert "[source removed]" in out


def test_a_purge_says_how_many_answers_went(capsys: Captured) -> None:
    token = begun(capsys)
    out, _ = run(capsys, "remove", "差旅.txt", "--yes", "--purge")
    assert "2 stored answers for which they were read were erased." in out
    assert (
        run(capsys, "conversations", "show", token)[0].count("A document that was read for this answer was removed.")
        == 2
    )
    assert run(capsys, "compact")
    assert "answers 0" in run(capsys, "check")[0]


def test_without_a_purge_they_are_counted(capsys: Captured) -> None:
    begun(capsys)
    assert "2 stored answers and 0 evaluation questions cite them." in run(capsys, "remove", "差旅.txt", "--yes")[0]


def test_an_unknown_conversation_is_no_new_one(capsys: Captured) -> None:
    for token in ("abc", ""):
        assert "There is no conversation" in run(capsys, "ask", "--conversation", token, "问？", expect=4)[1]
    assert json.loads(run(capsys, "conversations", "--json")[0])["conversations"] == []
