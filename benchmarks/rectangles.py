"""What was known of one topic on PostgreSQL, beside a table of rectangles.

The usual bitemporal table has a row for each rectangle of both times: while it was
known, while that was recorded. It is filled from the same ledger, with the same JSON,
and asked with a B-tree over the topic and all four limits (of six orders of columns
that were tried, the one that came out best), and with GiST over ranges. Replay
reads the streams of the topic's claims in one query and folds them. The floor fetches
as many rows of the same width by their key. All give the same claims, which is checked,
and are asked the same points, in turn; so is the same ledger in a SQLite file.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import psycopg

import dateline
from benchmarks.asof import Asked, in_turn, known_json, points
from benchmarks.report import Figure, Spread
from benchmarks.servers import Postgres
from benchmarks.workloads import ZONE, Ledgers, Shape, clock, topic_of
from dateline import Ledger
from dateline.domain.answers import as_json
from dateline.domain.histories import ClaimHistory
from dateline.domain.questions import state_of
from dateline.domain.recorded import LogEntry
from dateline.domain.rule import Policy
from dateline.domain.times import Instant, Zone
from dateline.projections import log
from dateline.projections.asof import AsOf
from dateline.projections.book import Principals, principal_of
from dateline.projections.postgres.store import PostgresStore
from dateline.projections.steps import IGNORE
from dateline.projections.store import OPEN_END

DEEP = Shape(1, 100, 12)
"""Claims with longer histories."""

_CHECKED_POINTS = 10
_REPLAYS = 20
_TABLES = "beside"

_CREATE = """
    CREATE TABLE rectangles (
        topic          TEXT COLLATE "C" NOT NULL,
        claim          TEXT COLLATE "C" NOT NULL,
        known_from     BIGINT NOT NULL,
        known_until    BIGINT NOT NULL,
        recorded_from  BIGINT NOT NULL,
        recorded_until BIGINT NOT NULL,
        state          TEXT   NOT NULL
    )
"""
_CREATE_BTREE = """
    CREATE INDEX ON rectangles
    (topic, known_from, known_until, recorded_from, recorded_until)
"""
_CREATE_GIST = """
    CREATE INDEX ON rectangles USING gist (
        topic, int8range(known_from, known_until),
        int8range(recorded_from, recorded_until))
"""
_BTREE = """
    SELECT claim, state FROM rectangles
    WHERE topic = %s AND known_from <= %s AND known_until > %s
      AND recorded_from <= %s AND recorded_until > %s
    ORDER BY claim
"""
_GIST = """
    SELECT claim, state FROM rectangles
    WHERE topic = %s AND int8range(known_from, known_until) @> %s::bigint
      AND int8range(recorded_from, recorded_until) @> %s::bigint
    ORDER BY claim
"""
_FLOOR = "SELECT claim, state FROM floor WHERE topic = %s ORDER BY claim"
_STREAMS = """
    SELECT position, id, type, fields, stream, version, recorded_at
    FROM log WHERE stream = ANY(%s) AND position <= %s ORDER BY stream, version
"""

Rectangle = tuple[str, str, Instant, Instant, int, int, str]
"""topic, claim, known from and until, recorded from and until, state as JSON"""


def rectangles(path: Path) -> Iterator[Rectangle]:
    """Yield the rectangles of a ledger's file, claim by claim."""
    with closing(sqlite3.connect(path)) as connection:
        heads: dict[str, dict[int, str]] = {}
        topics: dict[str, str] = {}
        for topic, claim, position, head, rivals in connection.execute(
            "SELECT topic, claim, recorded_from, head, rivals FROM claims "
            "WHERE topic <> ''"
        ):
            assert rivals is None, "a state would depend on other claims"
            assert topics.setdefault(claim, topic) == topic
            heads.setdefault(claim, {})[position] = head
        steps = connection.execute(
            "SELECT claim, known_from, recorded_from, recorded_until, answer "
            f"FROM steps WHERE variant <> {IGNORE} ORDER BY claim"
        )
        for claim, rows in groupby(steps, lambda row: row[0]):
            for rectangle in _of_claim(heads[claim], [row[1:] for row in rows]):
                yield topics[claim], claim, *rectangle


