"""Several API processes on one ledger on PostgreSQL: latency, and who writes how much.

Latency is from the call of ``record`` in one process, the commit included, to the
readers of four API processes, over NOTIFY and over NATS JetStream with a relay: all run
as the commands that a desk would run. The floors insert a row and commit it; then as
many processes listen and read it, or get it from a stream that the writer publishes to.
"""

import asyncio
import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, NamedTuple

import nats
import orjson
import psycopg

import dateline
from benchmarks.fanout import read
from benchmarks.report import Figure, Spread, spread
from benchmarks.rest import METRICS, answer_of, posted, send_all
from benchmarks.servers import (
    Postgres,
    free_port,
    has_nats,
    listening,
    private_nats,
)
from benchmarks.workloads import (
    BEGIN,
    SOURCES,
    Ledgers,
    Line,
    Shape,
    claim_of,
    clock,
    events,
    source_of,
)
from dateline.domain.events import AnyEvent, parse_event
from dateline.domain.recorded import fields_of

SHAPE = Shape(topics=1, events_of_a_claim=30)
BEGUN = 1_000
CONNECTIONS_EACH = 8

_WARM_UP = 10
_LED_SECONDS = 15
_SPAWN = multiprocessing.get_context("spawn")
_SUBJECT = "bench.events"

Write = Callable[[str, Sequence[Line], Barrier, Connection], None]
"""Writes events to a place, beginning when all writers do."""

Calls = list[tuple[int, int]]
"""When each recording began and ended, by the clock that all processes share."""


class Desk(NamedTuple):
    """How many processes serve, and how many write."""

    apis: int
    readers_of_each: int
    writers: int


DESK = Desk(apis=4, readers_of_each=5, writers=8)


def measure(
    ledgers: Ledgers, *, count: int, written: int, desk: Desk = DESK
) -> Iterator[Figure]:
    """Measure what readers wait for, then what writers get done."""
    postgres = ledgers.postgres
    assert postgres is not None
    news = list(islice(events(SHAPE, seed=5), BEGUN + _WARM_UP + count))
    coming = news[BEGUN:]
    yield _latency(
        "NOTIFY",
        desk,
        _readers(postgres, "over-notify", news, desk),
        _listeners(postgres, coming, desk.apis),
        "processes that LISTEN and read the row",
    )
    if has_nats():
        with private_nats(ledgers.directory / "nats") as url:
            yield _latency(
                "JetStream",
                desk,
                _readers(postgres, "over-jetstream", news, desk, feed=url),
                _subscribers(postgres, url, coming, desk.apis),
                "subscribers to a stream that the writer publishes to",
            )
    else:
        yield Figure("over JetStream", "NOT MEASURED", "for want of nats-server")
    yield _rates(postgres, desk.writers, written)


# --- from record to readers ---------------------------------------------------------


class Delays(NamedTuple):
    """From the call that records to each reader; and what the call itself took."""

    seen: Spread
    called: Spread


def _latency(over: str, desk: Desk, found: Delays, floor: Delays, what: str) -> Figure:
    return Figure(
        f"from record to {desk.readers_of_each} readers of each of {desk.apis} API "
        f"processes, over {over}",
        str(found.seen),
        f"{found.seen.p50 / floor.seen.p50:.1f}× the floor: {floor.seen}, {desk.apis} "
        f"{what}; of it record {found.called.p50 * 1e3:.1f} ms, and "
        f"{floor.called.p50 * 1e3:.1f} the row",
    )


def _readers(
    postgres: Postgres,
    name: str,
    news: Sequence[AnyEvent],
    desk: Desk,
    feed: str | None = None,
) -> Delays:
    """Record at irregular intervals; compare clocks with the readers of all servers."""
    target = postgres.target(name)
    with dateline.open(target, clock=clock) as ledger, ExitStack() as stack:
        ledger.record(*news[:BEGUN])
        options = []
        if feed is not None:
            options = ["--feed", feed]
            stack.enter_context(_command("relay", target, feed))
        ports = [stack.enter_context(_api(target, options)) for _ in range(desk.apis)]
        readers = ports * desk.readers_of_each
        with _apart(read, readers, len(news) - BEGUN) as reading:
            reading.recv()
            calls = _at_intervals(news[BEGUN:][:_WARM_UP], ledger.record)
            if feed is not None:
                for port in ports:
                    _until_led(port)
            calls += _at_intervals(news[BEGUN:][_WARM_UP:], ledger.record)
            return _delays(calls, reading.recv())


