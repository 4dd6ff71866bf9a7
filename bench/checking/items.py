"""The labelled set: sentences, each with the passage that it cites and whether that bears it. Knows no checker."""

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bench.checking.alterations import ALTERATIONS, cells_mixed, narrow
from bench.checking.rewordings import REWORDINGS, cells_said
from bench.checking.sources import Half, Language, Source, language_of, parallel, sources
from qianxun.answering.pieces import pieces
from qianxun.records import Passage
from qianxun.text import fold

MOST_OF_A_KIND: Final = 100
_DRAWS: Final = 3  # of an alteration from a sentence: some sentences have several numbers
# Invented sentences about whatever a passage is about.
_INVENTED: Final = {
    "zh": (
        "{}每两年由外部专家重新评审一次。",
        "关于{}的争议由董事会最终裁定。",
        "{}的全文另有德文译本。",
        "{}曾在去年的展会上获得好评。",
        "为推广{}，公司设立了专项奖金。",
        "{}的内容须刻在金属牌上公示。",
        "只有持股员工才能查阅{}。",
        "{}参考了邻近城市的做法。",
        "违反{}的人员须参加义务劳动。",
        "{}由一家咨询公司代为起草。",
    ),
    "en": (
        "An outside consultant reviews the section on {} every spring.",
        "The rules on {} were copied from a competitor.",
        "Questions about {} are settled by drawing lots.",
        "A German translation of {} is kept in the archive.",
        "Shareholders voted against {} at their last meeting.",
        "{} won an award at a trade fair.",
        "Only retired members may read the text on {}.",
        "A podcast about {} is published each month.",
        "The text on {} is engraved on a brass plate.",
        "Schools in the region use {} as teaching material.",
    ),
}


@dataclass(frozen=True, slots=True)
class Item:
    """A sentence, the passage that it cites, and whether the passage bears it (`true`)."""

    language: Language
    kind: str
    true: bool
    sentence: str
    passage: Passage


def items(half: Half, seed: int = 1) -> list[Item]:
    """The items of a half, at most `MOST_OF_A_KIND` of a language and kind, in a fixed order."""
    found: dict[tuple[str, bool, str], list[Item]] = defaultdict(list)
    known = {(item.sentence, item.passage.source, item.passage.chunk): item for item in _all(half, seed)}
    for item in known.values():
        found[item.language, item.true, item.kind].append(item)
    chosen: list[Item] = []
    for (language, _, kind), of_kind in sorted(found.items()):
        random.Random(f"{seed} {language} {kind}").shuffle(of_kind)
        chosen += of_kind[:MOST_OF_A_KIND]
    return chosen


def across(half: Half) -> list[Item]:
    """Sentences in the other language than the passage that they cite: the same statement, and altered by hand."""
    found = []
    for zh, zh_line, en, en_line in parallel(half):
        for mine, theirs in (((zh, zh_line), (en, en_line)), ((en, en_line), (zh, zh_line))):
            (source, line), (cited, _) = mine, theirs
            found.append(Item(source.language, "the same", True, line.text, cited.passage))
            found += [Item(source.language, "by hand", False, text, cited.passage) for text in line.altered]
    return found


def _all(half: Half, seed: int) -> Iterator[Item]:
    everything = sources(half)
    for source in everything:
        rng = random.Random(f"{seed} {source.document} {source.number}")
        yield from _true(source, rng)
        yield from _altered(source, rng)
        yield from _elsewhere(source, everything, rng)


def _item(source: Source, kind: str, true: bool, sentence: str) -> Item:
    return Item(language_of(sentence), kind, true, sentence, source.passage)


def _true(source: Source, rng: random.Random) -> Iterator[Item]:
    for sentence in source.sentences:
        yield _item(source, "quoted", True, sentence)
        for kind, way in REWORDINGS.items():
            text = way(sentence, source, rng)
            if text is not None:
                yield _item(source, kind, True, text)
    for piece in pieces(source.passage):
        if piece.row:
            yield _item(source, "row quoted", True, piece.shown)
    for text in cells_said(source, rng):
        yield _item(source, "cell said", True, text)
    for line in source.lines:
        for text in line.reworded:
            yield _item(source, "other words, by hand", True, text)


def _altered(source: Source, rng: random.Random) -> Iterator[Item]:
    for sentence in source.sentences:
        for kind, way in ALTERATIONS.items():
            for _ in range(_DRAWS):
                text = way(narrow(sentence), source, rng)
                if text is not None and text != narrow(sentence):
                    yield _item(source, kind, False, text)
    for text in cells_mixed(source, rng):
        yield _item(source, "cell of another row or column", False, text)
    for line in source.lines:
        for text in line.altered:
            yield _item(source, "altered by hand", False, text)
    for text in source.inventions:
        yield _item(source, "invented", False, text)
    if source.sentences and source.subject:
        yield _item(source, "invented", False, rng.choice(_INVENTED[source.language]).format(source.subject))


def _elsewhere(source: Source, everything: list[Source], rng: random.Random) -> Iterator[Item]:
    """A sentence that another passage bears: of the same document if it has any, and of another one."""
    others = [other for other in everything if other.language == source.language and other.sentences]
    bare = _bare(source.passage.text)
    same = [other for other in others if other.document == source.document and other.number != source.number]
    different = [other for other in others if other.document != source.document]
    for among in (same, different):
        if among and source.sentences:
            sentence = rng.choice(rng.choice(among).sentences)
            if language_of(sentence) == source.language and _bare(sentence) not in bare:
                yield _item(source, "true of another passage", False, sentence)


def _bare(text: str) -> str:
    return "".join(c for c in fold(text) if c.isalnum())
