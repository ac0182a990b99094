"""One process that serves a ledger until it is told to stop.

Told to stop, it ends the feeds first, since they would never end by themselves; then
requests under way have their time. A recording that has begun is never cut off. Told
again, the process ends at once: a ledger survives that, too.
"""

import asyncio
import gc
import ipaddress
import math
import resource
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from logging import getLogger
from types import FrameType
from typing import Any, ClassVar

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dateline.api import logs
from dateline.api.access import Access
from dateline.api.app import create_app
from dateline.api.connections import LINGER_SECONDS, bounded
from dateline.api.hub import Hub
from dateline.api.limits import CLOSING, LOOPBACK_HOSTS
from dateline.api.problems import ShuttingDown, refuse
from dateline.api.services import Services
from dateline.api.settings import InvalidSetting, Settings
from dateline.ledger import Ledger

SPARE_FILES = 256
"""Open files besides connections: the ledger, its threads, and what else there is."""

_TICK_SECONDS = 0.05

log = getLogger(__name__)


class InsecureAddress(InvalidSetting):
    """Others could reach the server, and it asks nobody for a key."""

    code: ClassVar[str] = "insecure_address"


class AddressUnavailable(InvalidSetting):
    """The address is in use, or is not this machine's."""

    code: ClassVar[str] = "address_unavailable"


class _Server(uvicorn.Server):
    """A server that ends its feeds before it waits for what is under way."""

    def __init__(
        self, config: uvicorn.Config, hub: Hub, listening: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._hub, self._listening = hub, listening

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.close()
        await super().shutdown(sockets)
        if self.server_state.tasks:  # told to give up; a recording goes on to its end
            await asyncio.wait(self.server_state.tasks)
        connections: set[Any] = set(self.server_state.connections)
        for connection in connections:
            connection.transport.close()
        until = time.monotonic() + LINGER_SECONDS
        while self.server_state.connections and time.monotonic() < until:
            await asyncio.sleep(_TICK_SECONDS)
        for connection in connections & self.server_state.connections:
            connection.transport.abort()


class _Stoppable:
    """Answers for requests that are given up because the server is being stopped."""

    def __init__(self, app: ASGIApp, hub: Hub) -> None:
        self._app, self._hub = app, hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_begun = False

        async def begun(message: Message) -> None:
            nonlocal is_begun
            is_begun = True
            await send(message)

        try:
            await self._app(scope, receive, begun)
        except asyncio.CancelledError:
            if is_begun or not self._hub.is_closing:
                raise
            error = ShuttingDown("the server is being stopped", CLOSING)
            await refuse(error, scope, receive, send)


def serve(ledger: Ledger, settings: Settings, listening: Callable[[str], None]) -> None:
    """Serve a ledger until SIGTERM or SIGINT.

    Args:
        listening: told the server's URL when it answers.

    Raises:
        InsecureAddress. AddressUnavailable. InvalidSetting: another setting.
    """
    found = _resolve(settings.host, settings.port)
    settings = _secured(settings, found)
    sockets = _bind(settings.host, found)
    try:
        logs.configure(settings)
        app = create_app(ledger, settings)
        if settings.telemetry:
            from dateline.api.telemetry import export

            export()
        _allow_files(settings.max_connections)
        services: Services = app.state.services
        hub = services.hub
        config = uvicorn.Config(
            _Stoppable(app, hub),
            http=bounded(settings),
            ws="websockets-sansio",
            ws_max_size=settings.max_body_bytes,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_seconds),
        )
        _settle_memory()
        url = _url(settings.host, sockets[0])
        with services.feed or nullcontext(), services.replica or nullcontext():
            _Server(config, hub, lambda: listening(url)).run(sockets)
    finally:
        for bound in sockets:
            bound.close()


def _settle_memory() -> None:
    """Take what is there by now out of every later search for cycles."""
    gc.collect()
    gc.freeze()


_Address = tuple[socket.AddressFamily, tuple[str, int]]


def _resolve(host: str, port: int) -> Sequence[_Address]:
    """Return the addresses that a host has here."""
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "not a name"
        raise AddressUnavailable(
            f"{host!r} is no address of this machine: {reason}; give another --host"
        ) from None
    return list(
        dict.fromkeys((family, (str(at[0]), int(at[1]))) for family, *_, at in found)
    )


def _secured(settings: Settings, found: Sequence[_Address]) -> Settings:
    """Return settings under which nobody gets further than they should."""
    is_on = Access(settings).is_on
    is_loopback = all(_is_loopback(address) for _, address in found)
    if not (is_loopback or is_on or settings.insecure):
        raise InsecureAddress(
            f"others can reach {settings.host!r}, and no keys are set; make some with "
            "'dateline keys add' and give --keys, or give --insecure"
        )
    if is_loopback and not is_on and not settings.allowed_hosts:
        names = (*LOOPBACK_HOSTS, settings.host)
        return settings.model_copy(update={"allowed_hosts": names})
    return settings


def _is_loopback(address: tuple[str, int]) -> bool:
    return ipaddress.ip_address(address[0].partition("%")[0]).is_loopback


def _bind(host: str, found: Sequence[_Address]) -> list[socket.socket]:
    """Listen on each address, all on one port."""
    bound: list[socket.socket] = []
    try:
        for family, (name, port) in found:
            if bound and not port:
                port = bound[0].getsockname()[1]
            bound.append(socket.create_server((name, port), family=family))
    except OSError as error:
        for one in bound:
            one.close()
        raise AddressUnavailable(
            f"cannot listen on {host!r}, port {found[0][1][1]}: "
            f"{error.strerror or error}; give another --port or --host"
        ) from None
    return bound


def _url(host: str, bound: socket.socket) -> str:
    """Return the URL by which a server is reached from this machine."""
    name, port = bound.getsockname()[:2]
    if ipaddress.ip_address(name.partition("%")[0]).is_unspecified:
        host = "127.0.0.1" if bound.family == socket.AF_INET else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _allow_files(connections: int) -> None:
    """Let the process have as many open files as it takes connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + SPARE_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    if allowed < wanted:
        log.warning(
            "the system allows %d open files, too few for %d connections",
            allowed,
            connections,
        )
