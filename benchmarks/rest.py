"""What was known of 200 claims over REST, beside a constant body of the same size.

Both are served by uvicorn with the same settings, each in a process of its own, and
asked in turn by the same client over the same number of kept-alive connections. The
constant is sent by Starlette, which looks nothing up.
"""

import asyncio
import multiprocessing
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple
from urllib.parse import urlencode

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

import dateline
from benchmarks.asof import points
from benchmarks.report import Figure
from benchmarks.workloads import (
    CLAIMS_OF_A_TOPIC,
    Ledgers,
    Line,
    Shape,
    clock,
    topic_of,
)
from dateline.api import Settings, create_app

AIM = 0.5

_CONNECTIONS = 8
_ROUNDS = 7
_SPAWN = multiprocessing.get_context("spawn")
_TOPIC = topic_of(0)

Requests = Sequence[bytes]


class Rate(NamedTuple):
    """Requests a second, and bytes in an answer."""

    requests: float
    bytes: int


def measure(ledgers: Ledgers, shape: Shape, *, count: int) -> Iterator[Figure]:
    """Ask different questions, then one again and again: as it is, pinned, tagged."""
    path = ledgers.ledger(shape)
    with dateline.open(path, clock=clock) as ledger:
        head = ledger.position
    asked = points(count, head)
    varied = [_question(point.on, point.recorded_by) for point in asked]
    same = [_question(asked[1].on, None)]
    pinned = [_question(asked[1].on, head)]
    with serving(serve, str(path)) as port:
        answer = answer_of(port, same[0])
        size = len(answer_of(port, varied[1])[1])
        tagged = [
            _request(_url(asked[1].on, None), f"If-None-Match: {_tag(answer[0])}")
        ]
        with serving(_constant, str(size)) as beside:
            floor = [_request("/constant")]
            for what, requests in (
                ("different questions", varied),
                ("the same at the head", same),
                ("the same at a position", pinned),
                ("the same, held already (304)", tagged),
            ):
                yield _figure(what, port, requests, beside, floor, count)


def _figure(
    what: str, port: int, requests: Requests, beside: int, floor: Requests, count: int
) -> Figure:
    """Ask both in turn, so that what else the machine does is shared."""
    send_all(port, requests, count), send_all(beside, floor, count)
    rounds = [
        (send_all(port, requests, count), send_all(beside, floor, count))
        for _ in range(_ROUNDS)
    ]
    found = median(ours.requests for ours, _ in rounds)
    constant = median(theirs.requests for _, theirs in rounds)
    ratio = median(ours.requests / theirs.requests for ours, theirs in rounds)
    size, constant_size = (rate.bytes for rate in rounds[0])
    return Figure(
        f"{CLAIMS_OF_A_TOPIC} claims over REST, {what}",
        f"{ratio:.2f} of a constant body",
        f"{found:,.0f} requests/s of {size / 1e3:.0f} kB; constant "
        f"{constant:,.0f} of {constant_size / 1e3:.0f} kB",
        f"≥ {AIM}",
        ratio >= AIM,
    )


# --- requests -----------------------------------------------------------------------


def _question(on: str, recorded_by: int | None) -> bytes:
    return _request(_url(on, recorded_by))


def _url(on: str, recorded_by: int | None) -> str:
    query = {"on": on, "topic": _TOPIC, "first": str(CLAIMS_OF_A_TOPIC)}
    if recorded_by is not None:
        query["recorded_by"] = str(recorded_by)
    return f"/v1/knowledge?{urlencode(query)}"


def _request(url: str, *headers: str) -> bytes:
    lines = [f"GET {url} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", *headers, "", ""]
    return "\r\n".join(lines).encode()


def posted(event: Line) -> bytes:
    """Return the request that records an event."""
    body = orjson.dumps(event)
    lines = [
        "POST /v1/events HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _tag(head: bytes) -> str:
    return head.partition(b"\r\netag: ")[2].partition(b"\r\n")[0].decode()


METRICS = _request("/metrics")


# --- servers ------------------------------------------------------------------------


@contextmanager
def serving(serve: Callable[..., None], argument: str) -> Iterator[int]:
    with ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = _SPAWN.Process(
            target=serve,
            args=(argument, listening),
            daemon=True,
        )
        server.start()
        stack.callback(server.join)
        stack.callback(server.terminate)
        yield listening.getsockname()[1]


def serve(path: str, listening: socket.socket) -> None:
    with dateline.open(Path(path), clock=clock) as ledger:
        run(create_app(ledger, Settings()), listening)


def _constant(size: str, listening: socket.socket) -> None:
    body = b"x" * int(size)

    async def answer(_: Request) -> Response:
        return Response(body, media_type="application/json")

    run(Starlette(routes=[Route("/constant", answer)]), listening)


def run(app: ASGIApp, listening: socket.socket) -> None:
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])


# --- the client ---------------------------------------------------------------------


def answer_of(port: int, request: bytes) -> tuple[bytes, bytes]:
    """Return the head and the body of one answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536)
        head, _, body = received.partition(b"\r\n\r\n")
        while len(body) < _length(head):
            body += connection.recv(1 << 20)
    assert head.startswith(b"HTTP/1.1 200"), head
    return head, body


def _length(head: bytes) -> int:
    length = head.partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
    return int(length or b"0")


def send_all(
    port: int, requests: Requests, count: int, *, connections: int = _CONNECTIONS
) -> Rate:
    """Send ``count`` requests over several connections, one at a time on each."""
    return asyncio.run(_send_all(port, requests, count, connections))


async def _send_all(
    port: int, requests: Requests, count: int, connections: int
) -> Rate:
    loop = asyncio.get_running_loop()
    asking = [requests[number % len(requests)] for number in range(count)]
    done = loop.create_future()
    callers = []
    for _ in range(connections):
        _, caller = await loop.create_connection(
            lambda: _Caller(asking, done), "127.0.0.1", port
        )
        callers.append(caller)
    began = perf_counter()
    for caller in callers:
        caller.ask()
    await done
    elapsed = perf_counter() - began
    answered = sum(caller.answered for caller in callers)
    for caller in callers:
        caller.close()
    return Rate(answered / elapsed, callers[0].size)


class _Caller(asyncio.Protocol):
    """Sends the next request when the answer to the last one is whole."""

    def __init__(self, asking: list[bytes], done: "asyncio.Future[None]") -> None:
        self._asking, self._done = asking, done
        self._head, self._left = b"", 0
        self.answered = self.size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> None:
        if self._asking:
            self._transport.write(self._asking.pop())
        elif not self._done.done():
            self._done.set_result(None)

    def data_received(self, received: bytes) -> None:
        if self._left == 0:
            self._head += received
            head, end, body = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            assert head.startswith((b"HTTP/1.1 20", b"HTTP/1.1 304")), head + body
            self._head = b""
            self.size = _length(head)
            self._left = self.size - len(body)
        else:
            self._left -= len(received)
        if self._left == 0:
            self.answered += 1
            self.ask()

    def close(self) -> None:
        self._transport.close()
