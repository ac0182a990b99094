"""The two points of a question, section 3: which position and instant they mean."""

import base64
import io
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

import dateline
from dateline import DatelineError, Ledger, Policy, Status
from dateline.domain.answers import as_json
from dateline.domain.times import print_datetime
from dateline.jsonl import import_file
from tests.builders import (
    Clock,
    asserted,
    confirmed,
    denied,
    filed,
    framed,
    linked,
    opened,
    promised,
    refused,
    registered,
    reworded,
    sources,
    unfiled,
    voided,
    withheld,
)

Question = Callable[..., Any]


@pytest.fixture
def daily(ledger: Ledger, clock: Clock) -> Ledger:
    """Return a ledger, opened on 1 November at noon, that takes in an event a day.

    Positions 2 to 5 are of 2 November; 6, 7 and 8 of the 3rd, 4th and 6th. It is the
    6th at noon.
    """
    clock.set("2024-11-02T12:00:00Z")
    ledger.record(
        opened(), *sources("seoul", "moscow"), framed(topics=("dprk-troops",))
    )
    clock.set("2024-11-03T12:00:00Z")
    ledger.record(asserted(said_at="2024-10-20", id="s6"))
    clock.set("2024-11-04T12:00:00Z")
    ledger.record(denied(by="moscow", said_at="2024-10-21", id="s7"))
    clock.set("2024-11-06T12:00:00Z")
    ledger.record(confirmed(said_at="2024-10-22", id="s8"))
    return ledger


def position(ledger: Ledger, recorded_by: Any) -> int:
    return ledger.knowledge(on="2024-10-31", recorded_by=recorded_by).basis.position


# --- record time ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded_by", "expected"),
    [
        (None, 8),
        # positions
        ("0", 0),
        ("1", 1),
        ("6", 6),
        ("8", 8),
        ("007", 7),
        (0, 0),
        (5, 5),
        (8, 8),
        # instants: the last position recorded at or before
        ("2024-11-01T11:59:59.999999Z", 0),
        ("2024-11-01T12:00:00Z", 1),
        ("2024-11-02T11:59:59.999999Z", 1),
        ("2024-11-02T12:00:00Z", 5),
        ("2024-11-03T12:00:00Z", 6),
        ("2024-11-03T14:00:00+02:00", 6),
        ("2024-11-03T13:59:59.999999+02:00", 5),
        ("2024-11-06T12:00:00Z", 8),
        (datetime(2024, 11, 3, 12, tzinfo=UTC), 6),
        (datetime(2024, 11, 3, 11, 59, tzinfo=UTC), 5),
        (datetime(2024, 11, 3, 14, tzinfo=timezone(timedelta(hours=2))), 6),
        # days: to their end
        ("2024-10-31", 0),
        ("2024-11-01", 1),
        ("2024-11-02", 5),
        ("2024-11-03", 6),
        ("2024-11-04", 7),
        ("2024-11-05", 7),
        ("2024-11-06", 8),
        (date(2024, 11, 3), 6),
        (date(2024, 11, 6), 8),
        ("0001-01-01", 0),
    ],
)
def test_record_time_means_the_last_position_by_then(
    daily: Ledger, recorded_by: Any, expected: int
) -> None:
    assert position(daily, recorded_by) == expected


def test_every_question_takes_the_same_points(daily: Ledger) -> None:
    asked: dict[str, Any] = {"on": date(2024, 10, 31), "recorded_by": "2024-11-04"}
    bases = [
        daily.knowledge(**asked).basis,
        daily.claim("troops", **asked).basis,
        daily.explain("troops", **asked).basis,
        daily.positions("seoul", **asked).basis,
        daily.expectations(**asked).basis,
        daily.changes((asked["on"], "1"), (asked["on"], "2024-11-04")).to,
    ]

    for basis in bases:
        assert as_json(basis) == {
            "on": "2024-10-31",
            "known_until": "2024-10-31T23:59:59.999999Z",
            "position": 7,
            "recorded_at": "2024-11-04T12:00:00Z",
            "policy": {"confirmations": 1, "independent": False, "implicit": "count"},
            "rule": 1,
        }
    timeline = daily.timeline("troops", recorded_by="2024-11-04").basis
    assert as_json(timeline) == {
        "position": 7,
        "recorded_at": "2024-11-04T12:00:00Z",
        "policy": {"confirmations": 1, "independent": False, "implicit": "count"},
        "rule": 1,
    }


