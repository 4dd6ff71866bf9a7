"""What these clients send, and what of it cannot be honoured. Knows no knowledge base.

Unknown fields are let be, as servers of this kind do. Known ones that would be wrong to ignore (tools, images, several
choices) are refused by name; wishes that only change how a model chooses its words are listed as ignored where they
have no effect.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt

from qianxun.errors import InputError
from qianxun.protocols import Message, Sampling
from qianxun.service.visit import Visit
from qianxun.settings import GeneratorSettings

Role = Literal["system", "developer", "user", "assistant", "tool", "function"]
# What a stream waits for: each sentence's check, the whole answer, nothing.
Waits = Literal["sentences", "answer", "pieces"]
Citing = Literal["text", "field"]

_MOST_STOPS: Final = 4


class Tolerant(BaseModel):
    """A body of which unknown fields are let be."""

    model_config = ConfigDict(extra="allow")


class Part(Tolerant):
    """A part of a message's content; only text can be read."""

    type: str
    text: str | None = None


class ChatMessage(Tolerant):
    """One turn."""

    role: Role
    content: str | list[Part] | None = None
    tool_calls: list[Any] | None = None


class StreamOptions(Tolerant):
    """What else a stream tells."""

    include_usage: StrictBool | None = None


class Wishes(BaseModel):
    """Our own part of a chat request: `where` is a filter as in `qianxun search --where`."""

    model_config = ConfigDict(extra="forbid")

    citations: Citing | None = None
    stream: Waits | None = None
    where: str | None = None


class Sampled(Tolerant):
    """What all requests to a generator have in common."""

    model: str
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0, strict=True)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0, strict=True)] | None = None
    seed: StrictInt | None = None
    stop: str | list[str] | None = None
    n: StrictInt | None = None
    presence_penalty: StrictFloat | None = None
    frequency_penalty: StrictFloat | None = None
    logit_bias: dict[str, Any] | None = None
    user: str | None = None

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with a chunk of usage."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which the model is to stop."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        if len(given) > _MOST_STOPS:
            raise InputError("At most {most} stop texts can be given.", most=_MOST_STOPS, param="stop")
        return tuple(one for one in given if one)

    @property
    def most_tokens(self) -> int | None:
        """The longest reply that is wanted."""
        return self.max_tokens

    def sampling(self, section: GeneratorSettings) -> Sampling:
        """How the generator is to choose tokens: as asked, else as the settings say."""
        return Sampling(
            max_tokens=self.most_tokens or section.max_tokens,
            temperature=section.temperature if self.temperature is None else self.temperature,
            top_p=section.top_p if self.top_p is None else self.top_p,
            seed=self.seed,
            stop=self.stops,
        )

    def ignored(self) -> list[str]:
        """The names of wishes that have no effect with any model here."""
        return [name for name in ("presence_penalty", "frequency_penalty", "logit_bias") if getattr(self, name)]

    def refuse_several(self) -> None:
        """Raises InputError where more than one reply is asked for."""
        if self.n not in (None, 1):
            raise InputError("Only one reply can be asked for at a time (n = 1); seen: {n}.", n=self.n, param="n")


