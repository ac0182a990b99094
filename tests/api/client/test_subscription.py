"""A client's subscription: each event once, in order, whatever breaks in between."""

import asyncio
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random

import httpx
import pytest

import dateline
from dateline import Client, DatelineError, Ledger, Recorded, Subscription
from dateline.api import keys
from dateline.client.errors import RemoteError, ServerUnreachable
from dateline.domain.errors import InvalidCursor, UnknownTopic
from tests.api.client.test_errors import raised
from tests.api.proxy import Proxy, proxying
from tests.api.serving import serving
from tests.builders import Clock, asserted, framed, opened, registered, sources
from tests.histories import LOST, SHARED, History

BEAT_SECONDS = 0.05
SILENCE_SECONDS = 1.0


@pytest.fixture
def beating(ledger: Ledger) -> Iterator[str]:
    """Serve the ledger of the test, with a quick pulse."""
    with serving(ledger, heartbeat_seconds=BEAT_SECONDS) as url:
        yield url


@pytest.fixture
def proxy(beating: str) -> Iterator[Proxy]:
    """Stand between the client and the served ledger of the test."""
    with proxying(beating) as between:
        yield between


@pytest.fixture
def client(proxy: Proxy) -> Iterator[Client]:
    """Ask the served ledger of the test through the proxy."""
    with Client(proxy.url, silence=SILENCE_SECONDS) as asking:
        yield asking


def taken(subscription: Subscription, last: int) -> list[Recorded]:
    """Return the next events, up to one at a position."""
    found: list[Recorded] = []
    while not found or found[-1].position < last:
        found.append(next(subscription))
    return found


def wait_for(happened: object) -> None:
    """Wait until something is so."""
    assert callable(happened)
    while not happened():
        time.sleep(0.005)


def has_moved(subscription: Subscription, position: int) -> bool:
    """Tell whether it is past what is not wanted; there is nothing else."""
    assert subscription.poll(0) is None
    return subscription.position == position


@contextmanager
def writing(ledger: Ledger, names: Sequence[str]) -> Iterator[None]:
    """Register sources one by one meanwhile."""

    def write() -> None:
        for name in names:
            ledger.record(registered(name))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        writer.join()


# --- what it yields -------------------------------------------------------------------


def test_it_catches_up_and_follows(ledger: Ledger, client: Client) -> None:
    ledger.record(*sources("seoul"), framed())
    with client.subscribe() as subscription:
        assert isinstance(subscription, Subscription)
        assert subscription.position == 0
        found = taken(subscription, 3)
        ledger.record(asserted())
        found += taken(subscription, 4)

        assert found == list(ledger.events())
        assert subscription.position == 4
        assert subscription.cursor == ledger.cursor(4)
        assert subscription.poll(0) is None


def test_it_goes_on_after_a_position_or_a_cursor(
    ledger: Ledger, client: Client
) -> None:
    ledger.record(*sources("a", "b", "c"))
    for after in (2, "2", ledger.cursor(2)):
        with client.subscribe(after) as subscription:
            assert subscription.position == 2
            assert [event.position for event in taken(subscription, 4)] == [3, 4]


def test_it_moves_past_events_that_are_not_wanted(
    ledger: Ledger, client: Client
) -> None:
    ledger.record(opened("t"), *sources("a", "b", "c"))
    with client.subscribe(topic="t") as subscription:
        assert next(subscription).type == "TopicOpened"
        wait_for(lambda: has_moved(subscription, 5))
        assert subscription.cursor == ledger.cursor(5)

        ledger.record(framed(topics=("t",)))
        assert next(subscription).position == 6


def test_it_wants_no_type_at_all(ledger: Ledger, client: Client) -> None:
    ledger.record(*sources("a", "b"))
    with client.subscribe(types=()) as subscription:
        wait_for(lambda: has_moved(subscription, 3))


def test_what_is_read_ahead_has_not_been_passed(ledger: Ledger, client: Client) -> None:
    ledger.record(*sources(*(f"s{number}" for number in range(600))))
    with client.subscribe() as subscription:
        for position in range(1, 400):
            assert next(subscription).position == subscription.position == position
        with client.subscribe(subscription.cursor) as another:
            assert taken(another, 601) == taken(subscription, 601)