@pytest.mark.parametrize(
    "recorded_by",
    [
        *("9", "2024", 9, "20241022", str(2**63 - 1), str(2**63), "9" * 40),
        *("2024-11-06T12:00:00.000001Z", "2024-11-07T00:00:00Z"),
        *("2024-11-06T12:00:00-00:01", "2024-11-07", "9999-12-31"),
        *(datetime(2024, 11, 7, tzinfo=UTC), date(2024, 11, 7)),
    ],
)
def test_what_could_still_change_is_not_answered(
    daily: Ledger, recorded_by: Any
) -> None:
    for ask in questions(daily, recorded_by):
        with refused("not_yet_recorded") as caught:
            ask()
        assert "position 8" in str(caught.value)


def questions(
    ledger: Ledger, recorded_by: Any, on: Any = "2024-10-31"
) -> list[Question]:
    asked: dict[str, Any] = {"on": on, "recorded_by": recorded_by}
    return [
        lambda: ledger.knowledge(**asked),
        lambda: ledger.claim("troops", **asked),
        lambda: ledger.explain("troops", **asked),
        lambda: ledger.positions("seoul", **asked),
        lambda: ledger.expectations(**asked),
        lambda: ledger.changes((on, recorded_by), (on, "8")),
        lambda: ledger.changes((on, "1"), (on, recorded_by)),
        lambda: ledger.timeline("troops", recorded_by=recorded_by),
    ]


@pytest.mark.parametrize(
    "recorded_by",
    [
        *("", "now", "head", "-1", -1, "+5", "5.0", " 5", "1e3", "0x10"),
        *("2024-11", "2024-11-03/2024-11-04", "2024-11-03T12:00:00", "2024-11-3"),
        *("٣", datetime(2024, 11, 3, 12)),
    ],
)
def test_what_is_no_point_of_record_time_is_refused(
    daily: Ledger, recorded_by: Any
) -> None:
    for ask in questions(daily, recorded_by):
        with refused("invalid_time") as caught:
            ask()
        assert getattr(caught.value, "field", None) == "recorded_by"


def test_a_day_that_is_not_in_the_calendar_was_never_recorded(daily: Ledger) -> None:
    with refused("impossible_date"):
        position(daily, "2024-02-30")
    with refused("impossible_date"):
        position(daily, "2024-11-03T25:00:00Z")


def test_digits_are_a_position_and_not_a_year(daily: Ledger, clock: Clock) -> None:
    with refused("not_yet_recorded"):
        position(daily, "2024")
    daily.record(*(withheld(note=str(number)) for number in range(2016)))
    assert position(daily, "2024") == 2024


def test_today_is_the_head_also_while_it_goes_on(daily: Ledger, clock: Clock) -> None:
    assert position(daily, "2024-11-06") == 8
    clock.set("2024-11-06T12:00:01Z")
    daily.record(withheld(by="moscow"))
    assert position(daily, "2024-11-06") == 9
    clock.set("2024-11-07T00:00:00Z")
    assert position(daily, "2024-11-07") == 9
    assert position(daily, "2024-11-06") == 9
    daily.record(withheld(by="moscow", id="w2"))
    assert position(daily, "2024-11-06") == 9
    assert position(daily, "2024-11-07") == 10


def test_days_of_record_time_end_in_the_ledgers_zone(clock: Clock) -> None:
    clock.set("2024-11-01T12:00:00Z")
    with dateline.open(":memory:", timezone="Asia/Seoul", clock=clock) as ledger:
        clock.set("2024-11-01T14:59:59.999999Z")
        ledger.record(registered("seoul"))
        clock.set("2024-11-01T15:00:00Z")
        ledger.record(registered("moscow"))

        assert position(ledger, "2024-11-01") == 2
        assert position(ledger, "2024-11-02") == 3
        with refused("not_yet_recorded"):
            position(ledger, "2024-11-03")
        clock.set("2024-11-03T00:00:00Z")
        assert position(ledger, "2024-11-01") == 2


def test_a_day_that_the_zone_skips_is_no_point(clock: Clock) -> None:
    with dateline.open(":memory:", timezone="Pacific/Apia", clock=clock) as ledger:
        with refused("skipped_day"):
            ledger.knowledge(on="2011-12-30")
        with refused("skipped_day"):
            ledger.knowledge(on="2012-01-01", recorded_by="2011-12-30")


