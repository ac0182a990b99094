"""graphql-transport-ws on a real server: feeds, who may connect, how sockets end."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from dateline import Ledger
from dateline.api import keys
from dateline.api.graphql import payloads, sockets
from dateline.api.graphql.sockets import OPERATIONS
from dateline.api.hub import Hub
from tests.api.serving import serving
from tests.builders import asserted, denied, framed, registered

PROTOCOL = Subprotocol("graphql-transport-ws")
EVENTS = """subscription ($after: String, $filter: EventFilter) {
  events(after: $after, filter: $filter) { cursor event { id position } } }"""
CHANGES = """subscription ($after: String, $topic: ID, $policy: PolicyInput) {
  changes(after: $after, topic: $topic, policy: $policy) {
    cursor change { id before { status } after { status } because { id } } } }"""
FAR = "9999-12-31"
SILENT = 3600.0
PATIENCE = 30.0
"""How long a test waits for what has to come; it fails then, and is not slow."""


NO_KEY: Mapping[str, Any] = {}


class Socket:
    """A socket that speaks the protocol by hand."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def send(self, type: str, **message: Any) -> None:
        self.connection.send(orjson.dumps({"type": type, **message}).decode())

    def receive(self) -> Any:
        received = self.connection.recv(timeout=PATIENCE)
        assert isinstance(received, str)
        return orjson.loads(received)

    def subscribe(self, id: str, query: str, **variables: Any) -> None:
        payload = {"query": query, "variables": variables}
        self.send("subscribe", id=id, payload=payload)

    def next(self, id: str) -> Any:
        """Return the data of what comes next for an operation."""
        message = self.receive()
        assert (message["type"], message["id"]) == ("next", id), message
        assert "errors" not in message["payload"], message
        (told,) = message["payload"]["data"].values()
        return told

    def closed(self) -> tuple[int, str]:
        """Wait for the end; return its code and reason."""
        with pytest.raises(ConnectionClosed) as caught:
            while True:
                self.connection.recv(timeout=PATIENCE)
        assert caught.value.rcvd is not None
        return caught.value.rcvd.code, caught.value.rcvd.reason


@contextmanager
def socket(
    url: str, init: Mapping[str, Any] | None = NO_KEY, **options: Any
) -> Iterator[Socket]:
    """Open a socket; unless ``init`` is None, wait until it is acknowledged."""
    options = {"subprotocols": [PROTOCOL], "max_queue": None, **options}
    address = url.replace("http", "ws") + "/graphql"
    with connect(address, compression=None, **options) as connection:
        opened = Socket(connection)
        if init is not None:
            opened.send("connection_init", payload=init)
            assert opened.receive() == {"type": "connection_ack"}
        yield opened


def test_a_feed_catches_up_and_follows(story: Ledger, url: str) -> None:
    stored = [event.id for event in story.events()]
    with socket(url) as client:
        client.subscribe("1", EVENTS, after="0")
        told = [client.next("1") for _ in stored]
        assert [one["event"]["id"] for one in told] == stored
        story.record(registered("tokyo", id="new"))
        latest = client.next("1")
        assert latest["event"]["id"] == "new"
        assert latest["cursor"] == story.cursor(latest["event"]["position"])
    with socket(url) as client:
        client.subscribe("1", EVENTS, after=told[2]["cursor"])
        again = [client.next("1")["event"]["id"] for _ in range(3)]
        assert again == stored[3:6]


def test_without_a_cursor_a_feed_begins_at_the_head(story: Ledger, url: str) -> None:
    with socket(url) as client:
        client.subscribe("1", EVENTS, filter={"source": "seoul"})
        client.subscribe("2", "{ ledger { position } }")
        assert client.next("2") == {"position": story.position}
        assert client.receive() == {"type": "complete", "id": "2"}
        story.record(registered("tokyo"), asserted(by="seoul", id="new"))
        assert client.next("1")["event"]["id"] == "new"


