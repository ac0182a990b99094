"""Questions put to a replica: here a copy that lags until it is given what is new."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

import dateline
from dateline import Ledger
from dateline.api import Settings, create_app, replica
from dateline.api.replica import PassedOn, Replica
from dateline.domain.errors import UnknownTopic
from tests.api.graphql.asking import GraphQL
from tests.api.ops.test_operations import measured
from tests.api.rest.asking import NDJSON, Rest, asking, lines_of, refusal
from tests.api.rest.test_feeds import following, news
from tests.api.serving import serving
from tests.builders import (
    Clock,
    asserted,
    denied,
    framed,
    opened,
    refused,
    registered,
)
from tests.histories import named_like, overwrite
from tests.stores import on_sqlite_alone

ON = "2024-10-22"
OLD, NEW = 6, 9
"""Where the replica ends, and where the ledger does."""

UNREACHABLE = "postgresql://postgres@127.0.0.1:1/none?connect_timeout=2"


class Lagging:
    """A ledger with a replica that is behind it, and an application over both."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.ledger = ledger
        self.target = named_like(ledger.target, "replica")
        ledger.record(opened("a"), opened("b"))
        ledger.record(registered("seoul"), framed("troops", topics=("a",)))
        clock.step(hours=1)
        ledger.record(asserted("troops", id="said"))
        ledger.backup(self.target)
        clock.step(hours=1)
        self.between = f"{clock.now:%Y-%m-%dT%H:%M:%SZ}"
        ledger.record(registered("moscow"))
        clock.step(hours=1)
        ledger.record(denied("troops", by="moscow", id="no"), opened("c"))

    def catch_up(self) -> None:
        """Give the replica what the ledger has."""
        overwrite(self.target, self.ledger.target)