# --- what breaks ----------------------------------------------------------------------


def test_cuts_at_random_lose_nothing_and_repeat_nothing(
    ledger: Ledger, proxy: Proxy, client: Client
) -> None:
    names = [f"s{number}" for number in range(400)]
    random = Random(20_241_022)
    with client.subscribe() as subscription:
        assert next(subscription).position == 1
        proxy.budget = lambda: random.randrange(6_000)
        proxy.chunk = 97  # so that a cut, or a pause, is amid a message
        proxy.cut()
        with writing(ledger, names):
            found = taken(subscription, 401)

    assert [event.event for event in found] == [registered(name) for name in names]
    assert found == list(ledger.events(after=1))
    assert proxy.connections > 20


@pytest.mark.parametrize("budget", range(150, 900, 150))
def test_a_cut_amid_a_message_is_no_message(
    budget: int, ledger: Ledger, proxy: Proxy, client: Client
) -> None:
    ledger.record(*sources("a", "b"))
    assert client.identity
    proxy.cut()
    budgets = [budget]
    proxy.budget = lambda: budgets.pop() if budgets else None

    with client.subscribe() as subscription:
        assert taken(subscription, 3) == list(ledger.events())


def test_a_server_that_is_stopped_and_started_again_is_followed_on(
    ledger: Ledger,
) -> None:
    names = [f"s{number}" for number in range(300)]
    options = {"heartbeat_seconds": BEAT_SECONDS}
    with ExitStack() as running:
        url = running.enter_context(serving(ledger, **options))
        port = int(url.rpartition(":")[2])
        client = Client(url)
        subscription = client.subscribe()
        found = [next(subscription)]
        with writing(ledger, names):
            for pause in (20, 80, 160, 240):
                found += taken(subscription, pause)
                running.pop_all().close()
                running.enter_context(serving(ledger, port=port, **options))
            found += taken(subscription, 301)
        client.close()

    assert found == list(ledger.events())


def test_a_connection_that_has_gone_silent_is_given_up(
    ledger: Ledger, proxy: Proxy, client: Client
) -> None:
    with client.subscribe() as subscription:
        assert next(subscription).position == 1
        before = proxy.connections
        proxy.is_mute = True
        ledger.record(*sources("seoul"))
        wait_for(lambda: proxy.connections > before)
        proxy.is_mute = False

        assert next(subscription).position == 2


def test_heartbeats_keep_a_connection_on_which_nothing_happens(
    ledger: Ledger, proxy: Proxy
) -> None:
    with (
        Client(proxy.url, silence=2.0) as client,
        client.subscribe() as subscription,
    ):
        assert next(subscription).position == 1
        before = proxy.connections
        assert subscription.poll(3.0) is None
        assert proxy.connections == before


