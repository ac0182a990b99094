"""Following a stream: what the ledger has, once and in order, whatever the stream does.

The relay is a real one, in a process of its own; so is NATS.
"""

import time
from collections.abc import Iterator
from operator import methodcaller
from pathlib import Path

import orjson
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

import dateline
from dateline import Ledger
from dateline.domain.errors import HistoryLost
from dateline.domain.recorded import chain_hash
from dateline.projections.jetstream import receiver
from tests.builders import asserted, framed, opened, promised, registered
from tests.faults.children import Child
from tests.jetstream.followers import check_told, following
from tests.jetstream.relays import relay_for_ever, relay_once, until_so
from tests.jetstream.servers import NATS, server
from tests.jetstream.streams import asked, published, reached, stream_name


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[NATS]:
    with server(tmp_path) as one:
        yield one


@pytest.fixture
def begun(ledger: Ledger) -> Ledger:
    """Let there be a claim of two topics, up to position 6."""
    ledger.record(
        *(registered("seoul"), registered("moscow")),
        *(opened("war"), opened("war.kursk"), framed(topics=("war", "war.kursk"))),
    )
    return ledger


def record(ledger: Ledger, count: int, name: str = "e", one_by_one: int = 20) -> None:
    """Record statements, some of them one by one."""
    for number in range(one_by_one):
        ledger.record(asserted(id=f"{name}-one-{number}"))
    ledger.record(*(asserted(id=f"{name}-{number}") for number in range(count)))


def test_what_is_recorded_is_told_from_the_stream(begun: Ledger, nats: NATS) -> None:
    relay_once(begun, nats.url)
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        follower.until_leading()
        pages = follower.ledger.pages
        record(begun, 3_000)
        follower.until_told(begun.position)
        check_told(begun, follower, after=6)
        assert follower.ledger.pages == pages


def test_what_came_before_the_stream_does_is_read_from_the_ledger(
    begun: Ledger, nats: NATS
) -> None:
    with following(begun, nats.url) as follower:
        record(begun, 100)
        follower.until_told(begun.position)
        with Child(relay_for_ever, begun.target, nats.url):
            follower.until_leading()
            record(begun, 100, "more")
            follower.until_told(begun.position)
        check_told(begun, follower, after=6)


def test_a_dead_relay_makes_it_slower(begun: Ledger, nats: NATS) -> None:
    relay_once(begun, nats.url)
    with following(begun, nats.url) as follower:
        with Child(relay_for_ever, begun.target, nats.url):
            follower.until_leading()
            record(begun, 10)
            follower.until_told(begun.position)
        record(begun, 10, "unrelayed")
        follower.until_told(begun.position, seconds=8)
        until_so(lambda: not follower.feed.is_leading)
        with Child(relay_for_ever, begun.target, nats.url):
            follower.until_leading()
            pages = follower.ledger.pages
            record(begun, 10, "again")
            follower.until_told(begun.position)
            assert follower.ledger.pages == pages
        check_told(begun, follower, after=6)


def test_a_dead_server_is_done_without(
    begun: Ledger, nats: NATS, caplog: pytest.LogCaptureFixture
) -> None:
    relay_once(begun, nats.url)
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        for turn in range(4):
            follower.until_leading()
            record(begun, 10, f"alive-{turn}")
            nats.kill()
            until_so(lambda: not follower.feed.is_connected)
            began = time.monotonic()
            record(begun, 10, f"dead-{turn}")
            follower.until_told(begun.position)
            assert time.monotonic() - began < 2
            nats.start()
        follower.until_leading()
        check_told(begun, follower, after=6)
    assert "does not have" not in caplog.text


def test_a_server_that_never_was_is_done_without(begun: Ledger, nats: NATS) -> None:
    nats.kill()
    with following(begun, nats.url) as follower:
        record(begun, 10)
        follower.until_told(begun.position, seconds=5)
        check_told(begun, follower, after=6)


def test_a_purged_stream_loses_nothing(
    begun: Ledger, nats: NATS, caplog: pytest.LogCaptureFixture
) -> None:
    relay_once(begun, nats.url)
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        follower.until_leading()
        for turn in range(20):
            record(begun, 50, f"t{turn}", one_by_one=3)
            asked(nats.url, lambda js: js.purge_stream(stream_name(begun)))
        follower.until_told(begun.position)
        check_told(begun, follower, after=6)
    assert "does not have" not in caplog.text


def is_there(ledger: Ledger, url: str) -> bool:
    try:
        return reached(url, ledger) > 0
    except NotFoundError:
        return False


def test_a_stream_made_anew_tells_nothing_twice(begun: Ledger, nats: NATS) -> None:
    relay_once(begun, nats.url)
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        for turn in range(3):
            record(begun, 500, f"t{turn}", one_by_one=3)
            until_so(lambda: is_there(begun, nats.url))
            asked(nats.url, lambda js: js.delete_stream(stream_name(begun)))
        record(begun, 10)
        follower.until_told(begun.position)
        follower.until_leading()
        check_told(begun, follower, after=6)


