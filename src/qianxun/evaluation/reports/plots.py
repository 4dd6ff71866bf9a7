"""Plots as inline SVG: places across are shares of the width, so that they fit a phone and a wide screen alike.

Labels are HTML beside the drawing, not text inside it: they wrap, and are set in the reader's fonts.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from qianxun.evaluation.reports.page import Bars, Intervals
from qianxun.messages import say

Escape: TypeAlias = Callable[[str], str]

# Bars drawn; of more, as many evenly spread ones: a screen has no more columns.
MAX_BARS: Final = 2000
# Room for so many at least: a few bars are no walls.
_LEAST_ROOM: Final = 40
_ROW_HEIGHT, _AXIS_HEIGHT = 26, 20
# What is left free at both sides, in per cent, so that the outermost marks are whole.
_MARGIN: Final = 3.0
_N_TICKS: Final = 4
# Figures have four places: what spans less is one figure.
_A_POINT: Final = 1e-6


def intervals_plot(plot: Intervals, escaped: Escape) -> str:
    """Each figure as a dot on a line from `low` to `high`, all on one scale, its label above."""
    low = min([min(row.low, row.value) for row in plot.rows] + [0.0] * plot.zero)
    high = max([max(row.high, row.value) for row in plot.rows] + [0.0] * plot.zero)
    ticks = ticks_between(low, high)
    scale = _Scale(min(low, ticks[0]), max(high, ticks[-1]))
    grid = "".join(
        f'<line class="{"zero" if plot.zero and tick == 0 else "grid"}" x1="{scale.at(tick)}" x2="{scale.at(tick)}" '
        f'y1="0" y2="{_ROW_HEIGHT}"/>'
        for tick in ticks
    )
    rows = []
    middle = _ROW_HEIGHT // 2
    for row in plot.rows:
        rows.append(
            f'<div class="label"><span>{escaped(row.label)}</span><b>{escaped(row.shown)}</b></div>'
            f'<svg width="100%" height="{_ROW_HEIGHT}" aria-hidden="true">{grid}'
            f'<line class="interval" x1="{scale.at(row.low)}" x2="{scale.at(row.high)}" y1="{middle}" y2="{middle}"/>'
            f'<circle class="dot" cx="{scale.at(row.value)}" cy="{middle}" r="5"/></svg>'
        )
    axis = "".join(
        f'<text x="{scale.at(tick)}" y="14" text-anchor="{_anchor(place, len(ticks))}">{shown_tick(tick, ticks)}</text>'
        for place, tick in enumerate(ticks)
    )
    drawn = f'<svg class="axis" width="100%" height="{_AXIS_HEIGHT}" aria-hidden="true">{axis}</svg>'
    return f'<figure class="intervals"><figcaption>{escaped(plot.title)}</figcaption>{"".join(rows)}{drawn}</figure>'


def bars_plot(plot: Bars, escaped: Escape) -> str:
    """The differences side by side, largest gain first, above and below a line at 0. Each says what it is of."""
    bars = sorted(plot.bars, key=lambda bar: -bar.value)
    shown = bars[:: max(1, -(-len(bars) // MAX_BARS))]
    rest = [plot.rest] if plot.rest else []
    if len(shown) < len(bars):
        rest.append(say("Drawn are {n} of {all} questions, evenly spread.", n=f"{len(shown):,}", all=f"{len(bars):,}"))
    caption = f"<figcaption>{escaped(plot.title)}</figcaption>"
    note = f'<p class="rest">{escaped(" ".join(rest))}</p>' if rest else ""
    if not shown:
        return f'<figure class="bars">{caption}{note}</figure>'
    most = max(abs(bar.value) for bar in bars)
    room = max(len(shown), _LEAST_ROOM)
    width = 1 if len(shown) > _LEAST_ROOM else 0.8
    drawn = "".join(
        f'<rect class="{"gain" if bar.value > 0 else "loss"}" x="{place}" width="{width}" '
        f'y="{1 - max(bar.value / most, 0):.4f}" height="{abs(bar.value / most):.4f}">'
        f"<title>{escaped(bar.label)}</title></rect>"
        for place, bar in enumerate(shown)
    )
    return (
        f'<figure class="bars">{caption}<div class="plot">'
        f'<div class="scale" aria-hidden="true"><span>+{most:.2f}</span><span>0</span><span>−{most:.2f}</span></div>'
        f'<svg width="100%" height="200" viewBox="0 0 {room} 2" preserveAspectRatio="none" role="img" '
        f'aria-label="{escaped(plot.title)}">{drawn}'
        f'<line class="zero" x1="0" x2="{room}" y1="1" y2="1" vector-effect="non-scaling-stroke"/></svg>'
        f"</div>{note}</figure>"
    )


def ticks_between(low: float, high: float) -> list[float]:
    """Round numbers that span low … high, about _N_TICKS steps of 1, 2 or 5 times a power of ten; at least two."""
    if high - low < _A_POINT:
        low, high = low - 0.05, high + 0.05
    rough = (high - low) / _N_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(n * step, 12) + 0.0 for n in range(first, last + 1)]


def shown_tick(tick: float, ticks: Sequence[float]) -> str:
    """The tick with as many places as tell it from its neighbours."""
    step = ticks[1] - ticks[0]
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{tick:.{places}f}"


def _anchor(place: int, n: int) -> str:
    return "start" if place == 0 else "end" if place == n - 1 else "middle"


class _Scale:
    """From low … high to per cent of the width."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def at(self, value: float) -> str:
        """Where the value is."""
        share = (value - self.low) / (self.high - self.low)
        return f"{_MARGIN + share * (100 - 2 * _MARGIN):.3f}%"
