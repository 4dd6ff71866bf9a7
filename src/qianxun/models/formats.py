"""How text becomes a vector with the model that the settings name: the same answer in process and behind a server.

From the settings, else the checkpoint's own files, else what is known of its family. Knows no engine.
"""

import hashlib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from qianxun.errors import SettingsError
from qianxun.models.checkpoint import Checkpoint, find_checkpoint, read_checkpoint
from qianxun.models.families import QWEN3_MAX_TOKENS, Family, Pooling, family_of
from qianxun.settings import EncoderSettings, GeneratorSettings, RerankerSettings, Settings, models_directory
from qianxun.settings.engines import address_of, model_of

_DEFAULT_MAX_TOKENS: Final = 8192
_PASSAGE_PROMPTS: Final = ("document", "passage", "corpus")


@dataclass(frozen=True, slots=True)
class EncoderFormat:
    """All that decides a vector, but for numbers' precision.

    `identity` is the model's name and revision, or a print of its weights when only a folder is known. `appended` is
    the token that ends every text ("" none; "tokenizer" whatever the model's tokenizer adds). `dimension` 0: the full
    one, known only once a vector has come. `asks_dimension`: the server is to be asked for it; else vectors are cut
    and made unit again here.
    """

    identity: str
    pooling: Pooling
    query_prefix: str
    passage_prefix: str
    appended: str
    max_tokens: int
    overlong: Literal["split", "cut"]
    full_dimension: int
    dimension: int
    smallest: int | None = None
    asks_dimension: bool = False
    texts_per_request: int | None = None

    @property
    def fingerprint(self) -> str:
        """Changes when a passage's vector would; not with the instruction, precision, batch or who serves the model."""
        parts = [self.identity, self.pooling, self.passage_prefix, self.appended, self.max_tokens, self.overlong]
        dimension = 0 if self.dimension == self.full_dimension else self.dimension
        text = json.dumps([*parts, dimension, "unit"], ensure_ascii=False)
        name = "".join(c if c.isalnum() or c in ".-" else "-" for c in self.identity.partition("@")[0])[:48]
        return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def local_checkpoint(model: str, revision: str, settings: Settings, *, elsewhere: bool = False) -> Checkpoint | None:
    """The checkpoint that a model's name or folder leads to on this machine; None if there is none.

    `elsewhere`: a server has the model, so that a folder may be one of another machine.
    """
    if not model:
        return None
    try:
        folder = find_checkpoint(model, revision, models_directory(settings))
    except SettingsError:
        if elsewhere:
            return None
        raise
    return read_checkpoint(folder) if folder is not None else None


def tokenizer_file(section: EncoderSettings | RerankerSettings | GeneratorSettings, settings: Settings) -> Path | None:
    """The `tokenizer.json` of a model whose files are on this machine, if it can be read here; else None.

    A server's model may be named by a path on the server's machine: then there is none here, which is no error.
    """
    model = model_of(section)
    if not model or importlib.util.find_spec("tokenizers") is None:
        return None
    try:
        folder = find_checkpoint(model, section.revision, models_directory(settings))
    except SettingsError:
        return None
    file = folder / "tokenizer.json" if folder is not None else None
    return file if file is not None and file.is_file() else None


def encoder_format(settings: Settings, *, served: str = "") -> EncoderFormat:
    """The format of the encoder that the settings name. `served` is the model's name at the server, if one was asked.

    Raises SettingsError for a dimension, pooling or instruction that the model does not have.
    """
    section = settings.encoder
    name = model_of(section) or served
    elsewhere = bool(address_of(section))
    checkpoint = local_checkpoint(model_of(section), section.revision, settings, elsewhere=elsewhere)
    family = family_of(name)
    full = (checkpoint.hidden_size if checkpoint else 0) or (family.dimension(name) if family else 0) or 0
    found = EncoderFormat(
        identity=identity_of(name, section.revision, checkpoint),
        pooling=_pooling(section, checkpoint, family),
        query_prefix=_query_prefix(section, checkpoint, family, name),
        passage_prefix=_passage_prefix(checkpoint, family),
        appended=family.appended if family else "tokenizer",
        max_tokens=_max_tokens(section, checkpoint, family),
        overlong=section.overlong,
        full_dimension=full,
        dimension=section.dimension or full,
        smallest=family.smallest if family else None,
        asks_dimension=bool(family and family.asks_dimension and section.dimension),
        texts_per_request=family.texts_per_request if family else None,
    )
    _check_dimension(found, name)
    return found


