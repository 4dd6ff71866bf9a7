"""The prompts of reading whole documents, in the language of the answer. Their texts are files beside this one.

`notes`: what of a part of the documents matters. `condense`: fewer notes from many. `reduce`: the answer from
notes. `summary`: a summary of what can be read at once. What documents, people and the model's own notes say is all
material; the numbers of passages behind a note are set here, not taken from its text.
"""

from collections.abc import Sequence

from qianxun.answering.prompts import shown
from qianxun.prompting import as_material, turns
from qianxun.protocols import Message
from qianxun.records import Passage


def notes(task: str, passages: Sequence[Passage], language: str) -> list[Message]:
    """To take notes of a part: passages numbered from 1. `task` is the question, or what kind of summary is wanted."""
    return _filled("notes", language, task, _numbered(passages, language))


def summary(task: str, passages: Sequence[Passage], language: str) -> list[Message]:
    """To summarize passages that can be read at once."""
    return _filled("summary", language, task, _numbered(passages, language))


def condense(task: str, lines: Sequence[str], language: str) -> list[Message]:
    """To say with fewer words what notes say. `lines` are notes as `line` writes them."""
    return _filled("condense", language, task, "\n".join(lines))


def reduce(task: str, lines: Sequence[str], language: str) -> list[Message]:
    """To answer from notes. `lines` are notes as `line` writes them."""
    return _filled("reduce", language, task, "\n".join(lines))


def line(text: str, numbers: Sequence[int]) -> str:
    """A note as the model reads it: one line, then the marks of the passages that bear it."""
    return f"- {as_material(' '.join(text.split()))} " + "".join(f"[{number}]" for number in numbers)


def _numbered(passages: Sequence[Passage], language: str) -> str:
    return "\n\n".join(shown(n, passage, language) for n, passage in enumerate(passages, 1))


def _filled(name: str, language: str, task: str, material: str) -> list[Message]:
    system, user = turns(__package__, name, language)
    # replace, not format: documents are full of braces.
    user = user.replace("{task}", as_material(task), 1).replace("{material}", material, 1)
    return [Message("system", system), Message("user", user)]
