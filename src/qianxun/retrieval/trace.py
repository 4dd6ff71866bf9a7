"""What a search tells of itself: seconds by stage, what it did without, what it understood. And who ran out of time."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from qianxun.errors import OutOfTime
from qianxun.messages import Remark

T = TypeVar("T")


@dataclass(slots=True)
class Trace:
    """Of one search. A stage with a budget runs in `threads`; without them there are no budgets."""

    threads: Executor | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    degraded: list[str] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Counts the time of what is done within."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started

    def within(self, name: str, budget: float, work: Callable[[], T]) -> T:
        """What `work` gives. Raises OutOfTime if that takes longer than `budget` seconds (0: it may).

        Python cannot stop a thread: what comes too late is finished and thrown away, and until then it takes one of
        the threads. Who finds all of them taken runs out of time waiting.
        """
        with self.stage(name):
            if budget <= 0.0 or self.threads is None:
                return work()
            return self.in_time(name, budget, self.threads.submit(work))

    def in_time(self, name: str, budget: float, later: "Future[T]") -> T:
        """What was begun before, within `budget` seconds from now (0: any). Raises OutOfTime."""
        try:
            return later.result(timeout=budget or None)
        except TimeoutError as error:
            if later.done():  # it is the work's own
                raise
            later.cancel()
            raise OutOfTime(
                "{stage} took longer than {budget:g} s (budget.{stage}).", stage=name, budget=budget
            ) from error
