"""Spans of requests, sent with OTLP over HTTP. Imported always, but OpenTelemetry only when it is asked for."""

import logging
from collections.abc import Mapping
from typing import Any

from registry.errors import InvalidConfiguration

__all__ = ["Traces", "open_traces"]


class Traces:
    """Begins and ends spans; sending is on a thread of the library's, which drops what is too much."""

    def __init__(self, provider: Any, propagator: Any, kinds: Any) -> None:  # noqa: ANN401 - of an optional library
        self._provider, self._propagator = provider, propagator
        self._tracer = provider.get_tracer("wasmbuild.registry")
        self._server = kinds.SERVER

    def begin(self, scope: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """The span of a request, a child of the one that the client names (W3C Trace Context)."""
        carrier = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
            if name in (b"traceparent", b"tracestate")
        }
        context = self._propagator.extract(carrier) if carrier else None
        return self._tracer.start_span(scope["method"], context=context, kind=self._server)

    def end(self, span: Any, method: str, route: str, status: int) -> None:  # noqa: ANN401
        """It was answered."""
        span.update_name(f"{method} {route}")
        span.set_attributes({"http.request.method": method, "http.route": route, "http.response.status_code": status})
        if status >= 500:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415  optional

            span.set_status(StatusCode.ERROR)
        span.end()

    def close(self) -> None:
        """Send what waits, for a few seconds at most."""
        self._provider.shutdown()


def open_traces(url: str) -> Traces:
    """Send spans to a collector. Raises InvalidConfiguration when the extra is not installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import SpanKind  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415
    except ImportError as error:
        raise InvalidConfiguration(
            "traces are asked for, but OpenTelemetry is not installed",
            cause=str(error),
            hint="install the extra 'traces'",
        ) from error
    # A collector that is away is no reason to fill the log with what it misses.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    provider = TracerProvider(resource=Resource.create({"service.name": "wasmbuild-registry"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=5)))
    return Traces(provider, TraceContextTextMapPropagator(), SpanKind)
