"""The benchmarks run; what they measure is checked by themselves, before it is."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks import append, asof, page, processes, rectangles
from benchmarks.report import Figure
from benchmarks.servers import Postgres, has_nats
from benchmarks.workloads import Ledgers, Shape
from tests.services import require
from tests.stores import SERVER, require_server

SMALL = Shape(topics=2, events_of_a_claim=60, sources_of_a_claim=3, claims=10)


@pytest.fixture
def ledgers(tmp_path: Path) -> Iterator[Ledgers]:
    """Give the ledgers of a run on both stores."""
    require_server()
    with closing(Postgres(SERVER)) as postgres:
        yield Ledgers(tmp_path, postgres)


def measured(figures: Iterator[Figure]) -> str:
    """Return what all lines of a part say."""
    return "\n".join(" ".join(map(str, figure)) for figure in figures)


def test_commits_are_measured(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "SEEDED", 250)
    monkeypatch.setattr(append, "MANY", 10)
    monkeypatch.setattr(append, "ROUND", 20)
    monkeypatch.setattr(append, "ROUNDS", 1)

    table = measured(append.measure(ledgers, singles=4, batches=2))

    for words in ("of bare", "SQLite", "PostgreSQL"):
        assert words in table


def test_questions_at_a_point_are_measured(ledgers: Ledgers) -> None:
    assert "floor" in measured(asof.measure(ledgers, [SMALL], [], count=20))


def test_a_table_of_rectangles_gives_the_same_answers(ledgers: Ledgers) -> None:
    table = measured(rectangles.measure(ledgers, [SMALL], count=20))

    for way in ("B-tree", "GiST", "replay", "floor", "SQLite"):
        assert way in table


def test_several_processes_are_measured(ledgers: Ledgers) -> None:
    require("nats-server", has_nats())
    desk = processes.Desk(apis=1, readers_of_each=2, writers=2)

    table = measured(processes.measure(ledgers, count=3, written=20, desk=desk))

    assert "NOTIFY" in table
    assert "JetStream" in table
    assert "events/s" in table


def test_a_page_is_measured_in_a_browser(
    ledgers: Ledgers, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("chromium", page.CHROMIUM is not None)
    monkeypatch.setattr(page, "ROUNDS", 1)

    table = measured(page.measure(ledgers, SMALL))

    assert "first contentful paint" in table
    assert "kB of them the page" in table
