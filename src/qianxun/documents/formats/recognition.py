"""Text in a picture: where it stands, what it says, how sure that is (extra `ocr`).

The models are those that come with RapidOCR (PP-OCRv6, Chinese and English among 50 languages), run by the ONNX
Runtime of the base install. RapidOCR's own code is not imported: it would import OpenCV. Nothing is ever
downloaded. Knows no file and no document.
"""

import bisect
import functools
import importlib.util
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from qianxun.documents.formats.text_regions import LEAST_SIDE, Region, regions_in
from qianxun.errors import MissingExtra

_DETECTOR: Final = "PP-OCRv6_det_small.onnx"
_RECOGNISER: Final = "PP-OCRv6_rec_small.onnx"

DETECTION_SIDE: Final = 1280  # the longer side of what the detector sees, in pixels
_SMALL_SIDE: Final = 640  # of a first look at a large one; smaller pictures are shown larger, up to twice
_LEAST_SMALL_SIDE: Final = 2.0  # of a line's core at the first look: six points on A4
_STEP: Final = 32  # its sides are multiples of this
_MARGIN: Final = 16  # white around a picture, so that text at its edge is not cut
# As the models' authors set them.
_LINE_HEIGHT: Final = 48
_LEAST_LINE_WIDTH: Final = 320
_MAX_LINE_WIDTH: Final = 4800

_SAMPLED_LINES: Final = 6  # show which way up a page is
_UPRIGHT_SCORE: Final = 0.85  # lines that are read so surely are the right way up
_BETTER: Final = 0.1
_RUNS_DOWN: Final = 2.5  # below that it is one upright character

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class RecognisedLine:
    """A line of text as it was read; a line of a table or of two columns comes as several.

    `score` is the mean probability of its characters, in [0, 1]. The box is in pixels of the picture set straight:
    right way up and not inclined.
    """

    text: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


def is_installed() -> bool:
    """Whether text can be recognised here: the extra `ocr` is installed."""
    return _models() is not None


def require_installed(what: str) -> None:
    """Raises MissingExtra with the install line if text cannot be recognised here. `what` names what is to be read."""
    if not is_installed():
        raise _missing(what)


def _missing(what: str) -> MissingExtra:
    return MissingExtra(
        "{path} is a picture, and reading text in pictures needs packages that are not installed.",
        remedy="Run `pip install 'qianxun[ocr]'`.",
        path=what,
    )


def recognise(picture: Picture) -> list[RecognisedLine]:
    """The lines of text in a picture `(height, width, 3) uint8 RGB`, in no order; [] where there is no text.

    A page that lies on its side or upside down is set right first, as is one inclined by some degrees. Lines of
    which little is sure are among them: judge by the score. Vertical writing is read column by column.

    The models are loaded once per process and use one thread: parsing processes work side by side. Raises
    MissingExtra.
    """
    engine = _engine()
    image = _image(picture)
    regions = engine.regions(image)
    image, regions = _right_way_up(engine, image, regions)
    inclination = _inclination(regions)
    lines = []
    for region in regions:
        text, score = engine.text(image, region)
        if text.strip():
            lines.append(RecognisedLine(text.strip(), score, *_straightened(region, inclination, image.size)))
    return lines


def _models() -> tuple[Path, Path] | None:
    """The files of the detector and the recogniser; None where they, or the library that reads pictures, are not."""
    if importlib.util.find_spec("PIL") is None:
        return None
    found = importlib.util.find_spec("rapidocr")  # finds a package without running it
    for place in (found.submodule_search_locations or ()) if found is not None else ():
        folder = Path(place) / "models"
        if (folder / _DETECTOR).is_file() and (folder / _RECOGNISER).is_file():
            return folder / _DETECTOR, folder / _RECOGNISER
    return None


@functools.cache
def _engine() -> "_Engine":
    models = _models()
    if models is None:
        raise _missing("This")
    return _Engine(*map(_session, models))


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Every picture has a size of its own: memory kept for the last one is of no use for the next.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _image(picture: Picture) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(picture), "RGB")


