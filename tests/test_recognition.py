"""Text in pictures: where it stands, what it says, in which order it is read, and how sure that is."""

import dataclasses
import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from page_images import WHY_NOT, can_draw_and_read, column, drawn

from qianxun.documents.formats import recognition, scanned
from qianxun.documents.formats.page_layout import blocks_of_lines, in_reading_order
from qianxun.documents.formats.pdf_pictures import stands_for_nothing
from qianxun.documents.formats.recognition import RecognisedLine, recognise
from qianxun.documents.formats.scanned import (
    PageText,
    RecognisedPages,
    scanned_page,
    text_of_picture,
)
from qianxun.documents.formats.text_regions import regions_in
from qianxun.errors import MissingExtra, UncertainDocument
from qianxun.records import Block
from qianxun.settings import ReadingSettings

reads = pytest.mark.skipif(not can_draw_and_read(), reason=WHY_NOT)

SIMPLIFIED = "设备的检查周期为九十天，由第七组负责记录。"
TRADITIONAL = "食堂開放時間為上午十一點半至下午一點半。"
ENGLISH = "Travel expenses are refunded within thirty days."
MIXED = "版本 2.3 于 2025 年发布，修复了 timeout 问题。"
FULL_WIDTH = "编号ＬＦ２０４３（第１页）！"


def line(text: str, left: float, top: float, right: float, height: float = 20, score: float = 0.99) -> RecognisedLine:
    return RecognisedLine(text, score, left, top, right, top + height)


def texts(blocks: list[Block]) -> list[str]:
    return [block.text for block in blocks]


# Where text stands


def test_a_block_in_the_map_becomes_a_rectangle_grown_by_what_it_was_shrunk() -> None:
    probabilities = np.zeros((60, 200), np.float32)
    probabilities[20:30, 50:150] = 0.9
    (region,) = regions_in(probabilities)
    # 100 × 10 pixels; area 1,000 · 1.6 over the circumference 220 is 7.27 on each side
    assert region.width == pytest.approx(100 + 2 * 1600 / 220, abs=0.01)
    assert region.height == pytest.approx(10 + 2 * 1600 / 220, abs=0.01)
    assert region.corners.mean(axis=0) == pytest.approx((100, 25), abs=0.01)
    assert region.score == pytest.approx(0.9, abs=0.001)
    assert region.inclination == 0


def test_pixels_that_touch_at_corners_are_one_region_and_others_are_not() -> None:
    probabilities = np.zeros((80, 120), np.float32)
    probabilities[10:20, 10:30] = 1
    probabilities[20:30, 30:50] = 1  # touches the one above at a corner
    probabilities[50:60, 10:50] = 1
    found = regions_in(probabilities)
    assert len(found) == 2


def test_weak_and_tiny_places_are_no_text() -> None:
    probabilities = np.zeros((50, 50), np.float32)
    probabilities[10:20, 10:40] = 0.4  # over the threshold of pixels, below that of regions
    probabilities[30:32, 10:12] = 1
    assert regions_in(probabilities) == []
    assert regions_in(np.zeros((8, 8), np.float32)) == []
    assert len(regions_in(np.ones((40, 40), np.float32))) == 1


@pytest.mark.parametrize("degrees", [-30.0, -4.0, 4.0, 30.0])
def test_an_inclined_bar_is_found_with_its_angle(degrees: float) -> None:
    ys, xs = np.mgrid[0:200, 0:300]
    angle = np.radians(degrees)
    along = (xs - 150) * np.cos(angle) + (ys - 100) * np.sin(angle)
    across = -(xs - 150) * np.sin(angle) + (ys - 100) * np.cos(angle)
    bar = ((abs(along) < 80) & (abs(across) < 6)).astype(np.float32)
    (region,) = regions_in(bar)
    assert region.inclination == pytest.approx(degrees, abs=1)
    assert region.corners[:2].mean(axis=0)[1] < region.corners[2:].mean(axis=0)[1]  # the upper side comes first


def test_regions_of_noise_are_bounded_and_quick() -> None:
    noise = np.random.default_rng(7).random((400, 400)).astype(np.float32)
    assert len(regions_in(noise)) <= 2000


# The order in which it is read, and paragraphs