def test_an_instant_up_to_now_is_a_point_also_without_news(
    daily: Ledger, clock: Clock
) -> None:
    clock.set("2024-11-10T12:00:00Z")

    assert position(daily, "2024-11-10T12:00:00Z") == 8
    assert position(daily, "2024-11-09") == 8
    assert position(daily, "2024-11-10") == 8
    with refused("not_yet_recorded"):
        position(daily, "2024-11-10T12:00:00.000001Z")


def test_the_clock_going_back_takes_no_point_away(daily: Ledger, clock: Clock) -> None:
    clock.set("2024-11-01T00:00:00Z")

    assert position(daily, "2024-11-06T12:00:00Z") == 8
    assert position(daily, "2024-11-06") == 8
    assert position(daily, "2024-11-04") == 7
    daily.record(withheld(by="moscow"))
    assert position(daily, "2024-11-06T12:00:00Z") == 8
    assert position(daily, "2024-11-06T12:00:00.000001Z") == 9


def test_before_the_opening_the_ledger_is_empty(daily: Ledger) -> None:
    for recorded_by in ("0", 0, "2024-10-31", "2024-11-01T11:59:59.999999Z"):
        known = daily.knowledge(on="2024-10-31", recorded_by=recorded_by)
        assert as_json(known) == {
            "basis": {
                "on": "2024-10-31",
                "known_until": "2024-10-31T23:59:59.999999Z",
                "position": 0,
                "recorded_at": None,
                "policy": {
                    "confirmations": 1,
                    "independent": False,
                    "implicit": "count",
                },
                "rule": 1,
            },
            "counts": {},
            "claims": [],
            "possibly_known": [],
            "next": None,
        }
        assert (
            daily.expectations(on="2024-10-31", recorded_by=recorded_by).expectations
            == ()
        )
        with refused("unknown_claim"):
            daily.claim("troops", on="2024-10-31", recorded_by=recorded_by)
        with refused("unknown_topic"):
            daily.knowledge(
                on="2024-10-31", recorded_by=recorded_by, topic="dprk-troops"
            )


def test_a_position_in_a_gap_is_the_one_before_it(tmp_path: Any, clock: Clock) -> None:
    lines = [
        {"type": "LedgerOpened", "title": "Gaps", "position": 5},
        {"type": "TopicOpened", "topic": "t", "title": "T", "position": 9},
        {"type": "ClaimFramed", "claim": "c", "text": "C", "position": 20},
    ]
    target = str(tmp_path / "gaps.dateline")
    file = io.BytesIO("\n".join(json.dumps(line) for line in lines).encode())
    import_file(target, file, name="gaps", keep_recorded_at=True, clock=clock)

    with dateline.open(target, clock=clock) as ledger:
        found = [position(ledger, asked) for asked in (0, 4, 5, 8, 9, 19, 20)]
        assert found == [0, 0, 5, 5, 9, 9, 20]
        with refused("not_yet_recorded"):
            position(ledger, 21)
        assert ledger.record(registered("seoul")).position == 21


