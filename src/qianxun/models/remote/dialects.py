"""Which kind of server this is, what it calls its model, and the few ways in which servers differ.

Asked once: OpenAI's /v1/models, vLLM's /version, TEI's /info; DashScope is known by its host.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from qianxun.errors import BadModelReply, ModelRefused, QianxunError
from qianxun.models.remote import refusals
from qianxun.models.remote.client import Client
from qianxun.settings import EncoderSettings, GeneratorSettings, RerankerSettings
from qianxun.settings.engines import model_of

logger = logging.getLogger(__name__)

Kind: TypeAlias = Literal[
    "vllm", "tei", "llamacpp", "ollama", "infinity", "sglang", "xinference", "dashscope", "openai"
]

Section: TypeAlias = EncoderSettings | RerankerSettings | GeneratorSettings

_OWNERS: Final[dict[str, Kind]] = {
    "vllm": "vllm",
    "llamacpp": "llamacpp",
    "library": "ollama",
    "infinity": "infinity",
    "sglang": "sglang",
    "xinference": "xinference",
}
_SAID: Final[dict[str, Kind]] = {"vllm": "vllm", "tei": "tei", "openai": "openai"}
# Ollama's default. It can be raised there but is not told, and what is longer is cut without a word.
_OLLAMA_TOKENS: Final = 4096
_NOT_THERE: Final = (404, 405, 501)


@dataclass(frozen=True, slots=True)
class Served:
    """A server as it describes itself, and the name it knows our model by.

    `address` is where its endpoints are. `lists` are the models it names (it may name none). `max_tokens` and
    `texts_per_request` are its limits, where it tells them.
    """

    kind: Kind
    address: str
    model: str
    version: str = ""
    lists: tuple[str, ...] = ()
    max_tokens: int | None = None
    texts_per_request: int | None = None

    @property
    def in_a_line(self) -> str:
        """Where and what it is."""
        return f"{self.address} ({' '.join(filter(None, (self.kind, self.version)))})"


def ask(client: Client, section: Section, api: str = "auto") -> Served:
    """Who serves the model that a section names. Raises ModelRefused if that server does not serve it."""
    place = client.place
    if api == "dashscope" or (api == "auto" and _is_dashscope(place.host)):
        return Served("dashscope", place.address, _named(client, section, []))
    address, entries = _listing(client)
    kind = _kind(api, entries)
    if kind == "tei" or (kind == "openai" and api != "openai"):
        about = _optional(client, f"{place.root}/info")
        if kind == "tei" or _is_tei(about):
            return _tei(client, section, about)
    about = _optional(client, f"{place.root}/version") if kind == "vllm" else {}
    name = _named(client, section, entries)
    limits = [_whole(entry.get("max_model_len")) for entry in entries if entry["id"] == name]
    return Served(
        kind,
        address,
        name,
        version=str(about.get("version") or ""),
        lists=tuple(entry["id"] for entry in entries),
        max_tokens=_OLLAMA_TOKENS if kind == "ollama" else next(iter(limits), None),
    )


def is_about_the_model(error: ModelRefused) -> bool:
    """Whether a refusal means that the server has no model of the name it was sent."""
    return refusals.is_refused(error, 404) and "model" in refusals.said_by(error).lower()


def not_served(client: Client, served: Served, error: ModelRefused) -> ModelRefused:
    """A refusal of status 404 that speaks of the model, with the names that the server does have."""
    return ModelRefused(
        "{address} does not serve {model!r} ({answer}). It has: {models}.",
        remedy="Set {section}.served_as to one of them.",
        address=served.address,
        model=served.model,
        answer=error.values.get("answer", ""),
        models=", ".join(served.lists) or "–",
        section=client.section,
        status=404,
    )


def tokens(client: Client, served: Served, text: str, special: bool) -> list[int] | None:
    """A text's tokens by the server's own tokenizer; None if it does not tell them.

    Every kind has an endpoint of its own for it; OpenAI's has none.
    """
    root = client.place.root
    if served.kind == "vllm":
        body: dict[str, Any] = {"model": served.model, "prompt": text, "add_special_tokens": special}
    elif served.kind == "tei":
        body = {"inputs": text, "add_special_tokens": special}
    elif served.kind == "llamacpp":
        body = {"content": text, "add_special": special, "parse_special": True}
    else:
        return None
    try:
        reply = client.post(f"{root}/tokenize", body)
    except ModelRefused as error:
        if refusals.is_refused(error, 400, 413, 422, *_NOT_THERE):
            return None
        raise
    found: Any = reply.get("tokens") if isinstance(reply, dict) else None
    if served.kind == "tei" and isinstance(reply, list) and len(reply) == 1:
        found = [token.get("id") if isinstance(token, dict) else None for token in reply[0]]
    if not isinstance(found, list) or not all(isinstance(token, int) for token in found):
        raise BadModelReply(
            "{address} answered no tokens.",
            remedy="Correct {section}.url: it may be a server of another kind, or another path.",
            address=f"{root}/tokenize",
            section=client.section,
        )
    return found


def llamacpp_context(client: Client) -> int | None:
    """The tokens that one conversation may have at a llama.cpp server, if it tells."""
    defaults = _optional(client, f"{client.place.root}/props").get("default_generation_settings")
    return _whole(defaults.get("n_ctx")) if isinstance(defaults, dict) else None


def _listing(client: Client) -> tuple[str, list[dict[str, Any]]]:
    """Where the server's endpoints are, and the models that it lists, if it lists any."""
    place = client.place
    # Infinity has its endpoints at the root unless it is started with a prefix.
    for address in [place.address] if place.has_path else [place.address, place.root]:
        try:
            reply = client.get(f"{address}/models")
        except ModelRefused as error:
            if refusals.is_refused(error, *_NOT_THERE):
                continue
            raise
        data = reply.get("data") if isinstance(reply, dict) else None
        if isinstance(data, list):
            return address, [entry for entry in data if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    return place.address, []


def _kind(api: str, entries: list[dict[str, Any]]) -> Kind:
    if api in _SAID:
        return _SAID[api]
    owners = (str(entry.get("owned_by", "")).lower() for entry in entries)
    known: list[Kind] = [_OWNERS[owner] for owner in owners if owner in _OWNERS]
    return known[0] if known else "openai"


def _is_tei(about: dict[str, Any]) -> bool:
    return "model_id" in about and "max_client_batch_size" in about


def _tei(client: Client, section: Section, about: dict[str, Any]) -> Served:
    served = about.get("model_id")
    entries = [{"id": served}] if isinstance(served, str) else []
    return Served(
        "tei",
        client.place.address,
        _named(client, section, entries),
        version=str(about.get("version") or ""),
        lists=tuple(entry["id"] for entry in entries),
        max_tokens=_whole(about.get("max_input_length")),
        texts_per_request=_whole(about.get("max_client_batch_size")),
    )


def _optional(client: Client, url: str) -> dict[str, Any]:
    """What is at an address that only some servers have; empty if there is nothing of use."""
    try:
        found = client.get(url, optional=True)
    except (ModelRefused, BadModelReply):
        return {}
    return found if isinstance(found, dict) else {}


def _named(client: Client, section: Section, entries: list[dict[str, Any]]) -> str:
    """The model's name at the server."""
    if section.served_as:
        return section.served_as
    wanted, names = model_of(section), [entry["id"] for entry in entries]
    for entry in entries:
        if wanted and any(_same(wanted, str(name)) for name in (entry["id"], entry.get("root") or "")):
            return str(entry["id"])
    if len(names) == 1:
        if wanted:
            logger.warning("%s serves one model, %s; it is taken for %s", client.place.address, names[0], wanted)
        return str(names[0])
    if not names and wanted:
        return wanted
    raise _unnamed(client, wanted, names)


def _unnamed(client: Client, wanted: str, names: list[str]) -> QianxunError:
    if wanted:
        return ModelRefused(
            "{address} does not serve {model!r}. It has: {models}.",
            remedy="Set {section}.served_as to one of them.",
            address=client.place.address,
            model=wanted,
            models=", ".join(names),
            section=client.section,
        )
    return ModelRefused(
        "{address} does not tell which model to use; it has: {models}.",
        remedy="Set {section}.model, or {section}.served_as to the name that the server knows it by.",
        address=client.place.address,
        models=", ".join(names) or "–",
        section=client.section,
    )


def _same(wanted: str, name: str) -> bool:
    return _bare(wanted) == _bare(name)


def _bare(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2].lower().removesuffix(":latest")


def _is_dashscope(host: str) -> bool:
    return host.endswith(".aliyuncs.com") and (host.startswith("dashscope") or host.endswith(".maas.aliyuncs.com"))


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
