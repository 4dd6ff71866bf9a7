"""Judged questions in two parts: one to learn from, and one held back that says whether anything was learned.

Questions that were answered by the same document stay together, so that no document of a held-back question was
learned by heart; where nearly all hang together (one handbook answers everything), single questions are held back,
and the division says how many documents both parts share. Knows questions only, neither models nor texts.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from qianxun.evaluation.pairs import JudgedQuestion

SHARE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Division:
    """`shared` are the documents that were accepted for questions of both parts."""

    learning: tuple[JudgedQuestion, ...]
    held_back: tuple[JudgedQuestion, ...]
    shared: frozenset[int]


def divide(
    questions: Sequence[JudgedQuestion], *, seed: int, share: float = SHARE, learned: Collection[str] = ()
) -> Division:
    """The questions in two parts, each in the order given. About `share` of them is held back.

    `learned` are the keys of questions that the model was made with before: they can no longer tell anything and are
    never held back. The same questions and seed give the same division, whatever the order of the questions.
    """
    target = round(len(questions) * share)
    keys: set[str] = set()
    for group in sorted(_hanging_together(questions), key=lambda group: _place(seed, min(group))):
        if not group.intersection(learned) and len(keys) + len(group) <= target:
            keys |= group
    if 2 * len(keys) < target:  # what is left hangs together
        left = sorted({q.key for q in questions} - keys - set(learned), key=lambda key: _place(seed, key))
        keys.update(left[: target - len(keys)])
    learning = tuple(question for question in questions if question.key not in keys)
    held_back = tuple(question for question in questions if question.key in keys)
    return Division(learning, held_back, frozenset(_documents(learning) & _documents(held_back)))


def _hanging_together(questions: Sequence[JudgedQuestion]) -> list[set[str]]:
    """Keys of questions in groups: two that were answered by the same document are in one."""
    parent: dict[str | int, str | int] = {}

    def root(node: str | int) -> str | int:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for question in questions:
        for document in question.accepted:
            parent[root(document)] = root(question.key)
    groups: dict[str | int, set[str]] = {}
    for question in questions:
        groups.setdefault(root(question.key), set()).add(question.key)
    return list(groups.values())


def _documents(questions: Sequence[JudgedQuestion]) -> set[int]:
    return {document for question in questions for document in question.accepted}


def _place(seed: int, key: str) -> bytes:
    """Where a key stands in an order that depends on nothing but seed and key."""
    return hashlib.sha256(f"{seed}:{key}".encode()).digest()
