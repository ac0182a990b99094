"""A client on a network that breaks: asked again, recorded once, and no false end."""

import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

import dateline
from dateline import ClaimFiled, ClaimUnfiled, Client, Ledger
from dateline.api import Settings, create_app
from dateline.client.errors import OutcomeUnknown, ServerUnreachable, StreamCutOff
from dateline.client.server import ATTEMPTS
from tests.api.client.test_errors import raised
from tests.api.proxy import Budget, Proxy, never, proxying
from tests.api.serving import running, serving
from tests.builders import asserted, framed, opened, registered, sources


@pytest.fixture
def proxy(url: str) -> Iterator[Proxy]:
    """Stand between the client and the served ledger of the test."""
    with proxying(url) as between:
        yield between


def first(*budgets: int | None) -> Budget:
    """Cut the first connections after so many bytes, and no later ones."""
    left = list(budgets)
    return lambda: left.pop(0) if left else None


@pytest.fixture
def nowhere() -> str:
    """Return a URL where nothing listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_server_that_is_not_there_is_named(nowhere: str) -> None:
    with Client(nowhere.replace("//", "//user:secret@")) as client:
        for ask in (client.describe, client.events, client.subscribe, client.record):
            found = raised(ask)
            assert type(found) is ServerUnreachable
            assert found.url == nowhere
            assert nowhere in str(found)
            assert found.fault


def test_a_question_is_asked_again(ledger: Ledger, proxy: Proxy) -> None:
    proxy.budget = first(0, 20, 200)

    with Client(proxy.url) as client:
        assert client.describe() == ledger.describe()

    assert proxy.connections == 4


def test_a_question_is_not_asked_for_ever(proxy: Proxy) -> None:
    proxy.budget = lambda: 0

    with Client(proxy.url) as client:
        assert type(raised(client.describe)) is ServerUnreachable

    assert proxy.connections == ATTEMPTS


def test_a_connection_that_died_while_it_was_kept_is_no_matter(
    ledger: Ledger, proxy: Proxy
) -> None:
    with Client(proxy.url) as client:
        for _ in range(3):
            assert client.describe() == ledger.describe()
            proxy.cut()


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again(status: int, ledger: Ledger) -> None:
    answers = [
        httpx.Response(status, headers={"Retry-After": "0"}),
        httpx.Response(
            status, headers={"Retry-After": "Fri, 01 Nov 2024 12:00:00 GMT"}
        ),
        httpx.Response(status, headers={"Retry-After": "soon"}),
        httpx.Response(200, json=ledger.describe().model_dump(mode="json")),
    ]
    transport = httpx.MockTransport(lambda _: answers.pop(0))

    with Client("http://ledger.test", transport=transport) as client:
        assert client.describe() == ledger.describe()


def test_a_server_that_wants_to_be_spared_for_long_is_not_waited_for() -> None:
    requests = []

    def busy(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(503, headers={"Retry-After": "3600"})

    with Client("http://ledger.test", transport=httpx.MockTransport(busy)) as client:
        assert raised(client.describe).code == "remote_fault"

    assert len(requests) == 1


# --- recording ----------------------------------------------------------------------


@pytest.mark.parametrize("budget", [0, 1, 100, 250])
def test_events_whose_receipt_was_lost_are_recorded_once(
    budget: int, ledger: Ledger, proxy: Proxy
) -> None:
    ledger.record(*sources("seoul"), framed(), opened("t"))
    head = ledger.position
    proxy.budget = first(budget)
    events = (
        asserted(id="mine"),
        asserted(said_at="2024-10-21"),
        ClaimFiled(claim="troops", topic="t"),
        ClaimUnfiled(claim="troops", topic="t"),
        ClaimFiled(claim="troops", topic="t"),
    )

    with Client(proxy.url) as client:
        receipt = client.record(*events)

    stored = list(ledger.events(after=head))
    assert proxy.connections == 2
    assert [event.type for event in stored] == [event.type for event in events]
    assert [(event.id, event.position) for event in receipt.events] == [
        (event.id, event.position) for event in stored
    ]
    assert receipt.events[0].id == "mine"
    assert receipt.position == stored[-1].position == ledger.position
    assert receipt.recorded_at == stored[-1].recorded_at


def test_many_recordings_over_a_broken_network_are_each_there_once(
    ledger: Ledger, proxy: Proxy
) -> None:
    ledger.record(*sources("seoul"), framed())
    random = Random(20_241_022)
    proxy.budget = lambda: random.choice([0, 50, 300, 3_000, None])
    said = [f"2024-10-{day:02}" for day in range(1, 29)]

    with Client(proxy.url) as client:
        receipts = []
        for day in said:
            proxy.cut()
            while True:
                try:
                    receipts.append(client.record(asserted(said_at=day, id=day)))
                    break
                except OutcomeUnknown:
                    continue

    stored = list(ledger.events(types=["ClaimAsserted"]))
    assert [event.id for event in stored] == said
    assert [receipt.position for receipt in receipts] == [e.position for e in stored]


def test_events_that_are_never_answered_may_have_been_recorded(
    ledger: Ledger, proxy: Proxy
) -> None:
    proxy.budget = lambda: 0

    with Client(proxy.url) as client:
        found = raised(client.record, framed())

        assert type(found) is OutcomeUnknown
        assert proxy.url in str(found)
        assert ledger.position == 2
        proxy.budget = never
        events = framed(), framed("brigades")
        again = client.record(*events, idempotency_key=found.idempotency_key)
        assert [event.new for event in again.events] == [False, True]


def test_each_recording_has_a_key_of_its_own_for_all_its_attempts(
    ledger: Ledger,
) -> None:
    keys: list[str] = []

    def busy(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return httpx.Response(503)

    with Client("http://ledger.test", transport=httpx.MockTransport(busy)) as client:
        raised(client.record, framed())
        raised(client.record, framed())

    assert len(keys) == 2 * ATTEMPTS
    assert len(set(keys[:ATTEMPTS])) == len(set(keys[ATTEMPTS:])) == 1
    assert keys[0] != keys[-1]


# --- reading one's own writes -------------------------------------------------------


class Watched(httpx.HTTPTransport):
    """The network, which remembers what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        self.requests.append(request)
        return super().handle_request(request)