class ChatRequest(Sampled):
    """POST /v1/chat/completions."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    tool_choice: Any = None
    logprobs: StrictBool | None = None
    modalities: list[str] | None = None
    audio: Any = None
    qianxun: Wishes | None = None

    @property
    def most_tokens(self) -> int | None:
        """The longest reply that is wanted, by the newer name or the older."""
        return self.max_completion_tokens or self.max_tokens

    def refuse_unsupported(self) -> None:
        """Raises InputError for what no model here can do, by the name of the field."""
        self.refuse_several()
        if self.functions or (self.tools and self.tool_choice != "none"):
            raise InputError(
                "Tools cannot be called here: the model answers in words.",
                remedy="Send the request without tools.",
                param="functions" if self.functions else "tools",
            )
        if self.logprobs:
            raise InputError("Probabilities of tokens are not told.", remedy="Leave out logprobs.", param="logprobs")
        if self.audio or any(kind != "text" for kind in self.modalities or ()):
            raise InputError(
                "Replies are text only.",
                remedy="Ask for the modality text.",
                param="audio" if self.audio else "modalities",
            )

    def schema_asked(self) -> dict[str, Any] | None:
        """The JSON schema that the reply must fit; None where any text will do. Raises InputError."""
        form = self.response_format or {}
        kind = form.get("type", "text")
        if kind == "text":
            return None
        if kind == "json_object":
            return {"type": "object"}
        inner = form.get("json_schema")
        found = inner.get("schema") if isinstance(inner, dict) else None
        if kind != "json_schema" or not isinstance(found, dict):
            raise InputError(
                "response_format must be text, json_object or json_schema with a schema; seen: {kind!r}.",
                kind=str(kind)[:100],
                param="response_format",
            )
        return found

    def turns(self) -> list[Message]:
        """The messages as text; a developer's are the system's. Raises InputError for what is not text."""
        return [
            Message("system" if one.role == "developer" else one.role, text)
            for place, one in enumerate(self.messages)
            if (text := text_of(one, place)) or one.role == "user"
        ]


class CompletionRequest(Sampled):
    """POST /v1/completions: each prompt is told to the generator as one message of a user."""

    prompt: str | list[str] | list[int] | list[list[int]]
    suffix: str | None = None
    echo: StrictBool | None = None
    best_of: StrictInt | None = None
    logprobs: StrictInt | None = None

    def prompts(self, most: int) -> list[str]:
        """The prompts as texts. Raises InputError."""
        self.refuse_several()
        for name in ("suffix", "echo", "logprobs"):
            if getattr(self, name):
                raise InputError("{name} cannot be honoured here.", remedy="Leave it out.", name=name, param=name)
        if self.best_of not in (None, 1):
            raise InputError("{name} cannot be honoured here.", remedy="Leave it out.", name="best_of", param="best_of")
        return texts_of(self.prompt, "prompt", most)


class ResponseItem(Tolerant):
    """A turn of a response's input."""

    type: str | None = None
    role: Role | None = None
    content: str | list[Part] | None = None


class ResponseRequest(Tolerant):
    """POST /v1/responses. Nothing is kept: what was said before comes with the input."""

    model: str
    input: Annotated[str | list[ResponseItem], Field(min_length=1)]
    instructions: str | None = None
    stream: StrictBool | None = None
    max_output_tokens: Annotated[int, Field(ge=1, strict=True)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0, strict=True)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0, strict=True)] | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    text: dict[str, Any] | None = None
    user: str | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    background: StrictBool | None = None
    qianxun: Wishes | None = None

    def as_chat(self) -> ChatRequest:
        """The same as a chat. Raises InputError for what a chat cannot be."""
        for name in ("previous_response_id", "conversation", "background"):
            if getattr(self, name):
                raise InputError(
                    "Responses are not kept: {name} cannot be honoured.",
                    remedy="Send what was said before in input.",
                    name=name,
                    param=name,
                )
        return ChatRequest(
            model=self.model,
            messages=[*self._system(), *self._turns()],
            stream=self.stream,
            max_completion_tokens=self.max_output_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            tools=self.tools,
            tool_choice=self.tool_choice,
            response_format=self._format(),
            user=self.user,
            qianxun=self.qianxun,
        )

    def _system(self) -> list[ChatMessage]:
        return [ChatMessage(role="system", content=self.instructions)] if self.instructions else []

    def _turns(self) -> Iterator[ChatMessage]:
        if isinstance(self.input, str):
            yield ChatMessage(role="user", content=self.input)
            return
        for place, item in enumerate(self.input):
            if item.type not in (None, "message") or item.role is None:
                raise InputError(
                    "An item of type {type!r} cannot be read: only messages can.",
                    remedy="Send messages with a role and text.",
                    type=str(item.type)[:100],
                    param=f"input.{place}",
                )
            yield ChatMessage(role=item.role, content=item.content)

    def _format(self) -> dict[str, Any] | None:
        """The form of the reply as a chat says it: there a schema is one level deeper."""
        form = (self.text or {}).get("format")
        if not isinstance(form, dict) or form.get("type") != "json_schema":
            return form if isinstance(form, dict) else None
        return {"type": "json_schema", "json_schema": form}