def _until_led(port: int) -> None:
    """Wait until a server takes its feeds from NATS and not from the ledger."""
    until = time.monotonic() + _LED_SECONDS
    while b"\ndateline_nats_leading 1.0\n" not in answer_of(port, METRICS)[1]:
        assert time.monotonic() < until, "NATS is not followed"
        time.sleep(0.1)


@contextmanager
def _api(target: str, options: Sequence[str]) -> Iterator[int]:
    port = free_port()
    with _command("serve", target, "--port", str(port), *options):
        listening(port)
        yield port


@contextmanager
def _command(*words: str) -> Iterator[None]:
    """Run a command of dateline's as long as it is needed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dateline", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        assert process.poll() is None, words
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _apart(target: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Run a function in a process of its own, which takes a connection last."""
    here, there = _SPAWN.Pipe()
    process = _SPAWN.Process(target=target, args=(*arguments, there), daemon=True)
    process.start()
    try:
        yield here
        process.join()
    finally:
        process.kill()
        process.join()


def _at_intervals(
    news: Sequence[AnyEvent], record: Callable[[AnyEvent], object]
) -> Calls:
    """Record at irregular intervals."""
    chance = random.Random(5)
    calls = []
    for event in news:
        time.sleep(chance.uniform(0.05, 0.15))
        began = time.monotonic_ns()
        record(event)
        calls.append((began, time.monotonic_ns()))
    return calls


def _delays(calls: Calls, seen: Sequence[Sequence[int]]) -> Delays:
    """Compare clocks, without the first few, for which everything was still cold."""
    assert all(len(times) == len(calls) for times in seen), "missed, or told twice"
    return Delays(
        spread(
            [
                (arrived - began) / 1e9
                for times in seen
                for arrived, (began, _) in list(zip(times, calls, strict=True))[
                    _WARM_UP:
                ]
            ]
        ),
        spread([(ended - began) / 1e9 for began, ended in calls[_WARM_UP:]]),
    )


# --- floors -------------------------------------------------------------------------


def _listeners(postgres: Postgres, news: Sequence[AnyEvent], followers: int) -> Delays:
    """Insert rows and notify; each listener reads what is beyond its last one."""
    with _table(postgres, "listened-to") as session:

        def record(event: AnyEvent) -> None:
            _insert(session, event)
            session.execute("NOTIFY bench")

        return _floor(partial(_listen, postgres), followers, news, record)


def _subscribers(
    postgres: Postgres, url: str, news: Sequence[AnyEvent], followers: int
) -> Delays:
    """Insert rows, and publish them to a stream that is kept on disk."""
    with asyncio.Runner() as runner, _table(postgres, "published") as session:
        connection = runner.run(nats.connect(url))
        stream = connection.jetstream()
        runner.run(stream.add_stream(name="bench", subjects=[_SUBJECT]))

        def record(event: AnyEvent) -> None:
            _insert(session, event)
            runner.run(stream.publish(_SUBJECT, _state(event)))

        try:
            return _floor(partial(_subscribe, url), followers, news, record)
        finally:
            runner.run(connection.close())


def _floor(
    follow: Callable[[int, Connection], None],
    followers: int,
    news: Sequence[AnyEvent],
    record: Callable[[AnyEvent], object],
) -> Delays:
    with ExitStack() as stack:
        following = [
            stack.enter_context(_apart(follow, len(news))) for _ in range(followers)
        ]
        for follower in following:
            follower.recv()
        calls = _at_intervals(news, record)
        return _delays(calls, [follower.recv() for follower in following])


