"""What a server refuses is raised by the client as the library raises it."""

import inspect
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from dateline import Client, DatelineError, Ledger
from dateline.api import keys, problems
from dateline.api.problems import RequestError
from dateline.client import server
from dateline.client.errors import (
    OutcomeUnknown,
    RemoteError,
    RemoteFault,
    ServerUnreachable,
)
from dateline.domain import errors
from tests.api.serving import serving
from tests.builders import asserted, framed, sources
from tests.test_errors import below, made

LIBRARY = [
    kind
    for kind in sorted({*below(DatelineError)}, key=lambda kind: kind.__name__)
    if kind.__module__ == errors.__name__
]
REQUESTS = [
    kind for kind in below(RequestError) if kind.__module__ == problems.__name__
]
REFUSED: dict[str, Any] = {
    "sentence": "this is not to be",
    "parameter": "on",
    "at_least": 9,
    "head": 7,
    "kind": "key",
}


def raised(ask: Any, *arguments: Any, **named: Any) -> DatelineError:
    """Return what a question raises."""
    with pytest.raises(DatelineError) as caught:
        ask(*arguments, **named)
    return caught.value


def server_raises(
    monkeypatch: pytest.MonkeyPatch, ledger: Ledger, error: DatelineError
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(ledger, "describe", refuse)


@pytest.fixture
def hasty(url: str, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Ask once only."""
    monkeypatch.setattr(server, "ATTEMPTS", 1)
    return Client(url)


@pytest.mark.parametrize("kind", LIBRARY)
def test_an_error_of_the_librarys_comes_as_itself(
    kind: type[DatelineError],
    ledger: Ledger,
    hasty: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = made(kind)
    server_raises(monkeypatch, ledger, error)

    with hasty:
        found = raised(hasty.describe)

    assert type(found) is kind
    assert str(found) == str(error)
    assert vars(found) == vars(error)
    assert (found.code, found.fault) == (error.code, error.fault)


@pytest.mark.parametrize("kind", LIBRARY)
def test_an_error_of_the_librarys_names_its_item(
    kind: type[DatelineError],
    ledger: Ledger,
    hasty: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = made(kind).at("event 3 of 4", 2)
    server_raises(monkeypatch, ledger, error)

    with hasty:
        found = raised(hasty.describe)

    assert (str(found), found.sentence) == (str(error), error.sentence)
    assert (found.where, found.item) == ("event 3 of 4", 2)


def refused(kind: type[RequestError]) -> RequestError:
    names = inspect.signature(kind).parameters
    return kind(*(REFUSED[name] for name in names if name in REFUSED))


@pytest.mark.parametrize("kind", REQUESTS)
def test_what_http_refuses_comes_with_the_servers_code(
    kind: type[RequestError],
    ledger: Ledger,
    hasty: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    error = refused(kind)
    server_raises(monkeypatch, ledger, error)

    with hasty:
        found = raised(hasty.describe)

    assert (str(found), found.code) == (str(error), error.code)
    assert found.values().items() >= error.values().items()
    if error.code == errors.InvalidQuestion.code:
        assert type(found) is errors.InvalidQuestion
    else:
        assert isinstance(found, RemoteError)
        assert isinstance(found, RemoteFault) is (kind.status >= 500)
        assert found.status == kind.status


def test_a_refusal_names_the_request(client: Client, ledger: Ledger) -> None:
    with serving(ledger, max_body_bytes=1_000) as url, Client(url) as strict:
        found = raised(strict.record, framed(text="x" * 1_000))

    assert isinstance(found, RemoteError)
    assert (found.code, found.status, found.fault) == ("body_too_large", 413, False)
    assert found.request_id


def test_an_event_that_cannot_be_taken_is_named(client: Client, ledger: Ledger) -> None:
    events = *sources("seoul"), framed(), asserted(), asserted(by="nobody")

    found = raised(client.record, *events)

    assert isinstance(found, errors.UnknownSource)
    assert str(found) == str(raised(ledger.record, *events))
    assert (found.item, found.name) == (3, "nobody")
    assert ledger.position == 1


def test_what_is_no_event_is_not_sent(client: Client) -> None:
    with pytest.raises(TypeError, match="record\\(\\) takes dateline's events"):
        client.record("ClaimFramed")  # type: ignore[arg-type]  # what is refused


def test_a_batch_that_is_too_large_is_not_sent(client: Client, ledger: Ledger) -> None:
    batch = [framed()] * 10_001

    found = raised(client.record, *batch)

    assert (type(found), str(found)) == (
        errors.BatchTooLarge,
        str(raised(ledger.record, *batch)),
    )


def test_a_closed_client_says_so(client: Client) -> None:
    client.close()

    for ask in (client.describe, client.record, client.events, client.subscribe):
        assert isinstance(raised(ask), errors.LedgerClosed)


@pytest.mark.parametrize("url", ["", "localhost", "127.0.0.1:8000", "ftp://x", "http:"])
def test_what_is_no_url_of_a_server_is_refused_at_once(url: str) -> None:
    found = raised(Client, url)

    assert isinstance(found, errors.InvalidQuestion)
    assert found.parameter == "url"


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_what_is_no_key_is_refused_at_once(key: str, client: Client) -> None:
    for call, named in (
        (Client, {"url": "http://127.0.0.1", "key": key}),
        (client.record, {"idempotency_key": key}),
    ):
        assert isinstance(raised(call, **named), errors.InvalidQuestion)


def test_keys_are_sent_and_scopes_hold(ledger: Ledger, tmp_path: Path) -> None:
    ring = tmp_path / "keys.json"
    _, reader = keys.add(ring, "read", "rita")
    _, writer = keys.add(ring, "record", "wim")
    with serving(ledger, keys=ring) as url:
        with Client(url) as nobody, Client(url, key="wrong") as wrong:
            for unknown in (nobody, wrong):
                for ask in (unknown.describe, unknown.events, unknown.subscribe):
                    found = raised(ask)
                    assert isinstance(found, RemoteError)
                    assert (found.code, found.status) == ("unauthorized", 401)
        with Client(url, key=reader) as reading, Client(url, key=writer) as writing:
            assert raised(reading.record, framed()).code == "forbidden"
            writing.record(framed())
            assert [event.recorder for event in reading.events(after=1)] == ["wim"]


def test_a_refusal_of_an_item_names_it_once() -> None:
    problem = problems.problem_of(problems.NotFound("gone").at("line 3", 3))

    with answering(404, json=problem) as client:
        found = raised(client.describe)

    assert str(found) == "line 3: gone"
    assert (found.where, found.item) == ("line 3", 3)


def test_closing_while_others_ask_is_told_as_such(client: Client) -> None:
    ready = threading.Barrier(9)
    found: list[DatelineError] = []

    def ask() -> None:
        ready.wait()
        try:
            while True:
                client.record(framed())
        except DatelineError as error:
            found.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    ready.wait()
    client.close()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert {type(error) for error in found} <= {
        errors.LedgerClosed,
        OutcomeUnknown,
        ServerUnreachable,
    }


# --- servers that are none of ours --------------------------------------------------


def answering(status: int, **answer: Any) -> Client:
    def answered(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, **answer)

    return Client(
        "http://ledger.test/war",
        timeout=0.5,
        transport=httpx.MockTransport(answered),
    )


@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, RemoteError), (404, RemoteError), (500, RemoteFault), (502, RemoteFault)],
)
def test_an_answer_without_a_problem_is_told_by_its_status(
    status: int, kind: type[RemoteError]
) -> None:
    with answering(status, html="<h1>Welcome</h1>") as client:
        found = raised(client.describe)

    assert type(found) is kind
    assert isinstance(found, RemoteError)
    assert (found.code, found.status) == (kind.code, status)
    assert str(status) in str(found)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"code": "x"}', b"{", b'"code"'])
def test_a_problem_that_is_none_of_ours_is_told_by_its_status(body: bytes) -> None:
    with answering(403, content=body) as client:
        assert raised(client.describe).code == "remote_error"


def test_a_page_where_an_answer_is_due_is_refused() -> None:
    with answering(200, html="<h1>Welcome</h1>") as client:
        for ask in (client.describe, client.events, client.subscribe):
            assert "text/html" in str(raised(ask))


def test_an_answer_of_another_release_is_refused() -> None:
    with answering(200, json={"title": "war", "tomorrow": True}) as client:
        assert "LedgerState" in str(raised(client.describe))
