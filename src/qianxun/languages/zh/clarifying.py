"""Chinese for questions back and conflicts: answering/disagreement/."""

from typing import Final

MESSAGES: Final[dict[str, str]] = {
    "The question may be about several things: ask again and name one.": "问题可能指多个对象：请指明其中一个再问。",
    "asked back": "反问",
    "ask back where a question may be about several things that the documents answer differently for": (
        "问题可能指多个对象、而文档对它们的回答各不相同时，先反问"
    ),
}
