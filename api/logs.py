"""What is logged: one line for each request, in text or JSON, with the request's id.

Routes, never paths and queries: these name what somebody asks about. No bodies, and
no keys; a caller has a name.
"""

import logging
import re
import sys
import time
from datetime import UTC, datetime
from logging import (
    INFO,
    Filter,
    Formatter,
    Handler,
    LogRecord,
    StreamHandler,
    getLogger,
)

from asgi_correlation_id import correlation_id
from prometheus_client import Gauge
from pythonjsonlogger.json import JsonFormatter
from starlette.datastructures import Headers
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dateline.api.coding import FEEDS
from dateline.api.metrics import Metrics
from dateline.api.settings import Settings

UNMATCHED = "unmatched"
"""The route of a request that none takes."""

CLIENT_GONE = 499
"""The status of a request whose client went away before the answer began."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/=+-]{1,128}")

log = getLogger("dateline.requests")


def is_request_id(given: str) -> bool:
    """Tell whether an id that a client or proxy brings may be logged."""
    return _REQUEST_ID.fullmatch(given) is not None


class _RequestId(Filter):
    """Adds the id of the request that something is logged for."""

    def filter(self, record: LogRecord) -> bool:
        record.request_id = correlation_id.get() or "-"
        return True


class _InUTC(Formatter):
    """Gives times in UTC, whatever the machine's zone."""

    def formatTime(self, record: LogRecord, datefmt: str | None = None) -> str:
        created = datetime.fromtimestamp(record.created, UTC)
        return created.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _JSON(_InUTC, JsonFormatter):
    """One object a line."""


def configure(settings: Settings) -> None:
    """Log everything of this process to standard error, in one form."""
    handler: Handler = StreamHandler(sys.stderr)
    handler.addFilter(_RequestId())
    if settings.log_format == "json":
        handler.setFormatter(
            _JSON(
                ["asctime", "levelname", "name", "message", "request_id"],
                rename_fields={
                    "asctime": "time",
                    "levelname": "level",
                    "name": "logger",
                },
            )
        )
    else:
        handler.setFormatter(
            _InUTC("%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s")
        )
    logging.basicConfig(
        handlers=[handler], level=settings.log_level.upper(), force=True
    )


def named(routes: list[BaseRoute]) -> list[BaseRoute]:
    """Let routes say by which template they were taken; return them."""
    for route in routes:
        template, app = getattr(route, "path", None), getattr(route, "app", None)
        if template and app is not None:
            # A route is of any kind here, and all that have an app may get another.
            route.app = _Named(app, template)  # type: ignore[attr-defined]
    return routes


class _Named:
    """Puts the template of a route into the request's state."""

    def __init__(self, app: ASGIApp, template: str) -> None:
        self._app, self._template = app, template

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["route"] = self._template
        await self._app(scope, receive, send)


class Observed:
    """Middleware that counts, times and logs each request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        seen = _Seen(scope, self._metrics)

        async def seeing(message: Message) -> None:
            seen.sent(message)
            await send(message)

        try:
            await self._app(scope, receive, seeing)
        finally:
            seen.end()


class _Seen:
    """One request: when it began, and what has become of it."""

    def __init__(self, scope: Scope, metrics: Metrics) -> None:
        self._scope, self._metrics = scope, metrics
        self._began = time.perf_counter()
        self._status = 0
        self._is_counted = False
        self._is_socket = scope["type"] == "websocket"
        self._gauge: Gauge | None = (
            metrics.sockets if self._is_socket else metrics.in_flight
        )
        self._gauge.inc()

    @property
    def _seconds(self) -> float:
        return time.perf_counter() - self._began

    def sent(self, message: Message) -> None:
        """Note how the answer begins. What may last for hours is counted then."""
        match message["type"]:
            case "http.response.start" | "websocket.http.response.start":
                self._status = message["status"]
                content_type = Headers(raw=message.get("headers", [])).get(
                    "content-type", ""
                )
                if content_type.startswith(FEEDS) and self._gauge is not None:
                    self._gauge.dec()
                    self._gauge = None
                    self._count()
            case "websocket.accept":
                self._status = 101
                self._count()
            case "websocket.close" if not self._status:
                self._status = 403

    def end(self) -> None:
        """Note that it is over."""
        self._status = self._status or CLIENT_GONE
        if self._gauge is not None:
            self._gauge.dec()
        if not self._is_counted:
            self._count()
        if log.isEnabledFor(INFO):
            self._log()

    def _count(self) -> None:
        self._is_counted = True
        self._metrics.answered(self._method, self._route, self._status, self._seconds)

    @property
    def _method(self) -> str:
        return "GET" if self._is_socket else str(self._scope["method"])

    @property
    def _route(self) -> str:
        return str(self._scope["state"].get("route", UNMATCHED))

    def _log(self) -> None:
        caller = self._scope["state"].get("caller")
        told = {
            "method": self._method,
            "route": self._route,
            "status": self._status,
            "duration_ms": round(self._seconds * 1_000, 3),
            "caller": caller.name if caller and caller.name else "-",
        }
        log.info(
            "%(method)s %(route)s %(status)d %(duration_ms).1f ms %(caller)s",
            told,
            extra=told,
        )