def test_changes_are_told_as_the_library_tells_them(story: Ledger, url: str) -> None:
    with socket(url) as client:
        client.subscribe("1", CHANGES, topic="weapons", policy={"confirmations": 1})
        client.subscribe("2", "{ ledger { position } }")
        client.next("2"), client.receive()
        head = story.record(
            denied("shells", by="moscow", id="no", said_at="2024-10-27")
        ).position
        (change,) = story.changes((FAR, head - 1), (FAR, head)).changes
        assert client.next("1") == {
            "cursor": story.cursor(head),
            "change": {
                "id": "shells",
                "before": {"status": change.before.status.upper()},
                "after": {"status": "DISPUTED"},
                "because": [{"id": "no"}],
            },
        }


def test_queries_and_mutations_have_one_result(ledger: Ledger, url: str) -> None:
    mutation = """mutation { record(events: [
      {topicOpened: {topic: "t", title: "T"}}]) { events { new } } }"""
    with socket(url) as client:
        client.subscribe("1", mutation)
        assert client.next("1") == {"events": [{"new": True}]}
        assert client.receive() == {"type": "complete", "id": "1"}
        client.subscribe("1", '{ topic(id: "t") { title } }')
        assert client.next("1") == {"title": "T"}


def test_a_feed_ends_when_its_reader_has_had_enough(story: Ledger, url: str) -> None:
    with socket(url) as client:
        client.subscribe("1", EVENTS)
        client.subscribe("2", "{ __typename }")
        while client.receive()["type"] != "complete":
            pass
        client.send("complete", id="1")
        client.subscribe("1", "{ ledger { title } }")  # the id is free again
        assert client.next("1") == {"title": "war"}


