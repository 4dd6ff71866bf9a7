"""Figures, verdicts and notes of evaluations in the reader's language."""

from collections.abc import Mapping, Sequence
from typing import Any

from qianxun.evaluation.comparing import differences
from qianxun.messages import say


def figure(value: float) -> str:
    """A measure's value."""
    return f"{value:.4f}"


def signed(value: float) -> str:
    """A difference, with its sign; 0 has none."""
    return f"{value:+.4f}" if value else figure(0.0)


def interval(bounds: Sequence[float]) -> str:
    """Where a mean lies."""
    return f"{figure(bounds[0])} … {figure(bounds[1])}"


def signed_interval(bounds: Sequence[float]) -> str:
    """Where a mean difference lies."""
    return f"{signed(bounds[0])} … {signed(bounds[1])}"


def verdict(code: str) -> str:
    """A verdict on B, or on a variant, in a word or two."""
    words = {"better": say("better"), "worse": say("worse"), "no difference": say("no difference")}
    return words[code]


def outcome(shape: Mapping[str, Any]) -> str:
    """What a comparison came to, in a sentence."""
    values = {
        "measure": shape["measure"],
        "alpha": shape["alpha"],
        "p": differences.shown_p(next(row["p"] for row in shape["pooled"] if row["measure"] == shape["measure"])),
    }
    if shape["verdict"] == "better":
        return say("B is better than A by {measure} (p = {p}, at most {alpha} asked for).", **values)
    if shape["verdict"] == "worse":
        return say("B is worse than A by {measure} (p = {p}, at most {alpha} asked for).", **values)
    return say("No difference by {measure} can be told from chance (p = {p}, at most {alpha} asked for).", **values)


def gate(shape: Mapping[str, Any]) -> list[str]:
    """What the gate says and why: one line, or one for each reason."""
    if not shape["reasons"]:
        return [say("Passed: not significantly worse, and no drop above {margin}.", margin=f"{shape['margin']:g}")]
    lines = []
    for reason in shape["reasons"]:
        values = {
            "dataset": reason["dataset"] or say("all data sets together"),
            "drop": figure(reason["drop"]),
            "p": differences.shown_p(reason["p"]),
            "margin": f"{shape['margin']:g}",
        }
        if reason["kind"] == "worse":
            lines.append(say("Failed, {dataset}: significantly worse, by {drop} (p = {p}).", **values))
        else:
            lines.append(say("Failed, {dataset}: lower by {drop}, more than {margin}.", **values))
    return lines


def note(shape: Mapping[str, Any]) -> str:
    """A note of a comparison, in a sentence."""
    kind, is_one = shape["kind"], shape["n"] == 1
    values = {"side": shape["side"], "n": f"{shape['n']:,}", "first": shape["first"]}
    if kind == "unanswered":
        if is_one:
            return say("{side} says nothing of {first}, which counts 0.", **values)
        return say("{side} says nothing of {n} questions, which count 0; the first is {first}.", **values)
    if kind == "unknown":
        if is_one:
            return say("{side} ranks {first}, which was not judged; it is left out.", **values)
        return say(
            "{side} ranks {n} questions that were not judged; they are left out. The first is {first}.", **values
        )
    if kind == "no relevant":
        if is_one:
            return say("{first} has no relevant document; it is left out.", **values)
        return say("{n} questions have no relevant document; they are left out. The first is {first}.", **values)
    if kind in ("not compared", "only one"):
        if is_one:
            return say("{first} is only in {side}, and not compared.", **values)
        if kind == "not compared":
            return say("{n} data sets are only in {side}, and not compared; the first is {first}.", **values)
        return say("{n} questions are only in {side}, and not compared; the first is {first}.", **values)
    if kind == "other answers":
        if is_one:
            return say("A and B accept other answers to {first}, so it is left out.", **values)
        return say("A and B accept other answers to {n} questions, which are left out; the first is {first}.", **values)
    if kind == "other evidence":
        if is_one:
            return say("A and B look for other evidence of {first}, so evidence recall leaves it out.", **values)
        return say(
            "A and B look for other evidence of {n} questions, which evidence recall leaves out; the first is {first}.",
            **values,
        )
    if kind == "degraded":
        if is_one:
            return say("{side}: one search did without something: {first}", **values)
        return say("{side}: {n} searches did without something: {first}", **values)
    if kind == "same settings":
        return say("A and B are the same settings; they were measured once.")
    if kind == "same search":
        return say("A and B differ only in settings that evaluation sets aside; they were measured once.")
    if kind == "as set":
        return say("search.candidates differs: each is measured with its own, and Recall@100 ends where they do.")
    return too_few(shape["n"])


def the_same(n: int) -> str:
    """How many questions did not change."""
    return say("One question is the same.") if n == 1 else say("{n} questions are the same.", n=f"{n:,}")


def too_few(n: int) -> str:
    """That n questions which differ cannot tell a difference from chance."""
    if n == 1:
        return say("Only one question differs: too few for any difference to be told from chance.")
    return say("Only {n} questions differ: too few for any difference to be told from chance.", n=f"{n:,}")