@pytest.fixture
def lagging(ledger: Ledger, clock: Clock) -> Lagging:
    found = Lagging(ledger, clock)
    assert ledger.position == NEW
    return found


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at a replica often."""
    monkeypatch.setattr(replica, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(replica, "_SILENCE_SECONDS", 1.0)


@pytest.fixture
def rest(lagging: Lagging) -> Iterator[Rest]:
    with asking(lagging.ledger, replica=lagging.target, at_least_seconds=0.2) as rest:
        yield rest
        close(rest)


def close(rest: Rest) -> None:
    app: Any = rest.client.app
    app.state.services.replica.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def basis(rest: Rest, **asked: Any) -> int:
    position: int = rest.json("/v1/knowledge", on=ON, **asked)["basis"]["position"]
    return position


def passed_on(rest: Rest) -> dict[str, float]:
    """Return how many questions the replica did not answer, by why."""
    return {
        name[1]: value
        for name, value in measured(rest.client).items()
        if name[0] == "dateline_replica_passed_on_total"
    }


# --- what it answers -----------------------------------------------------------------


def test_the_replica_answers_at_its_head(lagging: Lagging, rest: Rest) -> None:
    assert basis(rest) == basis(rest, recorded_by=OLD) == OLD
    (claim,) = rest.json("/v1/knowledge", on=ON)["claims"]
    assert claim["status"] == "asserted"
    assert rest.json("/v1/events")["position"] == OLD
    *events, end = lines_of(rest.get("/v1/events", {"Accept": NDJSON}))
    assert (len(events), end["position"]) == (OLD, OLD)
    assert passed_on(rest) == {}
    lagging.catch_up()
    assert basis(rest) == NEW


def test_what_is_unknown_at_its_head_is_unknown(rest: Rest) -> None:
    """As at any position: the answer to a question without one may be older."""
    assert rest.code("/v1/topics/c", 404) == "unknown_topic"
    assert passed_on(rest) == {}


def test_the_ledger_says_itself_where_it_ends(lagging: Lagging, rest: Rest) -> None:
    for asked in ({}, {"at_least": NEW}):
        assert rest.json("/v1/ledger", **asked)["position"] == NEW


def test_a_fixed_answer_is_the_same_from_both(lagging: Lagging, rest: Rest) -> None:
    pinned = f"/v1/knowledge?on={ON}&recorded_by={OLD}"
    by_replica = rest.get(pinned)
    with asking(lagging.ledger) as alone:
        by_ledger = alone.get(pinned)
    assert by_replica.content == by_ledger.content
    assert by_replica.headers["etag"] == by_ledger.headers["etag"]
    head = rest.get("/v1/knowledge", on=ON)
    assert head.headers["etag"] == by_ledger.headers["etag"]
    assert head.headers["cache-control"] == "no-cache"


# --- what it passes on ----------------------------------------------------------------


def test_positions_that_it_has_not_come_to_are_the_ledgers(rest: Rest) -> None:
    assert basis(rest, recorded_by=NEW) == NEW
    assert passed_on(rest) == {"behind": 1}
    assert rest.json("/v1/topics/c", recorded_by=NEW)["id"] == "c"
    assert rest.code("/v1/topics/c", 404, recorded_by=OLD) == "unknown_topic"
    assert rest.code("/v1/topics", 400, recorded_by=NEW + 1) == "not_yet_recorded"


def test_an_instant_after_its_head_is_the_ledgers(lagging: Lagging, rest: Rest) -> None:
    """It cannot know what was recorded between its head and that instant."""
    assert basis(rest, recorded_by=lagging.between) == OLD + 1
    assert basis(rest, recorded_by="2024-11-01T13:30:00Z") == OLD
    assert rest.code("/v1/topics", 400, recorded_by="2024-11-02") == "not_yet_recorded"


def test_the_second_page_of_what_the_ledger_answered(
    lagging: Lagging, rest: Rest
) -> None:
    first = rest.json("/v1/topics", recorded_by=NEW, first=1)
    second = rest.json("/v1/topics", after=first["next"])
    assert first["basis"] == second["basis"]
    assert [topic["id"] for topic in second["topics"]] == ["b", "c"]

    page = rest.json("/v1/events", after=lagging.ledger.cursor(OLD + 1))
    assert [event["position"] for event in page["events"]] == [OLD + 2, NEW]
    *events, _ = lines_of(rest.get("/v1/events", {"Accept": NDJSON}, after=OLD + 1))
    assert [event["position"] for event in events] == [OLD + 2, NEW]


def test_a_feed_is_the_ledgers(lagging: Lagging) -> None:
    settings = {"replica": lagging.target, "at_least_seconds": 0.2}
    with serving(lagging.ledger, **settings) as url:
        with following(url, after=OLD, at_least=NEW) as messages:
            told = [one.json()["position"] for one in news(messages, NEW - OLD)]
        assert told == [OLD + 1, OLD + 2, NEW]


# --- at_least -------------------------------------------------------------------------


def test_at_least_waits_for_the_replica(lagging: Lagging) -> None:
    with asking(lagging.ledger, replica=lagging.target, at_least_seconds=30) as rest:
        later = threading.Timer(0.3, lagging.catch_up)
        later.start()
        assert basis(rest, at_least=NEW) == NEW
        later.join()
        assert passed_on(rest) == {}
        close(rest)


def test_at_least_says_how_far_the_replica_is_behind(rest: Rest) -> None:
    problem = refusal(rest.get("/v1/topics", at_least=NEW), 503)
    assert problem["code"] == "position_not_reached"
    assert (problem["at_least"], problem["head"], problem["replica"]) == (NEW, NEW, OLD)
    assert f"position {OLD}, {NEW - OLD} behind the ledger" in problem["detail"]
    assert rest.json("/v1/topics", at_least=OLD)["basis"]["position"] == OLD


# --- GraphQL --------------------------------------------------------------------------


def test_graphql_asks_the_replica_and_the_ledger_alike(
    lagging: Lagging, rest: Rest
) -> None:
    graphql = GraphQL(rest.client)
    known = """query ($at: String) { ledger { position }
      knowledge(on: "2024-10-22", recordedBy: $at) { basis { position }
        claims { nodes { tally { against { name } }
          statements { event { json } } } } } }"""
    answer = graphql.data(known)
    assert answer["ledger"]["position"] == NEW
    assert answer["knowledge"]["basis"]["position"] == OLD
    answer = graphql.data(known, at=str(NEW))["knowledge"]
    (claim,) = answer["claims"]["nodes"]
    assert claim["tally"] == {"against": [{"name": "Moscow"}]}
    assert [one["event"]["json"]["id"] for one in claim["statements"]] == ["said", "no"]

    events = """query ($after: String) { events(first: 1, after: $after) {
      nodes { position } pageInfo { endCursor hasNextPage } } }"""
    positions: list[int] = []
    page: Any = {"pageInfo": {"hasNextPage": True}}
    after = lagging.ledger.cursor(OLD + 1)
    while page["pageInfo"]["hasNextPage"]:
        page = graphql.data(events, after=after)["events"]
        positions += [node["position"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
    assert positions == [OLD + 2, NEW]


# --- what it is not, and when it is away ----------------------------------------------


def test_a_replica_of_another_ledger_is_refused(ledger: Ledger, tmp_path: Path) -> None:
    another = tmp_path / "another.dateline"
    dateline.open(another).close()
    with refused("ledger_mismatch"):
        create_app(ledger, Settings(replica=str(another)))
    with refused("ledger_not_found"):
        create_app(ledger, Settings(replica=str(tmp_path / "nothing.dateline")))


def test_without_its_replica_the_ledger_answers(
    lagging: Lagging, caplog: pytest.LogCaptureFixture
) -> None:
    with asking(lagging.ledger, replica=UNREACHABLE) as rest:
        assert basis(rest) == basis(rest, at_least=NEW) == NEW
        counted = measured(rest.client)
        assert counted["dateline_replica_up",] == 0
        assert math.isnan(counted["dateline_replica_behind_positions",])
        assert set(passed_on(rest)) == {"away"}
        ready = rest.json("/readyz")
        assert ready == {
            "status": "ready",
            "position": NEW,
            "replica": {"status": "away"},
        }
        close(rest)
    (warning,) = [one for one in caplog.records if one.name == replica.__name__]
    assert "no replica: questions are put to the ledger itself" in warning.message


def test_it_is_told_how_far_the_replica_is_behind(lagging: Lagging, rest: Rest) -> None:
    def told() -> tuple[float, Any]:
        counted = measured(rest.client)
        assert counted["dateline_replica_up",] == 1
        assert counted["dateline_head_position",] == NEW
        behind = counted["dateline_replica_behind_positions",]
        return behind, rest.json("/readyz")["replica"]

    assert told() == (
        NEW - OLD,
        {"status": "up", "position": OLD, "behind": NEW - OLD},
    )
    lagging.catch_up()
    assert told() == (0, {"status": "up", "position": NEW, "behind": 0})


@on_sqlite_alone
def test_a_replica_that_goes_away_comes_back(lagging: Lagging, rest: Rest) -> None:
    aside = f"{lagging.target}.aside"
    os.rename(lagging.target, aside)
    assert basis(rest) == NEW  # at once, and whether or not it was noticed already
    wait_until(lambda: rest.json("/readyz")["replica"] == {"status": "away"})
    assert basis(rest) == NEW
    os.rename(aside, lagging.target)
    wait_until(lambda: rest.json("/readyz")["replica"]["status"] == "up")
    assert basis(rest) == OLD
    assert rest.json("/v1/topics")["basis"]["position"] == OLD


@on_sqlite_alone
def test_a_question_that_a_dead_replica_holds_up_is_passed_on(lagging: Lagging) -> None:
    asked, may_end = threading.Event(), threading.Event()

    def stuck(_: Ledger) -> None:
        asked.set()
        may_end.wait(30)

    async def ask(copy: Replica) -> None:
        with pytest.raises(PassedOn) as passed:
            await copy.ask(stuck)
        assert passed.value.reason == "away"

    with Replica(lagging.target, lagging.ledger.identity) as copy:
        os.rename(lagging.target, f"{lagging.target}.aside")
        anyio.run(ask, copy)
        assert asked.is_set()
        may_end.set()


def test_an_answer_that_is_an_error_is_the_replicas(lagging: Lagging) -> None:
    with Replica(lagging.target, lagging.ledger.identity) as copy:
        with pytest.raises(UnknownTopic):
            anyio.run(copy.ask, Ledger.topic, "c")
