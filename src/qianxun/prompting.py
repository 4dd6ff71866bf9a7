"""Prompts and replies: texts that are files, what people and documents wrote as material, what a generator wrote as
a line.

The texts of a prompt lie beside who asks, one file a language: the system turn, a line `----`, the user turn.
"""

import re
import unicodedata
from importlib import resources
from typing import Final

from qianxun.text import has_cjk, script

_DIVIDER: Final = "\n----\n"
# What chat templates of the common model families are written with.
_CONTROL_TOKENS: Final = re.compile(r"\[(/?(?:INST|SYS|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS))\]")


def turns(package: str, name: str, language: str) -> tuple[str, str]:
    """The system and the user turn of a prompt, as they are in `name.language.txt` of this package."""
    text = (resources.files(package) / f"{name}.{language}.txt").read_text(encoding="utf-8")
    system, _, user = text.partition(_DIVIDER)
    return system.strip(), user.strip()


def prompt_language(text: str) -> str:
    """ "zh" or "en": what the prompt for a text is written in."""
    written_in = script(text)
    return "zh" if written_in == "cjk" or (not written_in and has_cjk(text)) else "en"


def as_material(text: str) -> str:
    """The text as material between tags: it can neither close them nor open a turn of the conversation.

    Many servers read `<|im_start|>` in a message as the token itself. Nothing of this is kept or shown.
    """
    return _CONTROL_TOKENS.sub(r"[ \1 ]", text.replace("<", "＜").replace(">", "＞"))


def as_line(reply: str) -> str:
    """What a generator wrote, on one line, without controls, direction marks and half characters."""
    kept = (c for c in reply if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return " ".join("".join(kept).split())