class _Engine:
    """The two models: a picture to regions, a region to text."""

    def __init__(self, detector: Any, recogniser: Any) -> None:
        self._detector = detector
        self._recogniser = recogniser
        characters = recogniser.get_modelmeta().custom_metadata_map["character"].splitlines()
        self._characters = ["", *characters, " "]  # the first class says that nothing new is here

    def regions(self, image: Any) -> list[Region]:
        """Where text stands in an image of PIL, in its pixels."""
        if max(image.size) <= DETECTION_SIDE:
            return self._seen(image, DETECTION_SIDE)
        # Made small, most photographs show in a quarter of the time that there is no text, and a line alone on a
        # large page is found that is lost to the detector where it has much paper around it.
        small = self._seen(image, _SMALL_SIDE, _LEAST_SMALL_SIDE)
        if not small:
            return []
        large = self._seen(image, DETECTION_SIDE)
        return large + [region for region in small if not _touches(region, large)]

    def _seen(self, image: Any, longest: int, least_side: float = LEAST_SIDE) -> list[Region]:
        """The regions of an image that is shown to the detector `longest` pixels long at most."""
        from PIL import Image, ImageOps

        width, height = image.width + 2 * _MARGIN, image.height + 2 * _MARGIN
        longer = max(width, height)
        scale = min(1.0, longest / longer) if longer > _SMALL_SIDE else min(2.0, _SMALL_SIDE / longer)
        seen = tuple(max(_STEP, round(side * scale / _STEP) * _STEP) for side in (width, height))
        framed = ImageOps.expand(image, _MARGIN, "white")
        values = _normalised(framed.resize(seen, Image.Resampling.BILINEAR))
        probabilities = self._run(self._detector, values)[0, 0]
        across, down = width / seen[0], height / seen[1]
        found = regions_in(probabilities, least_side)
        return [region.scaled(across, down).moved(-_MARGIN, -_MARGIN) for region in found]

    def text(self, image: Any, region: Region, turned: int = 0) -> tuple[str, float]:
        """What a region says and the mean probability of its characters; "" and 0 if nothing.

        `turned`: quarters by which the region is turned to the left before it is read.
        """
        line = _line_image(image, region)
        if region.height >= _RUNS_DOWN * region.width:
            turned += 1
        if turned % 4:
            line = line.rotate(90 * (turned % 4), expand=True)
        width = min(_MAX_LINE_WIDTH, max(1, math.ceil(_LINE_HEIGHT * line.width / line.height)))
        values = _normalised(line.resize((width, _LINE_HEIGHT)))
        if width < _LEAST_LINE_WIDTH:
            values = np.pad(values, ((0, 0), (0, 0), (0, 0), (0, _LEAST_LINE_WIDTH - width)))
        return self._decoded(self._run(self._recogniser, values)[0])

    @staticmethod
    def _run(model: Any, values: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = model.run(None, {model.get_inputs()[0].name: values})[0]
        return found

    def _decoded(self, probabilities: NDArray[np.float32]) -> tuple[str, float]:
        """CTC, greedily: repeated classes are one character, class 0 is none. `(steps, classes)`."""
        best = probabilities.argmax(axis=1)
        kept = best != 0
        kept[1:] &= best[1:] != best[:-1]
        if not kept.any():
            return "", 0.0
        return "".join(self._characters[i] for i in best[kept]), float(probabilities.max(axis=1)[kept].mean())


def _touches(region: Region, others: Sequence[Region]) -> bool:
    """Whether the box of a region and that of another have a place in common."""
    if not others:
        return False
    lows = np.stack([other.corners.min(axis=0) for other in others])
    highs = np.stack([other.corners.max(axis=0) for other in others])
    low, high = region.corners.min(axis=0), region.corners.max(axis=0)
    return bool(((lows < high) & (highs > low)).all(axis=1).any())


def _normalised(image: Any) -> NDArray[np.float32]:
    """Pixels as the models were trained: `(1, 3, height, width) float32` in [-1, 1], blue first."""
    values = np.asarray(image, dtype=np.float32)[:, :, ::-1].transpose(2, 0, 1)[None]
    return np.ascontiguousarray(values / 127.5 - 1)


def _line_image(image: Any, region: Region) -> Any:
    """The region cut out and set straight."""
    from PIL import Image

    corner, right, _, below = region.corners
    width, height = max(1, round(region.width)), max(1, round(region.height))
    if abs(right[1] - corner[1]) < 1 and abs(below[0] - corner[0]) < 1:
        left, top = min(max(0, round(corner[0])), image.width - 1), min(max(0, round(corner[1])), image.height - 1)
        right_end, bottom = min(image.width, left + width), min(image.height, top + height)
        return image.crop((left, top, right_end, bottom))
    across, down = (right - corner) / width, (below - corner) / height
    matrix = (across[0], down[0], corner[0], across[1], down[1], corner[1])
    return image.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC, fillcolor="white")


def _right_way_up(engine: _Engine, image: Any, regions: list[Region]) -> tuple[Any, list[Region]]:
    """The image turned so that most of its lines run to the right and can be read, and its regions."""
    long = [
        region
        for region in regions
        if max(region.width, region.height) >= _RUNS_DOWN * min(region.width, region.height)
    ]
    if not long:
        return image, regions
    lying = sum(region.width for region in long if region.width > region.height)
    standing = sum(region.height for region in long if region.height > region.width)
    if standing > lying:
        sample = _longest([region for region in long if region.height > region.width])
        # Turned to the left, the columns of vertical writing come in their order too.
        left, right = (_score(engine, image, sample, turned) for turned in (0, 2))
        image = image.rotate(90 if left >= right - _BETTER else 270, expand=True)
        return image, engine.regions(image)
    sample = _longest([region for region in long if region.width > region.height])
    upright = _score(engine, image, sample, 0)
    if upright >= _UPRIGHT_SCORE or _score(engine, image, sample, 2) < upright + _BETTER:
        return image, regions
    image = image.rotate(180)
    return image, engine.regions(image)


def _longest(regions: Sequence[Region]) -> list[Region]:
    return sorted(regions, key=lambda region: -max(region.width, region.height))[:_SAMPLED_LINES]


def _score(engine: _Engine, image: Any, regions: Sequence[Region], turned: int) -> float:
    return sum(engine.text(image, region, turned)[1] for region in regions) / len(regions)


def _inclination(regions: Sequence[Region]) -> float:
    """Degrees by which the page is inclined: the middle of what its longer lines say, long ones counting more."""
    angles = sorted((region.inclination, region.width) for region in regions if region.width >= 5 * region.height)
    sums = list(itertools.accumulate(width for _, width in angles))
    return angles[bisect.bisect_left(sums, sums[-1] / 2)][0] if angles else 0.0


def _straightened(region: Region, inclination: float, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a region on the page turned back by its inclination about its middle."""
    angle = math.radians(-inclination)
    middle = np.array(size) / 2
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    corners = (region.corners - middle) @ turn + middle
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
