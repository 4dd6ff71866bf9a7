"""What tools are given: their arguments, as clients are told of them, and what is said of wrong ones."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from qianxun.errors import InputError

MAX_QUESTION_CHARS = 20_000
MAX_NEIGHBOURS = 10

# No null character: SQLite and C libraries would end there.
Asked = Annotated[str, StringConstraints(pattern=r"^[^\x00]*[^\s\x00][^\x00]*$", max_length=MAX_QUESTION_CHARS)]
Words = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=MAX_QUESTION_CHARS)]


class Given(BaseModel):
    """Arguments of a tool: what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid")


class InBase(Given):
    """Arguments of a tool that works in one knowledge base."""

    knowledge_base: Words = Field(
        "", description="name of the knowledge base, as list_knowledge_bases tells it; may be left out if there is one"
    )


class Search(InBase):
    """What is looked for."""

    question: Asked = Field(description="a question or words, in any language; whole questions find best")
    k: int = Field(8, ge=1, le=50, description="how many passages at most")
    filter: Words = Field(
        "",
        description="only documents that fit, such as: format = pdf and modified >= 2024-01 and not label = draft",
    )


class Ask(InBase):
    """A question."""

    question: Asked = Field(description="the question, in one sentence or more; the answer is in its language")
    persona: Words = Field(
        "", description="how it is answered, by a name that the operator has set up; usually left out"
    )


class ReadPassage(InBase):
    """A passage."""

    chunk: int = Field(ge=1, lt=1 << 53, description="id of the passage: `chunk` of a search, a citation or an answer")
    neighbours: int = Field(
        1, ge=0, le=MAX_NEIGHBOURS, description="how many passages of the document before and after it, each"
    )


class ListDocuments(InBase):
    """Which documents."""

    filter: Words = Field("", description="only documents that fit, as for search")
    after: int = Field(0, ge=0, lt=1 << 31, description="how many to leave out: `next` of the page before")
    count: int = Field(50, ge=1, le=200, description="how many at most")


class ListKnowledgeBases(Given):
    """Nothing."""


Form = TypeVar("Form", bound=Given)


def read(form: type[Form], arguments: dict[str, Any]) -> Form:
    """The arguments, checked. Raises InputError for the first that is wrong."""
    try:
        return form.model_validate(arguments)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:100]
        if first["type"] == "extra_forbidden":
            raise InputError(
                "The tool knows no argument {name!r}.", remedy="It knows: {known}.", name=name, known=_names(form)
            ) from None
        if first["type"] == "missing":
            raise InputError(
                "The argument {name!r} is missing.", remedy="It is needed; others may be left out.", name=name
            ) from None
        raise InputError(
            "The argument {name!r} is not as described: {what}.",
            remedy="Look at the description of the tool.",
            name=name,
            what=str(first["msg"]).rstrip("."),
        ) from None


def schema_of(form: type[BaseModel], *, written: bool = False) -> dict[str, Any]:
    """The JSON schema of a form, `written` if we fill it in; without what only Pydantic and we need.

    Those are made-up titles, and patterns, which some models' servers refuse.
    """
    schema = form.model_json_schema(mode="serialization" if written else "validation")
    found: dict[str, Any] = _plain(schema)
    return found


def _names(form: type[Given]) -> str:
    return ", ".join(form.model_fields) or "-"


def _plain(part: Any) -> Any:
    if isinstance(part, list):
        return [_plain(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {}
    for name, value in part.items():
        if name == "properties":  # here the keys are names of ours, and one of them may be `title`
            kept[name] = {of: _plain(one) for of, one in value.items()}
        elif name not in ("title", "pattern") and not (name == "description" and "properties" in part):
            kept[name] = _plain(value)
    return kept
