"""For those who operate a server: probes, what is counted, what is logged."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api import Settings, create_app, keys, logs
from tests.api.ops.asking import asking, bearer

EVENT = {"type": "TopicOpened", "topic": "dprk", "title": "T"}


def measured(client: TestClient, **headers: str) -> dict[tuple[str, ...], float]:
    """Return what is counted, by name and values of the labels."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with asking(ledger) as client:
        yield client


# --- probes -------------------------------------------------------------------------


def test_a_server_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready", "position": 1}
    for probe in ("/healthz", "/readyz", "/metrics"):
        assert client.head(probe).status_code == 200
        assert client.get(probe).headers["Cache-Control"] == "no-store"
        assert client.post(probe).status_code == 405


def test_a_server_whose_ledger_is_closed_is_alive_and_not_ready(
    client: TestClient, ledger: Ledger
) -> None:
    ledger.close()

    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["code"] == "not_ready"
    assert "ledger_closed" in answer.json()["detail"]


def test_a_server_that_is_being_stopped_is_not_ready(ledger: Ledger) -> None:
    app = create_app(ledger, Settings())
    app.state.services.hub.close()

    answer = TestClient(app).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["code"] == "shutting_down"
    assert answer.headers["Retry-After"] == "1"


# --- what is counted ----------------------------------------------------------------


def test_requests_are_counted_by_route_and_not_by_path(client: TestClient) -> None:
    client.get("/v1/claims/one?on=2024-10-22")
    client.get("/v1/claims/two?on=2024-10-22")
    client.get("/v1/ledger")
    client.get("/nowhere/1")
    client.get("/nowhere/2")
    client.request("BREW", "/v1/ledger")
    client.post("/graphql", json={"query": "{ ledger { title } }"})

    counted = measured(client)

    total = "dateline_requests_total"
    assert counted[total, "GET", "/v1/claims/{id}", "404"] == 2
    assert counted[total, "GET", "/v1/ledger", "200"] == 1
    assert counted[total, "GET", "unmatched", "404"] == 2
    assert counted[total, "other", "/v1/ledger", "405"] == 1
    assert counted[total, "POST", "/graphql", "200"] == 1
    seconds = "dateline_request_duration_seconds_count"
    assert counted[seconds, "GET", "/v1/claims/{id}"] == 2


def test_the_head_and_recordings_are_measured(client: TestClient) -> None:
    assert measured(client)["dateline_head_position",] == 1
    client.post("/v1/events", json=EVENT)
    client.post("/v1/events", json={**EVENT, "topic": "A bad id"})

    counted = measured(client)
    assert counted["dateline_head_position",] == 2
    assert counted["dateline_append_duration_seconds_count",] >= 1
    assert counted["dateline_requests_in_flight",] == 1  # this one


def test_readers_of_feeds_are_counted(ledger: Ledger) -> None:
    with asking(ledger, heartbeat_seconds=0.05) as client:
        counted = measured(client)
        assert counted["dateline_feed_readers",] == 0
        assert counted["dateline_feed_lag_positions",] == 0
        assert counted["dateline_websockets",] == 0
        protocols = ["graphql-transport-ws"]
        with client.websocket_connect("/graphql", protocols) as socket:
            socket.send_json({"type": "connection_init"})
            socket.receive_json()
            query = 'subscription { events(after: "0") { cursor } }'
            socket.send_json(
                {"id": "1", "type": "subscribe", "payload": {"query": query}}
            )
            socket.receive_json()
            counted = measured(client)
            assert counted["dateline_feed_readers",] == 1
            assert counted["dateline_websockets",] == 1
            assert counted["dateline_requests_total", "GET", "/graphql", "101"] == 1
        app: Any = client.app
        while app.state.services.hub.readers:
            pass
        assert measured(client)["dateline_feed_readers",] == 0


def test_each_application_counts_for_itself(ledger: Ledger) -> None:
    with asking(ledger) as one, asking(ledger) as other:
        one.get("/v1/ledger")
        key = "dateline_requests_total", "GET", "/v1/ledger", "200"
        assert measured(one)[key] == 1
        assert key not in measured(other)


# --- what is logged -----------------------------------------------------------------


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Put the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)


SECRETS = ("hush", "topsecret", "dl_", "2024-10-22")


def logged(
    ledger: Ledger, path: Path, capsys: pytest.CaptureFixture[str], form: Any
) -> list[str]:
    """Ask this and that, and return what is logged of it."""
    _, token = keys.add(path, "record", "desk")
    settings = Settings(keys=path, log_format=form)
    logs.configure(settings)
    client = TestClient(create_app(ledger, settings), raise_server_exceptions=False)
    headers = {**bearer(token), "X-Request-ID": "r-1"}
    client.get("/v1/claims/hush?on=2024-10-22", headers=headers)
    client.post("/v1/events", json={**EVENT, "title": "topsecret"}, headers=headers)
    client.get("/v1/ledger")
    logging.getLogger("uvicorn.error").warning("of the server")
    return [
        line
        for line in capsys.readouterr().err.splitlines()
        if "dateline.requests" in line or "of the server" in line
    ]


def test_each_request_is_a_line_of_json(
    ledger: Ledger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    root: logging.Logger,
) -> None:
    lines = logged(ledger, tmp_path / "keys.json", capsys, "json")
    asked, posted, refused, other = map(json.loads, lines)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", asked.pop("time"))
    assert asked.pop("duration_ms") > 0
    assert asked.pop("message").startswith("GET /v1/claims/{id} 404 ")
    assert asked == {
        "level": "INFO",
        "logger": "dateline.requests",
        "request_id": "r-1",
        "method": "GET",
        "route": "/v1/claims/{id}",
        "status": 404,
        "caller": "desk",
    }
    assert (posted["route"], posted["status"]) == ("/v1/events", 201)
    assert (refused["status"], refused["caller"]) == (401, "-")
    assert (other["logger"], other["level"]) == ("uvicorn.error", "WARNING")
    assert not [secret for secret in SECRETS if secret in "".join(lines)]


def test_each_request_is_a_line_of_text(
    ledger: Ledger,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    root: logging.Logger,
) -> None:
    asked, *others = logged(ledger, tmp_path / "keys.json", capsys, "text")

    assert re.fullmatch(
        r"\S+Z INFO dateline\.requests \[r-1\] GET /v1/claims/\{id\} 404 \S+ ms desk",
        asked,
    )
    assert len(others) == 3
    assert not [s for s in SECRETS if s in "".join([asked, *others])]


def test_what_is_not_asked_for_is_not_logged(
    ledger: Ledger, capsys: pytest.CaptureFixture[str], root: logging.Logger
) -> None:
    settings = Settings(log_level="warning")
    logs.configure(settings)
    TestClient(create_app(ledger, settings)).get("/v1/ledger")

    assert capsys.readouterr().err == ""
