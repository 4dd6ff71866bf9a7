"""What a model is told of a conversation before its next question: the newest turns within a budget of tokens, and a
summary of those before them.

Of an answer it is told what is borne by its sources, without marks: numbers mean other passages now. Pure, but for
asking the generator for a summary; knows no store, and shows only what it is given.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.answering.wording import GONE
from qianxun.documents.sentences import sentences
from qianxun.errors import InputError, ModelError
from qianxun.prompting import as_material, prompt_language, turns
from qianxun.protocols import Generator, Message, Sampling
from qianxun.records import Answer

logger = logging.getLogger(__name__)

_PROMPTS: Final = "qianxun.answering.prompts"
# Of the budget, what a summary may take.
SUMMARY_SHARE: Final = 0.25
# A summary is written anew for no fewer turns, and leaves out the newest, which are told as they are.
_LEAST_NEW_TURNS: Final = 3
_NEWEST_LEFT_OUT: Final = 2
_SUMMARY_SECONDS: Final = 120.0
# What one turn may take of the prompt for a summary.
_MOST_TOKENS_OF_A_TURN: Final = 600
_LABELS: Final = {
    "zh": ("此前对话的摘要：", "问：", "答："),
    "en": ("What was said before, in short:", "Question: ", "Answer: "),
}

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Past:
    """A turn that is over: its number, the question, and the answer as the asker may read it now (None: there is none).

    `whole` says that they may read all of it.
    """

    turn: int
    question: str
    answer: Answer | None
    whole: bool


@dataclass(frozen=True, slots=True)
class History:
    """What a model is told: user and assistant in turn. `turns` are the numbers of those that it rests on."""

    messages: tuple[Message, ...] = ()
    turns: tuple[int, ...] = ()


def history(
    past: Sequence[Past], *, summary: str = "", summarised: int = 0, max_tokens: int, count_tokens: CountTokens
) -> History:
    """The newest turns that fit into `max_tokens`, oldest first, after the summary of the first `summarised` turns.

    Of an answer too long for the budget the newest turn keeps the beginning. A summary is told only with turns.
    """
    told = [(one, text) for one in past if one.answer is not None and (text := said(one.answer))]
    room, taken = max_tokens, _taken(told, max_tokens, count_tokens)
    if summary and len(taken) < len(told):
        lead = f"{_LABELS[prompt_language(summary)][0]}\n{summary}\n\n"
        room -= count_tokens(lead)
        taken = _taken(told, room, count_tokens)
        if taken:
            first, text = taken[0]
            messages = [Message("user", lead + first.question), Message("assistant", text), *_messages(taken[1:])]
            rests_on = {*range(1, summarised + 1), *(one.turn for one, _ in taken)}
            return History(tuple(messages), tuple(sorted(rests_on)))
    return History(tuple(_messages(taken)), tuple(one.turn for one, _ in taken))


def said(answer: Answer) -> str:
    """What an answer says that its sources bear, without marks; "" if that is nothing."""
    if not answer.statements:
        return "" if answer.text in GONE.values() else answer.text
    text, last = "", 0
    for one in answer.statements:
        between, last = answer.text[last : one.span.start], one.span.end
        if one.text in GONE.values() or (one.claim and one.support == "absent"):
            continue
        text += (between if text else between.lstrip()) + one.text
    return text.strip()


def _taken(told: Sequence[tuple[Past, str]], room: int, count_tokens: CountTokens) -> list[tuple[Past, str]]:
    taken: list[tuple[Past, str]] = []
    for one, text in reversed(told):
        room -= count_tokens(one.question)
        if not taken:
            text = beginning(text, room, count_tokens)
        room -= count_tokens(text)
        if room < 0 or not text:
            break
        taken.insert(0, (one, text))
    return taken


def _messages(taken: Sequence[tuple[Past, str]]) -> list[Message]:
    return [message for one, text in taken for message in (Message("user", one.question), Message("assistant", text))]


def beginning(text: str, max_tokens: int, count_tokens: CountTokens) -> str:
    """As many whole sentences of a text as fit; "" if the first does not."""
    if count_tokens(text) <= max_tokens:
        return text
    ends = [end for _, end in sentences(text)]
    low, high = 0, len(ends)
    while low < high:
        middle = (low + high + 1) // 2
        fits = count_tokens(text[: ends[middle - 1]]) <= max_tokens
        low, high = (middle, high) if fits else (low, middle - 1)
    return text[: ends[low - 1]].rstrip() if low else ""


def to_sum_up(past: Sequence[Past], told: Sequence[int], summarised: int) -> int:
    """How many turns should be summed up, from the first on; 0 if no new summary is due.

    One is due when turns are neither told (`told`, their numbers) nor in the summary of the first `summarised`, and
    several have come since. Turns that the asker may not read whole are summed up for nobody.
    """
    readable = [one for one in past if one.answer is not None]
    if any(not one.whole for one in readable) or not told:
        return 0
    untold = [one.turn for one in readable if summarised < one.turn < max(told) and one.turn not in told]
    if not untold:
        return 0
    upto = max(untold[-1], past[-1].turn - _NEWEST_LEFT_OUT)
    return upto if upto - summarised >= _LEAST_NEW_TURNS else 0


def summary_messages(past: Sequence[Past], before: str, count_tokens: CountTokens) -> list[Message]:
    """The prompt for a summary of these turns and of the summary before them: material between tags."""
    language = prompt_language(past[-1].question) if past else "en"
    _, asked, answered = _LABELS[language]
    lines = []
    for one in past:
        lines.append(f"{asked}{as_material(one.question)}")
        if one.answer is not None:
            text = beginning(said(one.answer), _MOST_TOKENS_OF_A_TURN, count_tokens)
            lines.append(f"{answered}{as_material(text)}")
    system, user = turns(_PROMPTS, "summary", language)
    # Not format: people write braces. Cut apart first, so that nothing filled in is looked at again.
    above, _, rest = user.partition("{before}")
    between, _, below = rest.partition("{turns}")
    filled = "".join((above, as_material(before), between, "\n".join(lines), below))
    return [Message("system", system), Message("user", filled)]


async def summed_up(past: Sequence[Past], before: str, generator: Generator, *, max_tokens: int) -> str:
    """What these turns, and the summary before them, come to, in at most `max_tokens`; "" if that fails."""
    try:
        context_tokens: int = await asyncio.to_thread(getattr, generator, "context_tokens")
        shown = list(past)
        while True:
            prompt = summary_messages(shown, before, generator.count_tokens)
            if sum(generator.count_tokens(turn.content) for turn in prompt) + max_tokens <= context_tokens:
                break
            if len(shown) <= 1:
                return ""
            shown = shown[len(shown) // 2 :]
        written = ""
        async with asyncio.timeout(_SUMMARY_SECONDS):
            async for delta in generator.stream(prompt, sampling=Sampling(max_tokens=max_tokens, temperature=0.0)):
                written += delta.text
    except (ModelError, InputError, TimeoutError) as error:
        logger.warning("the conversation is not summed up: %s", error)
        return ""
    return beginning(written.strip(), max_tokens, generator.count_tokens)
