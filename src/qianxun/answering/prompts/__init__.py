"""The prompts of an answer, in the language it is given in. Their texts are files, to be edited.

Those beside this module are the product's own; a knowledge base may have others in its folder `prompts`, under the
same names. Each has a version, made of what it says: an answer tells by which it was asked for.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final, Literal, TypeAlias

from qianxun.errors import SettingsError
from qianxun.prompting import as_material, as_numbered, divided, turns
from qianxun.protocols import Message
from qianxun.records import Passage

Name: TypeAlias = Literal["answer", "preferred", "open"]
Language: TypeAlias = Literal["en", "zh"]

# How sure an answer must stand on passages → the prompt that says so.
PROMPTS: Final[Mapping[str, Name]] = {"required": "answer", "preferred": "preferred", "off": "open"}
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
# What a passage is called in the tags around it; the texts say so too.
_NAMES: Final[Mapping[str, str]] = {"en": "passage", "zh": "段落"}
_COMPUTED: Final[Mapping[str, str]] = {
    "en": "Computed from this table, exactly:",
    "zh": "由程序根据该表格精确计算：",
}
_LANGUAGE: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"": "the language of the question", "en": "English", "zh": "Chinese"},
    "zh": {"": "提问所用的语言", "en": "英文", "zh": "中文"},
}
_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "answer": ("{passages}", "{question}"),
    "preferred": ("{passages}", "{question}"),
    "open": ("{question}",),
}


@dataclass(frozen=True, slots=True)
class Template:
    """A prompt's text: what the system and the user turn say. `version` is the first characters of its hash."""

    name: Name
    language: Language
    text: str
    own: bool  # a knowledge base's

    @property
    def version(self) -> str:
        """`answer.zh@3f9a1c2e`; of a knowledge base's own with `own:` before it."""
        digest = hashlib.sha256(self.text.encode()).hexdigest()[:8]
        return f"{'own:' if self.own else ''}{self.name}.{self.language}@{digest}"


@dataclass(frozen=True, slots=True)
class Templates:
    """The prompts in force: those in `folder`, where there are any, else the product's own."""

    folder: Path | None = None

    def get(self, name: Name, language: Language) -> Template:
        """One of them. Raises SettingsError for a file that cannot be used."""
        path = self.folder / file_name(name, language) if self.folder is not None else None
        if path is None or not path.is_file():
            text = (resources.files(__package__) / file_name(name, language)).read_text(encoding="utf-8")
            return Template(name, language, text, own=False)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(
                "The prompt {path} cannot be read ({error}).", remedy="Save it as UTF-8.", path=path, error=error
            ) from error
        system, user = divided(text)
        missing = [word for word in _NEEDED[name] if word not in user]
        if missing or not system:
            raise SettingsError(
                "The prompt {path} lacks {missing}.",
                remedy="`qianxun prompts` shows the product's own.",
                path=path,
                missing=", ".join(missing) or "----",
            )
        return Template(name, language, text, own=True)

    def every(self) -> list[Template]:
        """All of them."""
        return [self.get(name, language) for name in dict.fromkeys(PROMPTS.values()) for language in LANGUAGES]


def file_name(name: Name, language: Language) -> str:
    """What the file of a prompt is called."""
    return f"{name}.{language}.txt"


def messages(
    question: str,
    passages: Sequence[Passage],
    language: str,
    history: Sequence[Message] = (),
    *,
    template: Template | None = None,
    instructions: str = "",
    wishes: str = "",
    answer_in: str = "",
    material: Passage | None = None,
    computed: Mapping[int, Sequence[str]] | None = None,
    disagreeing: Sequence[int] = (),
) -> list[Message]:
    """The rules, what was said before, and last the passages, numbered from 1 and between tags, and the question.

    `material` is what the question brings along, cited as [Q]. `computed` maps a passage's number (0: the material) to
    what was computed from its table. `disagreeing` are the numbers of passages of which the model is told that they
    disagree. `instructions` go under the rules, `wishes` (the asker's own) below these as material between tags;
    `answer_in` is the language of the answer, "" the question's.
    """
    known = computed or {}
    chosen = template or Templates().get("answer", "zh" if language == "zh" else "en")
    system, user = divided(chosen.text)
    brought = [shown("Q", material, language, known.get(0, ()))] if material is not None else []
    numbered = "\n\n".join(
        [*brought, *(shown(n, passage, language, known.get(n, ())) for n, passage in enumerate(passages, 1))]
    )
    if disagreeing:
        numbers = ", ".join(f"[{number}]" for number in disagreeing)
        numbered += "\n\n" + turns(__package__, "disagreeing", language)[0].replace("{numbers}", numbers)
    system = system.replace("{language}", _LANGUAGE[chosen.language][answer_in], 1)
    if instructions.strip():
        system = f"{system}\n\n{instructions.strip()}"
    if wishes.strip():
        told = turns(__package__, "wishes", chosen.language)[0]
        system = f"{system}\n\n{told.replace('{wishes}', as_material(wishes.strip()))}"
    # replace, not format: documents are full of braces.
    filled = "".join(
        as_material(question) if part == "{question}" else part.replace("{passages}", numbered)
        for part in re.split(r"(\{question\})", user, maxsplit=1)
    )
    return [
        Message("system", system),
        *(Message(turn.role, as_material(turn.content)) for turn in history),
        Message("user", filled),
    ]


def shown(number: int | str, passage: Passage, language: str, computed: Sequence[str] = ()) -> str:
    """A passage as the model reads it: material between tags that its text cannot close."""
    page = f" p. {passage.page}" if passage.page else ""
    title = f"({passage.title}{page})" if passage.title else ""
    figures = "\n".join([_COMPUTED[language], *computed]) if computed else ""
    text = "\n".join(part for part in (title, passage.context.strip(), passage.text.strip(), figures) if part)
    return as_numbered(_NAMES[language], number, text)