READ: dict[str, Callable[[Client], object]] = {
    "knowledge": lambda client: client.knowledge(on="2024-10-22"),
    "claim": lambda client: client.claim("troops", on="2024-10-22"),
    "timeline": lambda client: client.timeline("troops"),
    "explain": lambda client: client.explain("troops", on="2024-10-22"),
    "changes": lambda client: client.changes(("2024-10-20", 0), ("2024-10-22", None)),
    "positions": lambda client: client.positions("seoul", on="2024-10-22"),
    "expectations": lambda client: client.expectations(on="2024-10-22"),
    "source": lambda client: client.source("seoul"),
    "sources": lambda client: client.sources(),
    "topic": lambda client: client.topic("t"),
    "topics": lambda client: client.topics(),
    "position": lambda client: client.position,
    "events": lambda client: list(client.events()),
    "subscribe": lambda client: client.subscribe().close(),
}


@pytest.mark.parametrize("name", READ)
def test_a_question_asks_for_what_was_recorded_before(name: str, url: str) -> None:
    watched = Watched()
    with Client(url, transport=watched) as client:
        receipt = client.record(*sources("seoul"), framed(), opened("t"))
        client.record(framed())  # there before: an older position
        watched.requests.clear()
        READ[name](client)

    assert watched.requests
    for request in watched.requests:
        assert request.url.params["at_least"] == str(receipt.position)


def test_a_client_never_reads_less_than_it_recorded(
    ledger: Ledger, tmp_path: Path
) -> None:
    behind = tmp_path / "behind.dateline"
    ledger.backup(behind)
    with (
        dateline.open(behind) as copy,
        serving(ledger) as front,
        serving(copy, at_least_seconds=0.01) as back,
        proxying(front) as proxy,
        Client(proxy.url, timeout=5) as client,
    ):
        client.record(*sources("seoul"), framed(), asserted())
        proxy.target = back
        proxy.cut()

        assert raised(client.knowledge, on="2024-10-22").code == "position_not_reached"
        copy.record(*sources("seoul"), framed(), asserted())
        assert client.knowledge(on="2024-10-22") == copy.knowledge(on="2024-10-22")


