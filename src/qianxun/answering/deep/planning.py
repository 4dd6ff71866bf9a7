"""What to search for a question that asks for several things: planned by a generator, by rules where there is none."""

import logging
from collections.abc import Sequence
from typing import Any, Final

from qianxun.answering.calling import Calls
from qianxun.answering.deep import prompts
from qianxun.answering.deep.rules import divided
from qianxun.answering.wording import language_of
from qianxun.errors import ModelError
from qianxun.models.structured import parse_json
from qianxun.prompting import as_line
from qianxun.text import fold

logger = logging.getLogger(__name__)

# A plan is a few short questions; a longer one is cut.
_MAX_CHARS: Final = 300
_MAX_TOKENS: Final = 512
# Of the time that an answer may take, this share is for planning and searching.
PLANNING_SHARE: Final = 0.5


async def planned(
    question: str, asked: Sequence[tuple[str, str]], most: int, calls: Calls | None, degraded: list[str]
) -> list[str]:
    """At most `most` questions to search next, none that was `asked` before (each with what was found, "" for nothing).

    Without a generator the first plan is made by rules, and there is no second. So it is when the generator fails,
    which is then named in `degraded`.
    """
    if most <= 0:
        return []
    found: list[str] | None = None
    # One call is for the answer.
    if calls is not None and calls.left > 1 and calls.may_go_on(PLANNING_SHARE):
        try:
            found = await _by_generator(question, asked, most, calls)
        except ModelError as error:
            logger.warning("planning by rules: %s", error)
            degraded.append(f"planner: {error}")
    if not asked and not found:
        found = divided(question, most)
    before = {fold(one) for one, _ in asked}
    unique: dict[str, str] = {}
    for one in found or ():
        line = as_line(one)[:_MAX_CHARS].rstrip()
        if any(map(str.isalnum, line)) and fold(line) not in before:
            unique.setdefault(fold(line), line)
    return list(unique.values())[:most]


async def _by_generator(question: str, asked: Sequence[tuple[str, str]], most: int, calls: Calls) -> list[str]:
    turns = prompts.plan(question, asked, most, language_of(question))
    said = await calls.text(turns, _MAX_TOKENS, share=PLANNING_SHARE, schema=prompts.SCHEMA)
    plan: Any = parse_json(said.text, prompts.SCHEMA)
    questions: list[str] = plan["questions"]
    return questions