def test_heartbeats_bring_a_cursor_to_go_on_from(
    ledger: Ledger, proxy: Proxy, client: Client
) -> None:
    requests: list[str] = []

    class Watched(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            requests.append(request.headers.get("Last-Event-ID", ""))
            return super().handle_request(request)

    ledger.record(opened("t"), *sources("a", "b"))
    with (
        Client(proxy.url, transport=Watched()) as watched,
        watched.subscribe(types=["TopicOpened"]) as subscription,
    ):
        assert next(subscription).position == 2
        wait_for(lambda: has_moved(subscription, 4))
        proxy.cut()
        wait_for(lambda: requests[-1] == ledger.cursor(4))


def test_a_network_that_stutters_is_no_matter(
    ledger: Ledger, proxy: Proxy, client: Client
) -> None:
    ledger.record(*sources("a", "b", "c"))
    proxy.chunk = 1
    proxy.cut()

    with client.subscribe() as subscription:
        assert taken(subscription, 4) == list(ledger.events())


def test_a_slow_reader_loses_nothing(ledger: Ledger, client: Client) -> None:
    names = [f"s{number}" for number in range(1_000)]
    with client.subscribe() as subscription:
        with writing(ledger, names):
            found = [next(subscription)]
        assert threading.active_count() < 50
        found += taken(subscription, 1_001)

    assert found == list(ledger.events())


# --- what is refused ------------------------------------------------------------------


def test_what_cannot_be_followed_is_refused_at_once(
    ledger: Ledger, proxy: Proxy, client: Client
) -> None:
    with dateline.open(":memory:") as another:
        foreign = another.cursor(1)
    assert client.identity
    before = proxy.connections

    for after in ("nonsense", foreign, 99, -1):
        assert isinstance(raised(client.subscribe, after), InvalidCursor)
    assert isinstance(raised(client.subscribe, topic="nope"), UnknownTopic)
    assert raised(client.subscribe, types=["Nothing"]).code == "invalid_argument"
    assert proxy.connections == before


def test_a_ledger_that_was_replaced_is_not_followed_on(
    ledger: Ledger, proxy: Proxy, client: Client
) -> None:
    ledger.record(*sources("a", "b"))
    with dateline.open(":memory:") as another, serving(another) as elsewhere:
        subscription = client.subscribe()
        taken(subscription, 3)
        proxy.target = elsewhere
        proxy.cut()

        assert isinstance(raised(next, subscription), InvalidCursor)
        assert subscription.position == 3
        assert list(subscription) == []


def test_a_key_that_was_revoked_ends_it(
    ledger: Ledger, proxy: Proxy, tmp_path: Path
) -> None:
    ring = tmp_path / "keys.json"
    kept, key = keys.add(ring, "read")
    with serving(ledger, keys=ring) as guarded:
        proxy.target = guarded
        with Client(proxy.url, key=key) as client:
            subscription = client.subscribe()
            assert next(subscription).position == 1
            keys.revoke(ring, kept.id)
            proxy.cut()
            found = raised(next, subscription)

    assert isinstance(found, RemoteError)
    assert found.code == "unauthorized"


def streaming(*connections: bytes) -> Client:
    """Ask a server that says so much, connection by connection."""
    left = list(connections)
    with dateline.open(":memory:") as ledger:
        described = ledger.describe().model_dump(mode="json")

    def answered(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/ledger":
            return httpx.Response(200, json=described)
        if not left:
            return httpx.Response(403)
        said = left.pop(0)
        return httpx.Response(
            200, headers={"Content-Type": "text/event-stream"}, content=said
        )

    return Client("http://ledger.test", transport=httpx.MockTransport(answered))


def fault(code: str, status: int) -> bytes:
    problem = f'{{"code": "{code}", "detail": "broken", "status": {status}}}'
    return f"event: error\ndata: {problem}\n\n".encode()


def test_a_fault_that_may_pass_is_waited_out() -> None:
    with streaming(fault("ledger_locked", 503), fault("ledger_damaged", 500)) as client:
        assert raised(next, client.subscribe()).code == "ledger_damaged"


def test_a_fault_of_ones_own_reaches_the_reader() -> None:
    with streaming(b"event: ClaimFramed\ndata: {}\n\n") as client:
        with pytest.raises(KeyError):
            next(client.subscribe())


def test_a_server_that_is_not_there_from_the_start_is_an_error(proxy: Proxy) -> None:
    proxy.budget = lambda: 0

    with Client(proxy.url) as client:
        assert isinstance(raised(client.subscribe), ServerUnreachable)


# --- how it ends ----------------------------------------------------------------------


def threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "dateline-client"]


@pytest.mark.parametrize("ends", ["the subscription", "the client"])
def test_closing_it_from_another_thread_ends_the_loop(
    ends: str, ledger: Ledger, client: Client, proxy: Proxy
) -> None:
    subscription = client.subscribe()
    found: list[int] = []

    def read() -> None:
        found.extend(event.position for event in subscription)

    reader = threading.Thread(target=read)
    reader.start()
    wait_for(lambda: found)
    (subscription if ends == "the subscription" else client).close()
    reader.join()

    assert found == [1]
    assert list(subscription) == []
    wait_for(lambda: not threads())


def test_closing_it_ends_the_connection(client: Client, proxy: Proxy) -> None:
    subscription = client.subscribe()
    next(subscription)
    open_before = proxy.open_connections
    subscription.close()

    wait_for(lambda: proxy.open_connections < open_before)
    wait_for(lambda: not threads())


def test_closing_it_ends_the_wait_for_a_server(
    client: Client, proxy: Proxy, beating: str
) -> None:
    subscription = client.subscribe()
    next(subscription)
    proxy.budget = lambda: 0
    proxy.cut()
    wait_for(lambda: proxy.connections > 5)
    subscription.close()

    wait_for(lambda: not threads())


def test_one_that_is_full_and_forgotten_ends(ledger: Ledger, client: Client) -> None:
    ledger.record(*sources(*(f"s{number}" for number in range(600))))
    forgotten = weakref.ref(client.subscribe())
    gc.collect()

    assert forgotten() is None
    wait_for(lambda: not threads())


# --- asyncio --------------------------------------------------------------------------


def test_it_is_followed_in_asyncio(ledger: Ledger, client: Client) -> None:
    ledger.record(*sources("a", "b"))

    async def follow() -> list[Recorded]:
        found = []
        with client.subscribe() as subscription:
            async for event in subscription:
                found.append(event)
                if event.position == 3:
                    ledger.record(*sources("c"))
                if event.position == 4:
                    break
        return found

    assert asyncio.run(follow()) == list(ledger.events())


def test_a_reader_that_was_cancelled_loses_nothing(
    ledger: Ledger, client: Client
) -> None:
    ledger.record(*sources("a", "b"))

    async def follow() -> list[int]:
        subscription = client.subscribe()
        found: list[int] = []

        async def read() -> None:
            async for event in subscription:
                found.append(event.position)

        for name in ("c", "d", "e", "f"):
            reading = asyncio.create_task(read())
            await asyncio.sleep(0.02)
            reading.cancel()
            await asyncio.to_thread(ledger.record, *sources(name))
            with pytest.raises(asyncio.CancelledError):
                await reading
            assert subscription.position == (found[-1] if found else 0)
        while len(found) < ledger.position:
            found.append((await anext(subscription)).position)
        subscription.close()
        return found

    assert asyncio.run(follow()) == [1, 2, 3, 4, 5, 6, 7]


def test_a_refusal_reaches_the_reader_in_asyncio(
    ledger: Ledger, client: Client, proxy: Proxy
) -> None:
    async def follow(elsewhere: str) -> None:
        subscription = client.subscribe()
        await anext(subscription)
        proxy.target = elsewhere
        proxy.cut()
        with pytest.raises(DatelineError) as caught:
            await anext(subscription)
        assert caught.value.code == "invalid_cursor"
        with pytest.raises(StopAsyncIteration):
            await anext(subscription)

    clock = Clock("2024-11-02T12:00:00Z")
    with dateline.open(":memory:", clock=clock) as another:
        with serving(another) as elsewhere:
            asyncio.run(follow(elsewhere))


# --- a history that was lost ----------------------------------------------------------


@pytest.mark.parametrize("loss", [History.lose, History.regrow])
@pytest.mark.parametrize("after", [0, LOST])
def test_who_follows_a_history_that_was_lost_is_told(
    ledger: Ledger, client: Client, loss: Callable[[History], None], after: int
) -> None:
    """Also who began at a bare position, and was told of no event."""
    history = History(ledger)
    with client.subscribe(after) as subscription:
        if not after:
            taken(subscription, LOST)
        while subscription.cursor == str(after):
            assert subscription.poll(BEAT_SECONDS) is None
        loss(history)
        error = raised(next, subscription)
    assert isinstance(error, InvalidCursor)
    assert isinstance(raised(client.subscribe, subscription.cursor), InvalidCursor)
    with client.subscribe(ledger.cursor(SHARED)) as again:
        assert again.position == SHARED


def test_a_list_after_a_cursor_of_a_lost_history_is_refused(
    ledger: Ledger, client: Client
) -> None:
    history = History(ledger)
    cursor = ledger.cursor(LOST)
    history.regrow()
    assert isinstance(raised(client.events, cursor), InvalidCursor)
