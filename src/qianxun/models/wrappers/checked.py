"""Engines that are tested before their first use, and refused if they fail.

What was found is kept with the knowledge base: for each encoder (fingerprint) the vectors of the probes, and for
each way of running a model (`run`: in process, or at an address) what its self-test found. So a test runs once for
each, and an engine that is not the one that the vectors came from is refused, whoever serves it. A server's encoder
is compared with the probes once in every process too: nobody sees when its weights change.
"""

import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from qianxun.models import check
from qianxun.models.check import ModelReport
from qianxun.models.wrappers.wrapped import WrappedEncoder
from qianxun.protocols import Delta, Generator, Message, Reranker, Sampling, Vectors

logger = logging.getLogger(__name__)

PROBES: Final = "probes"
RUNS: Final = "runs"


@dataclass(frozen=True, slots=True)
class Notebook:
    """Where findings are kept: `read(key)` gives JSON or None, `write(key, JSON)` keeps it; `now` is the time."""

    read: Callable[[str], dict[str, Any] | None]
    write: Callable[[str, dict[str, Any]], None]
    now: Callable[[], str]
    waive_meaning: bool = False

    def kept(self, role: str, identity: str) -> dict[str, Any]:
        """What is kept of a model; {} if nothing."""
        return self.read(f"{role}:{identity}") or {}

    def keep(self, report: ModelReport, identity: str, run: str) -> None:
        """Keeps a passed report."""
        page = self.kept(report.role, identity)
        runs = {**page.get(RUNS, {}), run: check.record_of(report, self.now())}
        page = {**page, RUNS: runs}
        if report.probes is not None and PROBES not in page:
            page[PROBES] = check.packed(report.probes)
        self.write(f"{report.role}:{identity}", page)

    def tested(self, page: Mapping[str, Any], run: str) -> bool:
        """Whether this run of a model passed already, as strictly as the settings ask now."""
        found = page.get(RUNS, {}).get(run)
        return found is not None and (self.waive_meaning or not found["waived"])


class CheckedEncoder(WrappedEncoder):
    """An encoder that passes its self-test before the first text. Satisfies `Encoder`. Raises UnfitModel.

    `remote` asks for the comparison with the probes once in this process, although the run is kept as tested.
    """

    def __init__(self, encoder: Any, notebook: Notebook, *, run: str, remote: bool) -> None:
        super().__init__(encoder)
        self._notebook = notebook
        self._run = run
        self._remote = remote
        self._passed = False
        self._guard = threading.Lock()

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows."""
        self._require()
        rows: Vectors = self._encoder.encode_queries(texts)
        return rows

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """(n, dim) float32, unit rows."""
        self._require()
        rows: Vectors = self._encoder.encode_passages(texts)
        return rows

    def _require(self) -> None:
        with self._guard:
            if self._passed:
                return
            page = self._notebook.kept("encoder", self.fingerprint)
            known = check.unpacked(page[PROBES], self.dim) if PROBES in page else None
            if known is None or not self._notebook.tested(page, self._run):
                report = check.check_encoder(self._encoder, waive_meaning=self._notebook.waive_meaning, known=known)
                report.require()
                self._notebook.keep(report, self.fingerprint, self._run)
                logger.info("encoder %s: self-test passed in %.1f s", self.fingerprint, report.seconds)
            elif self._remote:
                check.still_the_same(self._encoder, known).require()
            self._passed = True


class CheckedReranker:
    """A reranker that passes its self-test before the first question. Satisfies `Reranker`. Raises UnfitModel."""

    def __init__(self, reranker: Any, notebook: Notebook, *, identity: str, run: str) -> None:
        self.name: str = reranker.name
        self._reranker: Reranker = reranker
        self._close: Callable[[], None] = reranker.close
        self._notebook = notebook
        self._identity = identity
        self._run = run
        self._passed = False
        self._guard = threading.Lock()

    @property
    def served_by(self) -> str:
        """Where and how it runs."""
        return check.served_by(self._reranker)

    def score(self, question: str, passages: Sequence[str], *, instruction: str | None = None) -> Vectors:
        """(n,) float32, P(relevant) in [0, 1], in the order given."""
        with self._guard:
            if not self._passed:
                page = self._notebook.kept("reranker", self._identity)
                if not self._notebook.tested(page, self._run):
                    report = check.check_reranker(self._reranker, waive_meaning=self._notebook.waive_meaning)
                    report.require()
                    self._notebook.keep(report, self._identity, self._run)
                self._passed = True
        return self._reranker.score(question, passages, instruction=instruction)

    def close(self) -> None:
        """Closes the wrapped reranker."""
        self._close()


class CheckedGenerator:
    """A generator that passes its self-test before the first answer. Satisfies `Generator`. Raises UnfitModel."""

    def __init__(self, generator: Any, notebook: Notebook, *, identity: str, run: str) -> None:
        self.name: str = generator.name
        self._generator: Generator = generator
        self._close: Callable[[], None] = generator.close
        self._notebook = notebook
        self._identity = identity
        self._run = run
        self._passed = False

    @property
    def context_tokens(self) -> int:
        """The wrapped generator's."""
        return self._generator.context_tokens

    @property
    def served_by(self) -> str:
        """Where and how it runs."""
        return check.served_by(self._generator)

    async def stream(
        self, messages: Sequence[Message], *, schema: dict[str, Any] | None = None, sampling: Sampling
    ) -> AsyncIterator[Delta]:
        """The answer as it comes."""
        if not self._passed:
            page = self._notebook.kept("generator", self._identity)
            if not self._notebook.tested(page, self._run):
                report = await check.check_generator(self._generator, waive_meaning=self._notebook.waive_meaning)
                report.require()
                self._notebook.keep(report, self._identity, self._run)
            self._passed = True
        stream = self._generator.stream(messages, schema=schema, sampling=sampling)
        try:
            async for delta in stream:
                yield delta
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    def count_tokens(self, text: str) -> int:
        """Tokens of a text, exact or a safe over-estimate."""
        return self._generator.count_tokens(text)

    def close(self) -> None:
        """Closes the wrapped generator."""
        self._close()
