"""Over REST: cursors, feeds and kept answers of a history that the ledger lost."""

import os
from typing import Any

import pytest

from dateline.api.rest import heads
from tests.api.rest.asking import NDJSON, Rest, lines_of
from tests.api.rest.test_feeds import STREAM, documents, following, news
from tests.api.serving import serving
from tests.histories import LOST, SHARED, History, Loss
from tests.stores import on_sqlite_alone

ON = "2024-10-22"
LINES = {"Accept": NDJSON}


def test_a_cursor_of_a_lost_history_is_refused(
    history: History, rest: Rest, loss: Loss
) -> None:
    lost, shared = history.ledger.cursor(LOST), history.ledger.cursor(SHARED)
    loss(history)
    for headers in ({}, LINES, STREAM, {**STREAM, "Last-Event-ID": lost}):
        given = {} if "Last-Event-ID" in headers else {"after": lost}
        response = rest.get("/v1/events", headers, **given)
        assert response.json()["code"] == "invalid_cursor"
    response = rest.get("/v1/changes", STREAM, after=lost)
    assert response.json()["code"] == "invalid_cursor"

    events = rest.json("/v1/events", after=shared)["events"]
    assert [one["position"] for one in events] == list(
        range(SHARED + 1, history.ledger.position + 1)
    )


def test_the_cursors_of_lists_are_of_their_history(
    history: History, rest: Rest, loss: Loss
) -> None:
    ledger = history.ledger
    page = rest.json("/v1/events", first=SHARED + 1)
    *_, end = lines_of(rest.get("/v1/events", LINES))
    assert (page["next"], end["next"]) == (
        ledger.cursor(SHARED + 1),
        ledger.cursor(LOST),
    )
    loss(history)
    for cursor in (page["next"], end["next"]):
        assert rest.code("/v1/events", 400, after=cursor) == "invalid_cursor"


def test_a_page_of_a_lost_history_is_refused(
    history: History, rest: Rest, loss: Loss
) -> None:
    cursor = rest.json("/v1/topics", first=1)["next"]
    loss(history)
    assert rest.code("/v1/topics", 400, first=1, after=cursor) == "invalid_cursor"


@pytest.mark.parametrize("path", ["/v1/events", "/v1/changes"])
def test_who_follows_is_told_and_then_refused(
    history: History, loss: Loss, path: str
) -> None:
    with serving(history.ledger) as url:
        with following(url, path, after=SHARED) as messages:
            last = news(messages, 1)[-1]
            loss(history)
            *_, end = messages
        assert end.event == "error"
        told = end.json()
        assert (told["code"], told["status"]) == ("history_lost", 503)
        with pytest.raises(AssertionError, match="invalid_cursor"):
            with following(url, path, last=last.id):
                pass
        with following(url, path, after=history.ledger.position) as messages:
            assert next(messages).event == "heartbeat"
            history.grow("news", 1)
            if path == "/v1/events":
                assert documents(news(messages, 1))[0]["id"] == "news-0"


@pytest.mark.parametrize("after", [None, 0, LOST])
def test_who_began_at_a_position_has_a_cursor_at_once(
    history: History, after: int | None
) -> None:
    with serving(history.ledger) as url:
        with following(url, after=after) as messages:
            first = next(messages)
        assert first.event == "heartbeat"
        begun = LOST if after is None else after
        assert first.id == history.ledger.cursor(begun)


@on_sqlite_alone
def test_who_follows_a_file_that_was_replaced_is_told(history: History) -> None:
    with serving(history.ledger) as url:
        with following(url, after=LOST) as messages:
            next(messages)
            os.replace(history.backup, history.ledger.target)
            *_, end = messages
        assert end.event == "error"
        assert (end.json()["code"], end.json()["status"]) == ("ledger_replaced", 503)


# --- answers that are kept -----------------------------------------------------------


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compare the history at each new head."""
    monkeypatch.setattr(heads, "_CHECK_SECONDS", 0.0)


def statements(rest: Rest, **asked: Any) -> list[str]:
    (claim,) = rest.json("/v1/knowledge", on=ON, **asked)["claims"]
    found: list[str] = claim["statements"]
    return found


@pytest.mark.usefixtures("at_once")
def test_no_answer_of_a_lost_history_is_given_again(
    history: History, rest: Rest
) -> None:
    assert statements(rest, recorded_by=LOST) == ["lost-3"]
    assert statements(rest) == ["lost-3"]
    history.regrow()
    assert statements(rest) == ["other-5"]
    assert statements(rest, recorded_by=LOST) == ["other-3"]


def test_a_head_that_fell_is_noticed(history: History, rest: Rest) -> None:
    assert statements(rest) == ["lost-3"]
    history.lose()
    rest.json("/v1/knowledge", on=ON)
    history.grow("other", LOST - SHARED)
    assert statements(rest) == ["other-3"]
