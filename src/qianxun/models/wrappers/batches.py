"""The queue before an engine in process: what becomes a batch, and whose turn it is. Knows no engine.

One thread per engine does all the computing; callers wait for it. So an engine that is not safe between threads is,
and libraries that keep threads and memory for each thread that calls them keep them once. A batch is made of what
waits when the engine is free, in the order of arrival. If several calls were in flight a moment ago, the engine waits
for as many again, a few milliseconds at most: callers that got their results together come back together. A caller
that is alone never waits.

A caller that goes away is taken out of the queue; what the engine is computing already is computed to its end, and
nobody gets it.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError
from typing import Any, Final

from qianxun.errors import ModelUnavailable
from qianxun.models.wrappers import callers

# Less is not worth a batch of its own on any machine.
_LEAST_COST: Final = 512
# Share of the newest batch in what is known of the speed.
_NEWEST: Final = 0.5


class _Call:
    """What one caller waits for. `order` are the numbers of the items that no batch has taken, costliest first."""

    __slots__ = ("error", "group", "items", "n_open", "order", "over", "results")

    def __init__(self, group: Hashable, items: Sequence[Any], cost: Callable[[Any], int]) -> None:
        self.group = group
        self.items = items
        self.order = deque(sorted(range(len(items)), key=lambda i: -cost(items[i])))
        self.results: list[Any] = [None] * len(items)
        self.n_open = len(items)
        self.error: BaseException | None = None
        self.over = threading.Event()

    def end(self, error: BaseException | None = None) -> None:
        """Lets the caller go on; the first end counts."""
        if not self.over.is_set():
            self.error = error
            self.order.clear()
            self.over.set()


_Part = tuple[_Call, list[int]]  # items of a call, by number, that are in a batch


class Queue:
    """Calls of a group share batches. `run(group, items)` gives a result per item, in order; raises for all of them."""

    def __init__(
        self,
        run: Callable[[Any, Sequence[Any]], Sequence[Any]],
        *,
        cost: Callable[[Any], int],
        window_seconds: float,
        max_items: int,
        max_cost: int,
        name: str,
        batch_seconds: float | None = None,
    ) -> None:
        self._engine = run
        self._cost = cost
        self._window_seconds = window_seconds
        self._max_items = max_items
        self._max_cost = max_cost
        self._batch_seconds = batch_seconds
        self._name = name
        self._cost_per_second: float | None = None
        self._waiting: deque[_Call] = deque()
        # How many calls were in flight when the last batch ended, and until when that says anything.
        self._company = 1
        self._company_until = 0.0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._changed = threading.Condition()

    @property
    def n_waiting(self) -> int:
        """Calls that still have items no batch has taken."""
        with self._changed:
            return len(self._waiting)

    def results(self, group: Hashable, items: Sequence[Any]) -> list[Any]:
        """The engine's results, in the order of the items."""
        call = _Call(group, items, self._cost)
        caller = callers.current()
        with caller.waiting(lambda: self._drop(call)):
            with self._changed:
                if self._closed:
                    call.end(self._refusal())
                elif not call.over.is_set():
                    self._waiting.append(call)
                    self._start()
                    self._changed.notify()
            try:
                call.over.wait()
            except BaseException:  # Ctrl-C
                self._drop(call)
                raise
        if call.error is not None:
            raise call.error
        return call.results

    def close(self) -> None:
        """Waits for the batch being computed, refuses what waits, ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _drop(self, call: _Call) -> None:
        with self._changed:
            call.end(CancelledError())
            if call in self._waiting:
                self._waiting.remove(call)

    def _refusal(self) -> ModelUnavailable:
        return ModelUnavailable("The {engine} was closed.", remedy="Open the knowledge base again.", engine=self._name)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"qianxun {self._name}", daemon=True)
            self._thread.start()

    # -- in the thread of the engine ----------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                self._await_company()
                if self._closed:
                    for call in self._waiting:
                        call.end(self._refusal())
                    self._waiting.clear()
                    return
                batch = self._next_batch()
            ended = self._run(batch) if batch else []
            with self._changed:
                self._company = len({id(call) for call, _ in batch} | {id(call) for call in self._waiting})
                self._company_until = time.monotonic() + self._window_seconds
                for call in ended:  # a call that failed may have had more to come
                    if call in self._waiting:
                        self._waiting.remove(call)
            # Not before: whoever gets its results may be back at once.
            for call in ended:
                call.end(call.error)

    def _await_company(self) -> None:
        now = time.monotonic()
        if self._company_until < now:
            return  # whoever was here a while ago says nothing of now
        until = now + self._window_seconds
        while len(self._waiting) < self._company and not self._closed and not self._full():
            left = until - time.monotonic()
            if left <= 0 or not self._changed.wait(left):
                return

    def _full(self) -> bool:
        n_items = sum(len(call.order) for call in self._waiting)
        cost = sum(self._cost(call.items[i]) for call in self._waiting for i in call.order)
        return n_items >= self._max_items or cost >= self._most_cost()

    def _most_cost(self) -> float:
        if self._batch_seconds is None:
            return self._max_cost
        seen = (self._cost_per_second or 0.0) * self._batch_seconds
        return min(max(seen, _LEAST_COST), self._max_cost)

    def _next_batch(self) -> list[_Part]:
        """Items of the first call and of those after it that are of its group; a call not done goes to the end."""
        batch: list[_Part] = []
        n_items, cost, most = 0, 0, self._most_cost()
        group = self._waiting[0].group if self._waiting else None
        for call in [call for call in self._waiting if call.group == group]:
            taken: list[int] = []
            while call.order and n_items < self._max_items:
                more = self._cost(call.items[call.order[0]])
                if n_items and cost + more > most:
                    break
                taken.append(call.order.popleft())
                n_items, cost = n_items + 1, cost + more
            if not taken:
                break
            batch.append((call, taken))
            self._waiting.remove(call)
            if call.order:
                self._waiting.append(call)
        return batch

    def _run(self, batch: Sequence[_Part]) -> list[_Call]:
        """Computes a batch; those of its calls that are over now, to be told so."""
        try:
            self._compute(batch)
        except BaseException as error:
            if len(batch) == 1:
                batch[0][0].error = error
            else:  # one of them is to blame: each for itself
                return [call for part in batch for call in self._run([part])]
        return [call for call, _ in batch if call.error is not None or call.n_open == 0]

    def _compute(self, batch: Sequence[_Part]) -> None:
        parts = [(call, i) for call, numbers in batch if not call.over.is_set() for i in numbers]
        if not parts:
            return
        parts.sort(key=lambda part: -self._cost(part[0].items[part[1]]))
        start = time.perf_counter()
        results = self._engine(parts[0][0].group, [call.items[i] for call, i in parts])
        self._learn_speed(sum(self._cost(call.items[i]) for call, i in parts), time.perf_counter() - start)
        for (call, i), result in zip(parts, results, strict=True):
            call.results[i] = result
            call.n_open -= 1

    def _learn_speed(self, cost: int, seconds: float) -> None:
        newest = cost / max(seconds, 1e-9)
        known = self._cost_per_second
        self._cost_per_second = newest if known is None else _NEWEST * newest + (1 - _NEWEST) * known
