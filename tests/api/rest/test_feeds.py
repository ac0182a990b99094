"""Server-sent events: from any place, with no gap, and a word at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson
import pytest
from httpx_sse import EventSource, ServerSentEvent
from sse_starlette.sse import AppStatus

import dateline
from dateline import Ledger, Policy
from dateline.api import Settings, create_app
from dateline.api.hub import Delivered
from dateline.api.rest.feeds import KEPT_MESSAGES, told
from dateline.domain.answers import as_json
from dateline.domain.errors import LedgerDamaged
from dateline.domain.recorded import BEGINNING
from dateline.projections.feed import Feed
from tests.api.rest.asking import Rest, refusal
from tests.api.serving import running, serving
from tests.builders import asserted, confirmed, opened, stored, voided

PATIENCE_SECONDS = 30
STREAM = {"Accept": "text/event-stream"}


@contextmanager
def following(
    url: str, path: str = "/v1/events", last: str | None = None, **query: Any
) -> Iterator[Iterator[ServerSentEvent]]:
    """Follow a feed of a server."""
    headers = STREAM if last is None else {**STREAM, "Last-Event-ID": last}
    given = {name: value for name, value in query.items() if value is not None}
    with (
        httpx.Client(base_url=url, timeout=PATIENCE_SECONDS) as client,
        client.stream("GET", path, params=given, headers=headers) as response,
    ):
        assert response.status_code == 200, response.read()
        yield EventSource(response).iter_sse()


def news(messages: Iterator[ServerSentEvent], count: int) -> list[ServerSentEvent]:
    """Take so many messages that are not heartbeats."""
    found: list[ServerSentEvent] = []
    while len(found) < count:
        message = next(messages)
        if message.event != "heartbeat":
            found.append(message)
    return found


def documents(messages: list[ServerSentEvent]) -> list[Any]:
    return [message.json() for message in messages]


def test_a_feed_catches_up_and_follows(story: Ledger) -> None:
    with serving(story) as url, following(url, after=0) as messages:
        past = news(messages, story.position)
        assert documents(past) == stored(story)
        assert [one.event for one in past] == [one["type"] for one in stored(story)]
        story.record(opened("grain"))
        with dateline.open(story.target) as other:
            other.record(opened("rail"))
        coming = documents(news(messages, 2))
        assert [event["topic"] for event in coming] == ["grain", "rail"]


def test_a_feed_begins_at_the_head_and_says_where_that_is(story: Ledger) -> None:
    with serving(story) as url:
        with following(url) as messages:
            begin = next(messages)
            assert (begin.event, begin.json()) == (
                "heartbeat",
                {"position": story.position},
            )
            assert begin.id == story.cursor(story.position)
        story.record(opened("while-away"))
        with following(url, last=begin.id) as messages:
            assert documents(news(messages, 1))[0]["topic"] == "while-away"


def test_each_message_is_a_place_to_go_on_from(story: Ledger) -> None:
    whole = stored(story)
    with serving(story) as url:
        for cut in (1, 5, story.position - 1):
            with following(url, after=0) as messages:
                last = news(messages, cut)[-1]
            with following(url, last=last.id) as messages:
                rest = documents(news(messages, story.position - cut))
            assert rest == whole[cut:]
            with following(url, after=last.id) as messages:
                assert documents(news(messages, 1)) == [whole[cut]]


def test_the_last_id_counts_more_than_the_url(story: Ledger) -> None:
    with serving(story) as url:
        last = story.cursor(5)
        with following(url, after=0, last=last) as messages:
            assert documents(news(messages, 1))[0]["position"] == 6
        with following(url, after="nonsense", last=last) as messages:
            assert documents(news(messages, 1))[0]["position"] == 6
        with following(url, after=3, last="") as messages:
            assert documents(news(messages, 1))[0]["position"] == 4


@pytest.mark.parametrize(
    "query",
    [
        {"topic": "weapons"},
        {"claim": "troops"},
        {"source": "seoul"},
        {"type": "TopicOpened,ClaimDenied"},
        {"topic": "dprk-troops", "type": "ClaimAsserted"},
    ],
)
def test_a_filter_is_the_librarys(story: Ledger, query: dict[str, str]) -> None:
    types = query.get("type")
    wanted = {name: value for name, value in query.items() if name != "type"}
    expected = [
        event.model_dump(mode="json")
        for event in story.events(types=types and types.split(","), **wanted)
    ]
    with serving(story) as url, following(url, after=0, **query) as messages:
        assert documents(news(messages, len(expected))) == expected


def test_silence_is_broken_by_heartbeats_that_carry_the_head(story: Ledger) -> None:
    with (
        serving(story, heartbeat_seconds=0.1) as url,
        following(url, topic="weapons") as messages,
    ):
        next(messages)
        story.record(opened("grain"))
        while (beat := next(messages)).json()["position"] < story.position:
            assert beat.event == "heartbeat"
        while beat.id != story.cursor(story.position):
            beat = next(messages)
        assert beat.event == "heartbeat"


def test_a_feed_ends_with_a_word_when_the_server_stops(story: Ledger) -> None:
    app = create_app(story, Settings())
    with running(app) as url, following(url, after=0) as messages:
        last = news(messages, story.position)[-1]
        app.state.services.hub.close()
        *_, end = messages
        assert end.event == "end"
        assert end.json() == {"reason": "shutting_down", "cursor": last.id}
        assert end.id == last.id


def test_a_fault_amid_a_feed_is_told(
    story: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: Any, **__: Any) -> Any:
        raise LedgerDamaged("the disk is gone")

    monkeypatch.setattr(Feed, "page", damaged)
    with serving(story) as url, following(url, after=0) as messages:
        *_, last = messages
    assert last.event == "error"
    assert last.json()["code"] == "ledger_damaged"
    assert last.json()["status"] == 500


def test_whoever_goes_away_is_forgotten(story: Ledger) -> None:
    app = create_app(story, Settings())
    hub = app.state.services.hub
    with running(app) as url:
        with following(url) as one, following(url) as two:
            next(one), next(two)
            wait_until(lambda: hub.readers == 2)
        wait_until(lambda: hub.readers == 0)


def wait_until(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_feeds_heed_nothing_but_their_hub(
    story: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library's flag is the process's; another server in it may be stopping."""
    monkeypatch.setattr(AppStatus, "should_exit", True)
    with serving(story) as url, following(url, after=0) as messages:
        assert len(news(messages, story.position)) == story.position
        story.record(opened("grain"))
        assert documents(news(messages, 1))[0]["topic"] == "grain"