def test_two_columns_are_read_one_after_the_other_below_their_title() -> None:
    left = [line(f"左栏第{i}行的文字内容写满整栏", 50, 100 + 30 * i, 390) for i in range(5)]
    right = [line(f"右栏第{i}行的文字内容写满整栏", 430, 104 + 30 * i, 770) for i in range(5)]
    title = line("两栏之上的标题横跨整页", 150, 40, 700, height=36)
    foot = line("横跨两栏的一句脚注文字，放在页面最下方说明来源。", 50, 300, 760)
    mixed = [title, foot, *left, *right]
    random.Random(3).shuffle(mixed)
    assert [[x.text for x in c] for c in in_reading_order(mixed)] == [
        [title.text],
        [x.text for x in left],
        [x.text for x in right],
        [foot.text],
    ]
    blocks = blocks_of_lines(mixed, 3)
    assert blocks[0] == Block("heading", title.text, level=1, page=3)
    whole = "".join(texts(blocks[1:]))
    assert whole.index("左栏第4行") < whole.index("右栏第0行") < whole.index("横跨两栏")


def test_three_columns_are_read_in_turn() -> None:
    columns = [
        [line(f"column {c} line {i} of running text", 50 + 300 * c, 100 + 30 * i, 310 + 300 * c) for i in range(4)]
        for c in range(3)
    ]
    mixed = [x for rows in zip(*columns, strict=True) for x in rows]
    assert [[x.text for x in c] for c in in_reading_order(mixed)] == [[x.text for x in c] for c in columns]


def test_cells_of_a_table_stay_in_their_rows() -> None:
    rows = [("部门", "天数", "Owner"), ("研发", "５", "Wang"), ("採購", "12", "Li"), ("财务", "7", "Chen")]
    lines = [
        line(cell, 60 + 240 * c, 100 + 40 * r, 60 + 240 * c + 20 * len(cell))
        for r, row in enumerate(rows)
        for c, cell in enumerate(row)
    ]
    (block,) = blocks_of_lines(lines, 1)
    assert block.kind == "table"
    assert block.text == "部门 | 天数 | Owner\n研发 | ５ | Wang\n採購 | 12 | Li\n财务 | 7 | Chen"
    assert block.header_lines == 1
    assert block.page == 1


def test_rows_of_unequal_cells_are_left_as_lines() -> None:
    lines = [line("甲", 60, 100, 80), line("乙", 300, 100, 320), line("丙", 60, 140, 80), line("丁", 300, 140, 320)]
    lines.append(line("戊", 500, 140, 520))
    (block,) = blocks_of_lines(lines)
    assert (block.kind, block.text) == ("list", "甲 | 乙\n丙 | 丁 | 戊")


def test_wrapped_lines_join_by_their_script() -> None:
    chinese = [line("一行写满的中文句子没有结束还要在下", 50, 100, 400), line("一行继续。", 50, 130, 150)]
    english = [line("A line of English that is wrapped and mea-", 50, 100, 400), line("sures more.", 50, 130, 150)]
    traditional = [line("這一行寫滿了繁體字並且還沒有說完，要", 50, 100, 400), line("在下一行說完。", 50, 130, 190)]
    assert texts(blocks_of_lines(chinese)) == ["一行写满的中文句子没有结束还要在下一行继续。"]
    assert texts(blocks_of_lines(english)) == ["A line of English that is wrapped and measures more."]
    assert texts(blocks_of_lines(traditional)) == ["這一行寫滿了繁體字並且還沒有說完，要在下一行說完。"]


def test_space_indents_and_short_lines_part_paragraphs() -> None:
    full = "这一行文字写满了整个版面的宽度直到右边"
    spaced = [line(full, 50, 100, 450), line(full, 50, 130, 450), line(full, 50, 190, 450), line(full, 50, 220, 450)]
    indented = [line(full, 50, 100, 450), line(full, 50, 130, 450), line("　　" + full, 90, 160, 450)]
    short = [line(full, 50, 100, 450), line("到此为止。", 50, 130, 150), line(full, 50, 160, 450)]
    assert len(blocks_of_lines(spaced)) == 2
    assert len(blocks_of_lines(indented)) == 2
    assert len(blocks_of_lines(short)) == 2


def test_larger_lines_and_numbered_ones_are_headings() -> None:
    lines = [
        line("年度报告 Annual report", 50, 40, 500, height=44),
        line("第二章 范围", 50, 100, 200),
        line("本章说明适用范围，适用于所有部门和分公司的员工。", 50, 130, 520),
        line("小节標題", 50, 170, 180, height=30),
        line("正文的另一句话，也写在这里，直到这一行的最右端。", 50, 210, 520),
    ]
    found = [(block.kind, block.level, block.text) for block in blocks_of_lines(lines, 1)]
    assert found[0] == ("heading", 1, "年度报告 Annual report")
    assert found[1] == ("heading", 2, "第二章 范围")
    assert found[3] == ("heading", 2, "小节標題")
    assert [kind for kind, *_ in found] == ["heading", "heading", "paragraph", "heading", "paragraph"]


