"""OpenTelemetry: a span for each request that has ended, and under it one for each stage (extra `otel`).

Made afterwards, from the seconds that were recorded anyway: nothing is done on the way of a request. Stages follow one
another in the span, in the order in which they were recorded; those that ran at the same time stand one behind the
other. A `traceparent` of the caller is taken up, and whether to trace is then the caller's choice. A span holds ids,
counts and names of closed sets, no words. Without an address in the settings nothing of this is imported.
"""

import importlib.util
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from qianxun import __version__
from qianxun.errors import MissingExtra
from qianxun.parts import parts_of, stage_of
from qianxun.service.facts import Ended
from qianxun.settings import TelemetrySettings

_NANO: Final = 1_000_000_000
_HEADERS: Final = ("traceparent", "tracestate")
# Traces of callers that were not told of yet: bounded, should one never end.
_MOST_KNOWN: Final = 10_000


class Tracing:
    """Sends spans. `ended` is a listener of the service; the doorway has what callers say of their own traces noted."""

    def __init__(self, settings: TelemetrySettings, *, exporter: Any = None) -> None:
        if importlib.util.find_spec("opentelemetry.sdk") is None:
            raise _missing()
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        resource = Resource.create({"service.name": "qianxun", "service.version": __version__})
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.trace_share)), resource=resource, shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter or _exporter(settings.traces)))
        self._tracer = self._provider.get_tracer("qianxun", __version__)
        self._parents: dict[str, Mapping[str, str]] = {}

    def note(self, id: str, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Remembers what the caller of a request says of a trace."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in headers
            if name.decode("latin-1") in _HEADERS
        }
        if "traceparent" in carrier and len(self._parents) < _MOST_KNOWN:
            self._parents[id] = carrier

    def ended(self, ended: Ended) -> None:
        """Makes the spans of a request."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        end = time.time_ns()
        start = end - int(ended.seconds * _NANO)
        facts = ended.facts
        parent = TraceContextTextMapPropagator().extract(dict(self._parents.pop(ended.id, {})))
        span = self._tracer.start_span(
            f"{ended.method} {ended.route or '-'}",
            context=parent,
            kind=SpanKind.SERVER,
            start_time=start,
            attributes={
                "http.request.method": ended.method,
                "http.route": ended.route,
                "http.response.status_code": ended.status,
                "qianxun.request_id": ended.id,
                "qianxun.action": facts.action,
                "qianxun.base": facts.base,
                "qianxun.passages": len(facts.passages),
                "qianxun.verdict": facts.verdict,
                "qianxun.cached": facts.cached,
                "qianxun.degraded": list(parts_of(facts.degraded)),
                "gen_ai.usage.input_tokens": facts.prompt_tokens,
                "gen_ai.usage.output_tokens": facts.completion_tokens,
            },
        )
        if ended.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        inside, at = set_span_in_context(span), start
        for stage, seconds in facts.stages.items():
            if stage != "total":
                stopped = min(end, at + int(seconds * _NANO))
                self._tracer.start_span(stage_of(stage), context=inside, start_time=at).end(end_time=stopped)
                at = stopped
        span.end(end_time=end)

    def close(self) -> None:
        """Sends what waits."""
        self._provider.shutdown()


def _exporter(address: str) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise _missing() from error
    return OTLPSpanExporter(endpoint=address)


def _missing() -> MissingExtra:
    return MissingExtra("Traces need packages that are not installed.", remedy="Run `pip install 'qianxun[otel]'`.")