@pytest.mark.parametrize(
    "query, variables, code",
    [
        ("{", {}, "graphql_syntax"),
        ("subscription { nothing }", {}, "graphql_validation"),
        (EVENTS, {"after": "x"}, "invalid_cursor"),
        (EVENTS, {"after": "999999"}, "invalid_cursor"),
        (EVENTS, {"filter": {"claim": "tanks"}}, "unknown_claim"),
        (EVENTS, {"filter": {"types": ["NOTHING"]}}, "graphql_variables"),
        (CHANGES, {"topic": "grain"}, "unknown_topic"),
        (CHANGES, {"policy": {"confirmations": 0}}, "invalid_policy"),
        ("fragment f on Query { __typename }", {}, "graphql_operation"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_socket_stays(
    story: Ledger, url: str, query: str, variables: dict[str, Any], code: str
) -> None:
    with socket(url) as client:
        client.subscribe("1", query, **variables)
        message = client.receive()
        assert (message["type"], message["id"]) == ("error", "1")
        (error,) = message["payload"]
        assert error["extensions"]["code"] == code
        client.subscribe("2", "{ ledger { title } }")
        assert client.next("2") == {"title": "war"}


def test_an_error_of_a_field_is_part_of_a_result(story: Ledger, url: str) -> None:
    with socket(url) as client:
        client.subscribe("1", '{ topic(id: "grain") { title } }')
        message = client.receive()
        assert message["type"] == "next"
        (error,) = message["payload"]["errors"]
        assert error["extensions"]["code"] == "unknown_topic"
        assert client.receive() == {"type": "complete", "id": "1"}


@pytest.mark.parametrize(
    "sent",
    [
        "{",
        "[]",
        "null",
        '"ping"',
        "{}",
        '{"type": 1}',
        '{"type": "other"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{__typename}"}}',
        '{"type": "subscribe", "id": "1", "payload": 1}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "x", "variables": 1}}',
        '{"type": "complete"}',
        '{"type": "complete", "id": []}',
        b"\x00\xff",
        "[" * 5000,
    ],
)
def test_what_is_no_message_closes_the_socket(
    ledger: Ledger, url: str, sent: str | bytes
) -> None:
    with socket(url) as client:
        client.connection.send(sent)
        assert client.closed()[0] == 4400
    with socket(url):
        pass  # the server is still there


def test_nothing_is_asked_before_the_acknowledgement(ledger: Ledger, url: str) -> None:
    with socket(url, init=None) as client:
        client.subscribe("1", "{ __typename }")
        assert client.closed()[0] == 4401


def test_there_is_one_acknowledgement(ledger: Ledger, url: str) -> None:
    with socket(url) as client:
        client.send("connection_init")
        assert client.closed()[0] == 4429


def test_an_id_is_of_one_operation_at_a_time(ledger: Ledger, url: str) -> None:
    with socket(url) as client:
        client.subscribe("1", EVENTS)
        client.subscribe("1", EVENTS)
        assert client.closed()[0] == 4409


def test_who_says_nothing_is_not_waited_for(ledger: Ledger) -> None:
    with serving(ledger, header_seconds=0.1) as url, socket(url, init=None) as client:
        assert client.closed()[0] == 4408


@pytest.mark.parametrize("protocols", [None, ["graphql-ws"], ["graphql-ws", "x"]])
def test_no_other_protocol_is_spoken(
    ledger: Ledger, url: str, protocols: list[Any] | None
) -> None:
    with socket(url, init=None, subprotocols=protocols) as client:
        assert client.closed()[0] == 4406


def test_a_socket_has_room_for_so_many_operations(ledger: Ledger, url: str) -> None:
    with socket(url) as client:
        for number in range(OPERATIONS):
            client.subscribe(str(number), EVENTS)
        client.subscribe("more", EVENTS)
        message = client.receive()
        assert (message["type"], message["id"]) == ("error", "more")
        (error,) = message["payload"]
        assert error["extensions"]["code"] == "graphql_too_many_operations"


def test_pings_are_answered_and_silence_is_filled_with_the_head(
    story: Ledger,
) -> None:
    with serving(story, heartbeat_seconds=0.05) as url, socket(url) as client:
        client.send("ping")
        assert client.receive() == {"type": "pong"}
        client.subscribe("1", EVENTS)
        ping = client.receive()
        assert ping == {"type": "ping", "payload": {"position": story.position}}
        client.send("pong")
        story.record(registered("tokyo", id="new"))
        message = client.receive()
        while message["type"] == "ping":
            message = client.receive()
        assert message["payload"]["data"]["events"]["event"]["id"] == "new"


@pytest.mark.parametrize("query", [EVENTS, CHANGES])
def test_when_the_server_stops_clients_are_sent_away_to_come_back(
    story: Ledger, query: str
) -> None:
    with serving(story, heartbeat_seconds=SILENT) as url:
        stack = socket(url)
        client = stack.__enter__()
        client.subscribe("1", query)
        client.subscribe("2", "{ __typename }")
        while client.receive()["type"] != "complete":
            pass
        ended: list[tuple[int, str]] = []
        waiting = threading.Thread(target=lambda: ended.append(client.closed()))
        waiting.start()
    waiting.join()
    stack.__exit__(None, None, None)
    assert [code for code, _ in ended] == [1012]


def test_a_fault_closes_the_socket_and_is_logged(
    ledger: Ledger,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret")

    monkeypatch.setattr(Operation, "send_next", broken)
    with socket(url) as client:
        client.subscribe("1", "{ __typename }")
        assert client.closed() == (1011, "Internal error")
    assert "the secret" in caplog.text


def test_readers_that_leave_are_forgotten(
    story: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    hubs: list[Hub] = []
    make = Hub.__init__

    def made(hub: Hub, *given: Any, **named: Any) -> None:
        make(hub, *given, **named)
        hubs.append(hub)

    monkeypatch.setattr(Hub, "__init__", made)
    with serving(story) as url:
        (hub,) = hubs
        with socket(url) as client:
            for id in ("1", "2", "3"):
                client.subscribe(id, EVENTS, after=str(story.position - 1))
                client.next(id)
            assert hub.readers == 3
            client.send("complete", id="1")
            wait_until(lambda: hub.readers == 2)
        wait_until(lambda: hub.readers == 0)


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(int(PATIENCE / 0.02)):
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError("it never was so")


# --- who may connect ------------------------------------------------------------------


@pytest.fixture
def tokens(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "keys.json"
    return {scope: keys.add(path, scope, scope)[1] for scope in ("read", "record")}


@pytest.fixture
def guarded(ledger: Ledger, tokens: dict[str, str], tmp_path: Path) -> Iterator[str]:
    with serving(ledger, keys=tmp_path / "keys.json") as url:
        yield url


@pytest.mark.parametrize("name", ["authorization", "Authorization"])
def test_a_key_may_come_with_the_first_message(
    guarded: str, tokens: dict[str, str], name: str
) -> None:
    with socket(guarded, {name: f"Bearer {tokens['read']}"}) as client:
        client.subscribe("1", "{ ledger { title } }")
        assert client.next("1") == {"title": "war"}


def test_a_key_may_come_with_the_handshake(
    guarded: str, tokens: dict[str, str]
) -> None:
    headers = {"authorization": f"Bearer {tokens['read']}"}
    with socket(guarded, additional_headers=headers) as client:
        client.subscribe("1", "{ ledger { title } }")
        assert client.next("1") == {"title": "war"}


@pytest.mark.parametrize(
    "init",
    [
        {},
        {"authorization": None},
        {"authorization": 1},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic eDp5"},
    ],
)
def test_who_has_no_key_is_not_acknowledged(guarded: str, init: dict[str, Any]) -> None:
    with socket(guarded, init=None) as client:
        client.send("connection_init", payload=init)
        assert client.closed() == (4403, "Forbidden")


def test_a_scope_that_does_not_reach_records_nothing(
    ledger: Ledger, guarded: str, tokens: dict[str, str]
) -> None:
    mutation = """mutation { record(events: [
      {topicOpened: {topic: "t", title: "T"}}]) { events { new } } }"""
    with socket(guarded, {"authorization": f"Bearer {tokens['read']}"}) as client:
        client.subscribe("1", mutation)
        (error,) = client.receive()["payload"]["errors"]
        assert error["extensions"]["code"] == "forbidden"
    assert ledger.position == 1
    with socket(guarded, {"authorization": f"Bearer {tokens['record']}"}) as client:
        client.subscribe("1", mutation)
        assert client.next("1") == {"events": [{"new": True}]}
    assert [event.recorder for event in ledger.events(after=1)] == ["record"]


def test_a_page_of_another_origin_may_not_connect(ledger: Ledger) -> None:
    with serving(ledger, cors_origins=("https://friend.example",)) as url:
        with pytest.raises(InvalidStatus) as caught:
            with socket(url, origin="https://evil.example"):
                pass
        assert caught.value.response.status_code == 403
        for origin in (url, "https://friend.example"):
            with socket(url, origin=origin):
                pass


def test_a_reader_that_does_not_read_holds_the_server_back(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the buffers of the network hold; what was not sent was not made."""
    count, text = 250, "🚀" * 10_000
    made: list[int] = []

    def counted(value: object) -> str:
        made.append(1)
        return payloads.encode(value)

    monkeypatch.setattr(sockets, "encode", counted)
    query = 'subscription { events(after: "0") { event { position json } } }'
    with serving(ledger, ring_events=16) as url:
        with socket(url, max_queue=1) as client:
            client.subscribe("1", query)
            for number in range(count // 50):
                ledger.record(
                    *(
                        framed(f"c-{number}-{index}", text=text, id=f"{number}-{index}")
                        for index in range(50)
                    )
                )
            settled = -1
            while settled != len(made):
                settled = len(made)
                time.sleep(0.5)
            assert settled < count
            positions = [client.next("1")["event"]["position"] for _ in range(count)]
    assert positions == list(range(1, count + 1))