class EmbeddingRequest(Tolerant):
    """POST /v1/embeddings."""

    model: str
    input: str | list[str] | list[int] | list[list[int]]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: StrictInt | None = None
    input_type: Literal["query", "passage", "search_query", "search_document", "document"] | None = None
    user: str | None = None

    @property
    def is_query(self) -> bool:
        """Whether the texts are questions; else they are passages."""
        return self.input_type in ("query", "search_query")


def told_of(visit: Visit, user: str | None) -> None:
    """Notes for whom the caller asks, as a hash that says nothing without the caller's id: no name is kept."""
    if user:
        digest = hashlib.sha256(f"{visit.caller.id}\n{user}".encode("utf-8", "surrogatepass"))
        visit.facts.detail["user"] = digest.hexdigest()[:16]


def texts_of(given: str | Sequence[Any], name: str, most: int) -> list[str]:
    """One text or many, none of them empty. Raises InputError, also for token ids: whose tokenizer made them?"""
    texts = [given] if isinstance(given, str) else list(given)
    if any(not isinstance(text, str) for text in texts):
        raise InputError(
            "Token ids cannot be read: they are those of another model's tokenizer.",
            remedy="Send texts (LangChain: check_embedding_ctx_length=False).",
            param=name,
        )
    if len(texts) > most:
        raise InputError("{n} texts are more than the {most} of one request.", n=len(texts), most=most, param=name)
    if not texts or not all(text.strip() for text in texts):
        raise InputError("{name} must hold text, and no empty one.", name=name, param=name)
    return texts


def refuse_too_long(name: str, texts: Sequence[str], most: int) -> None:
    """Raises InputError for texts that are longer together than one request may be."""
    chars = sum(map(len, texts))
    if chars > most:
        raise InputError(
            "{chars} characters are more than the {most} of one request.",
            remedy="Send fewer texts at a time.",
            chars=chars,
            most=most,
            param=name,
        )


def text_of(message: ChatMessage, place: int) -> str:
    """What a message says. Raises InputError for roles and parts that are not words of a conversation."""
    where = f"messages.{place}"
    if message.role in ("tool", "function") or message.tool_calls:
        raise InputError(
            "Tools cannot be called here: the model answers in words.",
            remedy="Leave out their messages.",
            param=f"{where}.role",
        )
    if message.content is None:
        return ""
    if isinstance(message.content, str):
        return message.content
    return "\n".join(_texts_of_parts(message.content, f"{where}.content"))


def _texts_of_parts(parts: Sequence[Part], where: str) -> Iterator[str]:
    for place, part in enumerate(parts):
        if part.type not in ("text", "input_text", "output_text") or part.text is None:
            raise InputError(
                "A part of type {type!r} cannot be read: only text can.",
                remedy="Send the text of it.",
                type=part.type[:100],
                param=f"{where}.{place}",
            )
        yield part.text


def validation_error(errors: Sequence[Mapping[str, Any]]) -> InputError:
    """What a body that does not have the form of a request is answered, by its first fault."""
    first = errors[0]
    place = [str(part) for part in first.get("loc", ()) if part != "body"]
    if not place or first.get("type") == "json_invalid":
        return InputError("The body is no JSON object.", remedy="Send one, with Content-Type: application/json.")
    return InputError("{param}: {reason}.", param=".".join(place), reason=str(first.get("msg", "")).rstrip("."))
