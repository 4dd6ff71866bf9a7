"""From a checkpoint on this machine to its tokenizer and its model. Never asks the network.

Whatever is wrong with the files becomes one SettingsError; a library that is not installed becomes MissingExtra.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal

from qianxun.errors import MissingExtra, SettingsError
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.formats import local_checkpoint
from qianxun.settings import EncoderSettings, GeneratorSettings, RerankerSettings, Settings
from qianxun.settings.engines import model_of

logger = logging.getLogger(__name__)

Head = Literal["AutoModel", "AutoModelForCausalLM", "AutoModelForSequenceClassification"]
# Without any of these transformers makes a tokenizer that knows nothing, and says so nowhere.
_VOCABULARIES: Final = ("vocab.json", "vocab.txt", "tokenizer.model", "sentencepiece.bpe.model", "spiece.model")
# 3 % slower alone, steadily 3 times as long beside a busy process (`bench/LOG.md`).
_SPINS: Final = "10000"
# Weights that a checkpoint may lack: nothing here reads them.
_NOT_NEEDED: Final = ("pooler.", "position_ids", "rotary_emb.inv_freq")


def import_torch() -> Any:
    """The module. Raises MissingExtra."""
    # Threads of GNU OpenMP that wait for one another spin for a long time, beside whatever else wants their cores: with
    # another busy process a product then takes up to 12 times as long. The runtime reads this when torch loads it.
    os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)
    try:
        import torch
    except ImportError as error:
        raise _missing_extra() from error
    return torch


def import_transformers() -> Any:
    """The module. Raises MissingExtra."""
    import_torch()  # transformers imports without it, and then says something else
    try:
        import transformers
    except ImportError as error:
        raise _missing_extra() from error
    return transformers


def _missing_extra() -> MissingExtra:
    return MissingExtra(
        "Models in this process need torch and transformers.", remedy="Run `pip install 'qianxun[qwen]'`."
    )


def checkpoint_of(section: EncoderSettings | RerankerSettings | GeneratorSettings, settings: Settings) -> Checkpoint:
    """The checkpoint that a section of the settings names. Raises SettingsError if it is not on this machine."""
    name = model_of(section)
    found = local_checkpoint(name, section.revision, settings)
    if found is None:
        raise SettingsError(
            "The model {model} is not on this machine.",
            remedy="Run `qianxun models pull {model}`, or name the folder of its files.",
            model=f"{name}@{section.revision}" if section.revision else name,
        )
    return found


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer of a checkpoint (a `tokenizers.Tokenizer`), which neither cuts nor pads by itself.

    Its own file goes before what transformers would make of it, and spares importing transformers.
    """
    import_torch()
    folder = checkpoint.folder
    try:
        if (folder / "tokenizer.json").is_file():
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        elif any((folder / name).is_file() for name in _VOCABULARIES):
            made = import_transformers().AutoTokenizer.from_pretrained(folder, local_files_only=True)
            tokenizer = made.backend_tokenizer
        else:
            raise FileNotFoundError("there is no tokenizer.json")
    except ImportError as error:
        raise _missing_extra() from error
    except Exception as error:  # the tokenizers library raises bare Exception
        raise SettingsError(
            "{folder}: its tokenizer cannot be read: {reason}.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            folder=folder,
            reason=one_line(error),
        ) from error
    n_known = checkpoint.config.get("vocab_size")
    if n_known and tokenizer.get_vocab_size() > n_known:
        raise SettingsError(
            "{folder}: its tokenizer has {n} tokens, its model knows {n_known}; they do not belong together.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            folder=folder,
            n=tokenizer.get_vocab_size(),
            n_known=n_known,
        )
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def load_transformer(checkpoint: Checkpoint, head: Head, device: str, precision: str) -> Any:
    """A model of the transformers library, ready to be asked. Raises SettingsError for files it cannot use."""
    torch, transformers = import_torch(), import_transformers()
    with _quiet(transformers):
        try:
            model, info = getattr(transformers, head).from_pretrained(
                checkpoint.folder, dtype=getattr(torch, precision), local_files_only=True, output_loading_info=True
            )
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
            raise _unusable(checkpoint, error) from error
        except Exception as error:
            # safetensors' own error has no base but Exception; anything else is a defect of ours.
            if type(error).__name__ != "SafetensorError":
                raise
            raise _unusable(checkpoint, error) from error
    missing = sorted(name for name in info["missing_keys"] if not any(part in name for part in _NOT_NEEDED))
    wrong = [*missing, *(str(entry[0]) for entry in info["mismatched_keys"])]
    if wrong:
        raise SettingsError(
            "{folder}: {n} weights of {architecture} are missing or of another size, {name} among them.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            folder=checkpoint.folder,
            n=len(wrong),
            architecture=type(model).__name__,
            name=wrong[0],
        )
    return model.eval().requires_grad_(False).to(device)


def _unusable(checkpoint: Checkpoint, error: Exception) -> SettingsError:
    if "auto_map" in checkpoint.config and "trust_remote_code" in str(error):
        return SettingsError(
            "{folder}: the architecture {architecture} needs program code from the model's files, which is never run.",
            remedy="Name a model of an architecture that transformers knows.",
            folder=checkpoint.folder,
            architecture=checkpoint.architecture,
        )
    return SettingsError(
        "{folder}: its model ({architecture}) cannot be loaded: {reason}.",
        remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
        folder=checkpoint.folder,
        architecture=checkpoint.architecture,
        reason=one_line(error),
    )


def one_line(error: Exception) -> str:
    """The first sentence of a library's message, without its full stop."""
    text = " ".join(str(error).split()) or type(error).__name__
    first = text.split(". ")[0]
    return (first if len(first) <= 200 else first[:200] + "…").rstrip(".")


@contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """No bars and no advice from transformers on the screen while it loads."""
    logs = transformers.utils.logging
    verbosity, showed_progress = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if showed_progress:
            logs.enable_progress_bar()
