"""Chinese for text in pictures and on scanned pages."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "{path}: {n} of {pages} pages are pictures that were not looked at.": "{path}：共 {pages} 页，其中 {n} 页是图片，未作识别。",
    "Raise reading.ocr_max_pages or reading.max_seconds, and `add --retry`.": "请调高 reading.ocr_max_pages 或 reading.max_seconds，再执行 `add --retry`。",
    # documents/formats/recognition.py
    "{path} is a picture, and reading text in pictures needs packages that are not installed.": (
        "{path} 是图片，识别图片中的文字需要尚未安装的软件包。"
    ),
    "Run `pip install 'qianxun[ocr]'`.": "请运行 `pip install 'qianxun[ocr]'`。",
    # documents/formats/image.py
    "{path} is a picture, and reading.ocr is off.": "{path} 是图片，而 reading.ocr 为 off。",
    "Set reading.ocr to auto, or leave pictures out by reading.ignore.": (
        "请将 reading.ocr 设为 auto，或用 reading.ignore 略过图片。"
    ),
    "{path} has {n} million pixels; pictures above {most} million are not read.": (
        "{path} 有 {n} 百万像素；超过 {most} 百万像素的图片不予读取。"
    ),
    "Save a smaller copy of it.": "请另存为较小的副本。",
    "{path} is not a readable picture ({error}).": "{path} 不是可读的图片（{error}）。",
    "Open it in an image program and save it again.": "请用图像软件打开并重新保存。",
    # documents/formats/scanned.py
    "{path}: the text in its pictures is not sure enough (score {score:.2f}; {least:g} is asked for).": (
        "{path}：其图片中的文字识别得不够可靠（得分 {score:.2f}，要求 {least:g}）。"
    ),
    "Scan it again, straight and at 300 dpi, or lower reading.ocr_min_score.": (
        "请摆正后以 300 dpi 重新扫描，或调低 reading.ocr_min_score。"
    ),
    # settings
    "text in pictures and on scanned pages is read: auto (where the extra `ocr` is installed) or off": (
        "是否识别图片和扫描页中的文字：auto（装有附加组件 `ocr` 时识别）或 off"
    ),
    "least mean probability of a page's characters; a page that is read less surely is not indexed": (
        "一页文字平均概率的下限；识别得不够可靠的页面不进入索引"
    ),
    "pictures and scanned pages of one document that are read": "一个文档中最多识别多少张图片和扫描页",
}
