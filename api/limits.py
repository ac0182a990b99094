"""What is refused before anybody looks at it: by name, origin, rate and size.

A page of another site must not use a browser to reach a server on loopback, so the
``Host`` and, on sockets, the ``Origin`` are checked. What is under /v1 limits its
bodies itself, since it takes some of them in parts.
"""

import math
import time
from collections.abc import Collection
from logging import getLogger

import anyio
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dateline.api.access import OPEN_PATHS, caller_of, path_of
from dateline.api.problems import (
    BodyTooLarge,
    Forbidden,
    Internal,
    MisdirectedRequest,
    RateLimited,
    RequestError,
    RequestTimeout,
    refuse,
)

LOOPBACK_HOSTS = "localhost", "127.0.0.1", "[::1]"
"""What a server on loopback is called by those who may call it."""

ANY = "*"
CLOSING = {"Connection": "close"}
"""Spares both sides the rest of a body."""

log = getLogger(__name__)


def host_of(scope: Scope) -> str:
    """Return the name that a request calls the server by, without the port."""
    host = Headers(scope=scope).get("host", "").lower()
    name, _, port = host.rpartition(":")
    return name if name and port.isdigit() else host.removesuffix(":")


class Hosts:
    """Middleware that refuses requests for a server of another name.

    Args:
        allowed: names, in lower case; ``*.example.org`` is any below; ``*`` is any.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(name.lower() for name in allowed)
        self._below = tuple(name[1:] for name in self._allowed if name.startswith("*."))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket") and not self._allows(scope):
            error = MisdirectedRequest(
                f"this server is not called {host_of(scope)[:100]!r}; the setting "
                "'allowed_hosts' says what it is called"
            )
            await refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allows(self, scope: Scope) -> bool:
        host = host_of(scope)
        return (
            host in self._allowed
            or host.endswith(self._below)
            or path_of(scope) in OPEN_PATHS
        )


class Origins:
    """Middleware that refuses sockets opened by pages of other origins.

    Browsers let any page open a socket anywhere; only its origin tells.

    Args:
        allowed: other origins than the server's own; ``*`` is any.
    """

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(origin.lower() for origin in allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._allows(Headers(scope=scope)):
            error = Forbidden(
                "pages of this origin may not ask; the setting 'cors_origins' says "
                "which may"
            )
            await refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allows(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is None or ANY in self._allowed:
            return True
        origin = origin.lower()
        own = headers.get("host", "").lower()
        return origin in self._allowed or origin.partition("://")[2] == own


class Rates:
    """Middleware that allows each key, or each address without keys, so many requests.

    Args:
        rate: such as ``100/second``.
    """

    def __init__(self, app: ASGIApp, rate: str) -> None:
        self._app = app
        self._rate = parse(rate)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or path_of(scope) in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        who = self._who(scope)
        is_allowed = self._limiter.hit(self._rate, who)
        reset_at, remaining = self._limiter.get_window_stats(self._rate, who)
        wait = str(max(1, math.ceil(reset_at - time.time())))
        told = {
            "RateLimit-Limit": str(self._rate.amount),
            "RateLimit-Remaining": str(remaining),
            "RateLimit-Reset": wait,
        }
        if not is_allowed:
            error = RateLimited(
                f"more than {self._rate}; try again in {wait} s",
                {**told, "Retry-After": wait},
            )
            await refuse(error, scope, receive, send)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(told)
            await send(message)

        await self._app(scope, receive, telling)

    def _who(self, scope: Scope) -> str:
        name = caller_of(scope).name if "caller" in scope["state"] else None
        if name is not None:
            return f"key {name}"
        client = scope.get("client")
        return f"address {client[0] if client else None}"


class Bodies:
    """Middleware that takes no body that is too large, or too slow.

    Args:
        apart: begins the paths that see to it themselves.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, seconds: float, apart: str
    ) -> None:
        self._app = app
        self._max_bytes, self._seconds, self._apart = max_bytes, seconds, apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or path_of(scope).startswith(self._apart):
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdigit() and int(length[:20]) > self._max_bytes:
            await refuse(self._too_large(), scope, receive, send)
            return
        await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: RequestError | None = None
        is_begun = is_whole = False
        taken = 0
        until = time.monotonic() + self._seconds

        async def bounded() -> Message:
            nonlocal refused, is_whole, taken
            if is_whole:
                return await receive()
            message: Message | None = None
            with anyio.move_on_after(until - time.monotonic()):
                message = await receive()
            if message is None:
                refused = RequestTimeout(
                    f"the body did not arrive within {self._seconds:g} s", CLOSING
                )
                raise refused
            is_whole = not message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > self._max_bytes:
                refused = self._too_large()
                raise refused
            return message

        async def begun(message: Message) -> None:
            nonlocal is_begun
            if refused is None or is_begun:
                is_begun = True
                await send(message)

        try:
            await self._app(scope, bounded, begun)
        except Exception:
            if refused is None:
                raise
        if refused is not None and not is_begun:
            await refuse(refused, scope, receive, send)

    def _too_large(self) -> RequestError:
        return BodyTooLarge(
            f"a body has at most {self._max_bytes:,} bytes here", CLOSING
        )


class Faults:
    """Middleware that answers for faults of ours, and logs them whole."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_begun = False

        async def begun(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, begun)
        except ClientDisconnect:
            return
        except Exception:
            if is_begun or scope["type"] != "http":
                raise
            log.exception("a request failed")
            await refuse(Internal(), scope, receive, send)
