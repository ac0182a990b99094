"""Questions put to a streaming replica: behind, away, back, and none of the ledger."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

import dateline
from dateline import Ledger
from dateline.api import Settings, create_app
from dateline.domain import errors
from tests.api.serving import running
from tests.builders import asserted, framed, registered
from tests.faults.servers import PostgresServer, serving

PATIENCE_SECONDS = 20


@pytest.fixture(scope="module")
def primary() -> Iterator[PostgresServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def standby(primary: PostgresServer) -> Iterator[PostgresServer]:
    with serving(primary=primary) as server:
        yield server


@pytest.fixture
def ledger(primary: PostgresServer, request: pytest.FixtureRequest) -> Iterator[Ledger]:
    name = f"war-{request.node.name.replace('_', '-')[5:45]}"
    with dateline.open(primary.target(name)) as opened:
        opened.record(registered("seoul"), framed("troops"))
        yield opened


@contextmanager
def asking(ledger: Ledger, replica: str, **settings: Any) -> Iterator[httpx.Client]:
    """Serve a ledger with a replica, and ask it over REST."""
    app = create_app(ledger, Settings(replica=replica, **settings))
    with (
        app.state.services.replica,
        running(app) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


def replica_of(ledger: Ledger, standby: PostgresServer) -> str:
    name = ledger.target.rpartition("=")[2]
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            with dateline.open(standby.target(name), create=False) as replica:
                if replica.position >= ledger.position:
                    return standby.target(name)
        except errors.LedgerNotFound:
            pass
        assert time.monotonic() < until, "the replica did not catch up"
        time.sleep(0.05)


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def known(client: httpx.Client, **query: int) -> httpx.Response:
    return client.get("/v1/claims/troops", params={"on": "2024-10-22", **query})


def ready(client: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/readyz").json()["replica"]
    return told


@contextmanager
def paused(standby: PostgresServer) -> Iterator[None]:
    """Let a replica replay nothing meanwhile."""
    standby.execute("SELECT pg_wal_replay_pause()")
    eventually(
        lambda: (
            standby.execute("SELECT pg_get_wal_replay_pause_state()") == [("paused",)]
        )
    )
    try:
        yield
    finally:
        standby.execute("SELECT pg_wal_replay_resume()")


def test_a_standby_answers_and_records_nothing(
    ledger: Ledger, standby: PostgresServer
) -> None:
    with dateline.open(replica_of(ledger, standby), create=False) as replica:
        assert replica.identity == ledger.identity
        assert replica.claim("troops", on="2024-10-22") == ledger.claim(
            "troops", on="2024-10-22"
        )
        with pytest.raises(errors.LedgerReadOnly, match="standby"):
            replica.record(asserted("troops", by="seoul", said_at="2024-10-20"))


def test_a_replica_that_is_behind_says_so_and_is_waited_for(
    ledger: Ledger, standby: PostgresServer
) -> None:
    with asking(ledger, replica_of(ledger, standby), at_least_seconds=1) as client:
        began = ledger.position
        with paused(standby):
            receipt = ledger.record(
                asserted("troops", by="seoul", said_at="2024-10-20")
            )
            at_head = known(client).json()
            waited = known(client, at_least=receipt.position)
            pinned = known(client, recorded_by=receipt.position).json()
            told = ready(client)
        assert at_head["basis"]["position"] == began
        assert at_head["status"] == "unreported"
        assert waited.status_code == 503
        problem = waited.json()
        assert problem["code"] == "position_not_reached"
        assert (problem["head"], problem["replica"]) == (receipt.position, began)
        assert "Retry-After" in waited.headers
        # A position that the replica does not have yet is asked of the ledger itself.
        assert (pinned["basis"]["position"], pinned["status"]) == (
            receipt.position,
            "asserted",
        )
        assert told == {"status": "up", "position": began, "behind": 1}
        eventually(lambda: known(client).json()["status"] == "asserted")
        reached = known(client, at_least=receipt.position)
        assert reached.json()["basis"]["position"] == receipt.position


def test_at_least_waits_until_the_replica_is_there(
    ledger: Ledger, standby: PostgresServer
) -> None:
    with asking(ledger, replica_of(ledger, standby)) as client:
        for day in range(1, 21):
            said = asserted("troops", by="seoul", said_at=f"2024-10-{day:02}")
            written = client.post("/v1/events", json=said.model_dump(mode="json"))
            position = written.json()["position"]
            answer = known(client, at_least=position).json()
            assert answer["basis"]["position"] >= position


def test_a_replica_that_is_stopped_is_done_without_until_it_is_back(
    ledger: Ledger, standby: PostgresServer
) -> None:
    target = replica_of(ledger, standby)
    with asking(ledger, target) as client:
        assert ready(client)["status"] == "up"
        standby.kill()
        try:
            ledger.record(asserted("troops", by="seoul", said_at="2024-10-20"))
            for _ in range(20):
                assert known(client).status_code == 200
            eventually(lambda: ready(client) == {"status": "away"})
            assert known(client).json()["basis"]["position"] == ledger.position
        finally:
            standby.start()
        eventually(lambda: ready(client).get("behind") == 0)
        assert known(client).json()["status"] == "asserted"


def test_a_replica_of_another_ledger_is_refused(
    ledger: Ledger, primary: PostgresServer
) -> None:
    with dateline.open(primary.target("another")) as another:
        target = primary.target("another")
        assert another.identity != ledger.identity
        with pytest.raises(errors.LedgerMismatch, match="no replica"):
            create_app(ledger, Settings(replica=target))
