"""graphql-sse and multipart on a real server: feeds, errors, silence, endings."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest

from dateline import Ledger
from dateline.api.services import Services
from tests.api.graphql.test_sockets import CHANGES, EVENTS, PATIENCE, SILENT
from tests.api.serving import serving
from tests.builders import denied, registered

SSE = "text/event-stream"
MULTIPART = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"


class Parts:
    """The parts of a streamed response, one after another; comments are None."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._is_sse = response.headers["content-type"].startswith(SSE)
        self._parts = self._sse() if self._is_sse else self._multipart()

    def __iter__(self) -> Iterator[Any]:
        return self._parts

    def next(self) -> Any:
        """Return the data of the next result."""
        for kind, payload in self._parts:
            if kind == "next":
                assert "errors" not in payload, payload
                (told,) = payload["data"].values()
                return told
        raise AssertionError("the stream ended")

    def _sse(self) -> Iterator[tuple[str, Any]]:
        lines: list[str] = []
        for line in self.response.iter_lines():
            if line:
                lines.append(line)
                continue
            fields = dict(one.split(": ", 1) for one in lines)
            lines = []
            if "" in fields:
                yield "silence", fields[""]
            else:
                data = fields["data"]
                yield fields["event"], orjson.loads(data) if data.strip() else None

    def _multipart(self) -> Iterator[tuple[str, Any]]:
        rest = b""
        for chunk in self.response.iter_raw():
            rest += chunk
            *whole, rest = rest.split(b"--graphql")
            for part in whole:
                _, _, body = part.partition(b"\r\n\r\n")
                if body.strip():
                    payload = orjson.loads(body)
                    kind = "next" if payload else "silence"
                    if "errors" in payload:
                        kind = "error"
                    yield kind, payload.get("payload") or payload
        assert rest == b"--\r\n"
        yield "complete", None


@contextmanager
def stream(
    url: str, query: str, accept: str = SSE, **variables: Any
) -> Iterator[Parts]:
    body = {"query": query, "variables": variables}
    with (
        httpx.Client(timeout=PATIENCE) as client,
        client.stream(
            "POST", f"{url}/graphql", json=body, headers={"accept": accept}
        ) as response,
    ):
        assert response.status_code == 200
        yield Parts(response)


both = pytest.mark.parametrize("accept", [SSE, MULTIPART], ids=["sse", "multipart"])


@both
def test_a_feed_catches_up_and_follows(story: Ledger, url: str, accept: str) -> None:
    stored = [event.id for event in story.events()]
    with stream(url, EVENTS, accept, after="0") as parts:
        told = [parts.next() for _ in stored]
        assert [one["event"]["id"] for one in told] == stored
        story.record(registered("tokyo", id="new"))
        assert parts.next()["event"]["id"] == "new"
    with stream(url, EVENTS, accept, after=told[2]["cursor"]) as parts:
        assert [parts.next()["event"]["id"] for _ in range(3)] == stored[3:6]


@both
def test_changes_are_told(story: Ledger, url: str, accept: str) -> None:
    after = str(story.position)
    story.record(denied("shells", by="moscow", id="no", said_at="2024-10-27"))
    with stream(url, CHANGES, accept, after=after) as parts:
        change = parts.next()["change"]
        assert (change["id"], change["because"]) == ("shells", [{"id": "no"}])


def test_a_feed_may_be_asked_for_in_a_url(story: Ledger, url: str) -> None:
    query = 'subscription { events(after: "1") { cursor event { position } } }'
    with (
        httpx.Client(timeout=PATIENCE) as client,
        client.stream(
            "GET",
            f"{url}/graphql",
            params={"query": query},
            headers={"accept": SSE},
        ) as response,
    ):
        assert response.headers["content-type"].startswith(SSE)
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert Parts(response).next()["event"]["position"] == 2


@both
def test_one_result_is_a_stream_too(ledger: Ledger, url: str, accept: str) -> None:
    with stream(url, "{ ledger { title } }", accept) as parts:
        (kind, payload), ended = parts
        assert (kind, payload["data"]) == ("next", {"ledger": {"title": "war"}})
        assert ended == ("complete", None)


@both
@pytest.mark.parametrize(
    "query, variables, code",
    [
        ("{", {}, "graphql_syntax"),
        ("subscription { nothing }", {}, "graphql_validation"),
        (EVENTS, {"after": "x"}, "invalid_cursor"),
        (EVENTS, {"filter": {"claim": "tanks"}}, "unknown_claim"),
        (CHANGES, {"policy": {"confirmations": 0}}, "invalid_policy"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_stream_is_complete(
    story: Ledger,
    url: str,
    accept: str,
    query: str,
    variables: dict[str, Any],
    code: str,
) -> None:
    with stream(url, query, accept, **variables) as parts:
        (kind, payload), ended = parts
        assert kind == "next"
        (error,) = payload["errors"]
        assert error["extensions"]["code"] == code
        assert ended == ("complete", None)


@both
def test_silence_is_filled(story: Ledger, accept: str) -> None:
    with serving(story, heartbeat_seconds=0.05) as url:
        with stream(url, EVENTS, accept) as parts:
            assert next(iter(parts))[0] == "silence"
            assert next(iter(parts))[0] == "silence"
            story.record(registered("tokyo", id="new"))
            assert parts.next()["event"]["id"] == "new"


@pytest.mark.parametrize("query", [EVENTS, CHANGES])
def test_a_feed_that_the_server_ends_is_not_complete(story: Ledger, query: str) -> None:
    assert ending(story, query, SSE) == []


@pytest.mark.parametrize("query", [EVENTS, CHANGES])
def test_a_multipart_feed_that_the_server_ends_says_so(
    story: Ledger, query: str
) -> None:
    (kind, payload), ended = ending(story, query, MULTIPART)
    assert kind == "error"
    assert payload["payload"] is None
    (error,) = payload["errors"]
    assert error["extensions"]["code"] == "shutting_down"
    assert ended == ("complete", None)


def ending(story: Ledger, query: str, accept: str) -> list[Any]:
    """Follow a feed until the server stops; return what came."""
    story.record(denied("shells", by="moscow", said_at="2024-10-27"))
    after = str(story.position - 1)
    came: list[Any] = []
    begun = threading.Event()

    def follow() -> None:
        with stream(url, query, accept, after=after) as parts:
            parts.next()
            begun.set()
            came.extend(parts)

    with serving(story, heartbeat_seconds=SILENT) as url:
        thread = threading.Thread(target=follow)
        thread.start()
        assert begun.wait(PATIENCE)
    thread.join()
    return came


@both
def test_a_reader_that_leaves_is_forgotten(
    story: Ledger, monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    made: list[Services] = []
    remember = Services.__init__

    def remembered(services: Services, *given: Any, **named: Any) -> None:
        remember(services, *given, **named)
        made.append(services)

    monkeypatch.setattr(Services, "__init__", remembered)
    with serving(story, heartbeat_seconds=0.05) as url:
        (services,) = made
        with stream(url, EVENTS, accept, after="0") as parts:
            parts.next()
            assert services.hub.readers == 1
        left = threading.Event()
        for _ in range(int(PATIENCE / 0.05)):
            if services.hub.readers == 0:
                left.set()
                break
            left.wait(0.05)
        assert left.is_set()
