"""A small world with a rule to be learned: of the papers on a subject only the one that was approved answers.

Search alone cannot tell a subject's papers apart: all of them have the words of the question as often. Texts are
Chinese, English, mixed, traditional and full-width.
"""

import random
from collections.abc import Sequence
from pathlib import Path

from qianxun.ingestion import TextItem
from qianxun.knowledge_base import KnowledgeBase
from qianxun.records import AcceptedPair

APPROVED = "已核准 approved yes"
DRAFTS = ("草稿 draft no", "作廢 void no", "未定稿 pending no")
THINGS = ("连接池", "年假", "报销单", "合同", "防火墙", "电压", "發票", "圖書館", "加班費", "登录", "会议", "向量")
PLACES = ("Beijing", "上海", "臺北分公司", "ＧＰＵ", "Windows", "head office", "财务部", "总公司")
_ENDINGS = ("。", ".", "；见附件。", " (full text)")


def subjects(n: int) -> list[str]:
    """Pairs of words, each pair once."""
    return [f"{thing} {place}" for place in PLACES for thing in THINGS][:n]


def papers(subject: str, number: int) -> list[TextItem]:
    """The approved paper and its drafts; which is first does not tell."""
    states = [APPROVED, *DRAFTS]
    random.Random(number).shuffle(states)
    return [
        TextItem(
            source=f"paper-{number}-{place}-{'approved' if state == APPROVED else 'draft'}",
            title="",
            text=f"{state} {subject}{_ENDINGS[place % len(_ENDINGS)]}",
        )
        for place, state in enumerate(states)
    ]


def fill(base: KnowledgeBase, n: int) -> list[AcceptedPair]:
    """Adds the papers of n subjects; gives the pairs that are true."""
    written = {subject: papers(subject, number) for number, subject in enumerate(subjects(n))}
    base.add_texts([item for items in written.values() for item in items])
    return [
        AcceptedPair(subject, source=item.source)
        for subject, items in written.items()
        for item in items
        if item.source.endswith("approved")
    ]


def shuffled(pairs: Sequence[AcceptedPair], base: KnowledgeBase, seed: int = 7) -> list[AcceptedPair]:
    """For every question one of its papers, by lot."""
    drawn = random.Random(seed)
    sources = sorted(document.source for document in base.documents())
    return [
        AcceptedPair(
            pair.question,
            source=drawn.choice([s for s in sources if s.split("-")[1] == pair.source.split("-")[1]]),
        )
        for pair in pairs
    ]


def write(path: Path, pairs: Sequence[AcceptedPair]) -> Path:
    """The pairs as JSON lines."""
    from qianxun.storage.feedback_pairs import line_of

    path.write_text("".join(f"{line_of(pair)}\n" for pair in pairs), encoding="utf-8")
    return path
