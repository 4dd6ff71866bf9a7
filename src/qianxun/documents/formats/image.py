"""Pictures: scans, faxes and screenshots are read by text recognition; photographs without text are empty."""

import contextlib
import dataclasses
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np

from qianxun.documents.decoding import looks_like, mismatch
from qianxun.documents.formats.recognition import Picture, require_installed
from qianxun.documents.formats.scanned import LEAST_SIDE, RecognisedPages
from qianxun.errors import UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument
from qianxun.settings import ReadingSettings

# What Pillow may take a file for: its other formats are rare, and some of them run programs.
_FORMATS: Final = ("PNG", "JPEG", "TIFF", "BMP", "DIB", "WEBP", "GIF")
_WITH_PAGES: Final = ("TIFF",)  # several pictures in another format are an animation or a preview
_BYTES_PER_PIXEL: Final = 12  # of memory: the picture, and what is made of it on the way
_MOST_PIXELS: Final = 178_000_000  # Pillow itself refuses more
_MAX_WIDTH: Final = 3000  # A4 at 360 dpi; a wider picture is made smaller
_STRIP: Final = 3000  # a picture longer than this and much longer than wide, such as a scrolled screen, is cut
_LONG: Final = 2.5
_ORIENTATION: Final = 0x0112  # Exif 2.32, 4.6.5
_DAMAGE: Final = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RuntimeError,
    EOFError, struct.error, zlib.error,
)  # fmt: skip


class ImageLoader:
    """Reads `.png`, `.jpg`, `.jpeg`, `.tif`, `.tiff`, `.bmp`, `.webp` and `.gif`."""

    suffixes = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".gif")

    def load(self, file: RawFile, settings: ReadingSettings) -> Iterable[RawDocument | RawFile]:
        """The text in the picture as one document; nothing if there is none."""
        if settings.ocr == "off":
            raise UnreadableDocument(
                "{path} is a picture, and reading.ocr is off.",
                remedy="Set reading.ocr to auto, or leave pictures out by reading.ignore.",
                path=file.name,
            )
        require_installed(file.name)
        pages = RecognisedPages(file.name, settings)
        blocks: list[Block] = []
        with _opened(file, settings) as image:
            n_pages = _n_pages(file, image)
            n_read = min(n_pages, settings.ocr_max_pages)
            pages.n_left_out += n_pages - n_read
            for number in range(1, n_read + 1):
                for strip in _strips(_picture(file, image, number, settings)):
                    blocks += pages.of_picture(strip, number)
        pages.check()
        if not blocks:
            return
        if n_pages == 1:
            blocks = [dataclasses.replace(block, page=None) for block in blocks]
        title = next((block.text for block in blocks if block.kind == "heading"), "")
        kind = file.suffix.lstrip(".")
        yield RawDocument(
            file.name,
            title or file.stem,
            kind,
            blocks,
            n_pages if n_pages > 1 else None,
            lambda: pages.shortfall(n_pages),
        )


@contextlib.contextmanager
def _opened(file: RawFile, settings: ReadingSettings) -> Iterator[Any]:
    """The image of PIL, not yet decoded. Raises UnreadableDocument if it is none, or too large."""
    from PIL import Image, UnidentifiedImageError

    with file.open() as stream:
        with _damage_named(file):
            try:
                image = Image.open(stream, formats=_FORMATS)
            except Image.DecompressionBombError as error:
                raise _too_large(file, settings, None) from error
            except UnidentifiedImageError as error:
                what = looks_like(file.head())
                if what is not None and not what.endswith("image"):
                    raise mismatch(file, what) from error
                raise
        yield image


def _n_pages(file: RawFile, image: Any) -> int:
    with _damage_named(file):
        return int(getattr(image, "n_frames", 1)) if image.format in _WITH_PAGES else 1


def _picture(file: RawFile, image: Any, number: int, settings: ReadingSettings) -> Picture:
    """A page `(height, width, 3) uint8 RGB`: the right way up, on white, at most _MAX_WIDTH wide."""
    with _damage_named(file):
        image.seek(number - 1)
        _check_size(file, image, settings)
        if min(image.size) < LEAST_SIDE:
            return np.full((1, 1, 3), 255, np.uint8)
        image.draft(image.mode, (_MAX_WIDTH, _MAX_WIDTH))  # of a large photograph a fraction is decoded
        image.load()
        return np.asarray(_on_white(_turned(_reduced(_as_eight_bits(image)), image.getexif().get(_ORIENTATION, 1))))