def identity_of(name: str, revision: str, checkpoint: Checkpoint | None) -> str:
    """What a fingerprint calls a model: its bare name and revision, or a print of the weights of a folder."""
    if checkpoint is not None and Path(name).expanduser().absolute() == checkpoint.folder:
        return f"{checkpoint.folder.name}@{checkpoint.weights_print()}".lower()
    return f"{name.rstrip('/').rpartition('/')[2]}@{revision}".lower().rstrip("@")


def _pooling(section: EncoderSettings, checkpoint: Checkpoint | None, family: Family | None) -> Pooling:
    if section.pooling != "auto":
        return section.pooling
    if checkpoint is not None and checkpoint.pooling is not None:
        return checkpoint.pooling
    if family is not None:
        return family.pooling
    # Of a plain language model every token is worth something; what its authors trained is no sentence vector.
    return "mean" if checkpoint is not None else "server"


def _query_prefix(section: EncoderSettings, checkpoint: Checkpoint | None, family: Family | None, name: str) -> str:
    if section.instruction == "":
        return ""
    own = family.query_prefix if family else ""
    if checkpoint is not None and "query" in checkpoint.prompts:
        own = checkpoint.prompts["query"]
    if section.instruction == "auto":
        return own
    form = family.instruct if family and family.instruct else _instruct_form(own)
    if not form:
        raise SettingsError(
            "The model {model} takes no instruction, but encoder.instruction is {instruction!r}.",
            remedy='Set encoder.instruction to "auto".',
            model=name,
            instruction=section.instruction,
        )
    return form.replace("{instruction}", section.instruction)


def _instruct_form(prompt: str) -> str:
    """`Instruct: X\\nQuery: ` with a place for another task, if a prompt has that form."""
    start, newline, rest = prompt.partition("\n")
    if start.startswith("Instruct:") and newline and rest.startswith("Query:"):
        return "Instruct: {instruction}\n" + rest
    return ""


def _passage_prefix(checkpoint: Checkpoint | None, family: Family | None) -> str:
    if checkpoint is not None:
        for name in _PASSAGE_PROMPTS:
            if name in checkpoint.prompts:
                return checkpoint.prompts[name]
    return family.passage_prefix if family else ""


def _max_tokens(section: EncoderSettings, checkpoint: Checkpoint | None, family: Family | None) -> int:
    positions = checkpoint.positions if checkpoint is not None else None
    if positions and section.max_tokens > positions:
        raise SettingsError(
            "encoder.max_tokens is {tokens}, but the model has {positions} positions.",
            remedy="Set it lower, or to 0.",
            tokens=section.max_tokens,
            positions=positions,
        )
    if section.max_tokens:
        return section.max_tokens
    if family is not None:
        return family.max_tokens
    if checkpoint is None:
        return _DEFAULT_MAX_TOKENS
    return min(checkpoint.max_tokens or checkpoint.positions or _DEFAULT_MAX_TOKENS, QWEN3_MAX_TOKENS)


def _check_dimension(found: EncoderFormat, name: str) -> None:
    wanted, full = found.dimension, found.full_dimension
    if not full or wanted == full or found.asks_dimension:
        return
    if wanted > full:
        raise SettingsError(
            "encoder.dimension is {wanted}, but vectors of {model} have {full} numbers.",
            remedy="Set it lower, or to 0.",
            wanted=wanted,
            model=name,
            full=full,
        )
    if found.smallest is not None and wanted < found.smallest:
        raise SettingsError(
            "encoder.dimension is {wanted}, but {model} was made to be cut to {smallest} at least.",
            remedy="Set it higher, or to 0.",
            wanted=wanted,
            model=name,
            smallest=found.smallest,
        )