@contextmanager
def _table(postgres: Postgres, name: str) -> Iterator[psycopg.Connection[Any]]:
    with closing(postgres.connect(name, create=True)) as session:
        session.execute("CREATE TABLE plain (id BIGSERIAL PRIMARY KEY, state BYTEA)")
        yield session


def _insert(session: psycopg.Connection[Any], event: AnyEvent) -> None:
    session.execute("INSERT INTO plain (state) VALUES (%s)", (_state(event),))


def _state(event: AnyEvent) -> bytes:
    return orjson.dumps(fields_of(event))


def _listen(postgres: Postgres, count: int, there: Connection) -> None:
    seen: list[int] = []
    with closing(postgres.connect("listened-to")) as session:
        session.execute("LISTEN bench")
        there.send("following")
        while len(seen) < count:
            for _ in session.notifies(timeout=1, stop_after=1):
                pass
            rows = session.execute(
                "SELECT state FROM plain WHERE id > %s ORDER BY id", (len(seen),)
            ).fetchall()
            seen += [time.monotonic_ns()] * len(rows)
    there.send(seen)


def _subscribe(url: str, count: int, there: Connection) -> None:
    there.send(asyncio.run(_subscribed(url, count, there)))


async def _subscribed(url: str, count: int, there: Connection) -> list[int]:
    connection = await nats.connect(url)
    subscription = await connection.jetstream().subscribe(
        _SUBJECT, ordered_consumer=True
    )
    there.send("following")
    seen: list[int] = []
    while len(seen) < count:
        await subscription.next_msg(timeout=60)
        seen.append(time.monotonic_ns())
    await connection.close()
    return seen


# --- writers ------------------------------------------------------------------------


def _rates(postgres: Postgres, writers: int, count: int) -> Figure:
    """Let as many processes write over REST as write alone, an event a commit."""
    alone = _rate(_record_alone, _begun(postgres, "written-alone"), writers, count)
    target = _begun(postgres, "written-over-rest")
    with _api(target, []) as port:
        together = _rate(_post, str(port), writers, count)
    return Figure(
        f"{writers} processes write, each with {CONNECTIONS_EACH} requests at a time, "
        "to one API process",
        f"{together:,.0f} events/s",
        f"{together / alone:.1f}× as many as {writers} processes that record alone, "
        f"an event a commit: {alone:,.0f} events/s",
    )


def _begun(postgres: Postgres, name: str) -> str:
    """Return a new ledger with all that statements are about."""
    target = postgres.target(name)
    with dateline.open(target, clock=clock) as ledger:
        ledger.record(*islice(events(SHAPE), SOURCES + SHAPE.topics + SHAPE.claims))
    return target


def _rate(write: Write, place: str, writers: int, count: int) -> float:
    """Return how many events a second all writers get recorded."""
    news = list(_statements(writers * count))
    together = _SPAWN.Barrier(writers)
    with ExitStack() as stack:
        writing = [
            stack.enter_context(_apart(write, place, news[number::writers], together))
            for number in range(writers)
        ]
        times = [writer.recv() for writer in writing]
    began, ended = (min(begin for begin, _ in times), max(end for _, end in times))
    return float(len(news) / (ended - began))


def _statements(count: int) -> Iterator[Line]:
    for number in range(count):
        said = BEGIN + timedelta(seconds=number)
        yield {
            "type": "ClaimAsserted",
            "claim": claim_of(0, number % SHAPE.claims),
            "source": source_of(number % SOURCES),
            "said_at": f"{said:%Y-%m-%dT%H:%M:%SZ}",
        }


def _record_alone(
    target: str, news: Sequence[Line], together: Barrier, there: Connection
) -> None:
    parsed = [parse_event(line) for line in news]
    with dateline.open(target, clock=clock, create=False) as ledger:
        together.wait()
        began = time.monotonic()
        for event in parsed:
            ledger.record(event)
        there.send((began, time.monotonic()))


def _post(
    port: str, news: Sequence[Line], together: Barrier, there: Connection
) -> None:
    requests = [posted(line) for line in news]
    together.wait()
    began = time.monotonic()
    send_all(int(port), requests, len(requests), connections=CONNECTIONS_EACH)
    there.send((began, time.monotonic()))