def test_a_heading_of_two_lines_is_one() -> None:
    lines = [
        line("关于差旅费报销的", 150, 40, 450, height=40),
        line("若干规定", 220, 85, 380, height=40),
        line("正文写在标题下面，写满这一行的宽度为止的文字。", 50, 150, 520),
    ]
    assert texts(blocks_of_lines(lines))[0] == "关于差旅费报销的若干规定"


@pytest.mark.parametrize("number", ["- 12 -", "第 3 页", "3 / 20", "Page 3 of 20", "第３頁".replace("３", "3")])
def test_a_page_number_alone_is_left_out(number: str) -> None:
    lines = [line(f"正文第{i}行，写满这一行的宽度。", 50, 100 + 30 * i, 450) for i in range(4)]
    assert number not in "".join(texts(blocks_of_lines([*lines, line(number, 230, 400, 270)])))
    assert "2025" in "".join(texts(blocks_of_lines([*lines, line("合计 2025", 230, 400, 330)])))


# Whether it is sure enough


def test_a_document_that_is_not_sure_needs_attention() -> None:
    pages = RecognisedPages("扫描.pdf", ReadingSettings())
    assert pages.keep(PageText((Block("paragraph", "可靠"),), 100, 0.97)) == [Block("paragraph", "可靠")]
    pages.check()
    assert pages.keep(PageText((Block("paragraph", "garbage"),), 100, 0.55)) == []
    with pytest.raises(UncertainDocument, match=r"扫描.pdf: .*score 0\.55; 0\.85 is asked for"):
        pages.check()


def test_one_bad_page_of_many_is_left_out_alone() -> None:
    pages = RecognisedPages("a.pdf", ReadingSettings())
    for _ in range(19):
        assert pages.keep(PageText((Block("paragraph", "好"),), 100, 0.97))
    assert pages.keep(PageText((Block("paragraph", "bad"),), 100, 0.4)) == []
    pages.check()


def test_a_few_doubtful_characters_on_a_photograph_are_no_document() -> None:
    pages = RecognisedPages("photo.jpg", ReadingSettings())
    assert pages.keep(PageText((Block("paragraph", "lIl"),), 3, 0.3)) == []
    pages.check()


def test_a_short_note_that_is_nearly_sure_is_looked_at_by_a_person() -> None:
    pages = RecognisedPages("便条.jpg", ReadingSettings())
    assert pages.keep(PageText((Block("paragraph", "Ｎｏ．１２"),), 6, 0.8)) == []
    with pytest.raises(UncertainDocument):
        pages.check()


def test_pages_beyond_the_limit_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []

    def seen(picture: object, page: int) -> PageText:
        read.append(page)
        return PageText((Block("paragraph", "字"),), 1, 1.0)

    monkeypatch.setattr(scanned, "text_of_picture", seen)
    pages = RecognisedPages("a.tif", dataclasses.replace(ReadingSettings(), ocr_max_pages=2))
    blank = np.zeros((40, 40, 3), np.uint8)
    assert [len(pages.of_picture(blank, number)) for number in (1, 2, 3)] == [1, 1, 0]
    assert read == [1, 2]


def test_no_page_is_begun_when_the_time_is_nearly_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanned, "text_of_picture", lambda picture, page: PageText((Block("paragraph", "字"),), 1, 1.0))
    # Begun, then for each page before and after; recognition itself is not counted, but for what is beyond 30 s a page.
    seconds = iter([0.0, 1.0, 26.0, 70.0, 80.0, 114.0, 200.0, 146.0])
    settings = dataclasses.replace(ReadingSettings(), max_seconds=100.0)
    pages = RecognisedPages("a.tif", settings, now=lambda: next(seconds))
    blank = np.zeros((40, 40, 3), np.uint8)
    assert [len(pages.of_picture(blank, number)) for number in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert next(seconds, None) is None


def test_pages_without_usable_text_are_recognised() -> None:
    assert stands_for_nothing("")
    assert stands_for_nothing(" \n\u3000")
    assert stands_for_nothing("\ufffd\ufffd \ue000a")
    assert not stands_for_nothing("正文")
    assert not stands_for_nothing("１２３ plain 繁體")


def test_without_the_extra_the_install_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name == "rapidocr" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    recognition._engine.cache_clear()
    assert not recognition.is_installed()
    assert not scanned.can_recognise(ReadingSettings())
    with pytest.raises(MissingExtra, match=r"pip install 'qianxun\[ocr\]'"):
        recognise(np.zeros((50, 50, 3), np.uint8))


# The models themselves


@reads
@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL, ENGLISH, MIXED, FULL_WIDTH])
def test_a_line_is_read_right(text: str) -> None:
    (found,) = recognise(np.asarray(drawn(column([text]), (1100, 160))))
    assert same(found.text, text)
    assert found.score > (0.75 if text == FULL_WIDTH else 0.9)  # a wide letter is much like a narrow one
    assert (found.left, found.top) == pytest.approx((60, 66), abs=20)


