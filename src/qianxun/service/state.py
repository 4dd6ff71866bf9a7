"""The state of the service as metrics show it: what the knowledge bases and the service's file say now. Cheap to read.

Nothing is opened for it that is not open already but the store of a knowledge base; no model, no index.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

from qianxun import __version__
from qianxun.errors import NotFound, QianxunError
from qianxun.service.auditing import Auditing
from qianxun.service.metrics import Metrics
from qianxun.service.service import Service
from qianxun.storage.checks import Checks

logger = logging.getLogger(__name__)

Sample = tuple[str, tuple[str, ...], float]


class State:
    """Looks up the state of a service, and notes that of this process."""

    def __init__(self, service: Service, auditing: Auditing) -> None:
        self._service = service
        self._auditing = auditing
        self._checks = Checks(service.database)

    def of_everything(self) -> Iterator[Sample]:
        """(metric, labels, value) of what all processes share."""
        yield "qianxun_info", (__version__,), 1.0
        names = self._service.bases.names()
        for name in names:
            yield from self._of_base(name)
        for check in self._checks.all():
            if check.base in names:
                yield "qianxun_orphans", (check.base,), check.problems
                yield "qianxun_check_age_seconds", (check.base,), (datetime.now(UTC) - check.at).total_seconds()
        yield from self._of_service_file()

    def of_process(self, metrics: Metrics) -> None:
        """Notes queues, streams and what waits to be recorded."""
        service = self._service
        for lane in service.lanes.values():
            metrics.put("qianxun_lane_waiting", lane.n_waiting, lane.name)
            metrics.put("qianxun_lane_running", lane.n_running, lane.name)
            metrics.put("qianxun_lane_oldest_seconds", lane.waiting_seconds, lane.name)
            metrics.rose_to("qianxun_lane_refused_total", lane.n_refused, lane.name)
        metrics.put("qianxun_streams_open", service.streams.n_taken)
        for places in (service.streams, service.watchers):
            metrics.rose_to("qianxun_lane_refused_total", places.n_refused, places.name)
        metrics.put("qianxun_audit_waiting", self._auditing.queue.waiting)
        metrics.put("qianxun_audit_failing", self._auditing.is_failing)
        metrics.rose_to("qianxun_audit_dropped_total", self._auditing.dropped)

    def _of_base(self, name: str) -> Iterator[Sample]:
        try:
            figures = self._service.bases.get(name).kb.figures()
        except NotFound:  # deleted a moment ago
            return
        except QianxunError as error:
            logger.warning("the state of knowledge base %s cannot be read: %s", name, type(error).__name__)
            yield "qianxun_unreadable", (name,), 1.0
            return
        yield "qianxun_unreadable", (name,), 0.0
        yield "qianxun_documents", (name,), figures.documents
        yield "qianxun_failed_documents", (name,), figures.failed
        yield "qianxun_chunks", (name,), figures.chunks
        for index, behind in figures.behind.items():
            yield "qianxun_index_lag", (name, index), behind

    def _of_service_file(self) -> Iterator[Sample]:
        rows = self._service.database.rows
        tables = {row[0] for row in rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        kept = rows("SELECT count(*) FROM conversations")[0][0] if "conversations" in tables else 0
        yield "qianxun_conversations", (), kept
        for state, n in self._service.jobs.counts().items():
            yield "qianxun_jobs", (state,), n
        yield "qianxun_jobs_oldest_seconds", (), self._service.jobs.waiting_seconds()
        if self._auditing.audit is not None:
            yield "qianxun_audit_head", (), self._auditing.audit.head()[0]
