"""Where text stands in a picture: a map of probabilities to rectangles around lines of text.

The map is what a detector of the DB family gives (Liao et al., "Real-time Scene Text Detection with Differentiable
Binarization", AAAI 2020): high in the core of each line, which is the line shrunk by a known share. Pure: knows no
model and no picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Probabilities and shares as the detector's authors set them.
_TEXT: Final = 0.3
_LEAST_SCORE: Final = 0.5
_UNSHRUNK: Final = 1.6
LEAST_SIDE: Final = 3.0
_LEAST_PIXELS: Final = 6
MAX_REGIONS: Final = 2000
# Of two rectangles about as small, the upright one: a short word does not say how it is inclined.
_UPRIGHT_BONUS: Final = 0.95

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Region:
    """A rectangle around a line of text, perhaps inclined.

    `corners` is `(4, 2) float64`, x and y in pixels: top left, top right, bottom right, bottom left, where the upper
    side is inclined by at most 45°. `score` in [0, 1] says how sure it is that there is text.
    """

    corners: Floats
    score: float

    @property
    def width(self) -> float:
        """The length of the upper side, in pixels."""
        return float(np.hypot(*(self.corners[1] - self.corners[0])))

    @property
    def height(self) -> float:
        """The length of the left side, in pixels."""
        return float(np.hypot(*(self.corners[3] - self.corners[0])))

    @property
    def inclination(self) -> float:
        """Degrees by which the upper side falls to the right, in [-45, 45]."""
        across, down = self.corners[1] - self.corners[0]
        return float(np.degrees(np.arctan2(down, across)))

    def scaled(self, across: float, down: float) -> "Region":
        """The same place where pixels are so many times as many."""
        return Region(self.corners * np.array([across, down]), self.score)

    def moved(self, across: float, down: float) -> "Region":
        """The same place counted from another origin."""
        return Region(self.corners + np.array([across, down]), self.score)


def regions_in(probabilities: NDArray[np.float32], least_side: float = LEAST_SIDE) -> list[Region]:
    """The lines of text in a map `(height, width)` of values in [0, 1], the largest first; MAX_REGIONS at most.

    `least_side` is the least height of a line's core, in pixels of the map.
    """
    rows, starts, ends = _runs(probabilities > _TEXT)
    if not len(rows):
        return []
    sums = np.zeros((probabilities.shape[0], probabilities.shape[1] + 1))
    np.cumsum(probabilities, axis=1, dtype=np.float64, out=sums[:, 1:])
    run_sums = sums[rows, ends] - sums[rows, starts]
    found = []
    for members in _components(rows, starts, ends):
        region = _region(rows[members], starts[members], ends[members], float(run_sums[members].sum()), least_side)
        if region is not None:
            found.append(region)
    return found


def _runs(mask: NDArray[np.bool_]) -> tuple[Ints, Ints, Ints]:
    """Stretches of set pixels: row, first column, column behind the last; by row, then from left to right."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)
    _, ends = np.nonzero(edges == -1)
    return rows, starts, ends


def _components(rows: Ints, starts: Ints, ends: Ints) -> Iterator[Ints]:
    """For each connected set of pixels that is large enough, the numbers of its runs; the largest first."""
    labels = _labels(rows.tolist(), starts.tolist(), ends.tolist())
    pixels = np.bincount(labels, weights=ends - starts)
    largest = np.argsort(-pixels, kind="stable")[:MAX_REGIONS]
    order = np.argsort(labels, kind="stable")
    firsts = np.searchsorted(labels[order], largest)
    behind = np.searchsorted(labels[order], largest, side="right")
    for label, first, end in zip(largest, firsts, behind, strict=True):
        if pixels[label] < _LEAST_PIXELS:
            return
        yield order[first:end]


def _labels(rows: list[int], starts: list[int], ends: list[int]) -> Ints:
    """For each run a number that it shares with those that it touches, corners included. Time linear in the runs."""
    parents = list(range(len(rows)))

    def root(run: int) -> int:
        while parents[run] != run:
            parents[run] = parents[parents[run]]
            run = parents[run]
        return run

    above = 0  # the first run of the row above that does not end before this one begins
    for run, (row, start, end) in enumerate(zip(rows, starts, ends, strict=True)):
        while rows[above] < row - 1 or (rows[above] == row - 1 and ends[above] < start):
            above += 1
        other = above
        while other < run and rows[other] == row - 1 and starts[other] <= end:
            first, second = root(run), root(other)
            if first != second:
                parents[max(first, second)] = min(first, second)
            other += 1
    return np.array([root(run) for run in range(len(rows))], dtype=np.int64)


def _region(rows: Ints, starts: Ints, ends: Ints, total: float, least_side: float) -> Region | None:
    """The region of a core: the smallest rectangle around it, grown to what it was shrunk from."""
    points = np.concatenate([np.stack([starts, rows], axis=1), np.stack([ends - 1, rows], axis=1)]).astype(np.float64)
    centre, axis, width, height = _smallest_rectangle(points)
    width, height = width + 1, height + 1  # a pixel has an extent of its own
    score = min(1.0, total / (width * height))
    if min(width, height) < least_side or score < _LEAST_SCORE:
        return None
    grown = width * height * _UNSHRUNK / (2 * (width + height))
    across = axis * (width / 2 + grown)
    down = np.array([-axis[1], axis[0]]) * (height / 2 + grown)
    corners = np.stack([centre - across - down, centre + across - down, centre + across + down, centre - across + down])
    return Region(corners + 0.5, score)


def _smallest_rectangle(points: Floats) -> tuple[Floats, Floats, float, float]:
    """Centre, direction of the upper side (unit, within 45° of the x axis), width and height."""
    hull = _hull(points)
    sides = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    axes = np.concatenate([[[1.0, 0.0]], sides[lengths > 0] / lengths[lengths > 0, None]])
    along = hull @ axes.T
    across = hull @ np.stack([-axes[:, 1], axes[:, 0]])
    widths, heights = np.ptp(along, axis=0), np.ptp(across, axis=0)
    areas = (widths + 1) * (heights + 1)
    areas[0] *= _UPRIGHT_BONUS
    best = int(np.argmin(areas))
    axis, normal = axes[best], np.array([-axes[best, 1], axes[best, 0]])
    middle = axis * (along[:, best].min() + widths[best] / 2) + normal * (across[:, best].min() + heights[best] / 2)
    width, height = float(widths[best]), float(heights[best])
    if abs(axis[0]) < abs(axis[1]):
        axis, width, height = normal, height, width
    return middle, axis if axis[0] > 0 else -axis, width, height


def _hull(points: Floats) -> Floats:
    """The corners of the convex hull (Andrew's monotone chain); one or two points are their own hull."""
    ordered = sorted(set(map(tuple, points.tolist())))
    if len(ordered) < 3:
        return np.array(ordered)

    def half(way: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        corners: list[tuple[float, ...]] = []
        for x, y in way:
            while len(corners) > 1:
                (ax, ay), (bx, by) = corners[-2], corners[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                corners.pop()
            corners.append((x, y))
        return corners

    return np.array(half(ordered)[:-1] + half(ordered[::-1])[:-1])
