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

# What is not seen, or turns what is seen around: controls, half characters, zero-width and direction marks, tags and
# selectors of variants (which can spell out a text of their own), fillers.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)
# Joiners mean something in emoji and in Arabic and Indic scripts, and nowhere else.
_STRAY_JOINER: Final = re.compile("(?<![\u0600-\u0dff\u2600-\u27bf\U0001f000-\U0001faff])[\u200c\u200d]")
_LINE_ENDS: Final = re.compile("\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")

# Angle brackets, and what is taken for them.
_LESS, _GREATER = "<＜﹤〈⟨⧼❮❰˂ᐸ", ">＞﹥〉⟩⧽❯❱˃ᐳ"
# Tags, and tokens: of Qwen, Llama 3 and GLM <|user|>, of DeepSeek <｜User｜>, of Gemma <start_of_turn>, of Llama 2 <s>.
_INSIDE: Final = rf"(?:\s{{0,3}}[/|｜!?]|[^\W\d])[^{_LESS}{_GREATER}‹›\n]{{0,200}}"
_TAG: Final = re.compile(rf"[{_LESS}]{{1,3}}({_INSIDE})[{_GREATER}]{{1,3}}")
_HALF_TAG: Final = re.compile(rf"[{_LESS}](?=\s{{0,3}}[/|｜!?])|(?<=[/|｜])[{_GREATER}]")
_LONE: Final = str.maketrans(dict.fromkeys(_LESS, "＜") | dict.fromkeys(_GREATER, "＞"))
# Tokens in square brackets: Llama 2, Mistral, GLM, BERT. And what `answering.cite` reads as citations.
_OPEN, _CLOSE = r"\[［【〖", r"\]］】〗"
_BRACKETED: Final = re.compile(rf"[{_OPEN}]\s{{0,3}}([^{_OPEN}{_CLOSE}\n]{{1,40}}?)\s{{0,3}}[{_CLOSE}]")
_TOKEN: Final = re.compile(
    r"/?\s*(?:INST|SYS|SYSTEM(?:_PROMPT)?|USER|ASSISTANT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|CALL_ID|ARGS"
    r"|THINK|MODEL_SETTINGS|PREFIX|MIDDLE|SUFFIX|IMG(?:_BREAK|_END)?|(?:BEGIN_)?AUDIO|gMASK|sMASK|MASK|CLS|SEP|PAD|UNK|BOS"
    r"|EOS|control_\d+)",
    re.IGNORECASE,
)
_CITATION: Final = re.compile(r"\^?(?:[1-9]\d{0,2}|Q)(?:\s*[,、;\-–~]\s*\^?(?:\d{1,3}|Q))*")
# Who speaks, at the beginning of a line: System: **Human**: 用户： ### Instruction
_ROLE: Final = re.compile(
    r"(?:system|user|assistant|human|developer|ai|bot|instructions?"
    r"|系统|系統|用户|用戶|使用者|助手|助理|人类|人類|开发者|開發者|指令)"
    r"(?:[ _]?(?:prompt|message|instructions?|提示词?|提示詞|消息|訊息|指令))?",
    re.IGNORECASE,
)
_BEGINNING: Final = re.compile(
    r"^([ \t\u3000#>＞*_=-]{0,20})([^\s:：﹕︓∶꞉*_#(][^\n:：﹕︓∶꞉*#]{1,30}?)(?=[*_]{0,3}[^\S\n]{0,3}[:：﹕︓∶꞉])",
    re.MULTILINE,
)
_ROLE_HEADING: Final = re.compile(
    r"^([ \t]{0,8}#{2,6}[ \t]{0,8})(system|user|assistant|human|instructions?|response)(?=[^\S\n]{0,8}$)",
    re.IGNORECASE | re.MULTILINE,
)


def turns(package: str, name: str, language: str) -> tuple[str, str]:
    """The system and the user turn of a prompt, as they are in `name.language.txt` of this package."""
    return divided((resources.files(package) / f"{name}.{language}.txt").read_text(encoding="utf-8"))


def divided(text: str) -> tuple[str, str]:
    """The system and the user turn of a prompt's text: what stands before and behind a line of four hyphens."""
    system, _, user = text.partition(_DIVIDER)
    return system.strip(), user.strip()


def prompt_language(text: str) -> str:
    """ "zh" or "en": what the prompt for a text is written in."""
    written_in = script(text)
    return "zh" if written_in == "cjk" or (not written_in and has_cjk(text)) else "en"


def as_material(text: str) -> str:
    """The text as material between tags: it can neither close them nor open a turn of the conversation.

    Its words stay; what would be read as more than words does not: tags and control tokens of chat templates become
    ‹/excerpt›, ‹|im_start|›, 〔INST〕, marks that would be taken for citations 〔1〕, who speaks (System):, images no
    images; what is not seen goes. Many servers read `<|im_start|>` in a message as the token itself. Nothing of this is
    kept or shown. Done twice it changes nothing more.
    """
    text = _STRAY_JOINER.sub("", _UNSEEN.sub("", _LINE_ENDS.sub("\n", text)))
    text = _HALF_TAG.sub(lambda half: "‹" if half[0][0] in _LESS else "›", _TAG.sub(r"‹\1›", text)).translate(_LONE)
    text = _BEGINNING.sub(_without_role, _BRACKETED.sub(_without_token, text))
    return _ROLE_HEADING.sub(r"\1(\2)", text).replace("![", "! [")


def _without_token(bracketed: re.Match[str]) -> str:
    inside = unicodedata.normalize("NFKC", bracketed[1])
    return f"〔{bracketed[1]}〕" if _TOKEN.fullmatch(inside) or _CITATION.fullmatch(inside) else bracketed[0]


def _without_role(beginning: re.Match[str]) -> str:
    is_role = _ROLE.fullmatch(unicodedata.normalize("NFKC", beginning[2]).strip())
    return f"{beginning[1]}({beginning[2]})" if is_role else beginning[0]


def as_numbered(name: str, number: int | str, text: str) -> str:
    """The text as material that can be cited by this number, between tags that name it:

    <passage 1>
    [1] text
    </passage 1>
    """
    return f"<{name} {number}>\n[{number}] {as_material(text)}\n</{name} {number}>"


def as_line(reply: str) -> str:
    """What a generator wrote, on one line, without controls, direction marks and half characters."""
    kept = (c for c in reply if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs"))
    return " ".join("".join(kept).split())
