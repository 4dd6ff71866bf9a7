"""A language model in this process: Qwen2.5-Instruct, or any causal model with a chat template, through transformers.

The loop that chooses tokens is here and not transformers' `generate`, so that it stops between two tokens, holds back
half a Chinese character or half a stop string, and so that temperature 0 is the likeliest token and nothing else:
`generation_config.json` of Qwen2.5-Instruct asks for a repetition penalty and for sampling, which citations cannot
have. One thread computes, one answer after the other.

Text in messages cannot open or close a turn: the tokens of the chat template are read as letters there.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from qianxun.errors import BadModelReply, InputError, ModelRefused, ModelUnavailable, SettingsError
from qianxun.models.checkpoint import Checkpoint
from qianxun.models.in_process.device import Place, choose_place
from qianxun.models.in_process.loading import checkpoint_of, import_transformers, load_transformer, one_line
from qianxun.models.in_process.memory import memory_of
from qianxun.models.in_process.writing import Writing
from qianxun.models.structured import checked_json, with_schema
from qianxun.protocols import Delta, Message, Sampling
from qianxun.settings import Settings
from qianxun.settings.engines import model_of

logger = logging.getLogger(__name__)

_ROLES: Final = ("system", "user", "assistant")
# A long prompt is read in such parts: it can be stopped between two, and takes memory for one.
_PROMPT_TOKENS_AT_A_TIME: Final = 1024
_DEFAULT_CONTEXT_TOKENS: Final = 4096
_ENGINE: Final = "generator in process"


def open_generator(settings: Settings) -> "TransformersGenerator":
    """The generator that the settings name. Reads nothing yet."""
    return TransformersGenerator(settings)


class TransformersGenerator:
    """A causal language model in process. Satisfies `Generator`. Loads at the first use; safe to share between threads
    and event loops.
    """

    name = "transformers"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._section = settings.generator
        self._loaded: _Model | None = None
        self._tokenizer: Any = None
        # The tokenizer keeps what it was asked for last: one thread at a time.
        self._reading = threading.Lock()
        self._loading = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._stops: set[threading.Event] = set()
        self._guard = threading.Lock()

    @property
    def context_tokens(self) -> int:
        """Longest prompt and answer together: as set, else all positions of the model. Raises SettingsError."""
        checkpoint = self._checkpoint()
        most = _positions(checkpoint)
        if self._section.context_tokens > most > 0:
            raise SettingsError(
                "generator.context_tokens is {tokens}, but the model has {positions} positions.",
                remedy="Set it lower, or to 0.",
                tokens=self._section.context_tokens,
                positions=most,
            )
        return self._section.context_tokens or most or _DEFAULT_CONTEXT_TOKENS

    @property
    def served_by(self) -> str:
        """Where and how it runs, with the reasons. Loads no weights, but torch."""
        return self._place().in_words

    def count_tokens(self, text: str) -> int:
        """Tokens of a text within a message, exactly."""
        tokenizer = self._read_tokenizer()
        with self._reading:
            return len(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The answer as it comes; with a schema in one piece, when it is known to fit. Closing the iterator stops it.

        An answer that does not fit the schema is asked for once more; `usage` counts both. Raises InputError for
        messages that leave no room for an answer, BadModelReply for what cannot be used.
        """
        answers = self._plain(messages, sampling) if schema is None else self._structured(messages, schema, sampling)
        async with aclosing(answers):
            async for delta in answers:
                yield delta

    def close(self) -> None:
        """Stops what is being written, ends the thread and frees the model; the next use loads it anew."""
        with self._guard:
            thread, self._thread = self._thread, None
            for stop in self._stops:
                stop.set()
        if thread is not None:
            thread.shutdown(wait=True)
        with self._loading:
            self._loaded = self._tokenizer = None

    # -- structured answers -------------------------------------------------------------------------------

    async def _structured(
        self, messages: Sequence[Message], schema: dict[str, Any], sampling: Sampling
    ) -> AsyncGenerator[Delta]:
        asked = with_schema(messages, schema)
        text, last = await self._whole(asked, sampling)
        used = [last.usage or (0, 0)]
        try:
            found = checked_json(text, schema, complete=last.finish_reason == "stop")
        except BadModelReply as error:
            if "reason" not in error.values:  # cut off: another try would be, too
                raise
            wrong = f"That is not usable: {error.values['reason']}. Answer with the corrected JSON only."
            text, last = await self._whole([*asked, Message("assistant", text), Message("user", wrong)], sampling)
            used.append(last.usage or (0, 0))
            found = checked_json(text, schema, complete=last.finish_reason == "stop")
        yield Delta(text=found)
        n_prompt, n_answer = (sum(numbers) for numbers in zip(*used, strict=True))
        yield Delta(finish_reason="stop", usage=(n_prompt, n_answer))

    async def _whole(self, messages: Sequence[Message], sampling: Sampling) -> tuple[str, Delta]:
        """The whole answer and the last delta."""
        parts: list[str] = []
        last = Delta()
        async with aclosing(self._plain(messages, sampling)) as answers:
            async for last in answers:
                parts.append(last.text)
        return "".join(parts), last

    # -- the answer as it comes ---------------------------------------------------------------------------

    async def _plain(self, messages: Sequence[Message], sampling: Sampling) -> AsyncGenerator[Delta]:
        loop = asyncio.get_running_loop()
        coming: asyncio.Queue[Delta | BaseException] = asyncio.Queue()
        stop = threading.Event()

        def tell(news: Delta | BaseException) -> None:
            try:
                loop.call_soon_threadsafe(coming.put_nowait, news)
            except RuntimeError:  # the loop was closed: nobody listens any more
                stop.set()

        with self._guard:
            self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="qianxun-generator")
            self._stops.add(stop)
            self._thread.submit(self._answer, messages, sampling, stop, tell)
        try:
            while True:
                news = await coming.get()
                if isinstance(news, BaseException):
                    raise news
                yield news
                if news.finish_reason is not None:
                    return
        finally:
            stop.set()
            with self._guard:
                self._stops.discard(stop)

    def _answer(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        stop: threading.Event,
        tell: Callable[[Delta | BaseException], None],
    ) -> None:
        """Everything that takes time, in the model's own thread. Tells the deltas, or the error."""
        try:
            if not stop.is_set():
                with memory_of("generator", model_of(self._section), self._place().device):
                    self._write(messages, sampling, stop, tell)
            if stop.is_set():  # by `close`, if anybody still listens
                tell(
                    ModelUnavailable(
                        "The {engine} was closed.", remedy="Open the knowledge base again.", engine=_ENGINE
                    )
                )
        except BaseException as error:
            tell(error)

    def _write(
        self,
        messages: Sequence[Message],
        sampling: Sampling,
        stop: threading.Event,
        tell: Callable[[Delta | BaseException], None],
    ) -> None:
        import torch

        prompt = self._prompt(messages)
        room = self.context_tokens - len(prompt)
        if room < 1:
            raise InputError(
                "The prompt has {tokens} tokens and leaves no room for an answer: the model takes {most} together.",
                remedy="Ask with fewer or shorter passages.",
                tokens=len(prompt),
                most=self.context_tokens,
            )
        model = self._model()
        writing = Writing(self._decoded, sampling.stop, model.ends, min(sampling.max_tokens, room))
        choose = _chooser(sampling, self._section.top_p, model.device)
        with torch.inference_mode():
            cache = model.empty_cache()
            logits = None
            for start in range(0, len(prompt), _PROMPT_TOKENS_AT_A_TIME):
                if stop.is_set():
                    return
                logits = model.logits_after(prompt[start : start + _PROMPT_TOKENS_AT_A_TIME], cache)
            while not stop.is_set():
                token = choose(logits)
                text = writing.add(token)
                if writing.finish_reason is not None:
                    usage = (len(prompt), writing.n_tokens)
                    tell(Delta(text=text, finish_reason=writing.finish_reason, usage=usage))
                    return
                if text:
                    tell(Delta(text=text))
                logits = model.logits_after([token], cache)

    # -- reading and loading ------------------------------------------------------------------------------

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        from jinja2.exceptions import TemplateError

        unknown = [message.role for message in messages if message.role not in _ROLES]
        if unknown or not messages:
            raise InputError(
                "A conversation has turns of the roles {known}, not {roles!r}.",
                remedy="Correct the messages.",
                known=", ".join(_ROLES),
                roles=", ".join(unknown),
            )
        tokenizer = self._read_tokenizer()
        turns = [{"role": message.role, "content": message.content} for message in messages]
        try:
            with self._reading:
                found: list[int] = tokenizer.apply_chat_template(
                    turns, add_generation_prompt=True, return_dict=False, sanitize_control_tokens=True
                )
        except TemplateError as error:
            raise ModelRefused(
                "The chat template of {model} does not take these messages: {reason}.",
                remedy="Use roles in the order that it wants.",
                model=model_of(self._section),
                reason=str(error).rstrip("."),
            ) from error
        return found

    def _decoded(self, tokens: Sequence[int]) -> str:
        with self._reading:
            text: str = self._read_tokenizer().decode(
                tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        return text

    def _checkpoint(self) -> Checkpoint:
        return checkpoint_of(self._section, self._settings)

    def _read_tokenizer(self) -> Any:
        with self._loading:
            if self._tokenizer is None:
                self._tokenizer = _chat_tokenizer(self._checkpoint(), model_of(self._section))
            return self._tokenizer

    def _model(self) -> "_Model":
        tokenizer = self._read_tokenizer()
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(self._checkpoint(), tokenizer, self._place())
            return self._loaded

    def _place(self) -> Place:
        return choose_place(self._section.device, self._section.precision)


@dataclass(frozen=True, slots=True)
class _Model:
    """A loaded model. `ends` are the tokens that end an answer."""

    network: Any
    device: str
    ends: frozenset[int]

    def empty_cache(self) -> Any:
        """Keys and values of no token."""
        from transformers import DynamicCache

        return DynamicCache(config=self.network.config)

    def logits_after(self, tokens: Sequence[int], cache: Any) -> Any:
        """Logits of the token after these, (vocabulary,); the cache grows by them. Raises BadModelReply for NaN."""
        import torch

        given = torch.tensor([tokens], device=self.device)
        # One row of logits: all rows of a long prompt take more memory than the model.
        found = self.network(input_ids=given, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1]
        if not torch.isfinite(found).all():
            raise BadModelReply(
                "The {engine} computed numbers that are not finite.",
                remedy="Set generator.precision to float32 or bfloat16, or copy the model again.",
                engine=_ENGINE,
            )
        return found


def _load(checkpoint: Checkpoint, tokenizer: Any, place: Place) -> _Model:
    logger.info("generator %s: %s", checkpoint.folder.name, place.in_words)
    network = load_transformer(checkpoint, "AutoModelForCausalLM", place.device, place.precision)
    ends = (network.generation_config.eos_token_id, network.config.eos_token_id, tokenizer.eos_token_id)
    first: int | list[int] = next((found for found in ends if found is not None), [])
    return _Model(network, place.device, frozenset([first] if isinstance(first, int) else first))


def _chat_tokenizer(checkpoint: Checkpoint, model: str) -> Any:
    """The tokenizer as transformers makes it, which knows the chat template."""
    transformers = import_transformers()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
    except Exception as error:  # the tokenizers library raises bare Exception
        raise SettingsError(
            "{folder}: its tokenizer cannot be read: {reason}.",
            remedy="Copy the model again; `qianxun models pull` verifies what it brings.",
            folder=checkpoint.folder,
            reason=one_line(error),
        ) from error
    if not tokenizer.chat_template:
        raise SettingsError(
            "The model {model} has no chat template.",
            remedy="Name one that was made for conversation, such as Qwen/Qwen2.5-7B-Instruct.",
            model=model,
        )
    return tokenizer


def _chooser(sampling: Sampling, top_p: float, device: str) -> Callable[[Any], int]:
    """How the next token is chosen from logits."""
    import torch

    if sampling.temperature == 0:
        return lambda logits: int(logits.argmax())
    generator = torch.Generator(device=device)
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)

    def draw(logits: Any) -> int:
        shares = torch.softmax(logits.float() / sampling.temperature, dim=-1)
        if top_p < 1:
            ordered, tokens = shares.sort(descending=True)
            # The likeliest tokens that together have `top_p`; the first one always.
            beyond = ordered.cumsum(dim=-1) - ordered >= top_p
            beyond[0] = False
            shares = shares.index_fill(0, tokens[beyond], 0.0)
        return int(torch.multinomial(shares, 1, generator=generator))

    return draw


def _positions(checkpoint: Checkpoint) -> int:
    """How many positions the model has, those that YaRN adds included; 0 if its files do not say."""
    text = checkpoint.config.get("text_config") or checkpoint.config
    scaling = text.get("rope_parameters") or text.get("rope_scaling") or {}
    stretched = float(scaling.get("factor") or 1) * int(scaling.get("original_max_position_embeddings") or 0)
    return max(checkpoint.positions or 0, int(stretched))
