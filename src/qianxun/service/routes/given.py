"""What several routes are given: a visit, a knowledge base by name, and words with limits."""

import json
from typing import Annotated, Any

from fastapi import Depends, Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from qianxun.records import (
    LEAST_CONTEXT_TOKENS,
    MOST_CONTEXT_TOKENS,
    MOST_PASSAGES,
    AnswerOptions,
    Policy,
)
from qianxun.service.visit import Visit, visit_of

MAX_QUESTION_CHARS = 20_000

Visiting = Annotated[Visit, Depends(visit_of)]
BaseName = Annotated[str, Path(description="name of the knowledge base", max_length=64)]
DocumentId = Annotated[int, Path(description="id of a document", ge=1, lt=1 << 38)]
# The same, in a request's body.
Document = Annotated[int, Field(ge=1, lt=1 << 38)]
Chunk = Annotated[int, Field(ge=1, lt=1 << 62)]
ChunkId = Annotated[int, Path(description="id of a passage", ge=1, lt=1 << 62)]
# No null character: SQLite and C libraries would end there.
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=MAX_QUESTION_CHARS)]
Asked = Annotated[str, StringConstraints(pattern=r"^[^\x00]*[^\s\x00][^\x00]*$", max_length=MAX_QUESTION_CHARS)]
Label = Annotated[str, StringConstraints(pattern=r"^[^\x00,]*[^\s\x00,][^\x00,]*$", max_length=200)]


def _sayable(value: dict[str, Any]) -> dict[str, Any]:
    """A JSON object whose texts are whole characters: half of one can neither be kept nor sent on."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("it holds half a character") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_sayable)]


class Request(BaseModel):
    """A request of the own API: what it does not know it refuses, and takes no "true" for true."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Narrowed(Request):
    """What may be said of which documents are meant."""

    filter: Words | None = Field(
        None, description='which documents, as in docs/searching.md: source ^= "docs/" and label != draft'
    )


class Options(Request):
    """What the asker says of this one answer; what is left out is as the settings and the persona say."""

    unsupported: Annotated[Policy | None, Field(description="what becomes of sentences that no passage bears")] = None
    passages: Annotated[int | None, Field(ge=1, le=MOST_PASSAGES, description="passages that the answer may quote")] = (
        None
    )
    context_tokens: Annotated[
        int | None,
        Field(
            ge=LEAST_CONTEXT_TOKENS,
            le=MOST_CONTEXT_TOKENS,
            description="tokens of passages that a model is shown at a time, at most",
        ),
    ] = None
    instructions: Annotated[
        Words, Field(description="what the model is told besides, below the rules and the persona's")
    ] = ""

    def noted(self, visit: Visit) -> AnswerOptions:
        """The same as the knowledge base takes it; the audit is told what was said, of instructions no word."""
        options = AnswerOptions(self.unsupported, self.passages, self.context_tokens, self.instructions)
        if options.told:
            visit.facts.detail["options"] = options.told
        return options
