"""An answer on a real terminal while it is written: shown at once, replaced by what was checked, stopped by Ctrl-C."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from qianxun.cli.main import main
from qianxun.testing import Reply, ScriptedServer

ANSWER = "工作满一年的员工每年有五天带薪年假。\n未休的年假次年三月三十一日前有效[1]。"


class Terminal:
    """A command on a terminal of 60 columns, and what it wrote there until now."""

    def __init__(self, folder: Path, *argv: str) -> None:
        self.master, slave = pty.openpty()
        environment = os.environ | {
            "COLUMNS": "60",
            "LINES": "20",
            "TERM": "xterm",
            "QIANXUN_HOME": str(folder / "home"),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "qianxun", *argv],
            stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.written = ""
        self._bytes = b""

    def until(self, wanted: str, seconds: float = 60.0) -> str:
        """What was written up to the text. Fails if it does not come."""
        end = time.monotonic() + seconds
        while wanted not in self.written:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            try:
                piece = os.read(self.master, 65536) if ready else b""
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"{wanted!r} did not come: {self.written!r}")
            self._bytes += piece
            self.written = self._bytes.decode("utf-8", "ignore").replace("\r\n", "\n")
        return self.written

    def close(self) -> int:
        """The rest of what it writes; its exit code."""
        while True:
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                break
            if not piece:
                break
            self._bytes += piece
        self.written = self._bytes.decode("utf-8", "ignore").replace("\r\n", "\n")
        os.close(self.master)
        return self.process.wait(60)


def screen_of(written: str, width: int = 60) -> str:
    """What a reader sees in the end: cursor movements obeyed, colours left out."""
    lines, row = [""], 0
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\r|\n)", written):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part.startswith("\x1b[") and part.endswith("A"):
            row -= int(part[2:-1])
        elif part == "\x1b[J":
            lines = [*lines[:row], ""]
        elif part and part[0] not in "\r\x1b":
            lines[row] += part
    return "\n".join(lines)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.setenv("QIANXUN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    text = "工作满一年的员工每年有五天带薪年假。未休的年假次年三月三十一日前有效。\n"
    (tmp_path / "年假.md").write_text(text, encoding="utf-8")
    assert main(["add", "年假.md", "--kb", "./kb"]) == 0
    capsys.readouterr()
    return tmp_path


def asked(server: ScriptedServer, *more: str) -> list[str]:
    settings = ["generator.name=http", f"generator.url={server.url}", "language=zh", "answer.hopeless=0"]
    settings.append("models.waive_meaning_checks=true")
    return ["ask", "年假有几天？", "--kb", "./kb", *(word for one in settings for word in ("--set", one)), *more]


def test_text_comes_at_once_and_the_checked_answer_takes_its_place(folder: Path) -> None:
    with ScriptedServer([Reply(ANSWER, between_seconds=0.05)] * 4) as server:
        terminal = Terminal(folder, *asked(server))
        early = terminal.until("五天带薪")
        assert "三月三十一日" not in early
        assert terminal.close() == 0
    seen = screen_of(terminal.written)
    assert seen.count("未休的年假次年三月三十一日前有效") == 2  # the answer, and the quote below it
    assert "年假。[1]" in seen or "年假[1]。" in seen, "the forgotten mark was added"


def test_ctrl_c_stops_the_model_and_shows_what_it_said(folder: Path) -> None:
    with ScriptedServer([Reply(ANSWER + "其他规定从略，见公司公告。" * 200, between_seconds=0.05)] * 4) as server:
        terminal = Terminal(folder, *asked(server))
        terminal.until("三月三十一日")
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.close() == 0
    assert "回答已被中止" in screen_of(terminal.written)


def test_in_a_conversation_too(folder: Path) -> None:
    with ScriptedServer([Reply(ANSWER, between_seconds=0.02)] * 6) as server:
        terminal = Terminal(folder, *asked(server, "--conversation", "new"))
        terminal.until("五天带薪")
        assert terminal.close() == 0
    assert "来源" in screen_of(terminal.written)


def test_a_file_is_given_with_the_question(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sales.csv").write_text("月份,销售额（万元）\n1月,120\n2月,110\n3月,180\n", encoding="utf-8")
    assert main(["ask", "请总结销售额的趋势", "--attach", "sales.csv", "--kb", "./kb"]) == 0
    shown = capsys.readouterr().out
    assert "+50.0%" in shown
    assert "[Q]" in shown
    (folder / "empty.bin").write_bytes(b"\0\1\2")
    assert main(["ask", "?", "--attach", "empty.bin", "--kb", "./kb"]) != 0
    assert "empty.bin" in capsys.readouterr().err