def test_a_slow_follower_makes_the_stream_wait(
    begun: Ledger, nats: NATS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "BUFFERED_EVENTS", 64)
    relay_once(begun, nats.url)
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        follower.until_leading()
        follower.pause = lambda: time.sleep(0.3)
        largest = 0
        for turn in range(20):
            record(begun, 100, f"t{turn}", one_by_one=2)
            largest = max(largest, len(follower.feed._receiver._buffer))
        assert 0 < largest <= 64
        follower.pause = lambda: None
        follower.until_told(begun.position)
        check_told(begun, follower, after=6)


def test_a_stream_that_nobody_follows_is_left(
    begun: Ledger, nats: NATS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "_UNWANTED_SECONDS", 1)

    async def consumers(jetstream: JetStreamContext) -> int:
        info = await jetstream.stream_info(stream_name(begun))
        return info.state.consumer_count

    relay_once(begun, nats.url)
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        follower.until_leading()
        assert asked(nats.url, consumers) == 1
        follower.pause = lambda: time.sleep(4)
        until_so(lambda: asked(nats.url, consumers) == 0)
        record(begun, 10)
        follower.pause = lambda: None
        follower.until_told(begun.position)
        follower.until_leading()
        check_told(begun, follower, after=6)


def test_events_with_too_many_facets_for_headers_are_read_from_the_ledger(
    begun: Ledger, nats: NATS
) -> None:
    topics = [f"t{number:0>120}" for number in range(300)]
    claims = [framed(f"c{n}", topics=tuple(topics[n : n + 100])) for n in (0, 100, 200)]
    begun.record(*map(opened, topics), *claims)
    after = begun.position
    relay_once(begun, nats.url)
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        follower.until_leading()
        begun.record(asserted(), promised(claims=("c0", "c100", "c200")), framed("d"))
        follower.until_told(begun.position)
        check_told(begun, follower, after=after)


# --- what is not believed -----------------------------------------------------------


def forged(ledger: Ledger, url: str, *, has_hash: bool) -> None:
    """Publish a statement that nobody recorded, as if it came next."""
    last = published(url, ledger, f"dateline.{ledger.identity}.events.*")[-1]
    flat = orjson.loads(last.body)
    entry = ledger.feed.last()
    assert entry is not None and entry.id == flat["id"]
    position = entry.position + 1
    forgery = entry._replace(
        id="forged", position=position, version=entry.version + 1, salts={}
    )
    if has_hash:
        forgery = forgery._replace(hash=chain_hash(entry.hash, forgery))
    headers = {
        **last.headers,
        "Nats-Msg-Id": "forged",
        "Dateline-Position": str(position),
        "Dateline-Previous": str(entry.position),
    }
    for name in [name for name in headers if name.startswith("Nats-Expected")]:
        del headers[name]

    async def ask(jetstream: JetStreamContext) -> None:
        body = orjson.dumps(forgery.to_json())
        await jetstream.publish(last.subject, body, headers=headers)

    asked(url, ask)


def test_an_event_whose_hash_does_not_follow_is_not_believed(
    begun: Ledger, nats: NATS, caplog: pytest.LogCaptureFixture
) -> None:
    begun.record(asserted())
    relay_once(begun, nats.url)
    with following(begun, nats.url) as follower:
        follower.until_leading()
        forged(begun, nats.url, has_hash=False)
        until_so(lambda: "does not have at position 8" in caplog.text)
        record(begun, 10)
        follower.until_told(begun.position)
        check_told(begun, follower, after=7)


def test_a_forgery_of_a_whole_chain_is_found_out(begun: Ledger, nats: NATS) -> None:
    begun.record(asserted())
    relay_once(begun, nats.url)
    with following(begun, nats.url) as follower:
        follower.until_leading()
        forged(begun, nats.url, has_hash=True)
        until_so(lambda: isinstance(follower.failure, HistoryLost))


@pytest.mark.parametrize("lost", [1, 2, 50])
@pytest.mark.parametrize("regrown", [0, 1, 3, 100])
def test_a_lost_future_in_the_stream_is_not_believed(
    begun: Ledger, nats: NATS, tmp_path: Path, lost: int, regrown: int
) -> None:
    begun.record(asserted())
    begun.backup(tmp_path / "older.dateline")
    begun.record(*(asserted(id=f"lost-{number}") for number in range(lost)))
    relay_once(begun, nats.url)
    with dateline.open(tmp_path / "older.dateline") as older:
        for number in range(regrown // 2):
            older.record(asserted(id=f"new-{number}"))
        head = older.position
        with following(older, nats.url) as follower:
            until_so(lambda: follower.feed._receiver.reached is not None)
            for number in range(regrown // 2, regrown):
                older.record(asserted(id=f"new-{number}"))
            if regrown:
                follower.until_told(older.position)
            else:
                time.sleep(1)
            check_told(older, follower, after=head)


def test_what_is_none_of_a_relays_is_passed_over(begun: Ledger, nats: NATS) -> None:
    relay_once(begun, nats.url)
    subject = f"dateline.{begun.identity}.events.X"
    with (
        Child(relay_for_ever, begun.target, nats.url),
        following(begun, nats.url) as follower,
    ):
        follower.until_leading()
        for body in (b"", b"{}", b"\xff", b"[]"):
            asked(nats.url, methodcaller("publish", subject, body))
            record(begun, 5, body.hex() or "none", one_by_one=2)
        follower.until_told(begun.position)
        check_told(begun, follower, after=6)
