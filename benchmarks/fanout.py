"""How long news takes from its commit to a thousand readers of the feed.

A server process, a process with all the readers, and one that writes to the ledger's
file. The floor is a server that follows the same ledger and writes the same bytes to
every open socket, with nothing of HTTP in between.
"""

import asyncio
import multiprocessing
import random
import resource
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import orjson
import uvicorn

import dateline
from benchmarks.report import Figure, spread
from benchmarks.workloads import Ledgers, Shape, clock, events
from dateline.api import Settings, create_app

SHAPE = Shape(topics=1, events_of_a_claim=10)
BEGUN = 1_000
AIM_MS = 50.0

_SPAWN = multiprocessing.get_context("spawn")
_REQUEST = (
    b"GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
)
_DATA = b"data: "
_NEWS = b'data: {"type"'
_SETTLE_SECONDS = 1.0


def measure(
    ledgers: Ledgers, *, readers: tuple[int, ...], count: int
) -> Iterator[Figure]:
    """Record at irregular intervals; compare clocks with all readers."""
    for number in readers:
        seen = {}
        for serve in (_floor, _serve):
            seen[serve] = spread(_delays(ledgers.directory, serve, number, count))
        found, floor = seen[_serve], seen[_floor]
        yield Figure(
            f"from commit to {number:,} reader{'s' * (number > 1)}, over SSE",
            str(found),
            f"{count} events; plain sockets {floor}",
            f"p99 ≤ {AIM_MS:g} ms" if number >= 1_000 else "",
            found.p99 * 1e3 <= AIM_MS if number >= 1_000 else None,
        )


def _delays(
    directory: Path, serve: Callable[..., None], readers: int, count: int
) -> list[float]:
    path = directory / f"fanout-{time.monotonic_ns()}.dateline"
    news = list(islice(events(SHAPE, seed=5), BEGUN + count))
    with dateline.open(path, clock=clock) as ledger, _free_port() as listening:
        ledger.record(*news[:BEGUN])
        port = listening.getsockname()[1]
        server = _SPAWN.Process(target=serve, args=(path, listening), daemon=True)
        server.start()
        here, there = _SPAWN.Pipe()
        reading = _SPAWN.Process(target=read, args=([port] * readers, count, there))
        reading.start()
        here.recv()
        chance = random.Random(5)
        committed = []
        for event in news[BEGUN:]:
            time.sleep(chance.uniform(0.1, 0.2))
            ledger.record(event)
            committed.append(time.monotonic_ns())
        seen: list[list[int]] = here.recv()
        reading.join()
        server.kill()
        server.join()
    assert all(len(times) == count for times in seen), "missed, or told twice"
    return [
        (end - begin) / 1e9
        for times in seen
        for begin, end in zip(committed, times, strict=True)
    ]


@contextmanager
def _free_port() -> Iterator[socket.socket]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(1_024)
        yield listening


def _many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


# --- servers ------------------------------------------------------------------------


def _serve(path: Path, listening: socket.socket) -> None:
    """Serve the application."""
    _many_files()
    with dateline.open(path, clock=clock) as ledger:
        app = create_app(ledger, Settings())
        config = uvicorn.Config(app, log_level="warning", lifespan="off")
        uvicorn.Server(config).run(sockets=[listening])


def _floor(path: Path, listening: socket.socket) -> None:
    """Write each event to every socket that is open."""
    _many_files()
    asyncio.run(_write_to_all(path, listening))


async def _write_to_all(path: Path, listening: socket.socket) -> None:
    transports: list[asyncio.WriteTransport] = []

    class Reader(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.WriteTransport)
            transports.append(transport)

    await asyncio.get_running_loop().create_server(Reader, sock=listening)
    with dateline.open(path, clock=clock) as ledger:
        async for recorded in ledger.subscribe(after=ledger.position):
            frame = _DATA + orjson.dumps(recorded.stored) + b"\n\n"
            for transport in transports:
                transport.write(frame)


# --- readers ------------------------------------------------------------------------


class _Reader(asyncio.Protocol):
    """Notes when each event arrived; a heartbeat's data has no type."""

    def __init__(self) -> None:
        self.times: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(_REQUEST)

    def data_received(self, received: bytes) -> None:
        arrived = received.count(_NEWS)
        if arrived:
            self.times += [time.monotonic_ns()] * arrived


def read(ports: Sequence[int], count: int, there: Connection) -> None:
    """Follow over each of the ports; send when events arrived at each reader."""
    _many_files()
    asyncio.run(_read_all(ports, count, there))


async def _read_all(ports: Sequence[int], count: int, there: Connection) -> None:
    loop = asyncio.get_running_loop()
    reading = []
    for port in ports:
        _, reader = await loop.create_connection(_Reader, "127.0.0.1", port)
        reading.append(reader)
    await asyncio.sleep(_SETTLE_SECONDS + len(ports) / 500)
    there.send("following")
    while any(len(reader.times) < count for reader in reading):
        await asyncio.sleep(0.1)
    there.send([reader.times for reader in reading])
