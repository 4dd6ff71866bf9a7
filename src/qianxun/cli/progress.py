"""Progress of long work on stderr: bars on a terminal, else one line every few seconds.

Shows what the work reports (`qianxun.knowledge_base.Progress`) and nothing else: done and total, the
rate since the stage began, the time left at that rate.
"""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from qianxun.cli.screen import Screen
from qianxun.cli.words import cut, shown_seconds, shown_source
from qianxun.messages import say
from qianxun.stages import name_of_stage

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

SECONDS_BETWEEN_LINES = 5.0


class Reported(Protocol):
    """What a long piece of work says of itself."""

    @property
    def stage(self) -> str: ...
    @property
    def done(self) -> int: ...
    @property
    def total(self) -> int | None: ...
    @property
    def item(self) -> str: ...
    @property
    def seconds(self) -> float: ...


class ProgressDisplay:
    """A context manager whose call takes a report and shows it."""

    def __init__(self, screen: Screen, *, seconds_between_lines: float = SECONDS_BETWEEN_LINES) -> None:
        self.screen = screen
        self._between = seconds_between_lines
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}
        self._last_line = time.monotonic()

    def __enter__(self) -> "ProgressDisplay":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def __call__(self, report: Reported) -> None:
        """Shows a report: at once on a terminal, now and then elsewhere."""
        if self.screen.styled:
            self._draw(report)
        elif time.monotonic() - self._last_line >= self._between:
            self._last_line = time.monotonic()
            self.screen.line(in_words(report))
            self.screen.stream.flush()

    def _draw(self, report: Reported) -> None:
        bars = self._bars or self._start()
        if report.stage not in self._tasks:
            self._tasks[report.stage] = bars.add_task(
                name_of_stage(report.stage), total=report.total, facts="", item=""
            )
        facts = "  ".join(part for part in (_count(report), _rate(report), _left(report)) if part)
        room = max(0, self.screen.console.width - 60)
        item = cut(shown_source(report.item), room) if report.item and room > 12 else ""
        task = self._tasks[report.stage]
        bars.update(task, total=report.total, completed=report.done, facts=facts, item=item)

    def _start(self) -> "Bars":
        from rich.progress import BarColumn, Progress, TextColumn

        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[facts]}", style="cyan"),
            TextColumn("{task.fields[item]}", style="dim"),
            console=self.screen.console,
            transient=True,
            refresh_per_second=8,
        )
        self._bars.start()
        return self._bars


def in_words(report: Reported) -> str:
    """A report on one line: stage, count, rate, time left, item."""
    facts = ", ".join(part for part in (_count(report), _rate(report), _left(report)) if part)
    item = f": {shown_source(report.item)}" if report.item else ""
    return f"{name_of_stage(report.stage)} {facts}{item}"


def _count(report: Reported) -> str:
    if report.total:
        return f"{report.done:,}/{report.total:,} ({100 * report.done // report.total}%)"
    return f"{report.done:,}"


def _rate(report: Reported) -> str:
    if report.seconds <= 0 or not report.done:
        return ""
    rate = report.done / report.seconds
    return say("{rate}/s", rate=f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}")


def _left(report: Reported) -> str:
    if not report.total or not report.done or report.seconds <= 0 or report.done >= report.total:
        return ""
    return say("{time} left", time=shown_seconds((report.total - report.done) * report.seconds / report.done))
