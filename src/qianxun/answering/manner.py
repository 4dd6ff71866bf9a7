"""How an answer is given: how firmly it stands on passages, in which language, in whose voice. Knows no settings."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from qianxun.answering.prompts import PROMPTS, Template, Templates
from qianxun.answering.wording import Language

Grounding: TypeAlias = Literal["required", "preferred", "off"]


@dataclass(frozen=True, slots=True)
class Manner:
    """`grounding` says whether every sentence must stand on a passage ("required"), others may be added as the model's
    own ("preferred"), or none is looked for ("off"). `language` "" is the question's. `instructions` go under the rules
    of the prompt, `wishes`, which are the asker's own, below these. `templates` are the prompts in force.
    """

    persona: str = ""
    instructions: str = ""
    language: Literal["", "en", "zh"] = ""
    grounding: Grounding = "required"
    templates: Templates = field(default_factory=Templates)
    wishes: str = ""

    @property
    def may_add(self) -> bool:
        """Whether a model may say what stands in no passage."""
        return self.grounding != "required"

    def template(self, language: Language) -> Template:
        """The prompt that it is asked by."""
        return self.templates.get(PROMPTS[self.grounding], language)
