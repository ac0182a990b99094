"""Recording events, beside the event store's bare recorder, and beside itself.

The bare recorder stores the same bytes on the same streams in a file of its own, with
the same durability; it decides nothing, chains nothing and keeps no rows. Group commit
is held against the same threads with a transaction for each event, on each store. What
is compared takes turns, so that it meets the same disk.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import NamedTuple

import orjson
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

import dateline
from benchmarks.report import Figure, timed
from benchmarks.workloads import Ledgers, Shape, clock, events
from dateline.domain.events import AnyEvent

SHAPE = Shape(topics=2, events_of_a_claim=50)
"""Statements over 400 claims, from 30 sources."""

SEEDED = 5_000
"""Events that both stores hold before anything is measured."""

ONE_AIM = 0.6
MANY_AIM = 0.25
MANY = 1_000

THREADS = 64
GROUP_AIM = 4.0
ROUND = 10 * THREADS
"""Events recorded each way before the next has its turn."""
ROUNDS = 4


class Turn(NamedTuple):
    """What a store took for its turns, and for how many events."""

    seconds: list[float]
    events: int

    @property
    def rate(self) -> float:
        return self.events / sum(self.seconds)


def measure(ledgers: Ledgers, *, singles: int, batches: int) -> Iterator[Figure]:
    """Measure commits of one event, of a thousand, and of whatever waits."""
    yield from _beside_bare(ledgers, singles, batches)
    for store, place in ledgers.places("group").items():
        yield _grouped(store, place)


def _beside_bare(ledgers: Ledgers, singles: int, batches: int) -> Iterator[Figure]:
    wanted = SEEDED + singles + batches * MANY
    news = list(islice(events(SHAPE, seed=3), wanted))
    stored = _as_stored(news)
    directory = ledgers.directory
    datastore = SQLiteDatastore(str(directory / "bare"), originator_id_type="text")
    bare = SQLiteApplicationRecorder(datastore)
    bare.create_table()
    with (
        closing(datastore),
        dateline.open(directory / "append.dateline", clock=clock) as ledger,
    ):
        _check_durability(datastore)
        ledger.record(*news[:SEEDED])
        bare.insert_events(stored[:SEEDED])
        for size, first, last, aim in (
            (1, SEEDED, SEEDED + singles, ONE_AIM),
            (MANY, SEEDED + singles, len(news), MANY_AIM),
        ):
            ours, theirs = _in_turn(
                lambda part: ledger.record(*news[part]),
                lambda part: bare.insert_events(stored[part]),
                [slice(at, at + size) for at in range(first, last, size)],
            )
            commits = "one event" if size == 1 else f"{size:,} events"
            ratio = ours.rate / theirs.rate
            yield Figure(
                f"record, {commits} a commit",
                f"{ratio:.2f} of bare",
                f"{ours.rate:,.0f} against {theirs.rate:,.0f} events/s, "
                f"synchronous FULL, {_width(stored)} B an event",
                f"≥ {aim:g}",
                ratio >= aim,
            )


def _grouped(store: str, place: str) -> Figure:
    """Measure many threads that record, together and in transactions of their own."""
    with dateline.open(place, clock=clock) as ledger:

        def by_itself(event: AnyEvent) -> None:
            with ledger.recording() as batch:
                batch.add(event)

        ways: Sequence[tuple[Callable[[AnyEvent], object], int]] = (
            (ledger.record, THREADS),
            (by_itself, THREADS),
            (ledger.record, 1),
        )
        seconds: tuple[list[float], ...] = [], [], []
        recorded = ROUNDS * ROUND
        news = events(SHAPE, seed=3)
        ledger.record(*islice(news, SEEDED))
        rest = list(islice(news, len(ways) * recorded))
        claims = _claims_of(rest)
        for turn, at in enumerate(range(0, len(rest), ROUND)):
            record, threads = ways[turn % len(ways)]
            shares = _shares(rest[at : at + ROUND], claims, threads)
            taken = timed(partial(_in_threads, record, shares))
            seconds[turn % len(ways)].append(taken)
        grouped, apart, alone = (Turn(one, recorded) for one in seconds)
    ratio = grouped.rate / apart.rate
    return Figure(
        f"record, {THREADS} threads, group commit, {store}",
        f"{ratio:.1f} times",
        f"{grouped.rate:,.0f} against {apart.rate:,.0f} events/s with a transaction "
        f"for each event; one thread: {alone.rate:,.0f}",
        f"≥ {GROUP_AIM:g}",
        ratio >= GROUP_AIM,
    )


def _claims_of(news: Iterable[AnyEvent]) -> dict[int, str]:
    """Return the claim that each event is about, if it is about one."""
    claims: dict[int, str] = {}
    by_statement: dict[str, str] = {}
    for event in news:
        cited = by_statement.get(getattr(event, "event", ""), "")
        claims[id(event)] = claim = getattr(event, "claim", cited)
        if event.id is not None:
            by_statement[event.id] = claim
    return claims


def _shares(
    part: Sequence[AnyEvent], claims: dict[int, str], threads: int
) -> list[list[AnyEvent]]:
    """Share out events among threads; those of a claim stay together, in order."""
    shares: list[list[AnyEvent]] = [[] for _ in range(threads)]
    numbers: dict[str, int] = {}
    for event in part:
        number = numbers.setdefault(claims[id(event)], len(numbers))
        shares[number % threads].append(event)
    return shares


def _in_threads(
    record: Callable[[AnyEvent], object], shares: Sequence[Sequence[AnyEvent]]
) -> None:
    def work(share: Sequence[AnyEvent]) -> None:
        for event in share:
            record(event)
        done.append(len(share))

    done: list[int] = []
    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == sum(map(len, shares)), "an event was refused"


def _in_turn(
    ours: Callable[[slice], object],
    theirs: Callable[[slice], object],
    parts: Sequence[slice],
) -> tuple[Turn, Turn]:
    taken: tuple[list[float], list[float]] = [], []
    for number, part in enumerate(parts):
        turns = ((ours, taken[0]), (theirs, taken[1]))
        for store, seconds in turns if number % 2 else reversed(turns):
            seconds.append(timed(partial(store, part)))
    recorded = sum(part.stop - part.start for part in parts)
    return Turn(taken[0], recorded), Turn(taken[1], recorded)


def _as_stored(news: Sequence[AnyEvent]) -> list[StoredEvent]:
    """Return what a ledger stores of events, whole envelopes, for the bare recorder."""
    with dateline.open(":memory:", clock=clock) as ledger:
        with ledger.recording() as recording:
            added = [recording.add(event) for event in news]
        assert all(recorded.new for recorded in added)
        return [
            StoredEvent(
                recorded.stream,
                recorded.version,
                recorded.type,
                orjson.dumps(recorded.stored),
            )
            for recorded in ledger.events(after=ledger.first_position)
        ]


def _width(stored: Sequence[StoredEvent]) -> int:
    return sum(len(event.state) for event in stored) // len(stored)


def _check_durability(datastore: SQLiteDatastore) -> None:
    with datastore.get_connection(commit=False) as connection:
        cursor: sqlite3.Cursor
        with connection.cursor() as cursor:
            found = [
                cursor.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous")
            ]
    assert found == ["wal", 2], found
