"""The parts that a search and an answer have, by name, and in the reader's words where one was done without. Pure.

The closed sets of names are what metrics and the audit may use for what is otherwise said in sentences.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final

from qianxun.messages import say
from qianxun.reasons import reason_in_words

# As `seconds` of a search or an answer names them.
STAGES: Final = (
    "follow-up", "understand", "filter", "spelling", "expand", "encode", "dense", "lexical", "fuse", "read", "rerank",
    "signals", "diversify", "plan", "pack", "weigh", "generate", "extract", "check",
)  # fmt: skip
# What a line of `degraded` begins with, up to its colon.
PARTS: Final = (
    "encoder", "dense", "reranker", "generator", "planner", "expand", "wordings", "hypothetical answer", "feedback",
    "question", "index", "query adapter",
)  # fmt: skip
OTHER: Final = "other"
# What a search says of a question that was too long, and of an index that is to learn of changes.
_CUT: Final = re.compile(r"question: cut to its first (\d+) characters\Z")
_CHANGES: Final = " changes behind"
_BEHIND: Final = re.compile(rf"(\S+?)(?:: (\d+){_CHANGES})?\Z")


def parts_of(degraded: Iterable[str]) -> tuple[str, ...]:
    """Which parts were done without; the words behind them may hold what a server said."""
    return tuple(dict.fromkeys(_part_of(line) for line in degraded))


def stage_of(name: str) -> str:
    """A stage's name as a label."""
    return name if name in STAGES else OTHER


def _part_of(line: str) -> str:
    if line.endswith(_CHANGES):
        return "index"
    head = line.partition(":")[0]
    return head if head in PARTS else OTHER


def time_in_words(stage: str) -> str:
    """What took time, by the name that `seconds` has for it; unknown ones as they are."""
    names = {
        "follow-up": say("understanding the follow-up"),
        "understand": say("reading the question"),
        "filter": say("finding the filter"),
        "spelling": say("correcting the spelling"),
        "expand": say("finding other wordings"),
        "encode": say("encoding the question"),
        "dense": say("searching by meaning"),
        "lexical": say("searching by words"),
        "fuse": say("joining what was found"),
        "read": say("reading the passages"),
        "rerank": say("reranking"),
        "signals": say("weighing age and feedback"),
        "diversify": say("leaving out repetitions"),
        "plan": say("dividing the question"),
        "pack": say("choosing passages"),
        "weigh": say("comparing what the sources say"),
        "generate": say("writing the answer"),
        "extract": say("quoting"),
        "check": say("checking the citations"),
    }
    return names.get(stage, stage)


def role_in_words(role: str) -> str:
    """What a model, or a prompt, was used for; of a role that is new, its name."""
    names = {
        "encoder": say("encoder"),
        "adapter": say("query adapter"),
        "reranker": say("reranking model"),
        "answer": say("answering model"),
        "prompt": say("prompt"),
    }
    return names.get(role, role)


def model_in_words(model: str) -> str:
    """The name of a model, where one is set; where there was none, what was done instead."""
    return {"extractive": say("quoting"), "http": say("the model of the server")}.get(model, model)


def stage_in_words(stage: str) -> str:
    """What found a passage or put it in its place; one of an installed plugin goes by its own name."""
    names = {
        "dense": say("meaning"),
        "lexical": say("words"),
        "reranker": say("reranking model"),
        "signals": say("age and feedback"),
    }
    return names.get(stage, stage)


def no_rank_in_words(stage: str, matched: Collection[str]) -> str:
    """What is said of a stage without a rank for a passage: only words can be nowhere in it, and then none matched."""
    return say("not found") if stage == "lexical" and not matched else say("not among the first")


def left_out_in_words(degraded: Iterable[str]) -> list[str]:
    """What a search or an answer did without, a sentence or two each; who is no administrator is told no reasons."""
    return list(dict.fromkeys(map(_left_out, degraded)))


def _left_out(line: str) -> str:
    cut, (part, _, reason) = _CUT.match(line), line.partition(": ")
    if cut is not None:
        return say("The question is too long: only its first {n} characters were searched for.", n=cut[1])
    if part in PARTS:
        names = {
            "encoder": say("meaning"),
            "expand": say("other wordings"),
            "feedback": say("feedback"),
            "generator": say("answering model"),
            "hypothetical answer": say("other wordings"),
            "planner": say("dividing the question"),
            "query adapter": say("what was learned from questions"),
            "wordings": say("other wordings"),
        }
        told = say("Left out: {stages}.", stages=names.get(part, stage_in_words(part)))
        gap = "" if told.endswith("。") else " "
        return f"{told}{gap}{reason_in_words(reason)}" if reason else told
    behind = _BEHIND.match(line)
    if behind is None:
        return reason_in_words(line)
    if behind[2] is None:
        return say("The latest changes to the documents are not searched yet.")
    return say("The latest changes to the documents ({n}) are not searched yet.", n=behind[2])
