"""What a terminal shows: colour, wrapping and tables that fit; and what a pipe gets instead."""

import io
import re
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len
from test_cli_stand_in import DOCUMENTS, FOLDER, StandIn, base, document  # noqa: F401

from qianxun.cli.main import main
from qianxun.cli.progress import ProgressDisplay
from qianxun.cli.screen import Screen
from qianxun.storage.reindex import Progress

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True

    def lines(self) -> list[str]:
        return [ESCAPE.sub("", line) for line in self.getvalue().splitlines()]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


def test_paragraph_wraps_chinese_and_marks_what_matched(terminal: Terminal) -> None:
    text = "工作满五年的员工每年有十天年休假，须在次年三月底之前休完，逾期不再保留。"
    Screen(terminal).paragraph(text, indent=4, marks=[(13, 16)])
    lines = terminal.lines()
    assert "".join(line.strip() for line in lines) == text
    assert all(cell_len(line) <= 60 for line in lines)
    assert len(lines) == 2
    assert "\x1b[1;33m年休假\x1b[0m" in terminal.getvalue()


@pytest.mark.parametrize("variable", ["NO_COLOR"])
def test_no_color_is_respected(variable: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    Screen(terminal).line(("red", "red"), " plain")
    assert "\x1b[31m" not in terminal.getvalue()
    assert terminal.lines() == ["red plain"]


def test_dumb_terminal_gets_plain_lines(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    Screen(terminal).line(("red", "red"))
    assert terminal.getvalue() == "red\n"


def test_table_fits_and_aligns_wide_characters(terminal: Terminal) -> None:
    rows = [["1", "员工手册", "a" * 70], ["12", "policy", "b"]]
    Screen(terminal).table(["编号", "标题", "来源"], rows, right=[0])
    lines = [line for line in terminal.lines() if line.strip()]
    assert all(cell_len(line) <= 60 for line in lines)
    column = [cell_len(line[: line.index(cell)]) for cell in ("员工手册", "policy") for line in lines if cell in line]
    assert len(set(column)) == 1


def test_table_leaves_out_what_is_spare_and_cuts_names_in_the_middle(terminal: Terminal) -> None:
    rows = [
        [
            "1",
            "needs attention",
            "70,000,000",
            "public",
            "费用报销与差旅管理制度.md",
            "资料/财务/2025/费用报销与差旅管理制度.md",
        ]
    ]
    headers = ["id", "status", "chunks", "labels", "title", "source"]
    Screen(terminal).table(headers, rows, right=[0, 2], elided=[4, 5], spare=[2])
    lines = [line for line in terminal.lines() if line.strip()]
    assert all(cell_len(line) <= 60 for line in lines)
    assert "chunks" not in lines[0]
    assert "public" in lines[2]
    assert re.search(r"费用.*….*\.md\s+资料.*….*\.md", lines[2])


def test_line_wraps_between_words_under_its_indentation_and_leaves_paths_whole(terminal: Terminal) -> None:
    path = "/srv/" + "very-long-name/" * 5 + "a.md"
    screen = Screen(terminal)
    screen.line("Larger models and model servers are not in this version; plugins appear here once installed.")
    screen.line("    ", ("甲乙丙丁戊己庚辛壬癸" * 4, "cyan"))
    screen.line("    in ", (path, "cyan"), " it is")
    screen.line("$ ", ("qianxun ask " + "word " * 12 + "end", "dim"), whole=True)
    assert terminal.lines() == [
        "Larger models and model servers are not in this version;",
        "plugins appear here once installed.",
        "    " + ("甲乙丙丁戊己庚辛壬癸" * 4)[:28],
        "    " + ("甲乙丙丁戊己庚辛壬癸" * 4)[28:],
        "    in",
        f"    {path}",
        "    it is",
        "$ qianxun ask " + "word " * 12 + "end",
    ]
    assert "\x1b[36m甲" in terminal.getvalue()


def test_errors_wrap_between_words_too(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal)
    assert main(["search", "--no-such-option", "--neither-this-one", "--nor-that"]) == 2
    lines = terminal.lines()
    assert len(lines) > 1
    assert all(cell_len(line) <= 60 for line in lines)
    assert " ".join(lines).endswith(
        "`qianxun search --help`. What begins with a dash and is no option goes after `--`."
    )


def test_list_fits_with_long_names_and_shows_reasons_without_the_path(
    base: StandIn,  # noqa: F811
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setattr("test_cli_stand_in.DOCUMENTS", [*DOCUMENTS, document(4, "很" * 60 + ".md", "很" * 60)])
    assert main(["list"]) == 0
    lines = [line for line in terminal.lines() if line.strip()]
    assert all(cell_len(line) <= 60 for line in lines)
    shown = "\n".join(lines)
    assert FOLDER not in shown
    assert "publi\n" not in shown
    assert "很…很" in shown
    assert "\n    The file is an empty file." in shown
    assert "reason" not in lines[0]
    terminal.truncate(0)
    assert main(["list", "--status", "ready"]) == 0
    assert "reason" not in "\n".join(terminal.lines())


def test_table_is_tab_separated_and_whole_when_piped() -> None:
    stream = io.StringIO()
    Screen(stream).table(["id", "title"], [["1", ("a\nb\tc " + "x" * 200, "bold")]])
    assert stream.getvalue() == "id\ttitle\n1\ta b c " + "x" * 200 + "\n"


@pytest.mark.parametrize("argv", [["search", "年休假", "--explain"], ["ask", "年休假"], ["list"], ["info"], ["check"]])
def test_commands_fit_the_terminal_but_for_paths(
    argv: list[str],
    base: StandIn,  # noqa: F811
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(argv) == 0
    assert all(cell_len(line) <= 60 for line in terminal.lines() if "/" not in line)
    assert "\x1b[" in terminal.getvalue()


def test_bars_on_a_terminal_show_stage_count_and_time_left(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with ProgressDisplay(Screen(terminal)) as progress:
        progress(Progress("reading", 50, 200, str(Path("甲.md").absolute()), 10.0))
        progress(Progress("encoding", 7, None, "", 1.0))
        assert progress._bars is not None
        progress._bars.refresh()
    shown = "\n".join(terminal.lines())
    assert "Reading" in shown
    assert "50/200 (25%)  5.0/s  30.0 s left" in shown
    assert "甲.md" in shown
    assert "Encoding" in shown


def test_lines_every_few_seconds_when_piped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, now = io.StringIO(), [0.0]
    monkeypatch.setattr("qianxun.cli.progress.time.monotonic", lambda: now[0])
    with ProgressDisplay(Screen(stream)) as progress:
        for second in range(1, 13):
            now[0] = second
            progress(Progress("reading", second, 100, "", float(second)))
    assert stream.getvalue() == "Reading 5/100 (5%), 1.0/s, 1:35 left\nReading 10/100 (10%), 1.0/s, 1:30 left\n"