def same(read: str, true: str) -> bool:
    """Whether they differ only in spaces and in the width of marks and digits."""
    import unicodedata

    return "".join(unicodedata.normalize("NFKC", read).split()) == "".join(unicodedata.normalize("NFKC", true).split())


@reads
@pytest.mark.parametrize("degrees", [-2.0, 1.0, 2.0])
def test_an_inclined_noisy_page_is_read_in_order(degrees: float) -> None:
    image = drawn(column([SIMPLIFIED, TRADITIONAL, ENGLISH, MIXED], step=60), (1100, 400))
    image = image.rotate(degrees, fillcolor="white")
    noise = np.random.default_rng(5).normal(0, 12, (400, 1100, 1))
    picture = np.clip(np.asarray(image) * 0.9 + 12 + noise, 0, 255).astype(np.uint8)
    lines = sorted(recognise(picture), key=lambda found: found.top)
    assert same("".join(found.text for found in lines), SIMPLIFIED + TRADITIONAL + ENGLISH + MIXED)
    tops = [found.bottom - found.top for found in lines]
    assert max(tops) < 60  # set straight: an inclined line is not as high as it is inclined


@reads
@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_page_that_lies_on_its_side_or_head_is_set_right(turned: int) -> None:
    image = drawn(column([SIMPLIFIED, TRADITIONAL, ENGLISH, MIXED], step=60), (1100, 400))
    read = text_of_picture(np.asarray(image.rotate(turned, expand=True)))
    assert same("".join(texts(list(read.blocks))), SIMPLIFIED + TRADITIONAL + ENGLISH + MIXED)


@reads
def test_pages_without_text_say_nothing_and_are_sure_of_it() -> None:
    assert text_of_picture(np.full((400, 400, 3), 255, np.uint8)) == PageText()
    ys, xs = np.mgrid[0:400, 0:600]
    slope = np.stack([xs * 255 // 600, ys * 255 // 400, (xs + ys) * 255 // 1000], axis=2).astype(np.uint8)
    assert text_of_picture(slope).blocks == ()
    assert text_of_picture(np.zeros((20, 300, 3), np.uint8)) == PageText()


@reads
@pytest.mark.parametrize("text", ["角落里的小字。", "小字在角落裡。", "a small note", "Ｎｏ．１２"])
def test_one_small_line_on_a_large_page_is_found(text: str) -> None:
    (found,) = recognise(np.asarray(drawn([(1200, 2200, 20, text)], (1654, 2339))))
    assert same(found.text.casefold(), text.casefold())


@reads
def test_a_page_of_a_pdf_is_drawn_and_read() -> None:
    import io

    import pypdfium2

    image = drawn(column([SIMPLIFIED, TRADITIONAL, ENGLISH, MIXED], step=60), (1240, 1754))
    buffer = io.BytesIO()
    image.save(buffer, "PDF", resolution=150)
    pdf = pypdfium2.PdfDocument(buffer.getvalue())
    page = pdf[0]
    read = scanned_page(page, 7)
    page.close()
    pdf.close()
    assert same("".join(texts(list(read.blocks))), SIMPLIFIED + TRADITIONAL + ENGLISH + MIXED)
    assert {block.page for block in read.blocks} == {7}
    assert read.score > 0.9


@reads
def test_a_page_that_can_hardly_be_read_is_not_sure() -> None:
    from PIL import ImageFilter

    image = drawn(column([SIMPLIFIED, TRADITIONAL, ENGLISH, MIXED] * 3, height=18, step=30), (700, 450))
    read = text_of_picture(np.asarray(image.filter(ImageFilter.GaussianBlur(4))))
    assert read.score < ReadingSettings().ocr_min_score or not read.blocks


@reads
def test_the_engine_needs_no_opencv_and_fits_into_the_memory_of_a_worker(tmp_path: Path) -> None:
    code = (
        "import resource, sys, numpy as np\n"
        "resource.setrlimit(resource.RLIMIT_DATA, (1_000_000_000,) * 2)\n"
        "from qianxun.documents.formats.recognition import recognise\n"
        "recognise(np.full((2339, 1654, 3), 255, np.uint8))\n"
        "assert not {'cv2', 'rapidocr', 'shapely'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
