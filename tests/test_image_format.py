"""Pictures as documents: every kind and mode, several pages, cameras held askew; bombs, icons, damage."""

import contextlib
import dataclasses
import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_images import WHY_NOT, can_draw_and_read, column, drawn, saved

import qianxun
from qianxun.documents import registry
from qianxun.documents.formats import image as image_format
from qianxun.documents.formats import recognition
from qianxun.documents.formats.image import ImageLoader
from qianxun.documents.formats.scanned import PageText
from qianxun.errors import MissingExtra, UncertainDocument, UnreadableDocument
from qianxun.files import RawFile
from qianxun.records import Block, RawDocument, Status
from qianxun.settings import ReadingSettings

pytest.importorskip("PIL", reason="needs the extra `ocr`")
reads = pytest.mark.skipif(not can_draw_and_read(), reason=WHY_NOT)

SETTINGS = ReadingSettings()
CHINESE = "设备的检查周期为九十天，由第七组负责记录。"
TRADITIONAL = "食堂開放時間為上午十一點半至下午一點半。"
ENGLISH = "Travel expenses are refunded within thirty days."
TEXTS = (CHINESE, TRADITIONAL, ENGLISH)


def loaded(name: str, data: bytes, settings: ReadingSettings = SETTINGS) -> list[RawDocument | RawFile]:
    return list(ImageLoader().load(RawFile.of_bytes(name, data), settings))


