"""The words and signs of the filter language, and what people call formats."""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from qianxun.filters import Equals, Filter, Or
from qianxun.retrieval.phrases import fold_in_place

# Below every date, and above "", the date of a document that has none.
ANY_DATE: Final = "0"

# What people call formats that documents have under other names.
FORMATS: Final[Mapping[str, tuple[str, ...]]] = {
    "md": ("markdown", "md"),
    "txt": ("text", "txt"),
    "htm": ("html", "htm"),
    **dict.fromkeys(("word", "doc"), ("docx", "doc")),
    **dict.fromkeys(("excel", "表格", "电子表格"), ("xlsx", "xlsm", "xls", "xlsb", "ods")),
    **dict.fromkeys(("powerpoint", "ppt", "幻灯片", "演示文稿"), ("pptx", "ppt", "odp")),
    **dict.fromkeys(("email", "mail", "邮件"), ("eml", "msg")),
    **dict.fromkeys(("image", "picture", "图片"), ("png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "gif")),
}

Name: TypeAlias = Literal["source", "title", "format", "modified", "label"]
Operator: TypeAlias = Literal["=", "!=", "^=", "~", "!~", "<", "<=", ">", ">=", "in", "not in"]

NAMES: Final[Mapping[str, Name]] = {
    **dict.fromkeys(("source", "来源", "出处"), "source"),
    **dict.fromkeys(("title", "标题"), "title"),
    **dict.fromkeys(("format", "type", "格式", "类型"), "format"),
    **dict.fromkeys(("label", "标签"), "label"),
    **dict.fromkeys(("modified", "date", "修改时间", "修改日期", "修改", "日期"), "modified"),
}
OPERATORS: Final[Mapping[str, Operator]] = {
    **dict.fromkeys(("=", "==", "is", "是", "为"), "="),
    **dict.fromkeys(("!=", "≠", "<>", "不是", "不为"), "!="),
    "^=": "^=",
    **dict.fromkeys(("~", "contains", "包含"), "~"),
    **dict.fromkeys(("!~", "不包含"), "!~"),
    **dict.fromkeys(("<", "早于"), "<"),
    **dict.fromkeys(("<=", "≤", "不晚于"), "<="),
    **dict.fromkeys((">", "晚于"), ">"),
    **dict.fromkeys((">=", "≥", "不早于"), ">="),
    **dict.fromkeys(("in", "属于"), "in"),
    "不属于": "not in",
}
AND: Final = dict.fromkeys(("and", "并且", "且", "和", "与"), "and")
OR: Final = dict.fromkeys(("or", "或者", "或"), "or")
NOT: Final = dict.fromkeys(("not", "不是", "非"), "not")
EXACTLY: Final = dict.fromkeys(("exactly", "原样"), "exactly")
OPEN, CLOSE, COMMA = {"(": "("}, {")": ")"}, {",": ",", "、": ","}
# As a value they need quotes, or a forgotten value would swallow the next word.
RESERVED: Final = frozenset({*AND, *OR, *NOT, *EXACTLY, "in", "属于"})

# An opening mark → the closing one.
QUOTES: Final[Mapping[str, str]] = dict(zip("\"'＂＇“”„‘’「『｢«", "\"'＂＇”””’’」』｣»", strict=True))
MARKS: Final = "".join(sorted({*QUOTES, *QUOTES.values()}))
SIGNS: Final = "=!<>^~≠≤≥"

_OF_TEXT: Final = "= != ^= ~ !~ in, not in"
OPERATORS_OF: Final[Mapping[Name, str]] = {
    "source": _OF_TEXT,
    "title": _OF_TEXT,
    "format": _OF_TEXT,
    "label": "= != in, not in",
    "modified": "= != < <= > >= ^= ~ !~ in, not in",
}


def of_format(written: str) -> Filter:
    """Documents of what people call a format: md, .PDF, Word, 图片."""
    name = fold_in_place(written).strip().removeprefix(".")
    found = tuple(Equals("format", one) for one in FORMATS.get(name, (name,)))
    return found[0] if len(found) == 1 else Or(found)
