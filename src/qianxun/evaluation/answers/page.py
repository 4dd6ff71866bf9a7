"""The page of `eval answers`: the measures, refusals, and every answer with what is wrong with it."""

from collections.abc import Mapping
from typing import Any

from qianxun.evaluation.reports import words
from qianxun.evaluation.reports.page import Block, Facts, Folded, Interval, Intervals, Notes, Page, Section, Table
from qianxun.messages import say
from qianxun.parts import role_in_words


def page_of_answers(shape: Mapping[str, Any]) -> Page:
    """The page of a report of `eval answers`."""
    sections = [
        Section(say("Measures"), blocks_of_measures(shape)),
        Section(say("Answers"), [_answers(shape), _citations(shape)]),
    ]
    return Page(say("Answer quality"), "", sections, shape["version"])


def blocks_of_measures(shape: Mapping[str, Any]) -> list[Block]:
    """The figures of a report, without its answers."""
    measures = {measure_in_words(name): mean for name, mean in shape["measures"].items() if mean is not None}
    blocks: list[Block] = [
        _facts(shape),
        Table(
            headers=[say("measure"), say("mean"), say("95 % interval"), "n"],
            rows=[
                [name, words.figure(mean["mean"]), words.interval(mean["interval"]), f"{mean['n']:,}"]
                for name, mean in measures.items()
            ],
            right=(1, 3),
        ),
        Intervals(
            say("Means with their 95 % intervals"),
            [
                Interval(name, mean["mean"], *mean["interval"], shown=words.figure(mean["mean"]))
                for name, mean in measures.items()
            ],
            zero=True,
        ),
    ]
    notes = [_left_out(one) for one in shape["left_out"]]
    notes += [
        say("Answered without something, {n} times: {what}", n=n, what=what) for what, n in shape["degraded"].items()
    ]
    if notes:
        blocks.append(Notes(notes))
    return blocks


def _left_out(one: Mapping[str, Any]) -> str:
    # The figures of a job name no documents.
    if "source" not in one:
        return say("{id}: left out, its text is not there.", id=one["id"])
    return say("{id}: left out, {source} has no such text or is gone.", **one)


def measure_in_words(measure: str) -> str:
    """A measure's name in the reader's language; unknown ones as they are."""
    names = {
        "correctness": say("correctness"),
        "contained": say("reference contained"),
        "f1": say("token F1"),
        "citation_precision": say("citation precision"),
        "citation_recall": say("citation recall"),
        "evidence_recall": say("evidence recall"),
        "refusal": say("refused or answered rightly"),
    }
    return names.get(measure, measure)


def problem_in_words(problem: str) -> str:
    """Why a quote does not bear its sentence; unknown reasons as they are."""
    names = {
        "figure": say("another figure"),
        "date": say("another date"),
        "unit": say("another unit"),
        "limit": say("another limit"),
        "negation": say("a negation more or less"),
        "name": say("a name that is not there"),
        "order": say("names in another order"),
        "altered": say("another word"),
        "words": say("too few of its words"),
    }
    return names.get(problem, problem)


def _facts(shape: Mapping[str, Any]) -> Facts:
    given, refusals, seconds = shape["questions"], shape["refusals"], shape["seconds"]
    return Facts(
        [
            (say("question set"), given["name"]),
            (say("version"), f"{given['frozen']} ({given['digest']})" if given["frozen"] else say("not frozen")),
            (say("questions"), f"{shape['n']:,}"),
            (say("left out"), f"{len(shape['left_out']):,}"),
            (say("evidence that is gone"), f"{shape['evidence_gone']:,}"),
            *_refusals(refusals),
            *(
                (say("verdict {verdict}", verdict=verdict_in_words(verdict)), f"{n:,}")
                for verdict, n in shape["verdicts"].items()
            ),
            (say("seconds of a question, median"), f"{seconds['p50']:.3f}"),
            (say("seconds of a question, 95 %"), f"{seconds['p95']:.3f}"),
            *((role_in_words(role), model) for role, model in shape["models"].items()),
        ]
    )


def _refusals(refusals: Mapping[str, Any]) -> list[tuple[str, str]]:
    told = refusals_in_words(refusals)
    return [(say("refusals"), told)] if told else []


def refusals_in_words(refusals: Mapping[str, Any]) -> str:
    """How well was refused, without figures of no case, which say nothing; "" where nothing was nor had to be."""
    values = {
        **{name: refusals[name] for name in ("right", "refused", "unanswerable")},
        **{name: f"{refusals[name]:.2f}" for name in ("precision", "recall", "f1")},
    }
    if not refusals["unanswerable"]:
        return say("{right} of {refused} right (precision {precision})", **values) if refusals["refused"] else ""
    if not refusals["refused"]:
        return say("{right} of {unanswerable} unanswerable ones refused (recall {recall})", **values)
    return say(
        "{right} of {refused} right (precision {precision}), {right} of {unanswerable} unanswerable ones "
        "refused (recall {recall}), F1 {f1}",
        **values,
    )


def _answers(shape: Mapping[str, Any]) -> Folded:
    rows = [
        [
            row["id"],
            row["question"],
            row["answer"],
            verdict_in_words(row["verdict"]),
            *("" if row[name] is None else words.figure(row[name]) for name in _SHOWN),
        ]
        for row in shape["results"]
    ]
    headers = [say("id"), say("question"), say("answer"), say("verdict"), *map(measure_in_words, _SHOWN)]
    return Folded(say("Every answer"), Table(headers, rows, right=range(4, 4 + len(_SHOWN)), wide=(1, 2)))


def verdict_in_words(verdict: str) -> str:
    """A verdict of an answer in the reader's language; unknown ones as they are."""
    names = {
        "answered": say("answered"),
        "partial": say("borne in part"),
        "no_evidence": say("no evidence"),
        "ungrounded": say("not borne"),
        "clarify": say("asked back"),
    }
    return names.get(verdict, verdict)


_SHOWN = ("correctness", "citation_precision", "citation_recall", "evidence_recall", "refusal")


def _citations(shape: Mapping[str, Any]) -> Folded:
    rows = [
        [
            row["id"],
            one["sentence"],
            one["quote"],
            one["source"],
            say(", ").join(map(problem_in_words, one["problems"])) if one["there"] else say("not in the document"),
        ]
        for row in shape["results"]
        for one in row["citations"]
        if not one["right"]
    ]
    headers = [say("id"), say("sentence"), say("quote"), say("source"), say("why")]
    return Folded(say("Citations that do not bear their sentence"), Table(headers, rows, wide=(1, 2, 3)))