# --- public time ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "shown", "until"),
    [
        ("2024-10-20", "2024-10-20", "2024-10-20T23:59:59.999999Z"),
        (date(2024, 10, 20), "2024-10-20", "2024-10-20T23:59:59.999999Z"),
        ("2024-10-20T12:00:00Z", "2024-10-20T12:00:00Z", "2024-10-20T12:00:00Z"),
        ("2024-10-20T12:00:00+02:00", "2024-10-20T10:00:00Z", "2024-10-20T10:00:00Z"),
        (
            datetime(2024, 10, 20, 12, 0, 0, 500_000, tzinfo=UTC),
            "2024-10-20T12:00:00.500000Z",
            "2024-10-20T12:00:00.500000Z",
        ),
        ("2030-01-01", "2030-01-01", "2030-01-01T23:59:59.999999Z"),
        ("0001-01-01", "0001-01-01", "0001-01-01T23:59:59.999999Z"),
        ("9999-12-31", "9999-12-31", "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_public_time_is_a_day_to_its_end_or_an_instant(
    daily: Ledger, on: Any, shown: str, until: str
) -> None:
    basis = as_json(daily.knowledge(on=on).basis)

    assert (basis["on"], basis["known_until"]) == (shown, until)


@pytest.mark.parametrize(
    "on",
    [
        *("", "2024", "2024-10", "2024-10-20/2024-10-21", "today", "20241020", "5"),
        *("2024-10-20T12:00:00", "2024-10-20T12:00Z", 5, 20241020),
        datetime(2024, 10, 20, 12),
    ],
)
def test_what_is_no_point_of_public_time_is_refused(daily: Ledger, on: Any) -> None:
    for ask in questions(daily, None, on)[:-1]:
        with refused("invalid_time") as caught:
            ask()
        assert getattr(caught.value, "field", None) == "on"


def test_the_day_before_the_day_and_the_day_after(daily: Ledger) -> None:
    found = {
        on: daily.claim("troops", on=on).status.value
        for on in (
            "2024-10-19",
            "2024-10-20T23:59:59.999998Z",
            "2024-10-20T23:59:59.999999Z",
            "2024-10-20",
            "2024-10-21T00:00:00Z",
            "2024-10-21",
            "2024-10-22",
        )
    }
    assert list(found.values()) == [
        *("unreported", "unreported", "asserted", "asserted", "asserted"),
        *("disputed", "confirmed"),
    ]


# --- the promise ------------------------------------------------------------------


def answers(ledger: Ledger, position: int) -> list[dict[str, Any]]:
    """Return all that is known by a position, on several days, in several ways."""
    policy = Policy(confirmations=2)
    on = [
        "2024-10-19",
        "2024-10-20",
        "2024-10-21T12:00:00Z",
        "2024-10-22",
        "2024-12-31",
    ]
    found: list[Any] = [ledger.timeline("troops", recorded_by=position)]
    for day in on:
        asked: dict[str, Any] = {"on": day, "recorded_by": position}
        found += [
            ledger.knowledge(**asked),
            ledger.knowledge(**asked, topic="dprk-troops"),
            ledger.knowledge(**asked, policy=policy),
            ledger.claim("troops", **asked),
            ledger.explain("troops", **asked),
            ledger.positions("seoul", **asked),
            ledger.expectations(**asked),
            ledger.changes((on[0], 5), (day, position), topic="dprk-troops"),
            ledger.changes((day, position), (on[-1], 5)),
        ]
    return [as_json(answer) for answer in found]


def test_later_news_never_changes_an_answer(daily: Ledger, clock: Clock) -> None:
    fixed = {position: answers(daily, position) for position in range(5, 9)}

    clock.set("2024-11-10T12:00:00Z")
    daily.record(
        *sources("kyiv", envoy="seoul"),
        asserted(by="kyiv", said_at="2024-10-19", basis=("s6",), id="late"),
        asserted(by="envoy", said_at="2024-10/2024-10-21"),
        voided("s6"),
        voided("s7"),
        reworded("Other words"),
        framed("other", topics=("dprk-troops",)),
        confirmed("other", said_at="2024-10-19"),
        linked("other", "troops"),
        unfiled(),
        promised(),
    )
    daily.record(opened("new"), filed(topic="new"), voided("late"))
    daily.rebuild()

    assert {position: answers(daily, position) for position in fixed} == fixed
    for position, at in ((5, "2024-11-02"), (6, "2024-11-03"), (7, "2024-11-04")):
        known = as_json(daily.knowledge(on="2024-10-22", recorded_by=at))
        assert known == fixed[position][1 + 9 * 3]


# --- what is not there ------------------------------------------------------------


def sentence(ask: Question) -> tuple[str, str]:
    with pytest.raises(DatelineError) as caught:
        ask()
    return caught.value.code, str(caught.value)


def test_what_came_later_is_unknown_in_the_same_words(
    daily: Ledger, clock: Clock
) -> None:
    """Nobody can tell from an answer at a position what is recorded after it."""
    on = "2024-10-31"

    def asked(position: int) -> list[tuple[str, str]]:
        return [
            sentence(ask)
            for ask in (
                lambda: daily.knowledge(on=on, recorded_by=position, topic="later"),
                lambda: daily.changes((on, 1), (on, position), topic="later"),
                lambda: daily.changes((on, position), (on, 1), topic="later"),
                lambda: daily.claim("later", on=on, recorded_by=position),
                lambda: daily.explain("later", on=on, recorded_by=position),
                lambda: daily.timeline("later", recorded_by=position),
                lambda: daily.positions("later", on=on, recorded_by=position),
            )
        ]

    never = {position: asked(position) for position in (0, 5, 8)}
    daily.record(opened("later"), registered("later"), framed("later"))

    assert {position: asked(position) for position in never} == never
    assert [code for code, _ in never[8]] == [
        *["unknown_topic"] * 3,
        *["unknown_claim"] * 3,
        "unknown_source",
    ]
    assert all("at position 8" in words for _, words in never[8][:2])


def test_a_topic_must_be_known_at_one_of_two_points(daily: Ledger) -> None:
    on = "2024-10-31"

    forth = daily.changes((on, 1), (on, 8), topic="dprk-troops").changes
    back = daily.changes((on, 8), (on, 1), topic="dprk-troops").changes
    assert (
        [change.id for change in forth] == [change.id for change in back] == ["troops"]
    )
    with refused("unknown_topic"):
        daily.changes((on, 1), (on, 1), topic="dprk-troops")


def test_what_is_asked_of_the_log_must_be_there(daily: Ledger) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"topic": "x"}, "unknown_topic"),
        ({"claim": "x"}, "unknown_claim"),
        ({"source": "x"}, "unknown_source"),
        ({"types": ["x"]}, "invalid_argument"),
        ({"after": -1}, "invalid_cursor"),
        ({"after": 9}, "invalid_cursor"),
    ]
    for asked, code in wrong:
        with refused(code):
            daily.events(**asked)
    assert list(daily.events(8)) == []
    assert [event.position for event in daily.events(6)] == [7, 8]