def _of_claim(
    heads: dict[int, str], steps: list[tuple[Instant, int, int, str]]
) -> Iterator[tuple[Instant, Instant, int, int, str]]:
    """Go through record time; whatever a change leaves as it was stays one row."""
    begun: dict[int, list[tuple[Instant, str]]] = {}
    ended: dict[int, list[Instant]] = {}
    for known_from, recorded_from, recorded_until, answer in steps:
        begun.setdefault(recorded_from, []).append((known_from, answer))
        ended.setdefault(recorded_until, []).append(known_from)
    ended.pop(OPEN_END, None)
    valid: dict[Instant, str] = {}
    kept: dict[tuple[Instant, Instant, str], int] = {}
    head = ""
    for position in sorted(heads.keys() | begun.keys() | ended.keys()):
        head = heads.get(position, head)
        for known_from in ended.get(position, ()):
            del valid[known_from]
        valid.update(begun.get(position, ()))
        starts = sorted(valid)
        now = {
            (start, end, f"{{{head},{valid[start]}}}")
            for start, end in zip(starts, [*starts[1:], OPEN_END], strict=False)
        }
        for row in kept.keys() - now:
            yield row[0], row[1], kept.pop(row), position, row[2]
        for row in now - kept.keys():
            kept[row] = position
    for row, recorded_from in kept.items():
        yield row[0], row[1], recorded_from, OPEN_END, row[2]


class Plain:
    """Tables beside a ledger, asked through one session with prepared statements."""

    def __init__(self, postgres: Postgres, name: str, topic: str) -> None:
        self._session = postgres.connect(name, create=True)
        self._session.prepare_threshold = 0
        self._cursor = self._session.cursor(binary=True)
        self._topic = topic
        self._zone = Zone(ZONE)
        self.has_gist = False

    def fill(self, path: Path, topics: int, states: list[str]) -> None:
        """Make the tables of a ledger's file, and of the floor's rows."""
        self._session.execute(_CREATE)
        with self._cursor.copy("COPY rectangles FROM STDIN") as copy:
            for row in rectangles(path):
                copy.write_row(row)
        self._session.execute(_CREATE_BTREE)
        try:
            self._session.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
            self._session.execute(_CREATE_GIST)
            self.has_gist = True
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
            pass  # the extension is not installed
        self._session.execute(
            'CREATE TABLE floor (topic TEXT COLLATE "C", claim BIGINT, state TEXT, '
            "PRIMARY KEY (topic, claim))"
        )
        with self._cursor.copy("COPY floor FROM STDIN") as copy:
            for topic in range(topics):
                for claim, state in enumerate(states):
                    copy.write_row((topic_of(topic), claim, state))

    def btree(self, on: Instant, by: int) -> bytes:
        return self._fetch(_BTREE, self._topic, on, on, by, by)

    def gist(self, on: Instant, by: int) -> bytes:
        return self._fetch(_GIST, self._topic, on, by)

    def floor(self) -> bytes:
        return self._fetch(_FLOOR, self._topic)

    def _fetch(self, statement: str, *parameters: object) -> bytes:
        rows = self._cursor.execute(statement, parameters).fetchall()
        return ",".join([state for _, state in rows]).encode()

    def close(self) -> None:
        self._session.close()


class Replay:
    """Answers from the log: the streams in one query, folded, and the rule."""

    def __init__(self, postgres: Postgres, name: str, topic: str) -> None:
        self._session = postgres.connect(name)
        self._session.prepare_threshold = 0
        self._zone = Zone(ZONE)
        with closing(
            PostgresStore(postgres.target(name), create=False, lock_timeout=10)
        ) as store:
            with store.reading() as cursor:
                claims = AsOf(cursor, self._zone, Policy()).filed(topic, OPEN_END - 1)
                registered = log.of_types(cursor, "SourceRegistered")
        self._streams = [f"claim:{claim}" for claim in claims]
        direct = {entry.fields["source"]: principal_of(entry) for entry in registered}
        self._principals = Principals(direct.get)

    def states(self, on: Instant, by: int) -> list[Any]:
        """Return the states of the claims that were reported."""
        with self._session.cursor(binary=True) as cursor:
            rows = cursor.execute(_STREAMS, (self._streams, by)).fetchall()
        states = []
        for _, stream in groupby(rows, lambda row: row[4]):
            history = ClaimHistory(self._zone)
            for position, id, type, fields, name, version, at in stream:
                fields = orjson.loads(fields)
                history.apply(LogEntry(position, id, type, fields, name, version, at))
            state = state_of(
                history,
                self._principals,
                (),
                on=on,
                recorded_by=by,
                policy=Policy(),
            )
            if state.status != "unreported":
                states.append(as_json(state))
        return states

    def close(self) -> None:
        self._session.close()


