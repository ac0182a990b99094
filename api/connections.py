"""HTTP/1.1 connections that cost no more than is allowed, in bytes, time and number.

uvicorn's parser takes a head of any size and waits for it as long as it takes. Here a
head has a limit and a deadline, and so has whatever a client sends that nobody reads.
A client that takes nothing of its answer for long is cut off. A connection over the
number that is allowed gets an answer, and is closed. Each refusal is a whole answer:
what the client is still sending is read for a moment, or the operating system would
reset the connection under it.
"""

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from dateline.api.access import OPEN_PATHS, path_of
from dateline.api.limits import CLOSING
from dateline.api.problems import (
    HeadTooLarge,
    RequestError,
    RequestTimeout,
    refuse,
    respond,
)
from dateline.api.settings import Settings
from dateline.domain.errors import DatelineError, Overloaded

LINGER_SECONDS = 2.0
"""How long a client that is still sending has for reading that it is refused."""


class Bounds(NamedTuple):
    """What a connection may cost."""

    head_bytes: int
    head_seconds: float
    send_seconds: float
    connections: int


def bounded(settings: Settings) -> type[HttpToolsProtocol]:
    """Return the protocol of connections as they are set."""

    class Bounded(BoundedProtocol):
        bounds = Bounds(
            settings.max_header_bytes,
            settings.header_seconds,
            settings.send_seconds,
            settings.max_connections,
        )

    return Bounded


class Overload:
    """Answers in place of an application for which there are too many connections."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if path_of(scope) in OPEN_PATHS:  # a probe that fails makes it worse
            await self._app(scope, receive, send)
        else:
            await refuse(_overloaded(), scope, receive, send, CLOSING)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    bounds: ClassVar[Bounds]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = self._field_bytes = 0
        self._is_in_head = True
        self._is_whole = True
        self._is_over = self._is_deaf = False
        self._refusal: RequestError | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._taker_timer: asyncio.TimerHandle | None = None

    # --- the connection ---

    # As uvicorn's, which narrows asyncio's.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wire = transport
        self.transport = _Lingering(transport, self)
        self._is_over = len(self.connections) > self.bounds.connections
        if self._is_over:
            self.app = Overload(self.app)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_deaf = True
        self._forget_head()
        self._forget_taker()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        if self._is_in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._is_deaf or self.transport.is_closing():
            return
        if self._is_in_head and self._head_bytes > self.bounds.head_bytes:
            self._refuse(self._too_large())
        elif self.cycle is None or self.cycle.response_complete:
            self._expect_head()

    def handle_websocket_upgrade(self) -> None:
        if self._is_over:
            self._refuse(_overloaded())
            return
        self._is_deaf = True
        self._forget_taker()
        self.transport = self._wire
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, or what a callback of the parser refused."""
        self._refuse(self._refusal or RequestError("this is not HTTP"))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._is_in_head and not self.transport.is_closing():
            self._unset_keepalive_if_required()
            self._expect_head()

    # --- what the parser finds ---

    def on_message_begin(self) -> None:
        self._is_in_head, self._is_whole = True, False
        self._head_bytes = self._field_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._forget_head()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_whole = True
        super().on_message_complete()

    def _count(self, count: int) -> None:
        self._field_bytes += count
        if self._field_bytes > self.bounds.head_bytes:
            self._refusal = self._too_large()
            raise self._refusal

    # --- clients that do not read ---

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_taker()

    def resume_writing(self) -> None:
        self._forget_taker()
        super().resume_writing()

    def _expect_taker(self) -> None:
        """Give a client its time to take some of what waits for it."""
        self._taker_timer = self.loop.call_later(
            self.bounds.send_seconds, self._miss_taker, self._waiting_bytes
        )

    def _forget_taker(self) -> None:
        if self._taker_timer is not None:
            self._taker_timer.cancel()
            self._taker_timer = None

    def _miss_taker(self, before: int) -> None:
        if self._waiting_bytes < before:
            self._expect_taker()
        else:
            self._wire.abort()

    @property
    def _waiting_bytes(self) -> int:
        return self._wire.get_write_buffer_size()

    # --- heads that do not come, and refusals ---

    def _expect_head(self) -> None:
        """Give the next head its time; nothing but its end stops the clock."""
        if self._head_timer is None:
            self._head_timer = self.loop.call_later(
                self.bounds.head_seconds, self._miss_head
            )

    def _forget_head(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _miss_head(self) -> None:
        self._head_timer = None
        if self.transport.is_closing():
            return
        if self._is_in_head and self._head_bytes + self._field_bytes:
            self._refuse(
                RequestTimeout(
                    "the request's head did not arrive within "
                    f"{self.bounds.head_seconds:g} s"
                )
            )
        else:
            self.transport.close()

    def _refuse(self, error: DatelineError) -> None:
        """Answer and close, unless an answer to an earlier request is under way."""
        self._forget_head()
        if self.cycle is None or self.cycle.response_complete:
            self._wire.write(_written(error))
        self.transport.close()

    def _too_large(self) -> RequestError:
        return HeadTooLarge(
            f"a request's head has at most {self.bounds.head_bytes:,} bytes"
        )

    def close(self) -> None:
        """Close; first let a client that is still sending read what it was told."""
        is_sending = self._is_in_head or not self._is_whole
        if self._is_deaf or not is_sending or not self._wire.can_write_eof():
            self._wire.close()
            return
        self._is_deaf = True
        self._unset_keepalive_if_required()
        self._forget_head()
        self.flow.resume_reading()
        self._wire.write_eof()
        self.loop.call_later(LINGER_SECONDS, self._wire.close)

    @property
    def is_closing(self) -> bool:
        return self._is_deaf or self._wire.is_closing()


class _Lingering(asyncio.Transport):
    """A transport whose closing the protocol sees to."""

    def __init__(self, wire: asyncio.Transport, protocol: BoundedProtocol) -> None:
        super().__init__()
        self._wire, self._protocol = wire, protocol

    def close(self) -> None:
        self._protocol.close()

    def abort(self) -> None:
        self._wire.abort()

    def is_closing(self) -> bool:
        return self._protocol.is_closing

    def write(self, data: Any) -> None:
        self._wire.write(data)

    def pause_reading(self) -> None:
        self._wire.pause_reading()

    def resume_reading(self) -> None:
        self._wire.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._wire.get_extra_info(name, default)


def _overloaded() -> Overloaded:
    return Overloaded("there are too many connections; try again in a moment")


def _written(error: DatelineError) -> bytes:
    """Return an error as an answer of HTTP/1.1, after which the connection closes."""
    response = respond(error, given=CLOSING)
    status = HTTPStatus(response.status_code)
    lines = [b"HTTP/1.1 %d %s" % (status.value, status.phrase.encode())]
    lines += [b"%s: %s" % header for header in response.raw_headers]
    return b"\r\n".join((*lines, b"", bytes(response.body)))
