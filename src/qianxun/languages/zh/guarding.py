"""Chinese for word lists."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # guarding/word_list.py
    "{path}, line {line}: this is not UTF-8.": "{path} 第 {line} 行：不是 UTF-8 编码。",
    "Save the word list as UTF-8.": "请将词表另存为 UTF-8 编码。",
    "{path}, line {line}: {text!r} is no action.": "{path} 第 {line} 行：{text!r} 不是可用的处理方式。",
    "Write block, mask or warn behind the bar.": "竖线之后请写 block、mask 或 warn。",
    "{path}, line {line}: {text!r} cannot be looked for.": "{path} 第 {line} 行：无法查找 {text!r}。",
    "Write one entry of at most {most} letters.": "每行请写一个词条，最多 {most} 个字。",
    "The word list {path} cannot be read ({reason}).": "无法读取词表 {path}（{reason}）。",
    "Name a text file in UTF-8, or take it out of the settings.": "请指定 UTF-8 编码的文本文件，或从设置中去掉它。",
}