# --- pages ------------------------------------------------------------------------

SLUGS = [f"c{number:02}" for number in range(7)]


@pytest.fixture
def paged(ledger: Ledger) -> Ledger:
    """Return a ledger with seven claims, asserted on the 20th, denied on the 21st."""
    ledger.record(
        opened(),
        opened("other"),
        *sources("seoul", "moscow"),
        *(framed(slug, topics=("dprk-troops", "other")) for slug in SLUGS),
        *(asserted(slug) for slug in SLUGS),
        *(denied(slug, by="moscow", said_at="2024-10-21") for slug in SLUGS),
    )
    return ledger


def pages(ask: Callable[[str | None], Any]) -> list[Any]:
    found = [ask(None)]
    while found[-1].next is not None:
        found.append(ask(found[-1].next))
    return found


@pytest.mark.parametrize("first", [1, 2, 3, 6, 7, 8, 100])
def test_pages_of_knowledge_make_up_the_whole(paged: Ledger, first: int) -> None:
    on = "2024-10-22"
    whole = paged.knowledge(on=on)

    found = pages(lambda after: paged.knowledge(on=on, first=first, after=after))

    assert [claim for page in found for claim in page.claims] == list(whole.claims)
    assert [len(page.claims) for page in found[:-1]] == [first] * (len(found) - 1)
    assert all(0 < len(page.claims) <= first for page in found)
    for page in found:
        assert (page.basis, page.counts) == (whole.basis, whole.counts)
        assert page.possibly_known == whole.possibly_known


@pytest.mark.parametrize("first", [1, 3, 7])
def test_pages_of_changes_make_up_the_whole(paged: Ledger, first: int) -> None:
    points: Any = ("2024-10-20", None), ("2024-10-21", None)
    whole = paged.changes(*points)

    found = pages(lambda after: paged.changes(*points, first=first, cursor=after))

    assert [change.id for change in whole.changes] == SLUGS
    assert [change for page in found for change in page.changes] == list(whole.changes)
    assert all(0 < len(page.changes) <= first for page in found)
    assert all((page.from_, page.to) == (whole.from_, whole.to) for page in found)


NEWS = [
    denied("c00", said_at="2024-10-22"),
    framed("c005", topics=("dprk-troops",)),
    asserted("c005"),
    unfiled("c05"),
    framed("c99"),
    asserted("c99"),
]


