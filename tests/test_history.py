"""Cursors and readers of a history that the ledger no longer has."""

import base64
import json
import os
from collections.abc import Callable, Iterator

import pytest

import dateline
from dateline import Ledger
from dateline.domain.recorded import FIRST_HASH
from tests.builders import asserted, refused, registered
from tests.histories import LOST, SHARED, History
from tests.stores import on_sqlite_alone

ON = "2024-10-22"


@pytest.fixture
def history(ledger: Ledger) -> History:
    return History(ledger)


@pytest.fixture(params=["lose", "regrow"])
def loss(request: pytest.FixtureRequest) -> Callable[[History], None]:
    """Lose the last events, and grow again or not."""
    way: Callable[[History], None] = getattr(History, request.param)
    return way


# --- cursors ------------------------------------------------------------------------


def test_a_cursor_of_a_lost_history_is_refused(
    history: History, loss: Callable[[History], None]
) -> None:
    ledger = history.ledger
    lost = [ledger.cursor(position) for position in range(SHARED + 1, LOST + 1)]
    lost += [ledger.cursor(LOST, "troops")]
    shared = [ledger.cursor(position) for position in range(SHARED + 1)]
    loss(history)

    for cursor in lost:
        with refused("invalid_cursor"):
            ledger.place(cursor)
        with refused("invalid_cursor"):
            ledger.events(cursor)
        with refused("invalid_cursor"):
            ledger.subscribe(cursor)
    for position, cursor in enumerate(shared):
        assert ledger.place(cursor).position == position
        rest = [event.position for event in ledger.events(cursor)]
        assert rest == list(range(position + 1, ledger.position + 1))


def test_the_refusal_says_what_to_do(history: History) -> None:
    cursor = history.ledger.cursor(LOST)
    history.regrow()
    with refused("invalid_cursor") as error:
        history.ledger.place(cursor)
    assert f"position {LOST} of a history" in str(error.value)
    assert "begin again from an earlier cursor, or from position 0" in str(error.value)


def test_positions_and_cursors_of_earlier_releases_are_not_checked(
    history: History,
) -> None:
    ledger = history.ledger
    of = ledger.identity[:16]
    history.regrow()

    head = ledger.place(LOST)
    assert ledger.place(str(LOST)) == ledger.place(packed(of, LOST)) == head
    assert ledger.place(packed(of, LOST, "troops")) == (head.mark, "troops")


@pytest.mark.parametrize("rest", [[], [None], [None, "0" * 12], [None, FIRST_HASH]])
def test_the_beginning_is_in_every_history(history: History, rest: list[str]) -> None:
    ledger = history.ledger
    cursor = packed(ledger.identity[:16], 0, *rest)
    history.regrow()
    assert ledger.place(cursor) == ledger.place(0) == ledger.place(ledger.cursor(0))


@pytest.mark.parametrize(
    "rest", [[5], [[]], [None, None], [None, 5], ["x", ["y"]], [None, "", ""]]
)
def test_a_forged_place_is_refused(ledger: Ledger, rest: list[object]) -> None:
    with refused("invalid_cursor"):
        ledger.place(packed(ledger.identity[:16], 1, *rest))


def packed(*parts: object) -> str:
    """Return a cursor of whatever there is to be in one."""
    text = json.dumps(parts).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


# --- cursors of pages ---------------------------------------------------------------


def pages(ledger: Ledger) -> Iterator[Callable[[str | None], str | None]]:
    """Return each question that has pages: asked after one, it tells of the next."""
    yield lambda after: ledger.knowledge(on=ON, first=1, after=after).next
    yield (
        lambda after: (
            ledger.changes(("2024-10-01", 0), (ON, None), first=1, cursor=after).next
        )
    )
    yield lambda after: ledger.sources(first=1, after=after).next
    yield lambda after: ledger.topics(first=1, after=after).next


