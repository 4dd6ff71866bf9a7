"""Figures over time as SVG: attributes and classes only, so that a page without inline styles may hold it. Pure.

Places across are shares of the width, as in `evaluation.reports.plots`: labels keep their size on a phone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup

from qianxun.evaluation.reports.plots import shown_tick, ticks_between

_HEIGHT: Final = 180
_TOP, _BOTTOM = 10, 24
# Per cent of the width: beside the labels of the scale, and before the edge.
_LEFT, _RIGHT = 9.0, 97.0


@dataclass(frozen=True, slots=True)
class Point:
    """A figure in [0, 1] at a time, with its interval if it has one.

    `alike`: measured on what the last one was measured on.
    """

    moment: datetime
    value: float
    interval: tuple[float, float] | None
    label: str
    alike: bool = True


def trend(points: Sequence[Point], title: str) -> Markup:
    """The points by time, joined by lines, each with its interval. Hollow is what was measured on something else."""
    ticks = ticks_between(0.0, 1.0)
    across, up = _across(points), _Scale(ticks[0], ticks[-1])
    parts = [
        *_grid(ticks, up),
        *_dates(points, across),
        *_joined(points, across, up),
    ]
    for point, x in zip(points, across, strict=True):
        if point.interval:
            low, high = (up.at(bound) for bound in point.interval)
            parts.append(Markup('<line class="interval" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, low, high))
        parts.append(
            Markup('<circle class="{}" cx="{}" cy="{}" r="5"><title>{}</title></circle>').format(
                "dot" if point.alike else "dot other", x, up.at(point.value), point.label
            )
        )
    return Markup('<svg class="trend" width="100%" height="{}" role="img" aria-label="{}">{}</svg>').format(
        _HEIGHT, title, Markup("").join(parts)
    )


def _across(points: Sequence[Point]) -> list[str]:
    """Where each point is across, by its time; side by side where all are of one moment."""
    times = [point.moment.timestamp() for point in points]
    span = times[-1] - times[0]
    shares = [(time - times[0]) / span for time in times] if span > 0 else [i / len(times) for i in range(len(times))]
    return [f"{_LEFT + 3 + share * (_RIGHT - _LEFT - 5):.2f}%" for share in shares]


def _grid(ticks: Sequence[float], up: "_Scale") -> Iterator[Markup]:
    for tick in ticks:
        yield Markup('<line class="grid" x1="{}%" x2="{}%" y1="{}" y2="{}"/>').format(
            _LEFT, _RIGHT, up.at(tick), up.at(tick)
        )
        yield Markup('<text x="0" y="{}" dy="4">{}</text>').format(up.at(tick), shown_tick(tick, ticks))


def _dates(points: Sequence[Point], across: Sequence[str]) -> Iterator[Markup]:
    ends = [(points[0], across[0], "start"), (points[-1], across[-1], "end")]
    for point, x, anchor in ends:
        yield Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
            x, _HEIGHT - 4, anchor, f"{point.moment:%Y-%m-%d}"
        )


def _joined(points: Sequence[Point], across: Sequence[str], up: "_Scale") -> Iterator[Markup]:
    for i in range(1, len(points)):
        yield Markup('<line class="joined" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            across[i - 1], across[i], up.at(points[i - 1].value), up.at(points[i].value)
        )


class _Scale:
    """From low … high to pixels from the top."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def at(self, value: float) -> str:
        """Where the value is."""
        share = (value - self.low) / (self.high - self.low)
        return f"{_TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM):.1f}"