class Measured(NamedTuple):
    """What one shape's topic cost, by way of asking; rows and MB by table."""

    spreads: dict[str, Spread]
    sizes: dict[str, tuple[int, float]]


def ask(ledgers: Ledgers, shape: Shape, *, count: int) -> Measured:
    """Ask for one topic at random points, every way in turn."""
    postgres = ledgers.postgres
    assert postgres is not None
    path, name = ledgers.ledger(shape), ledgers.on_postgres(shape)
    topic = topic_of(shape.topics // 2)
    zone = Zone(ZONE)
    with (
        dateline.open(postgres.target(name), clock=clock, create=False) as ledger,
        dateline.open(path, clock=clock) as file,
        closing(Plain(postgres, f"{name}-{_TABLES}", topic)) as plain,
        closing(Replay(postgres, name, topic)) as replay,
    ):
        head = ledger.position
        drawn = points(count, head)
        some = orjson.loads(known_json(ledger, topic, drawn[0]))["claims"]
        plain.fill(path, shape.topics, [orjson.dumps(state).decode() for state in some])
        for filled in (name, f"{name}-{_TABLES}"):
            postgres.analyze(filled)

        def at(asked: Asked) -> tuple[Instant, int]:
            by = head if asked.recorded_by is None else asked.recorded_by
            return zone.known_until(asked.on), by

        ways: dict[str, Callable[[Asked], object]] = {
            "rows": lambda asked: known_json(ledger, topic, asked),
            "btree": lambda asked: plain.btree(*at(asked)),
            "gist": lambda asked: plain.gist(*at(asked)),
            "floor": lambda asked: plain.floor(),
            "sqlite": lambda asked: known_json(file, topic, asked),
        }
        if not plain.has_gist:
            del ways["gist"]
        for asked in drawn[:_CHECKED_POINTS]:
            _check(ledger, topic, asked, ways, replay.states(*at(asked)))
        spreads = in_turn(ways, drawn)
        replayed = {"replay": lambda asked: orjson.dumps(replay.states(*at(asked)))}
        spreads |= in_turn(replayed, drawn[:_REPLAYS])
        sizes = {
            "rectangles": postgres.size(f"{name}-{_TABLES}", "rectangles"),
            "steps": postgres.size(name, "steps"),
        }
    return Measured(spreads, sizes)


def _check(
    ledger: Ledger,
    topic: str,
    asked: Asked,
    ways: dict[str, Callable[[Asked], object]],
    states: list[Any],
) -> None:
    """See that every way gives the same claims at a point."""
    answer = known_json(ledger, topic, asked)
    assert ways["sqlite"](asked) == answer, asked
    assert orjson.loads(answer)["claims"] == states, asked
    for way in {"btree", "gist"} & ways.keys():
        claims = ways[way](asked)
        assert isinstance(claims, bytes)
        assert b'"claims":[' + claims + b"]," in answer, (way, asked)


def measure(ledgers: Ledgers, shapes: list[Shape], *, count: int) -> Iterator[Figure]:
    """Measure ledgers of several shapes."""
    for shape in shapes:
        spreads, sizes = ask(ledgers, shape, count=count)
        rows, floor = spreads["rows"].p50, spreads["floor"].p50
        yield Figure(
            f"{shape.events:,} events ({shape.events_of_a_claim} a claim), PostgreSQL",
            str(spreads["rows"]),
            f"{rows / floor:.1f}× the floor, "
            f"{rows / spreads['sqlite'].p50:.1f}× the same in a SQLite file",
        )
        for way, name in (
            ("btree", "rectangles, B-tree"),
            ("gist", "rectangles, GiST"),
            ("replay", "replay by the rule"),
        ):
            if way in spreads:
                taken = spreads[way]
                times = f"{taken.p50 / rows:.2f}× as long as the ledger"
                yield Figure(f"  {name}", str(taken), times)
        yield Figure("  floor: rows of the same width", str(spreads["floor"]))
        yield Figure("  the ledger in a SQLite file", str(spreads["sqlite"]))
        many, few = sizes["rectangles"], sizes["steps"]
        yield Figure(
            "  rectangles that are kept",
            f"{many[0]:,}, {many[1]:.1f} MB",
            f"steps of the ledger: {few[0]:,}, {few[1]:.1f} MB, for every policy",
        )
