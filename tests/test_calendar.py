"""The calendar of a topic, and the arrivals of its statements, on both times."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st

import dateline
from dateline import Ledger, Policy, Stance
from dateline.domain.answers import as_json
from dateline.domain.events import STANCES
from tests import oracle
from tests.builders import (
    Clock,
    asserted,
    confirmed,
    denied,
    filed,
    framed,
    opened,
    refused,
    sources,
    unfiled,
    voided,
)
from tests.laws import law
from tests.stores import Places
from tests.strategies import Script, ledgers, policies
from tests.test_laws import log_of, policy_of, recorded, topics_of


def days(ledger: Ledger, **asked: Any) -> list[tuple[str, dict[str, int], int]]:
    """Return a calendar's days as plain values."""
    return [
        (day.day, {status.value: n for status, n in day.counts.items()}, day.statements)
        for day in ledger.calendar(**asked).days
    ]


# --- the calendar --------------------------------------------------------------------


def test_a_day_is_there_when_something_became_known_on_it(ledger: Ledger) -> None:
    ledger.record(*sources("seoul", "moscow"), framed(), framed("other"))
    ledger.record(asserted(said_at="2024-10-20"), denied("other", said_at="2024-10"))
    ledger.record(denied(by="moscow", said_at="2024-10-22T23:59:59Z"))
    ledger.record(asserted(by="moscow", said_at="2024-10-22"))

    assert days(ledger) == [
        ("2024-10-20", {"asserted": 1}, 1),
        ("2024-10-22", {"asserted": 1}, 2),
        ("2024-10-31", {"asserted": 1, "denied": 1}, 1),
    ]


def test_a_voided_statement_makes_no_day_but_made_one_before(ledger: Ledger) -> None:
    ledger.record(*sources("seoul"), framed(), asserted(id="s"))
    before = ledger.position
    ledger.record(voided("s"))

    assert days(ledger) == []
    assert days(ledger, recorded_by=before) == [("2024-10-20", {"asserted": 1}, 1)]


def test_a_topic_has_the_days_of_its_claims_as_filed_then(ledger: Ledger) -> None:
    ledger.record(
        opened("a"), *sources("seoul"), framed(), asserted(), filed(topic="a")
    )
    before = ledger.position
    ledger.record(unfiled(topic="a"))

    assert days(ledger, topic="a") == []
    assert len(days(ledger, topic="a", recorded_by=before)) == 1
    with refused("unknown_topic"):
        ledger.calendar(topic="b")
    with refused("unknown_topic"):
        ledger.calendar(topic="a", recorded_by=1)


def test_an_empty_ledger_has_no_days(ledger: Ledger) -> None:
    assert days(ledger) == days(ledger, recorded_by="2024-10-01") == []


def test_counts_are_of_the_policy(ledger: Ledger) -> None:
    ledger.record(*sources("seoul", "kyiv"), framed(), confirmed())
    ledger.record(confirmed(by="kyiv", said_at="2024-10-21"))

    assert days(ledger, policy=Policy(confirmations=2)) == [
        ("2024-10-20", {"asserted": 1}, 1),
        ("2024-10-21", {"confirmed": 1}, 1),
    ]


@pytest.mark.parametrize(
    ("zone", "said_at", "day"),
    [
        ("Asia/Seoul", "2024-10-20T15:00:00Z", "2024-10-21"),
        ("Asia/Seoul", "2024-10-20T14:59:59Z", "2024-10-20"),
        # The clocks went back from 00:01 to 23:01 of the day before.
        ("America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07"),
        ("America/St_Johns", "2010-11-07T03:15:00Z", "2010-11-07"),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ("America/New_York", "0001-01-01T00:00:00Z", "0001-01-01"),
        ("America/New_York", "2024/9999-12-31T23:59:59.999999Z", "9999-12-31"),
        ("Asia/Seoul", "2024/9999-12-31", "9999-12-31"),
        ("Asia/Seoul", "2024/9999-12-31T23:59:59Z", None),
    ],
)
def test_a_day_is_the_first_at_whose_end_the_statement_is_known(
    places: Places, clock: Clock, zone: str, said_at: str, day: str | None
) -> None:
    with dateline.open(places.new(), timezone=zone, clock=clock) as ledger:
        ledger.record(*sources("seoul"), framed(), asserted(said_at=said_at))

        assert [found.day for found in ledger.calendar().days] == ([day] if day else [])
        if day is not None:
            assert ledger.knowledge(on=day).claims
        if day not in (None, "0001-01-01"):
            before = _day_before(str(day), zone)
            assert not ledger.knowledge(on=before).claims


def _day_before(day: str, zone: str) -> str:
    """Return the day before that the zone has."""
    before = date.fromisoformat(day) - timedelta(days=1)
    try:
        oracle.period(before.isoformat(), zone)
    except ValueError:
        before -= timedelta(days=1)
    return before.isoformat()


