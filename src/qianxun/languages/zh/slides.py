"""Chinese for slides, OpenDocument, rich text and books."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # documents/formats/packages.py
    "{path} is too large unpacked: {part} goes beyond {mb} MB.": "{path} 解压后过大：{part} 超过 {mb} MB。",
    "Split the file, or raise reading.max_memory_mb and reading.max_unpacked_mb.": (
        "请拆分文件，或调大 reading.max_memory_mb 和 reading.max_unpacked_mb。"
    ),
    "{path} is encrypted, or an old Office file named {suffix}.": (
        "{path} 已加密，或是改名为 {suffix} 的旧 Office 文件。"
    ),
    "Open it in its program and save it as {suffix} without a password.": (
        "请用相应程序打开，不设密码另存为 {suffix}。"
    ),
    "{path} is not a readable {suffix} file ({error}).": "{path} 不是可读取的 {suffix} 文件（{error}）。",
    "Open it in its program and save it again.": "请用相应程序打开并重新保存。",
    # documents/formats/epub.py
    "{path} is protected against copying (DRM).": "{path} 有防复制保护（DRM）。",
    "Add a copy without protection.": "请添加没有保护的副本。",
    # documents/formats/rtf.py
    "{path} ends in the middle: {n} groups are not closed.": "{path} 不完整：有 {n} 个组没有结束。",
    "Copy the file again, or open it and save it again.": "请重新复制该文件，或打开后重新保存。",
}