def _check_size(file: RawFile, image: Any, settings: ReadingSettings) -> None:
    width, height = image.size
    if width * height > min(_MOST_PIXELS, settings.max_memory_mb * 1_000_000 // _BYTES_PER_PIXEL):
        raise _too_large(file, settings, width * height)


def _too_large(file: RawFile, settings: ReadingSettings, n_pixels: int | None) -> UnreadableDocument:
    most = min(_MOST_PIXELS, settings.max_memory_mb * 1_000_000 // _BYTES_PER_PIXEL)
    return UnreadableDocument(
        "{path} has {n} million pixels; pictures above {most} million are not read.",
        remedy="Save a smaller copy of it.",
        path=file.name,
        n=f"{(n_pixels or 2 * _MOST_PIXELS) / 1e6:.0f}" if n_pixels else f"> {2 * _MOST_PIXELS / 1e6:.0f}",
        most=f"{most / 1e6:.0f}",
    )


@contextlib.contextmanager
def _damage_named(file: RawFile) -> Iterator[None]:
    """What Pillow raises for a damaged file becomes UnreadableDocument, and what it warns of is nothing to anybody."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UnreadableDocument:
        raise
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UnreadableDocument(
            "{path} is not a readable picture ({error}).",
            remedy="Open it in an image program and save it again.",
            path=file.name,
            error=_in_short(error, file),
        ) from error


def _in_short(error: Exception, file: RawFile) -> str:
    from PIL import UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):  # its words name an object in memory
        return "not one of {}".format(", ".join(_FORMATS))
    return " ".join(str(error).split()).rstrip(". ")[:160] or type(error).__name__


def _as_eight_bits(image: Any) -> Any:
    """The image in a mode of eight bits a channel that can be made smaller: L, LA, RGB, RGBA or CMYK."""
    from PIL import Image

    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith(("I", "F")):
        # Sixteen bits and more say nothing of how bright their largest number is: the picture's own is white.
        values = np.asarray(image)
        low, high = float(values.min()), float(values.max())
        scaled = (values.astype(np.float32) - low) * (255 / (high - low) if high > low else 0.0)
        return Image.fromarray(scaled.astype(np.uint8), "L")
    if image.mode in ("P", "PA") or "transparency" in image.info:
        return image.convert("RGBA" if "transparency" in image.info or image.mode == "PA" else "RGB")
    return image if image.mode in ("L", "LA", "RGB", "RGBA", "CMYK") else image.convert("RGB")


def _reduced(image: Any) -> Any:
    factor = image.width // _MAX_WIDTH
    if factor > 1:
        image = image.reduce(factor)
    if image.width > _MAX_WIDTH:
        image = image.resize((_MAX_WIDTH, max(1, round(image.height * _MAX_WIDTH / image.width))))
    return image


def _turned(image: Any, orientation: int) -> Any:
    """The image as its camera was held."""
    from PIL import Image

    way = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    return image if way is None else image.transpose(way)


def _on_white(image: Any) -> Any:
    """The image as RGB; what is transparent is white."""
    from PIL import Image

    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        return paper
    return image.convert("RGB")


def _strips(picture: Picture) -> Iterator[Picture]:
    """The picture, or strips of a very long one, cut between lines where there is such a place."""
    height, width = picture.shape[:2]
    if height <= _STRIP or height < _LONG * width:
        yield picture
        return
    step = min(_STRIP, max(LEAST_SIDE * 2, round(_LONG * width)))
    top = 0
    while height - top > step * 1.2:
        first = top + step * 9 // 10
        rows = picture[first : top + step * 11 // 10]
        # Between lines all pixels of a row are alike.
        contrast = np.ptp(rows.reshape(len(rows), -1), axis=1)
        blank = np.flatnonzero(contrast == contrast.min())
        cut = first + int(blank[len(blank) // 2])
        yield picture[top:cut]
        top = cut
    yield picture[top:]