def text_of(name: str, data: bytes) -> str:
    (document,) = loaded(name, data)
    assert isinstance(document, RawDocument)
    return "\n".join(block.text for block in document.blocks)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be recognised, instead of recognising it: each picture says that it is one."""
    pictures: list[Any] = []

    def text_of_picture(picture: Any, page: int | None) -> PageText:
        pictures.append(picture)
        return PageText((Block("paragraph", f"第{page}页", page=page),), 3, 0.99)

    monkeypatch.setattr("qianxun.documents.formats.scanned.text_of_picture", text_of_picture)
    monkeypatch.setattr(image_format, "require_installed", lambda name: None)
    return pictures


def plain(mode: str = "RGB", size: tuple[int, int] = (60, 40), colour: Any = "white") -> Any:
    from PIL import Image

    return Image.new(mode, size, colour)


# Real text


@reads
@pytest.mark.parametrize(
    "suffix, kind, options",
    [
        (".png", "PNG", {}),
        (".jpg", "JPEG", {"quality": 70}),
        (".tif", "TIFF", {"compression": "tiff_lzw"}),
        (".bmp", "BMP", {}),
        (".webp", "WEBP", {}),
        (".gif", "GIF", {}),
    ],
)
def test_every_kind_of_picture_is_read(suffix: str, kind: str, options: dict[str, Any]) -> None:
    text = text_of(f"扫描{suffix}", saved(drawn(column(TEXTS), (1000, 300)), kind, **options))
    for fact in TEXTS:
        assert fact.replace(" ", "") in text.replace(" ", "")


@reads
def test_a_fax_of_several_pages_has_them(tmp_path: Path) -> None:
    first, *rest = (drawn(column([fact]), (1000, 200)).convert("1") for fact in TEXTS)
    path = tmp_path / "传真.tiff"
    path.write_bytes(saved(first, "TIFF", save_all=True, append_images=rest, compression="group4"))
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        report = kb.add(path)
        assert (report.failed, report.attention) == ([], [])
        (document,) = kb.documents()
        assert document.pages == 3
        assert kb.search("食堂開放時間", mode="lexical").passages[0].document == document.id
    (raw,) = loaded("传真.tiff", path.read_bytes())
    assert isinstance(raw, RawDocument)
    assert [block.page for block in raw.blocks] == [1, 2, 3]


@reads
def test_a_photograph_without_text_is_empty_and_says_so(tmp_path: Path) -> None:
    ys, xs = np.mgrid[0:600, 0:900]
    hills = np.stack([(np.sin(xs / 90) * 60 + ys / 4) % 256, ys * 255 // 600, xs * 255 // 900], axis=2)
    from PIL import Image

    path = tmp_path / "山.jpg"
    path.write_bytes(saved(Image.fromarray(hills.astype(np.uint8)), "JPEG"))
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        report = kb.add(path)
        assert report.empty == [(str(path), f"{path} has no text in it.")]
        assert [document.status for document in kb.documents()] == [Status.EMPTY]


@reads
def test_a_picture_in_a_letter_is_a_document_of_its_own(tmp_path: Path) -> None:
    from email.message import EmailMessage

    letter = EmailMessage()
    letter["From"], letter["Subject"] = "王芳 <wang@example.com>", "通知"
    letter.set_content("见附件。")
    picture = saved(drawn(column(TEXTS), (1000, 300)), "PNG")
    letter.add_attachment(picture, maintype="image", subtype="png", filename="通知.png")
    path = tmp_path / "a.eml"
    path.write_bytes(letter.as_bytes())
    with qianxun.open(tmp_path / "kb", overrides=["encoder.name=hash"]) as kb:
        kb.add(path)
        assert kb.search("检查周期", mode="lexical").passages[0].source == f"{path}!通知.png"


# Modes and sizes


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "F", "I;16"])
def test_every_mode_becomes_colours_on_white(mode: str, seen: list[Any]) -> None:
    from PIL import Image

    if mode == "I;16":
        image = Image.fromarray(np.full((40, 60), 4095, np.uint16))
        image.putpixel((5, 5), 0)
    elif mode in ("I", "F"):
        image = Image.new(mode, (60, 40), 70000)
        image.putpixel((5, 5), 0)
    else:
        image = plain("RGBA" if mode in ("LA", "RGBA") else "RGB").convert(mode)
        black = {
            "LA": (0, 255),
            "RGB": (0, 0, 0),
            "RGBA": (0, 0, 0, 255),
            "CMYK": (0, 0, 0, 255),
            "YCbCr": (0, 128, 128),
        }
        image.putpixel((5, 5), black.get(mode, 0))
    loaded("a.tif", saved(image, "TIFF"))
    (picture,) = seen
    assert (picture.shape, picture.dtype) == ((40, 60, 3), np.uint8)
    if mode not in ("P", "YCbCr"):
        assert picture[20, 20].tolist() == [255, 255, 255]
        assert picture[5, 5].max() < 60


def test_what_is_transparent_is_white(seen: list[Any]) -> None:
    image = plain("RGBA", colour=(0, 0, 0, 0))
    image.putpixel((10, 10), (200, 0, 0, 255))
    palette = plain("P", colour=0)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    palette.putpixel((10, 10), 1)
    loaded("a.png", saved(image, "PNG"))
    loaded("b.gif", saved(palette, "GIF", transparency=0))
    loaded("c.png", saved(plain("RGB", colour="black"), "PNG", transparency=(0, 0, 0)))
    assert [picture[0, 0].tolist() for picture in seen] == [[255, 255, 255]] * 3
    assert [picture[10, 10].tolist() for picture in seen[:2]] == [[200, 0, 0]] * 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_camera_held_askew_is_set_right(kind: str, orientation: int, seen: list[Any]) -> None:
    from PIL import Image, ImageOps

    image = plain(size=(96, 64))
    image.paste("black", (0, 0, 32, 16))  # a mark in the upper left corner
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(image, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("L"))
    loaded(f"a.{kind.lower()}", data)
    (picture,) = seen
    assert picture.shape[:2] == upright.shape
    assert (abs(picture[:, :, 0].astype(int) - upright) < 40).mean() > 0.98


def test_large_pictures_are_made_smaller_and_bombs_refused(seen: list[Any]) -> None:
    loaded("a.png", saved(plain("L", (9001, 400), 255), "PNG"))
    assert seen[0].shape[1] <= 3000
    small = dataclasses.replace(SETTINGS, max_memory_mb=128)
    with pytest.raises(UnreadableDocument, match=r"a.png has 16 million pixels; pictures above 11 million are not"):
        loaded("a.png", saved(plain("1", (4000, 4000), 1), "PNG"), small)
    with pytest.raises(UnreadableDocument, match="million pixels"):
        loaded("bomb.png", bomb(60_000, 60_000))


def bomb(width: int, height: int) -> bytes:
    """The head of a PNG that says how large it is; its few bytes are never unpacked."""

    def piece(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + piece(b"IHDR", head) + piece(b"IDAT", pixels) + piece(b"IEND", b"")


@pytest.mark.skipif(not recognition.is_installed(), reason="needs the extra `ocr`")
def test_icons_and_rules_are_empty() -> None:
    assert loaded("icon.png", saved(plain(size=(16, 16), colour="red"), "PNG")) == []
    assert loaded("rule.gif", saved(plain(size=(600, 2), colour="black"), "GIF")) == []


def test_an_animation_is_its_first_picture(seen: list[Any]) -> None:
    frames = [plain(colour=colour) for colour in ("white", "black")]
    loaded("a.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert [picture[0, 0, 0] for picture in seen] == [255]


def test_a_scrolled_screen_is_cut_between_lines(seen: list[Any]) -> None:
    from PIL import ImageDraw

    image = plain(size=(400, 9000))
    draw = ImageDraw.Draw(image)
    for top in range(0, 9000, 60):
        draw.rectangle((20, top, 380, top + 30), fill="black")
    (document,) = loaded("长截图.png", saved(image, "PNG"))
    assert isinstance(document, RawDocument)
    assert document.pages is None
    assert sum(len(picture) for picture in seen) == 9000
    assert len(seen) > 3
    for picture in seen[1:]:
        assert picture[0].min() == 255  # between two bars
    assert {block.page for block in document.blocks} == {None}


def test_pages_beyond_the_limit_count_but_are_not_read(seen: list[Any]) -> None:
    pages = [plain("L", colour=255) for _ in range(5)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    (document,) = loaded("a.tif", data, dataclasses.replace(SETTINGS, ocr_max_pages=2))
    assert isinstance(document, RawDocument)
    assert document.pages == 5
    assert [block.page for block in document.blocks] == [1, 2]


# What cannot be read


def test_damaged_pictures_are_named_as_such(seen: list[Any]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    from PIL import Image

    for kind, name in (("PNG", "a.png"), ("JPEG", "a.jpg"), ("TIFF", "a.tif"), ("GIF", "a.gif")):
        whole = saved(Image.fromarray(noise), kind)
        with pytest.raises(UnreadableDocument, match="is not a readable picture"):
            loaded(name, whole[: len(whole) // 2])
    with pytest.raises(UnreadableDocument, match=r"not one of PNG, JPEG"):
        loaded("a.png", "一些文字 and others".encode())
    with pytest.raises(UnreadableDocument, match=r"looks like a PDF, but is named \.png"):
        loaded("a.png", b"%PDF-1.7\n")


def test_a_picture_named_as_another_kind_is_read(seen: list[Any]) -> None:
    loaded("a.jpg", saved(plain(), "PNG"))
    assert len(seen) == 1


def test_random_damage_never_escapes(seen: list[Any]) -> None:
    chance = random.Random(11)
    for kind in ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "GIF"):
        whole = saved(plain("RGB", (80, 60), (200, 10, 30)), kind)
        for _ in range(40):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            with contextlib.suppress(UnreadableDocument):
                loaded(f"a.{kind.lower()}", bytes(data))


def test_an_uncertain_picture_needs_attention(monkeypatch: pytest.MonkeyPatch, seen: list[Any]) -> None:
    unsure = PageText((Block("paragraph", "ｇａｒｂａｇｅ"),), 200, 0.4)
    monkeypatch.setattr("qianxun.documents.formats.scanned.text_of_picture", lambda picture, page: unsure)
    with pytest.raises(UncertainDocument, match=r"score 0\.40"):
        loaded("模糊.png", saved(plain(), "PNG"))


# Without the extra, or switched off


def test_without_the_extra_a_named_picture_fails_and_a_folder_passes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognition, "_models", lambda: None)
    with pytest.raises(MissingExtra, match=r"照片.png is a picture, .*pip install 'qianxun\[ocr\]'"):
        loaded("照片.png", saved(plain(), "PNG"))
    monkeypatch.setattr(registry, "_can_read_pictures", lambda: False)
    assert not set(registry.PICTURES) & set(registry.supported_suffixes())
    assert ".pdf" in registry.supported_suffixes()
    monkeypatch.setattr(registry, "_can_read_pictures", lambda: True)
    assert set(registry.PICTURES) <= set(registry.supported_suffixes())


def test_switched_off_it_says_how_to_switch_it_on(seen: list[Any]) -> None:
    with pytest.raises(UnreadableDocument, match=r"reading.ocr is off\. Set reading.ocr to auto"):
        loaded("a.png", saved(plain(), "PNG"), dataclasses.replace(SETTINGS, ocr="off"))
    assert seen == []


def test_the_loader_and_the_table_name_the_same_suffixes() -> None:
    assert ImageLoader.suffixes == registry.PICTURES


def test_a_logo_in_a_letter_is_left_out_and_a_screenshot_is_not() -> None:
    from email.message import EmailMessage

    from qianxun.documents.formats.mail import MailLoader

    letter = EmailMessage()
    letter["From"], letter["Subject"] = "王芳 <wang@example.com>", "簽名檔 signature"
    letter.set_content("见下图。")
    letter.add_alternative("<p>见下图。<img src='cid:a'><img src='cid:b'></p>", subtype="html")
    noise = np.random.default_rng(2).integers(0, 256, (120, 120, 3), dtype=np.uint8)
    from PIL import Image

    html = letter.get_payload()[1]  # type: ignore[index]
    html.add_related(saved(plain(), "PNG"), "image", "png", cid="<a>", filename="image001.png", disposition="inline")  # type: ignore[union-attr]
    html.add_related(
        saved(Image.fromarray(noise), "PNG"), "image", "png", cid="<b>", filename="截图.png", disposition="inline"
    )  # type: ignore[union-attr]
    letter.add_attachment(saved(plain(), "PNG"), maintype="image", subtype="png", filename="小图.png")
    _, *files = MailLoader().load(RawFile.of_bytes("a.eml", letter.as_bytes()), SETTINGS)
    assert [file.name for file in files if isinstance(file, RawFile)] == ["a.eml!截图.png", "a.eml!小图.png"]
