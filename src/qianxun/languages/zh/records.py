"""Chinese for the readers of JSON, XML and source code."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # documents/formats/json_records.py
    "{path} is not valid JSON at line {line}, column {column} ({error}).": (
        "{path} 第 {line} 行第 {column} 列不是有效的 JSON（{error}）。"
    ),
    "Mend it there, or write the file again.": "请在该处修正，或重新生成该文件。",
    # documents/formats/xml.py
    "{path} is not valid XML at line {line}, column {column} ({error}).": (
        "{path} 第 {line} 行第 {column} 列不是有效的 XML（{error}）。"
    ),
    "{path} declares entities of its own, which are not expanded: they can be made to fill the memory.": (
        "{path} 自行声明了实体。实体不予展开，因为它们可被用来耗尽内存。"
    ),
    "If you trust the file, save it with its entities replaced.": "如果信任该文件，请将其中的实体替换后另存。",
    "{path} is no XML that can be read: its first element does not come within {n} characters.": (
        "{path} 不是可读取的 XML：前 {n} 个字符中没有元素。"
    ),
    "Open the file and look at its beginning.": "请打开文件查看开头部分。",
}
