"""What was known of one topic at a point, beside replay and beside the floor.

Replay reads the claims' streams through the event store's recorder and folds them, as
a program without as-of rows would. The floor fetches as many rows of the same width
from a plain table. All are asked the same points, in turn, each with a warm cache.
"""

import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import orjson
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteDatastore

import dateline
from benchmarks.report import Figure, Spread, spread
from benchmarks.workloads import BEGIN, END, ZONE, Ledgers, Shape, clock, topic_of
from dateline import Ledger
from dateline.domain.answers import as_json
from dateline.domain.events import STANCES
from dateline.domain.histories import ClaimHistory
from dateline.domain.questions import state_of
from dateline.domain.recorded import LogEntry
from dateline.domain.rule import Policy
from dateline.domain.times import Zone, print_datetime
from dateline.projections import log
from dateline.projections.asof import AsOf
from dateline.projections.book import Principals, principal_of
from dateline.projections.sqlite.recorder import LogRecorder
from dateline.projections.sqlite.store import SQLiteStore

JSON_AIM_MS = 1.0
TYPED_AIM_MS = 2.0
FLAT_AIM = 1.3

_WARM_UP = 20
_SIZED = 20
_FEWEST = 20
_LONGEST_SECONDS = 5
_CHECKED_POINTS = 10
_CHECKED_CLAIMS = 5
_CACHE_KIB = 65_536


class Asked(NamedTuple):
    """A point to ask at: an instant of public time, a position or the head."""

    on: str
    recorded_by: int | None


class Measured(NamedTuple):
    """What one shape's topic cost, by way of asking."""

    spreads: dict[str, Spread]
    claims: float
    bytes: float