@pytest.mark.parametrize(
    "asked", [{}, {"topic": "dprk-troops"}, {"statuses": ["disputed"]}]
)
def test_page_two_is_of_the_basis_of_page_one(
    paged: Ledger, clock: Clock, asked: dict[str, Any]
) -> None:
    on = "2024-10-22"
    whole = paged.knowledge(on=on, **asked)
    one = paged.knowledge(on=on, first=3, **asked)
    clock.step(seconds=1)
    paged.record(*NEWS)

    two = paged.knowledge(on=on, first=100, after=one.next, **asked)

    assert one.claims + two.claims == whole.claims
    assert (two.basis, two.counts) == (one.basis, one.counts)
    assert paged.knowledge(on=on, **asked).basis.position == whole.basis.position + 6
    pinned = paged.knowledge(
        on=on, after=one.next, recorded_by=one.basis.position, **asked
    )
    assert pinned == two


def test_page_two_of_changes_is_of_both_points_of_page_one(
    paged: Ledger, clock: Clock
) -> None:
    points: Any = ("2024-10-20", None), ("2024-10-21", None)
    whole = paged.changes(*points)
    one = paged.changes(*points, first=3)
    clock.step(seconds=1)
    paged.record(*NEWS)

    two = paged.changes(*points, cursor=one.next)

    assert one.changes + two.changes == whole.changes
    assert (two.from_, two.to) == (one.from_, one.to)


def test_page_two_of_today_is_of_the_basis_of_page_one(
    paged: Ledger, clock: Clock
) -> None:
    """Today's date is the head, like no date; news between pages is no mistake."""
    asked: dict[str, Any] = {"on": "2024-10-22", "recorded_by": clock.today}
    whole = paged.knowledge(**asked)
    one = paged.knowledge(**asked, first=3)
    clock.step(seconds=1)
    paged.record(*NEWS)

    two = paged.knowledge(**asked, after=one.next)

    assert one.claims + two.claims == whole.claims
    assert two.basis == one.basis


def test_a_cursor_is_of_one_question(paged: Ledger, clock: Clock) -> None:
    asked: dict[str, Any] = {"on": "2024-10-22", "first": 3, "topic": "dprk-troops"}
    cursor = paged.knowledge(**asked).next
    assert cursor is not None
    others: list[dict[str, Any]] = [
        {"on": "2024-10-21"},
        {"on": "2024-10-22T12:00:00Z"},
        {"recorded_by": paged.position - 1},
        {"recorded_by": 0},
        {"topic": "other"},
        {"topic": None},
        {"policy": Policy(confirmations=2)},
        {"policy": Policy(independent=True)},
        {"policy": Policy.model_validate({"implicit": "ignore"})},
        {"statuses": [Status.DISPUTED]},
    ]
    for other in others:
        with refused("invalid_cursor"):
            paged.knowledge(**{**asked, **other}, after=cursor)
    same: list[dict[str, Any]] = [
        {"first": 1},
        {"policy": Policy()},
        {"recorded_by": paged.position},
        {"recorded_by": "2024-11-01"},
        {"on": date(2024, 10, 22)},
    ]
    for again in same:
        assert paged.knowledge(**{**asked, **again}, after=cursor).claims[0].id == "c03"


def test_a_cursor_of_changes_is_of_one_question(paged: Ledger) -> None:
    head = paged.position
    points: Any = ("2024-10-20", head), ("2024-10-21", head)
    cursor = paged.changes(*points, first=3, topic="dprk-troops").next
    others: list[tuple[Any, dict[str, Any]]] = [
        (points[::-1], {}),
        ((points[0], ("2024-10-22", head)), {}),
        ((points[0], ("2024-10-21", head - 1)), {}),
        ((("2024-10-20", head - 1), points[1]), {}),
        (points, {"topic": None}),
        (points, {"topic": "other"}),
        (points, {"policy": Policy(confirmations=2)}),
    ]
    for other, named in others:
        with refused("invalid_cursor"):
            paged.changes(*other, **{"topic": "dprk-troops", **named}, cursor=cursor)
    known = paged.knowledge(on="2024-10-22", first=3, topic="dprk-troops").next
    with refused("invalid_cursor"):
        paged.changes(*points, topic="dprk-troops", cursor=known)
    with refused("invalid_cursor"):
        paged.knowledge(on="2024-10-21", topic="dprk-troops", after=cursor)


