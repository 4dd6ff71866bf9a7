"""The prompts for drawing values out of a document, in its language. Their texts are files beside this one."""

import json
from collections.abc import Sequence
from typing import Final

from qianxun.extraction.schema import Node
from qianxun.prompting import as_line, as_material, prompt_language, turns
from qianxun.protocols import Message

_PART: Final = {"zh": "（这是文档的第 {n} 部分，共 {of} 部分。）", "en": "(This is part {n} of {of} of the document.)"}
_NO_TITLE: Final = {"zh": "（无）", "en": "(none)"}
_AGAIN: Final = {
    "zh": "此前的回答不能用：\n{problems}\n请改正，只回答完整的 JSON；值仍须取自文档。",
    "en": "An earlier answer could not be used:\n{problems}\nCorrect that and answer with the whole JSON alone; the "
    "values still come from the document.",
}
_MAX_TITLE_CHARS: Final = 200


def messages(
    schema: Node, text: str, *, title: str = "", part: tuple[int, int] = (1, 1), problems: Sequence[str] = ()
) -> list[Message]:
    """The system and user turns about a text.

    `part` is its number among how many windows of the document; `problems` say why an earlier answer could not be used.
    """
    language = prompt_language(text)
    system, user = turns(__package__, "extract", language)
    named = as_material(as_line(title)[:_MAX_TITLE_CHARS]) or _NO_TITLE[language]
    place = _PART[language].format(n=part[0], of=part[1]) if part[1] > 1 else ""
    # replace, not format: documents are full of braces. The text last, since it may hold what is replaced before.
    filled = user.replace("{part}\n", f"{place}\n" if place else "\n", 1)
    filled = filled.replace("{title}", named.replace("{text}", "{ text}"), 1)
    asked = filled.replace("{text}", as_material(text), 1)
    if problems:
        # What a validator says quotes the answer, and the answer the document.
        listed = "\n".join(f"- {as_material(as_line(problem))}" for problem in problems)
        asked = f"{asked}\n\n{_AGAIN[language].replace('{problems}', listed, 1)}"
    return [
        Message("system", system.replace("{schema}", json.dumps(schema, ensure_ascii=False), 1)),
        Message("user", asked),
    ]
