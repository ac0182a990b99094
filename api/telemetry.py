"""Traces of requests with OpenTelemetry, each span named by its route."""

from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dateline.domain.errors import MissingExtra

try:
    from opentelemetry import trace
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
except ImportError:
    raise MissingExtra("telemetry", "otel") from None

SERVICE_NAME = "dateline"

_BEGINNINGS = "http.response.start", "websocket.accept"
"""By then the route is known, and the span has not ended."""


def traced(app: ASGIApp) -> ASGIApp:
    """Return an application whose requests are traced by the global provider."""
    return OpenTelemetryMiddleware(
        _Named(app),
        default_span_details=_method,
        exclude_spans=["receive", "send"],
    )


def export() -> None:
    """Send traces to where the OTEL_ variables say, from a thread.

    A provider that the program has set already stays.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import OTELResourceDetector, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    named = Resource({"service.name": SERVICE_NAME})
    provider = TracerProvider(
        resource=Resource.create().merge(named).merge(OTELResourceDetector().detect())
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _method(scope: Scope) -> tuple[str, dict[str, Any]]:
    """Name a span before its route is known, and without its path."""
    return str(scope.get("method", "GET")), {}


class _Named:
    """Middleware that names the span of a request by its route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        span = trace.get_current_span()

        async def naming(message: Message) -> None:
            route = scope.get("state", {}).get("route")
            if message["type"] in _BEGINNINGS and route is not None:
                span.update_name(f"{_method(scope)[0]} {route}")
                span.set_attribute("http.route", route)
            await send(message)

        await self._app(scope, receive, naming)