def test_a_cursor_is_of_one_ledger(paged: Ledger, clock: Clock) -> None:
    cursor = paged.knowledge(on="2024-10-22", first=3).next
    with dateline.open(":memory:", title=paged.title, clock=clock) as twin:
        twin.record(
            opened(),
            opened("other"),
            *sources("seoul", "moscow"),
            *(framed(slug) for slug in SLUGS),
            *(asserted(slug) for slug in SLUGS),
            *(denied(slug, by="moscow") for slug in SLUGS),
        )
        assert twin.position == paged.position
        with refused("invalid_cursor"):
            twin.knowledge(on="2024-10-22", after=cursor)


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "5", "x", "!", "é", "AAAA", "bnVsbA", "e30", "W10", "\x00", "=" * 5),
        *("WzEsMiwzXQ", "WyJhIiwgWzFdLCAiYyJd", "A" * 100_000),
    ],
)
def test_a_malformed_cursor_is_refused(paged: Ledger, text: str) -> None:
    with refused("invalid_cursor"):
        paged.knowledge(on="2024-10-22", after=text)
    with refused("invalid_cursor"):
        paged.changes(("2024-10-20", None), ("2024-10-22", None), cursor=text)


@pytest.mark.parametrize(
    "positions",
    [[], [1, 2], [-1], [10**6], [2**70], ["x"], [None], [[1]], {}, None, 5],
)
def test_a_forged_cursor_is_refused(paged: Ledger, positions: object) -> None:
    """Its digest is right, its positions are not."""
    cursor = paged.knowledge(on="2024-10-22", first=3).next
    assert cursor is not None
    body = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    digest, pinned, last, digits = body
    assert pinned == [paged.position]

    rests: list[list[object]]
    rests = [[], [digits], [5], [[]], [[5]], [[None]], [digits, digits]]
    for rest in rests:
        after = packed(digest, positions, last, *rest)
        with refused("invalid_cursor"):
            paged.knowledge(on="2024-10-22", after=after)


def packed(*parts: object) -> str:
    """Return a cursor of whatever there is to be in one."""
    text = json.dumps(parts).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def test_a_page_has_a_claim_at_least(paged: Ledger) -> None:
    for first in (0, -1):
        with refused("invalid_argument"):
            paged.knowledge(on="2024-10-22", first=first)
        with refused("invalid_argument"):
            paged.changes(("2024-10-20", None), ("2024-10-22", None), first=first)


def test_a_status_is_one_of_the_ten(paged: Ledger) -> None:
    with refused("invalid_argument"):
        paged.knowledge(on="2024-10-22", statuses=["rumoured"])
    disputed = paged.knowledge(on="2024-10-22", statuses=["disputed", Status.RAISED])
    assert [claim.id for claim in disputed.claims] == SLUGS
    raised = paged.knowledge(on="2024-10-22", statuses=["raised"])
    assert (raised.claims, dict(raised.counts)) == ((), {"disputed": 7})


def test_instants_of_answers_are_printed_alike(daily: Ledger) -> None:
    known = daily.knowledge(on="2024-10-22T00:00:00.5+02:00")

    assert as_json(known.basis)["known_until"] == print_datetime(
        datetime(2024, 10, 21, 22, 0, 0, 500_000, tzinfo=UTC)
    )
    assert as_json(known)["claims"][0]["since"] == "2024-10-20T23:59:59.999999Z"


def test_a_void_that_raises_a_flag_that_was_up_already_is_no_reason(
    ledger: Ledger,
) -> None:
    """The flag is up by one void; another of a cited statement changes nothing."""
    ledger.record(registered("seoul"), framed("troops"), framed("none"))
    for id in ("first", "second"):
        ledger.record(asserted(said_at="2024-10-22", id=id))
    ledger.record(
        asserted("troops", by="seoul", said_at="2024-10-20", basis=("first", "second"))
    )
    began = ledger.record(voided("first")).position
    ledger.record(voided("second", id="no-reason"))
    link = ledger.record(
        linked("troops", "none", relation="contradicts"),
        confirmed("none", by="seoul", said_at="2024-10-20"),
    )

    (troops,) = (
        change
        for change in ledger.changes(
            ("2024-10-21", began), ("2024-10-21", None)
        ).changes
        if change.id == "troops"
    )

    assert "basis_withdrawn" in troops.before.flags
    assert set(troops.after.flags) - set(troops.before.flags) == {"contradicted"}
    assert troops.because == tuple(event.id for event in link.events)