def cursors(ledger: Ledger) -> list[str]:
    """Return the cursors of each question's first page."""
    found = [ask(None) for ask in pages(ledger)]
    assert None not in found
    return [cursor for cursor in found if cursor is not None]


@pytest.fixture
def paged(ledger: Ledger) -> History:
    """Let there be two pages of everything, before and after the loss."""
    ledger.record(
        registered("nato"),
        dateline.ClaimFramed(claim="brigades", text="Two brigades"),
        asserted("brigades", by="nato"),
    )
    return History(ledger)


def test_pages_of_a_lost_history_are_refused(
    paged: History, loss: Callable[[History], None]
) -> None:
    ledger = paged.ledger
    lost = cursors(ledger)
    known = ledger.knowledge(on=ON)
    lost_entries = [
        ledger.knowledge_cursors(known.basis).after("brigades"),
        ledger.changes_cursors(known.basis, known.basis).after("brigades"),
        ledger.register_cursors("sources", ledger.sources().basis).after("moscow"),
    ]
    assert lost_entries[0] == lost[0]
    loss(paged)

    for ask, cursor in zip(pages(ledger), lost, strict=True):
        with refused("invalid_cursor"):
            ask(cursor)
        again = ask(None)
        if again is not None:  # what was lost made the second page of claims
            ask(again)
    with refused("invalid_cursor"):
        ledger.sources(after=lost_entries[2])


def test_pages_of_what_is_shared_go_on(paged: History) -> None:
    ledger = paged.ledger
    position = ledger.position - (LOST - SHARED)
    page = ledger.sources(recorded_by=position, first=1)
    paged.regrow()
    rest = ledger.sources(after=page.next)
    assert [source.id for source in rest.sources] == ["nato", "seoul"]
    assert rest.basis.position == position


def test_a_pages_cursor_of_an_earlier_release_is_taken(paged: History) -> None:
    ledger = paged.ledger
    (cursor, *_) = cursors(ledger)
    body = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    digest, positions, last, digits = body
    assert [len(one) for one in digits] == [12]
    old = ledger.knowledge(on=ON, after=packed(digest, positions, last))
    assert old == ledger.knowledge(on=ON, after=cursor)


# --- readers ------------------------------------------------------------------------


def test_a_reader_who_follows_is_told(
    history: History, loss: Callable[[History], None]
) -> None:
    with history.ledger.subscribe() as subscription:
        for position in range(1, LOST + 1):
            assert next(subscription).position == position
        assert subscription.poll(0) is None
        loss(history)
        with refused("history_lost") as error:
            next(subscription)
        assert vars(error.value)["position"] == LOST
        assert list(subscription) == []


def test_a_reader_whose_filter_lets_nothing_through_is_told(
    history: History, loss: Callable[[History], None]
) -> None:
    with history.ledger.subscribe(topic="a") as subscription:
        assert next(subscription).position == 2
        assert subscription.poll(0) is None
        loss(history)
        with refused("history_lost"):
            next(subscription)


def test_a_reader_who_is_behind_goes_on(history: History) -> None:
    subscription = history.ledger.subscribe(SHARED)
    history.regrow()
    with subscription:
        found = [next(subscription).id for _ in range(LOST - SHARED + 2)]
    assert found == [f"other-{n}" for n in range(LOST - SHARED + 2)]


def test_a_list_is_not_made_of_two_histories(history: History) -> None:
    ledger = history.ledger
    history.grow("more", 1_000)
    found = ledger.events()
    for _ in range(LOST):
        next(found)
    history.regrow()
    history.grow("others", 1_000)
    with refused("history_lost"):
        list(found)


@on_sqlite_alone
def test_a_file_in_the_ledgers_place_is_noticed(history: History) -> None:
    ledger = history.ledger
    with ledger.subscribe() as subscription:
        for _ in range(LOST):
            next(subscription)
        os.replace(history.backup, ledger.target)
        with refused("ledger_replaced"):
            next(subscription)