# --- changes ------------------------------------------------------------------------


def changes_of(ledger: Ledger, position: int, **asked: Any) -> list[Any]:
    """Return what the event at a position changed, at the far end of public time."""
    end = "9999-12-31"
    found = ledger.changes((end, position - 1), (end, position), **asked)
    return [as_json(change) for change in found.changes]


def test_changes_are_what_each_event_changed(story: Ledger) -> None:
    story.record(
        confirmed("troops", by="nato", said_at="2024-10-23"),
        voided("s2"),
    )
    expected = [
        change
        for position in range(1, story.position + 1)
        for change in changes_of(story, position)
    ]
    assert len(expected) >= 6
    with serving(story) as url, following(url, "/v1/changes", after=0) as messages:
        found = news(messages, len(expected))
        assert documents(found) == expected
        assert {one.event for one in found} == {"change"}
        story.record(asserted("brigades", by="moscow", said_at="2024-10-24"))
        coming = news(messages, 1)
        assert documents(coming) == changes_of(story, story.position)
    with serving(story) as url:
        for cut in range(1, len(expected)):
            last = found[cut - 1].id
            with following(url, "/v1/changes", last=last) as messages:
                assert documents(news(messages, 1)) == [expected[cut]]


def test_changes_are_of_a_topic_and_under_a_policy(story: Ledger) -> None:
    policy = '{"confirmations":2,"independent":true,"implicit":"ignore"}'
    story.record(confirmed("troops", by="nato", said_at="2024-10-23"))
    asked = {
        "topic": "dprk-troops",
        "policy": Policy.model_validate_json(policy),
    }
    opened_at = next(one["position"] for one in stored(story) if one.get("topic"))
    expected = [
        change
        for position in range(opened_at + 1, story.position + 1)
        for change in changes_of(story, position, **asked)
    ]
    with (
        serving(story) as url,
        following(
            url, "/v1/changes", after=0, topic="dprk-troops", policy=policy
        ) as messages,
    ):
        assert documents(news(messages, len(expected))) == expected


# --- what cannot be followed --------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/events", "/v1/changes"])
@pytest.mark.parametrize(
    "query, status, code",
    [
        ("after=nonsense", 400, "invalid_cursor"),
        ("after=9999", 400, "invalid_cursor"),
        ("after=", 400, "invalid_cursor"),
        ("topic=tanks", 404, "unknown_topic"),
        ("first=3", 400, "invalid_argument"),
        ("unknown=3", 400, "invalid_argument"),
    ],
)
def test_a_feed_that_cannot_begin_is_a_problem(
    story: Ledger, rest: Rest, path: str, query: str, status: int, code: str
) -> None:
    response = rest.get(f"{path}?{query}", STREAM)
    assert refusal(response, status)["code"] == code


@pytest.mark.parametrize("path", ["/v1/events", "/v1/changes"])
def test_a_last_id_that_is_none_is_a_problem(
    story: Ledger, rest: Rest, path: str
) -> None:
    with dateline.open(":memory:") as other:
        foreign = other.cursor(1)
    ahead = story.cursor(story.position + 1)
    for last in ("nonsense", foreign, ahead, "9999"):
        response = rest.get(path, {**STREAM, "Last-Event-ID": last})
        assert refusal(response, 400)["code"] == "invalid_cursor"


@pytest.mark.parametrize(
    "name", ["from", "to", "from_recorded_by", "to_recorded_by", "first"]
)
def test_points_are_not_asked_of_a_stream(story: Ledger, rest: Rest, name: str) -> None:
    value = "3" if name == "first" else "2024-10-22"
    response = rest.get(f"/v1/changes?{name}={value}", STREAM)
    problem = refusal(response, 400)
    assert (problem["code"], problem["parameter"]) == ("invalid_argument", name)


def test_a_feed_is_not_buffered_on_its_way(story: Ledger) -> None:
    with (
        serving(story) as url,
        httpx.Client(base_url=url) as client,
        client.stream("GET", "/v1/events", headers=STREAM) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache"
        assert response.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in response.headers


def test_messages_are_written_once_for_all(story: Ledger) -> None:
    page = story.feed.page(story.event_filter(), after=BEGINNING, upto=story.position)
    one, *others = [Delivered(one.entry, str(n), 9) for n, one in enumerate(page.told)]
    kept: dict[str, bytes] = {}
    message = told(one, kept)
    assert orjson.loads(message.partition(b"data: ")[2]) == stored(story)[0]
    assert [told(other, kept) for other in others]
    assert told(one, kept) is message
    for number in range(KEPT_MESSAGES):
        told(one._replace(cursor=f"later{number}"), kept)
    assert len(kept) == KEPT_MESSAGES
    assert told(one, kept) == message
