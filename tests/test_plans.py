"""On PostgreSQL a question reads what it answers with, however long the history is."""

import random
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

import dateline
from benchmarks.servers import POSTGRES, Postgres
from benchmarks.workloads import Shape, clock, events, topic_of
from dateline import Ledger, Policy
from dateline.domain.questions import Point
from dateline.domain.times import Zone
from dateline.projections.asof import AsOf
from dateline.projections.store import Cursor
from tests.services import require

CLAIMS = 20
SHAPE = Shape(topics=2, events_of_a_claim=80, claims=CLAIMS)
TOPIC = topic_of(1)
DAYS = [
    f"{year}-{month:02}-15" for year in (2023, 2024, 2025) for month in range(1, 13)
]

_READ = """
    SELECT relname, seq_tup_read + coalesce(idx_tup_fetch, 0)
    FROM pg_stat_xact_user_tables WHERE schemaname = current_schema()
"""


@pytest.fixture(scope="module", params=["as filled", "analyzed"])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """Give a ledger whose tables the planner knows nothing about, or all."""
    try:
        postgres = Postgres(POSTGRES)
    except psycopg.OperationalError:
        require("PostgreSQL", False)
        raise
    try:
        with dateline.open(postgres.target("plans"), clock=clock) as opened:
            opened.record(*events(SHAPE))
            if request.param == "analyzed":
                postgres.analyze("plans")
            yield opened
    finally:
        postgres.close()


def read(cursor: Cursor) -> Counter[str]:
    """Return how many rows of each table the session has read by now."""
    return Counter(dict(cursor.execute(_READ).fetchall()))


def test_a_question_costs_a_row_of_each_table_for_a_claim(ledger: Ledger) -> None:
    zone = Zone(ledger.timezone)
    chance = random.Random(1)
    for _ in range(30):  # from the sixth on a plan may be for any parameters
        by = chance.choice([ledger.position, chance.randint(500, ledger.position)])
        point = Point(zone.known_until(chance.choice(DAYS)), by)
        with ledger._store.reading() as cursor:
            before = read(cursor)
            asof = AsOf(cursor, zone, Policy())
            asof.claims(point, topic=TOPIC)
            asof.possibly_known(point, topic=TOPIC)
            rows = read(cursor) - before

        assert rows["stored_events"] <= 1  # whether the point is at the head
        assert rows["reaches"] <= CLAIMS
        assert CLAIMS / 2 < rows["steps"] <= CLAIMS * 3 / 2  # a few of both variants
        assert rows["uncertain"] <= CLAIMS