@law(100, data=st.data(), script=ledgers())
def test_the_calendar_is_what_is_known_day_by_day(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        position = data.draw(st.integers(0, events[-1]["position"]))
        by_then = [event for event in events if event["position"] <= position]
        topic = data.draw(st.sampled_from(topics_of(by_then)))
        policy = policy_of(data.draw(policies()))
        asked: dict[str, Any] = {"recorded_by": position, "topic": topic}
        asked |= {"policy": policy}
        calendar = ledger.calendar(**asked)

        said = ledger.arrivals(topic=topic, recorded_by=position).arrivals
        ends = [one.known_from for one in said if not one.voided]
        found = {day.day: day for day in calendar.days}
        counts: dict[Any, int] = {}
        known = 0
        for day in _every_day(script, ends):
            knowledge = ledger.knowledge(on=day, **asked)
            by_now = sum(end <= knowledge.basis.known_until for end in ends)
            if knowledge.counts != counts or by_now != known:
                assert found[day].counts == knowledge.counts
                assert found.pop(day).statements == by_now - known
            counts, known = dict(knowledge.counts), by_now
        assert not found
        assert [day.day for day in calendar.days] == sorted(
            day.day for day in calendar.days
        )


def _every_day(script: Script, ends: list[Any]) -> list[str]:
    """Return each day from before the first statement on that the zone has."""
    if not ends:
        return []
    day, last = min(ends).date() - timedelta(days=2), max(ends).date()
    found = []
    while day <= last + timedelta(days=2):
        try:
            oracle.period(day.isoformat(), script.zone)
            found.append(day.isoformat())
        except ValueError:
            pass
        day += timedelta(days=1)
    return found


# --- arrivals ------------------------------------------------------------------------


def test_a_late_report_arrives_late_and_is_known_early(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.record(*sources("seoul"), framed(), asserted(id="first"))
    clock.step(days=3)
    receipt = ledger.record(denied(id="late", said_at="2024-10-18"))

    first, late = ledger.arrivals().arrivals
    assert (first.statement, late.statement) == ("first", "late")
    assert late.known_from < first.known_from
    assert late.recorded_at == receipt.recorded_at > first.recorded_at
    assert late.position == receipt.position
    assert (late.claim, late.source, late.stance) == ("troops", "seoul", Stance.DENIED)


def test_a_voided_statement_stays_and_is_marked_from_then_on(ledger: Ledger) -> None:
    ledger.record(*sources("seoul"), framed(), asserted(id="s"))
    before = ledger.position
    ledger.record(voided("s"))

    (arrival,) = ledger.arrivals().arrivals
    assert arrival.voided
    (arrival,) = ledger.arrivals(recorded_by=before).arrivals
    assert not arrival.voided


def test_a_topic_that_was_not_opened_by_then_has_no_arrivals(ledger: Ledger) -> None:
    ledger.record(opened("a"))

    assert ledger.arrivals(topic="a").arrivals == ()
    with refused("unknown_topic"):
        ledger.arrivals(topic="a", recorded_by=1)


@law(100, data=st.data(), script=ledgers())
def test_arrivals_are_the_statements_of_the_log(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        position = data.draw(st.integers(0, events[-1]["position"]))
        by_then = [event for event in events if event["position"] <= position]
        topic = data.draw(st.sampled_from(topics_of(by_then)))
        filed_then = oracle_filed(by_then)
        void = {event["event"] for event in by_then if event["type"] == "RecordVoided"}

        answer = ledger.arrivals(topic=topic, recorded_by=position)
        assert answer.basis.position == position
        assert [as_json(arrival) for arrival in answer.arrivals] == [
            {
                "statement": event["id"],
                "claim": event["claim"],
                "source": event["source"],
                "stance": STANCES[event["type"]].value,
                "known_from": oracle.print_instant(
                    oracle.period(event["said_at"], script.zone)[1]
                ),
                "position": event["position"],
                "recorded_at": event["recorded_at"],
                "voided": event["id"] in void,
            }
            for event in by_then
            if event["type"] in STANCES
            and (topic is None or (event["claim"], topic) in filed_then)
        ]


def oracle_filed(events: list[Any]) -> set[tuple[str, str]]:
    """Return which claims are under which topics after some events."""
    filed: set[tuple[str, str]] = set()
    for event in events:
        match event["type"]:
            case "ClaimFramed":
                filed |= {(event["claim"], topic) for topic in event.get("topics", ())}
            case "ClaimFiled":
                filed.add((event["claim"], event["topic"]))
            case "ClaimUnfiled":
                filed.discard((event["claim"], event["topic"]))
    return filed


@law(40, data=st.data(), script=ledgers())
def test_later_news_never_changes_an_earlier_calendar_or_its_arrivals(
    store: str, data: st.DataObject, script: Script
) -> None:
    cut = data.draw(st.integers(1, len(script.batches)))
    with recorded(Script(script.zone, script.batches[:cut]), store) as ledger:
        position = ledger.position
        asked: dict[str, Any] = {"recorded_by": position}
        answers = ledger.calendar(**asked), ledger.arrivals(**asked)
        for batch in script.batches[cut:]:
            ledger.record(*(dateline.parse_event(event) for event in batch))
        assert (ledger.calendar(**asked), ledger.arrivals(**asked)) == answers
        ledger.rebuild()
        assert (ledger.calendar(**asked), ledger.arrivals(**asked)) == answers
