"""Chinese for the settings of splitting."""

# ruff: noqa: E501 (a Chinese character counts as two)

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    # settings/sections.py
    "what stays together: sections by headings, articles, questions and records; paragraphs; sentences; or nothing": "哪些内容保持完整：按标题、条文、问答和日志记录划分的各节；段落；句子；或不作要求",
    "sentences repeated from the previous chunk where one paragraph must be cut, or wherever `sentences` cuts": "一段必须切开时（采用 `sentences` 时为每次切分时）从前一片段重复的句数",
    "tokens repeated from the previous chunk by the strategy `fixed`": "采用 `fixed` 时从前一片段重复的词元数",
}
