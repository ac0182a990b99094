"""The layers around every request, from the outside in."""

from asgi_correlation_id import CorrelationIdMiddleware
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from dateline.api.access import Access, Callers
from dateline.api.coding import ContentCoding
from dateline.api.limits import ANY, Bodies, Faults, Hosts, Origins, Rates
from dateline.api.logs import Observed, is_request_id
from dateline.api.metrics import Metrics
from dateline.api.page.routes import SEGMENTS
from dateline.api.rest.table import PREFIX
from dateline.api.settings import Settings

REQUEST_ID = "X-Request-ID"

ASKED_WITH = (
    *("Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"),
    *("Last-Event-ID", "X-GraphQL-Event-Stream-Token", REQUEST_ID),
)
"""Headers that a page of an allowed origin may send."""

TOLD_WITH = (
    *("Accept-Post", "Allow", "Content-Location", "ETag", "Link", "Location"),
    *("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After"),
    *("WWW-Authenticate", REQUEST_ID),
)
"""Headers that a page of an allowed origin may read."""


def middleware(
    access: Access, metrics: Metrics, settings: Settings
) -> list[Middleware]:
    """Return the layers around the routes."""
    layers = [
        Middleware(
            CorrelationIdMiddleware, header_name=REQUEST_ID, validator=is_request_id
        )
    ]
    if settings.telemetry:
        from dateline.api.telemetry import traced

        layers.append(Middleware(traced))
    layers.append(Middleware(Observed, metrics=metrics))
    if settings.allowed_hosts and ANY not in settings.allowed_hosts:
        layers.append(Middleware(Hosts, allowed=settings.allowed_hosts))
    layers.append(Middleware(Origins, allowed=settings.cors_origins))
    if settings.cors_origins:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.cors_origins,
                allow_methods=("GET", "HEAD", "POST", "OPTIONS"),
                allow_headers=ASKED_WITH,
                expose_headers=TOLD_WITH,
            )
        )
    layers += [
        Middleware(Faults),
        Middleware(Callers, access=access, ide=settings.ide, pages=SEGMENTS),
    ]
    if settings.rate_limit is not None:
        layers.append(Middleware(Rates, rate=settings.rate_limit))
    layers += [
        Middleware(
            Bodies,
            max_bytes=settings.max_body_bytes,
            seconds=settings.body_seconds,
            apart=f"{PREFIX}/",
        ),
        Middleware(ContentCoding),
    ]
    return layers