# --- lists that end -----------------------------------------------------------------


@pytest.mark.parametrize("budget", [500, 5_000, 20_000, 60_000])
def test_events_that_are_cut_off_do_not_look_whole(
    budget: int, ledger: Ledger, proxy: Proxy
) -> None:
    ledger.record(*(registered(f"s{number}") for number in range(3_000)))
    stored = list(ledger.events(after=1))
    found: list[dateline.Recorded] = []

    with Client(proxy.url) as client:
        client.describe()
        proxy.cut()
        proxy.budget = first(budget)
        with pytest.raises(StreamCutOff) as caught:
            found.extend(client.events(after=1))
        assert caught.value.after == (found[-1].position if found else 1)
        found.extend(client.events(after=caught.value.after))

    assert found == stored


def test_events_without_the_line_that_ends_them_do_not_look_whole(
    ledger: Ledger,
) -> None:
    lines = b"".join(line + b"\n" for line in ledger.export())
    answer = httpx.Response(
        200, headers={"Content-Type": "application/x-ndjson"}, content=lines
    )
    transport = httpx.MockTransport(lambda _: answer)

    with Client("http://ledger.test", transport=transport) as client:
        events = client.events()
        assert next(events).type == "LedgerOpened"
        assert isinstance(raised(next, events), StreamCutOff)


def test_a_fault_amid_events_is_raised(ledger: Ledger) -> None:
    fault = b'{"error":{"code":"ledger_damaged","detail":"broken","status":500}}\n'
    answer = httpx.Response(
        200, headers={"Content-Type": "application/x-ndjson"}, content=fault
    )
    transport = httpx.MockTransport(lambda _: answer)

    with Client("http://ledger.test", transport=transport) as client:
        assert raised(next, client.events()).code == "ledger_damaged"


def test_a_line_ends_at_a_line_feed_and_nowhere_else(
    client: Client, ledger: Ledger
) -> None:
    text = "a\u2028b\u2029c\x85d\x0be"
    client.record(framed(text=text))

    assert list(client.events()) == list(ledger.events())


# --- where servers are --------------------------------------------------------------


def test_a_server_may_be_mounted_below_a_path(ledger: Ledger) -> None:
    app = Starlette(routes=[Mount("/ledgers/war", create_app(ledger, Settings()))])
    with running(app) as url:
        for prefix in ("/ledgers/war", "/ledgers/war/", "/ledgers/war?x=1#y"):
            with Client(url + prefix) as client:
                receipt = client.record(framed())
                assert client.describe() == ledger.describe()
                assert [event.position for event in client.events()] == [1, 2]
                with client.subscribe() as subscription:
                    assert next(subscription).position == 1
                assert receipt.position == 2


def test_a_server_is_told_which_release_asks(url: str) -> None:
    watched = Watched()
    with Client(url, transport=watched) as client:
        assert client.title

    agent = watched.requests[0].headers["User-Agent"]
    assert agent == f"dateline/{dateline.__version__}"


def test_what_is_fixed_is_asked_once(url: str) -> None:
    watched = Watched()
    with Client(url, transport=watched) as client:
        for _ in range(2):
            assert client.title and client.timezone and client.identity

    assert len(watched.requests) == 1


def test_connections_are_used_again_and_shared_by_threads(
    ledger: Ledger, proxy: Proxy
) -> None:
    with Client(proxy.url) as client:
        for _ in range(20):
            client.describe()
        assert proxy.connections == 1

        answers: list[Any] = []
        threads = [
            threading.Thread(target=lambda: answers.append(client.describe()))
            for _ in range(16)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [ledger.describe()] * 16


# --- without the extra --------------------------------------------------------------


@pytest.mark.parametrize("missing", ["httpx", "httpx_sse", "tenacity"])
def test_without_the_extra_it_is_said_what_to_install(missing: str) -> None:
    program = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import dateline\n"
        "try:\n"
        "    from dateline import Client\n"
        "except ImportError as error:\n"
        "    print(error)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert missing in run.stdout
    assert "pip install 'dateline[client]'" in run.stdout
