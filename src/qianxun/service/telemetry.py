"""Puts audit, quotas, metrics, the access log and traces onto a service: who listens to it, and in which order."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qianxun.service.auditing import Auditing
from qianxun.service.logs import log_access
from qianxun.service.metrics import Metrics
from qianxun.service.service import Service
from qianxun.service.state import State

if TYPE_CHECKING:
    from qianxun.service.tracing import Tracing


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What watches a service."""

    auditing: Auditing
    metrics: Metrics
    tracing: "Tracing | None"


def attach(service: Service) -> Telemetry:
    """Has a service watched as its settings say. Raises SettingsError, MissingExtra."""
    auditing = Auditing(service.settings, service.database)
    state = State(service, auditing)
    metrics = Metrics(state.of_everything)
    metrics.noting(state.of_process)
    service.admitting.append(auditing.admit)
    service.before_tokens.append(auditing.before_tokens)
    service.before_reply.append(auditing.before_reply)
    service.listeners += [auditing.ended, metrics.ended, log_access]
    service.closing += [auditing.close, metrics.close]
    tracing = None
    if service.settings.telemetry.traces:
        from qianxun.service.tracing import Tracing

        tracing = Tracing(service.settings.telemetry)
        service.listeners.append(tracing.ended)
        service.closing.append(tracing.close)
    return Telemetry(auditing, metrics, tracing)
