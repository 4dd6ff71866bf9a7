"""The indexes of one search, asked so that nobody waits for whom they need not wait.

Words can be looked up while the question is still being encoded, and both indexes at the same time: the engines let go
of the interpreter while they search. Times overlap, then.
"""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeAlias, cast

from qianxun.errors import OutOfTime
from qianxun.protocols import Index, Vectors, Where
from qianxun.records import Hit, Query
from qianxun.retrieval.trace import Trace
from qianxun.settings import BudgetSettings

_Asked: TypeAlias = tuple[str, Query, int]


class Legs:
    """`where` holds for every question. Without threads in the trace, one index is asked after the other."""

    def __init__(self, indexes: Sequence[Index], where: Where | None, budget: BudgetSettings, trace: Trace) -> None:
        self._indexes = indexes
        self._where = where
        self._budgets = {"dense": budget.dense, "lexical": budget.lexical}
        self._trace = trace
        self._begun: dict[_Asked, Future[list[Hit]]] = {}

    def begin(self, kind: str, query: Query, k: int) -> None:
        """Begins to ask the index of a kind for the k best; `ask` for the same takes what it finds."""
        if self._trace.threads is not None:
            for index in self._indexes:
                if index.kind == kind:
                    self._begun[kind, query, k] = self._trace.threads.submit(self._hits, index, query, k)

    def ask(self, query: Query, kinds: Sequence[str], k: int) -> dict[str, list[Hit]]:
        """Each leg's k best hits. A leg that takes longer than its budget is left out, if another one answers.

        Raises OutOfTime where none does.
        """
        threads, budgets = self._trace.threads, self._budgets
        asked = [index for index in self._indexes if index.kind in kinds]
        later = {i.kind: begun for i in asked if (begun := self._begun.pop((i.kind, query, k), None)) is not None}
        here = [index for index in asked if index.kind not in later]
        if threads is not None:
            # One of them this thread asks itself, if that may take as long as it takes.
            elsewhere = here[:-1] if here and budgets[here[-1].kind] <= 0.0 else here
            later |= {index.kind: threads.submit(self._hits, index, query, k) for index in elsewhere}
            here = here[len(elsewhere) :]
        found = {index.kind: self._hits(index, query, k) for index in here}
        late: list[OutOfTime] = []
        for kind, answer in later.items():
            try:
                found[kind] = self._trace.in_time(kind, budgets[kind], answer)
            except OutOfTime as error:
                late.append(error)
        if late and not found:
            raise late[0]
        degraded = self._trace.degraded
        degraded += [str(error) for error in late if str(error) not in degraded]
        return {kind: found[kind] for kind in kinds if kind in found}

    def _hits(self, index: Index, query: Query, k: int) -> list[Hit]:
        # Where the encoder can read nothing of a question its vector is one of zeros, and any passage is the best.
        if index.kind == "dense" and query.vector is not None and not cast("Vectors", query.vector).any():
            return []
        with self._trace.stage(index.kind):
            return index.search(query, k, self._where)
