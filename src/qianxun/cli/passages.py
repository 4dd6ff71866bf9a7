"""How passages and their places are shown to people; shared by `search`, `ask`, `show` and `demo`."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from qianxun.cli.screen import Piece, Screen
from qianxun.cli.words import cut, shown_seconds, shown_source, snippet
from qianxun.messages import say
from qianxun.parts import model_in_words, no_rank_in_words
from qianxun.records import Passage, Signal
from qianxun.shapes import HEADING_SEPARATOR, total_seconds

if TYPE_CHECKING:
    from qianxun.cli.session import Session
    from qianxun.knowledge_base import KnowledgeBase

SNIPPET_CELLS = 240


def place(source: str, page: int | None, location: str | None) -> str:
    """A source and the place in it: `report.pdf, page 3`."""
    where = say("page {page}", page=page) if page is not None else location
    return f"{shown_source(source)}{say(', ')}{where}" if where else shown_source(source)


def show_hit(screen: Screen, passage: Passage) -> None:
    """Rank, score, title, place, heading and the stretch with the matched terms."""
    title: list[Piece] = [f"{passage.rank:>2}  ", (f"{passage.score:.2f}", "green"), "  ", (passage.title, "bold")]
    if passage.relevant is not None:
        title += ["  ", (say("relevant"), "green") if passage.relevant else (say("not relevant"), "yellow")]
    screen.line(*title)
    below: list[Piece] = ["    ", (place(passage.source, passage.page, passage.location), "cyan")]
    heading = heading_below(passage.title, passage.heading)
    if heading:
        below.append((f"  {heading}", "dim"))
    screen.line(*below)
    shown, marks = snippet(passage.text, passage.matched, SNIPPET_CELLS)
    screen.paragraph(shown, indent=4, marks=marks)
    show_duplicates(screen, passage)


def heading_below(title: str, heading: Sequence[str]) -> str:
    """The path of headings without the first, if the title, which is shown already, is it or begins with it."""
    first = heading[0].strip() if heading else ""
    said = bool(first) and title.strip().startswith(first) and not title.strip()[len(first) :][:1].isalnum()
    return HEADING_SEPARATOR.join(heading[1:] if said else heading)


def show_duplicates(screen: Screen, passage: Passage) -> None:
    """The other sources that say the same."""
    if passage.duplicates:
        others = say(", ").join(shown_source(source) for source in passage.duplicates)
        screen.line("    ", (say("the same in: {sources}", sources=others), "dim"))
    if passage.near_duplicates:
        others = say(", ").join(shown_source(source) for source in passage.near_duplicates)
        screen.line("    ", (say("nearly the same in: {sources}", sources=others), "dim"))


def show_stages(screen: Screen, passage: Passage) -> None:
    """Which chunk a passage is, what each stage said of it, and the terms that matched."""
    span = passage.span
    which = say("chunk {id}, characters {start} to {end}", id=passage.chunk, start=span.start, end=span.end)
    screen.line("    ", (which, "magenta"))
    for name, stage in passage.stages.items():
        none = no_rank_in_words(name, passage.matched)
        rank = none if stage.rank is None else say("rank {rank}", rank=stage.rank)
        score = "" if stage.score is None else say("score {score}", score=f"{stage.score:.4f}")
        screen.line("    ", (f"{name}: {rank}" + (f"{say(', ')}{score}" if score else ""), "magenta"))
    for one in passage.contributions:
        told = say(
            "{signal}: {value} × {weight}, adds {effect}",
            signal=signal_in_words(one.signal),
            value=f"{one.value:.3f}",
            weight=f"{one.weight:g}",
            effect=f"{one.effect:+.4f}",
        )
        screen.line("    ", (told, "magenta"))
    if passage.matched:
        screen.line("    ", (say("matched: {terms}", terms=" ".join(passage.matched)), "magenta"))


def signal_in_words(signal: Signal) -> str:
    """What a signal is called."""
    words: dict[Signal, str] = {
        "relevance": say("relevance"),
        "freshness": say("freshness"),
        "authority": say("authority"),
        "clicks": say("clicks"),
        "feedback": say("feedback"),
        "exact": say("said literally"),
    }
    return words[signal]


def show_timings(screen: Screen, timings: Mapping[str, float]) -> None:
    """Time per stage."""
    rows: list[Sequence[Piece]] = [
        (stage, shown_seconds(seconds)) for stage, seconds in timings.items() if stage != "total"
    ]
    rows.append((say("total"), shown_seconds(total_seconds(timings))))
    screen.table([say("stage"), say("time")], rows, right=[1])


def show_degraded(screen: Screen, degraded: Sequence[str]) -> None:
    """What was left out, named. A model's error is a sentence already."""
    if degraded:
        stages = say("; ").join(what.rstrip(".。") for what in degraded)
        screen.line((say("Left out: {stages}.", stages=stages), "yellow"))


def models_in_words(models: Mapping[str, str]) -> str:
    """Which model did what: `encoder builtin, answer by quoting`."""
    roles = {"encoder": say("encoder"), "adapter": say("adapter of"), "answer": say("answer by")}
    shown = ((role, name) for role, name in models.items() if role != "prompt")  # that is for programs
    return say(", ").join(f"{roles.get(role, role)} {cut(model_in_words(name), 60)}" for role, name in shown)


def say_if_empty(session: "Session", base: "KnowledgeBase") -> None:
    """What to do first, where nothing was found because nothing is there."""
    if not base.documents():
        session.note(say("The knowledge base has no documents yet: `qianxun add FOLDER` reads some."))