def points(count: int, head: int, *, seed: int = 7) -> list[Asked]:
    """Draw points: public time anywhere, record time in turn at the head and anywhere.

    The first tenth of both is left out, in which not every claim is spoken of yet.
    """
    chance = random.Random(seed)
    span = (END - BEGIN) / timedelta(microseconds=1)
    drawn = []
    for number in range(count):
        on = BEGIN + timedelta(microseconds=int(span * chance.uniform(0.1, 1)))
        by = None if number % 2 else chance.randint(head // 10, head)
        drawn.append(Asked(print_datetime(on), by))
    return drawn


# --- ways of asking ---------------------------------------------------------------


class Replay:
    """Answers from streams read through the library, without as-of rows."""

    def __init__(self, path: Path, topic: str) -> None:
        self._zone = Zone(ZONE)
        self._datastore = SQLiteDatastore(str(path), originator_id_type="text")
        self._recorder = LogRecorder(self._datastore)
        self._store = SQLiteStore(str(path), create=False, lock_timeout=10)
        with self._store.reading() as cursor:
            answers = AsOf(cursor, self._zone, Policy())
            self.claims = answers.filed(topic, self._store.last_position(cursor))
            registered = log.of_types(cursor, "SourceRegistered")
        direct = {entry.fields["source"]: principal_of(entry) for entry in registered}
        self._principals = Principals(direct.get)

    def last_words(self, asked: Asked) -> bytes:
        """Fold as simply as can be: each source's last statement, and no rule."""
        until = self._zone.known_until(asked.on)
        found = {}
        for claim in self.claims:
            last: dict[str, tuple[int, str]] = {}
            for event in self._recorder.select_events(f"claim:{claim}"):
                if event.topic in STANCES:
                    fields = orjson.loads(event.state)
                    latest = self._zone.period(fields["said_at"]).latest
                    said = last.get(fields["source"], (latest, ""))
                    if said[0] <= latest <= until:
                        last[fields["source"]] = (latest, event.topic)
            found[claim] = last
        return orjson.dumps(found)

    def by_rule(self, asked: Asked) -> bytes:
        """Fold and apply the status rule, all recorded news included."""
        until = self._zone.known_until(asked.on)
        states = []
        for claim in self.claims:
            history = ClaimHistory(self._zone)
            for event in self._recorder.select_events(f"claim:{claim}"):
                history.apply(_entry(event))
            states.append(self._state(history, until, history.last_position))
        return orjson.dumps(states)

    def _state(self, history: ClaimHistory, on: int, position: int) -> dict[str, Any]:
        return as_json(
            state_of(
                history,
                self._principals,
                (),
                on=on,
                recorded_by=position,
                policy=Policy(),
            )
        )

    def check(self, ledger: Ledger, topic: str, asked: Asked) -> None:
        """Hold an answer's states against the rule for a few claims."""
        answer = orjson.loads(known_json(ledger, topic, asked))
        typed = _known(ledger, topic, asked)
        assert typed.model_dump(mode="json") == answer, asked
        until = self._zone.known_until(asked.on)
        states = {state["id"]: state for state in answer["claims"]}
        for claim in self.claims[:: len(self.claims) // _CHECKED_CLAIMS]:
            history = ClaimHistory(self._zone)
            with self._store.reading() as cursor:
                for entry in log.claim_stream(cursor, claim):
                    history.apply(entry)
            expected = self._state(history, until, answer["basis"]["position"])
            if claim in states or expected["status"] != "unreported":
                assert states[claim] == expected, (asked, claim)

    def close(self) -> None:
        self._store.close()
        self._datastore.close()


def _entry(event: StoredEvent) -> LogEntry:
    version = event.originator_version
    fields = orjson.loads(event.state)
    # The library's streams bring no ids; a statement's version stands in for it.
    return LogEntry(
        version, str(version), event.topic, fields, str(event.originator_id), version, 0
    )


class Floor:
    """A plain table, a row of an answer's width for each claim of each topic."""

    def __init__(self, path: Path, topics: int, states: list[bytes]) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._connection.execute("BEGIN")
        self._connection.execute(
            "CREATE TABLE floor (topic TEXT, claim INTEGER, state BLOB, "
            "PRIMARY KEY (topic, claim)) WITHOUT ROWID"
        )
        self._connection.executemany(
            "INSERT INTO floor VALUES (?,?,?)",
            (
                (topic_of(topic), claim, state)
                for topic in range(topics)
                for claim, state in enumerate(states)
            ),
        )
        self._connection.execute("COMMIT")

    def fetch(self, topic: str) -> bytes:
        """Fetch one topic's rows and join them."""
        rows = self._connection.execute(
            "SELECT state FROM floor WHERE topic = ? ORDER BY claim", (topic,)
        ).fetchall()
        return b",".join([state for (state,) in rows])

    def close(self) -> None:
        self._connection.close()


def _known(ledger: Ledger, topic: str, asked: Asked) -> dateline.Knowledge:
    return ledger.knowledge(on=asked.on, recorded_by=asked.recorded_by, topic=topic)


def known_json(ledger: Ledger, topic: str, asked: Asked) -> bytes:
    """Ask what was known of a topic."""
    return ledger.knowledge_json(
        on=asked.on, recorded_by=asked.recorded_by, topic=topic
    )


# --- measuring --------------------------------------------------------------------


def ask(ledgers: Ledgers, shape: Shape, *, count: int, replays: int) -> Measured:
    """Ask for one topic at random points, every way in turn."""
    path = ledgers.ledger(shape)
    topic = topic_of(shape.topics // 2)
    with (
        closing(Replay(path, topic)) as replay,
        dateline.open(path, clock=clock) as ledger,
    ):
        drawn = points(count, ledger.position)
        for asked in drawn[:_CHECKED_POINTS]:
            replay.check(ledger, topic, asked)
        began = perf_counter()
        sizes = [_size(known_json(ledger, topic, asked)) for asked in drawn[:_SIZED]]
        each = (perf_counter() - began) / _SIZED
        drawn = drawn[: max(_FEWEST, int(_LONGEST_SECONDS / each))]
        states = [
            orjson.dumps(state)
            for state in orjson.loads(known_json(ledger, topic, drawn[0]))["claims"]
        ]
        with closing(
            Floor(ledgers.directory / f"{shape.name}.floor", shape.topics, states)
        ) as floor:
            ways: dict[str, Callable[[Asked], object]] = {
                "json": lambda asked: known_json(ledger, topic, asked),
                "typed": lambda asked: _known(ledger, topic, asked),
                "floor": lambda asked: floor.fetch(topic),
            }
            spreads = in_turn(ways, drawn)
        spreads |= in_turn(
            {"last words": replay.last_words, "rule": replay.by_rule}, drawn[:replays]
        )
    claims, size = (sum(some) / _SIZED for some in zip(*sizes, strict=True))
    return Measured(spreads, claims, size)


def _size(answer: bytes) -> tuple[int, int]:
    return len(orjson.loads(answer)["claims"]), len(answer)


def in_turn(
    ways: Mapping[str, Callable[[Asked], object]], drawn: list[Asked]
) -> dict[str, Spread]:
    """Ask every way at each point, and return how long each took."""
    taken: dict[str, list[float]] = {way: [] for way in ways}
    for asked in drawn[-min(_WARM_UP, len(drawn) // 2) :]:
        for answer in ways.values():
            answer(asked)
    for asked in drawn:
        for way, answer in ways.items():
            began = perf_counter()
            answer(asked)
            taken[way].append(perf_counter() - began)
    return {way: spread(seconds) for way, seconds in taken.items()}


def measure(
    ledgers: Ledgers, shapes: list[Shape], deep: list[Shape], *, count: int
) -> Iterator[Figure]:
    """Measure growing ledgers, then topics of few claims with long histories."""
    medians: dict[str, list[float]] = {"json": [], "typed": []}
    for shape in shapes + deep:
        replays = max(4, min(50, 200_000 // (shape.events // shape.topics)))
        measured = ask(ledgers, shape, count=count, replays=replays)
        yield from _figures(shape, measured)
        if shape in shapes:
            for way, values in medians.items():
                values.append(measured.spreads[way].p50)
    for way, values in medians.items():
        growth = max(values) / min(values)
        if len(values) > 1:
            yield Figure(
                f"{way}: slowest over fastest size",
                f"{growth:.2f}×",
                "flat is 1",
                f"≤ {FLAT_AIM}×",
                growth <= FLAT_AIM,
            )


def _figures(shape: Shape, measured: Measured) -> Iterator[Figure]:
    spreads, claims, size = measured
    per_claim = f"{shape.events_of_a_claim} a claim, {shape.sources_of_a_claim} sources"
    name = f"{shape.events:,} events ({per_claim})"
    floor = spreads["floor"].p50
    for way, aim in (("json", JSON_AIM_MS), ("typed", TYPED_AIM_MS)):
        taken = spreads[way]
        yield Figure(
            f"{name}: {way}",
            str(taken),
            f"{taken.p50 / floor:.1f}× the floor, "
            f"replay by the rule {spreads['rule'].p50 / taken.p50:.0f}× as long",
            f"≤ {aim:g} ms",
            taken.p50 * 1e3 <= aim,
        )
    yield Figure(
        "  floor: rows of the same width",
        str(spreads["floor"]),
        f"an answer: {claims:.0f} claims, {size / 1e3:.0f} kB",
    )
    yield Figure("  replay: last words only", str(spreads["last words"]))
    yield Figure("  replay: the status rule", str(spreads["rule"]))
