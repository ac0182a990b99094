"""The oracle, held against the worked example and against cases worked out by hand.

The expected values come from reading DESIGN.md, not from running the oracle.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.strategies import Script, exported, ledgers, points, policies

Event = dict[str, Any]
Json = dict[str, Any]

EXAMPLE = Path(__file__).parent.parent / "examples" / "dprk-troops-2024.jsonl"
HEAD = 10**9
IGNORING = {"implicit": "ignore"}
INDEPENDENT = {"independent": True}
TWO = {"confirmations": 2}


# --- Builders ---------------------------------------------------------------------


def log(*events: Event) -> list[Event]:
    """Give the events positions 1, 2, ... and ids where they have none."""
    return [
        {"id": f"e{position}", **event, "position": position}
        for position, event in enumerate(events, start=1)
    ]


def opened(*claims: str, principals: dict[str, str] | None = None) -> list[Event]:
    """Open a topic, sources a to f and some claims.

    Sources in ``principals`` speak for the one given, which stands before them.
    """
    speaks_for = principals or {}
    return [
        {"type": "TopicOpened", "topic": "t", "title": "T"},
        *(
            {
                "type": "SourceRegistered",
                "source": source,
                "name": source,
                "principal": speaks_for.get(source, source),
            }
            for source in "abcdef"
        ),
        *(
            {"type": "ClaimFramed", "claim": claim, "text": claim, "topics": ["t"]}
            for claim in claims or ("c",)
        ),
    ]


def said(
    stance: str, source: str, said_at: str = "2024-10-20", /, **fields: Any
) -> Event:
    """Let a source take a stance on claim c, on a day unless told otherwise."""
    types = {stance: type_ for type_, stance in oracle.STANCES.items()}
    return {
        "type": types[stance],
        "claim": "c",
        "source": source,
        "said_at": said_at,
        **fields,
    }


def void(event: str, /, **fields: Any) -> Event:
    """Void what was recorded under an id."""
    return {"type": "RecordVoided", "event": event, "reason": "A slip", **fields}


def link(claim: str, other: str, relation: str = "contradicts") -> Event:
    """Link two claims."""
    return {
        "type": "ClaimsLinked",
        "claim": claim,
        "other": other,
        "relation": relation,
    }


def on(day: str, events: list[Event], policy: oracle.Policy = oracle.DEFAULT) -> Json:
    """Return what is known of claim c on a day, by all that is recorded."""
    return oracle.claim(events, "UTC", "c", day, HEAD, policy)


def after(
    *statements: Event,
    policy: oracle.Policy = oracle.DEFAULT,
    principals: dict[str, str] | None = None,
) -> Json:
    """Return what is known of claim c at the end of 2024-10-25."""
    return on("2024-10-25", log(*opened(principals=principals), *statements), policy)


def origins(*statements: Event, principals: dict[str, str] | None = None) -> Json:
    """Return the origins and flags of each standing on c, by source."""
    events = log(*opened(principals=principals), *statements)
    answer = oracle.explanation(events, "UTC", "c", "2024-10-25", HEAD)
    return {
        one["source"]: (one["origins"], one["flags"]) for one in answer["standings"]
    }


# --- Dates ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "zone", "earliest", "latest"),
    [
        ("2024", "UTC", "2024-01-01T00:00:00Z", "2024-12-31T23:59:59.999999Z"),
        ("2024-02", "UTC", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999Z"),
        ("2024-10-22", "UTC", "2024-10-22T00:00:00Z", "2024-10-22T23:59:59.999999Z"),
        (
            "2024-10-22",
            "Asia/Seoul",
            "2024-10-21T15:00:00Z",
            "2024-10-22T14:59:59.999999Z",
        ),
        # A day of 25 hours, and the month that it is in.
        (
            "2024-10-27",
            "Europe/Kyiv",
            "2024-10-26T21:00:00Z",
            "2024-10-27T21:59:59.999999Z",
        ),
        (
            "2024-10",
            "Europe/Kyiv",
            "2024-09-30T21:00:00Z",
            "2024-10-31T21:59:59.999999Z",
        ),
        # Midnight does not happen: the day begins at 01:00.
        (
            "2018-11-03",
            "America/Sao_Paulo",
            "2018-11-03T03:00:00Z",
            "2018-11-04T02:59:59.999999Z",
        ),
        (
            "2018-11-04",
            "America/Sao_Paulo",
            "2018-11-04T03:00:00Z",
            "2018-11-05T01:59:59.999999Z",
        ),
        # At midnight the clock goes back to 23:00: the day has not begun yet.
        (
            "2018-02-17",
            "America/Sao_Paulo",
            "2018-02-17T02:00:00Z",
            "2018-02-18T02:59:59.999999Z",
        ),
        # At 01:00 the clock goes back to midnight: the day began an hour ago.
        (
            "2024-11-03",
            "America/Havana",
            "2024-11-03T04:00:00Z",
            "2024-11-04T04:59:59.999999Z",
        ),
        # Samoa had no 30 December in 2011.
        (
            "2011-12-29",
            "Pacific/Apia",
            "2011-12-29T10:00:00Z",
            "2011-12-30T09:59:59.999999Z",
        ),
        (
            "2011-12-31",
            "Pacific/Apia",
            "2011-12-30T10:00:00Z",
            "2011-12-31T09:59:59.999999Z",
        ),
        ("2024-10-22T01:00:00+03:00", "Asia/Seoul", "2024-10-21T22:00:00Z", None),
        ("2024-10-22T01:00:00.5-03:30", "UTC", "2024-10-22T04:30:00.500000Z", None),
        (
            "2024-10/2024-10-22",
            "UTC",
            "2024-10-01T00:00:00Z",
            "2024-10-22T23:59:59.999999Z",
        ),
        (
            "2024-10-22T10:00:00Z/2024",
            "UTC",
            "2024-10-22T10:00:00Z",
            "2024-12-31T23:59:59.999999Z",
        ),
        (
            "9999-12-31",
            "America/New_York",
            "9999-12-31T05:00:00Z",
            "9999-12-31T23:59:59.999999Z",
        ),
        (
            "0001-01-01",
            "Asia/Seoul",
            "0001-01-01T00:00:00Z",
            "0001-01-01T15:32:07.999999Z",
        ),
    ],
)
def test_a_date_stands_for_its_first_to_its_last_instant(
    text: str, zone: str, earliest: str, latest: str | None
) -> None:
    first, last = oracle.period(text, zone)

    assert oracle.print_instant(first) == earliest
    assert oracle.print_instant(last) == (latest or earliest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "24",
        "2024-1",
        "2024-13",
        "2024-02-30",
        "2023-02-29",
        "0000",
        "20241022",
        "2024-10-22 ",
        "2024-10-22\n",
        "2024-10-22T10:00:00",
        "2024-10-22T10:00Z",
        "2024-10-22T10:00:00z",
        "2024-10-22t10:00:00Z",
        "2024-10-22T24:00:00Z",
        "2024-10-22T23:59:60Z",
        "2024-10-22T10:00:00.Z",
        "2024-10-22T10:00:00.1234567Z",
        "2024-10-22T10:00:00+24:00",
        "2024-10-22T10:00:00+0300",
        "2024-10-23/2024-10-22",
        "2024-10-22T10:00:00Z/2024-10-22T09:59:59.999999Z",
        "2024-10-22/",
        "/2024-10-22",
        "../2024-10-22",
        "2024-10-22/..",
        "2024-10-20/2024-10-21/2024-10-22",
        "2024-10-22?",
        "2024-1X",
        "-2024",
        "٢٠٢٤",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        oracle.period(text, "UTC")


def test_a_day_that_the_zone_skips_is_refused_but_not_its_month() -> None:
    with pytest.raises(ValueError):
        oracle.period("2011-12-30", "Pacific/Apia")
    with pytest.raises(ValueError):
        oracle.period("2011-12-30/2011-12-31", "Pacific/Apia")
    assert oracle.period("2011-12", "Pacific/Apia")


@pytest.mark.parametrize("text", ["2024", "2024-10", "2024-10-20/2024-10-21", "now"])
def test_a_question_is_asked_of_a_day_or_an_instant(text: str) -> None:
    with pytest.raises(ValueError):
        oracle.known_until(text, "UTC")


@given(
    st.integers(2009, 2030),
    st.integers(0, 365),
    st.sampled_from(
        ["America/St_Johns", "America/Havana", "Africa/Cairo", "Asia/Gaza"]
    ),
)
def test_a_day_ends_where_the_next_begins(year: int, ahead: int, zone: str) -> None:
    day = date(year, 1, 1).toordinal() + ahead
    today, tomorrow = (date.fromordinal(day + n).isoformat() for n in (0, 1))

    earliest, latest = oracle.period(today, zone)

    assert latest + 1 == oracle.period(tomorrow, zone)[0]
    hours, rest = divmod(latest + 1 - earliest, 3600 * oracle.SECOND)
    assert 23 <= hours <= 25
    assert rest == 0 or zone == "America/St_Johns"


# --- The seed article -------------------------------------------------------------


@pytest.fixture(name="article", scope="module")
def read_article() -> list[Event]:
    """Return the worked example as it would be exported."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return log(*(json.loads(line) for line in lines))


def known(article: list[Event], day: str, **asked: Any) -> Json:
    """Return what was known on a day of October 2024, by claim."""
    answer = oracle.knowledge(article, "UTC", f"2024-{day}", HEAD, **asked)
    return {one["id"]: one for one in answer["claims"]}


TROOPS = "troops-deployed"
LATER = ("two-brigades", "kursk-arrival")


def test_nothing_was_known_on_the_19th(article: list[Event]) -> None:
    answer = oracle.knowledge(article, "UTC", "2024-10-19", HEAD, topic="dprk-troops")

    assert answer["counts"] == {}
    assert answer["claims"] == []
    state = oracle.claim(article, "UTC", TROOPS, "2024-10-19", HEAD)
    assert state["status"] == "unreported"
    assert state["since"] is None
    assert state["statements"] == []


def test_on_the_20th_austin_could_not_confirm(article: list[Event]) -> None:
    claims = known(article, "10-20")

    assert list(claims) == [TROOPS]
    assert claims[TROOPS]["status"] == "raised"
    assert claims[TROOPS]["tally"]["withheld_by"] == ["austin"]
    assert claims[TROOPS]["since"] == "2024-10-20T23:59:59.999999Z"


def test_on_the_21st_seoul_and_moscow_disagreed(article: list[Event]) -> None:
    claims = known(article, "10-21")

    assert claims[TROOPS]["status"] == "disputed"
    assert claims[TROOPS]["tally"]["for"] == ["south-korea"]
    assert claims[TROOPS]["tally"]["against"] == ["russia"]
    told = oracle.explanation(article, "UTC", TROOPS, "2024-10-21", HEAD)["standings"]
    assert {one["source"]: one["strength"] for one in told} == {
        "austin": "plain",
        "russia": "implicit",
        "south-korea": "implicit",
    }
    assert not set(LATER) & set(claims)


def test_on_the_22nd_two_could_not_confirm(article: list[Event]) -> None:
    claims = known(article, "10-22")

    assert claims[TROOPS]["status"] == "disputed"
    assert claims[TROOPS]["since"] == "2024-10-21T23:59:59.999999Z"
    assert claims[TROOPS]["tally"]["withheld_by"] == ["austin", "rutte"]
    assert claims[TROOPS]["tally"]["independent"] == 0
    assert [claims[one]["status"] for one in LATER] == ["floated", "floated"]
    assert claims["kursk-arrival"]["about"] == "2024-10-23/.."
    assert claims[TROOPS]["about"] is None


def test_the_count_of_the_22nd(article: list[Event]) -> None:
    answer = oracle.knowledge(article, "UTC", "2024-10-22", HEAD)

    assert answer["counts"] == {"disputed": 1, "asserted": 5, "floated": 5}
    assert len(answer["claims"]) == 11
    assert answer["possibly_known"] == []


def test_a_status_filter_leaves_the_counts_alone(article: list[Event]) -> None:
    answer = oracle.knowledge(article, "UTC", "2024-10-22", HEAD, statuses=["disputed"])

    assert [one["id"] for one in answer["claims"]] == [TROOPS]
    assert answer["counts"] == {"disputed": 1, "asserted": 5, "floated": 5}


@pytest.mark.parametrize("day", ["10-01", "10-19", "10-20", "10-21"])
def test_the_undated_reports_are_possibly_known_before(
    article: list[Event], day: str
) -> None:
    answer = oracle.knowledge(article, "UTC", f"2024-{day}", HEAD)

    assert [one["claim"] for one in answer["possibly_known"]] == [
        "weapons-to-ukraine",
        "experts-to-monitor",
    ]
    assert {(one["earliest"], one["latest"]) for one in answer["possibly_known"]} == {
        ("2024-10-01T00:00:00Z", "2024-10-22T23:59:59.999999Z")
    }


@pytest.mark.parametrize(
    ("instant", "possible"),
    [
        ("2024-09-30T23:59:59.999999Z", 0),
        ("2024-10-01T00:00:00Z", 2),
        ("2024-10-22T23:59:59.999998Z", 2),
        ("2024-10-22T23:59:59.999999Z", 0),
    ],
)
def test_what_is_possibly_known_is_so_from_its_earliest_until_its_latest(
    article: list[Event], instant: str, possible: int
) -> None:
    answer = oracle.knowledge(article, "UTC", instant, HEAD)
    reports = {"weapons-to-ukraine", "experts-to-monitor"}
    listed = {one["claim"] for one in answer["possibly_known"]} & reports
    assert len(listed) == possible


def test_in_september_nothing_is_even_possibly_known(article: list[Event]) -> None:
    answer = oracle.knowledge(article, "UTC", "2024-09-30", HEAD)
    assert answer["possibly_known"] == []


@pytest.mark.parametrize("day", ["10-20", "10-21", "10-22"])
def test_without_the_implicit_the_first_claim_is_raised(
    article: list[Event], day: str
) -> None:
    assert known(article, day, policy=IGNORING)[TROOPS]["status"] == "raised"


def test_the_day_before_recording_the_ledger_is_empty(article: list[Event]) -> None:
    empty: Json = {"counts": {}, "claims": [], "possibly_known": []}
    assert oracle.knowledge(article, "UTC", "2024-10-22", 0) == empty
    with pytest.raises(oracle.Unknown, match="unknown_claim"):
        oracle.claim(article, "UTC", TROOPS, "2024-10-22", 0)
    with pytest.raises(oracle.Unknown, match="unknown_topic"):
        oracle.knowledge(article, "UTC", "2024-10-22", 0, topic="dprk-troops")


def test_the_promised_briefing_lapses(article: list[Event]) -> None:
    states = {
        day: [
            one["state"]
            for one in oracle.expectations(article, "UTC", f"2024-10-{day}", HEAD)
        ]
        for day in ("21", "22", "29", "30")
    }
    assert states == {"21": [], "22": ["open"], "29": ["open"], "30": ["lapsed"]}


def test_the_briefing_that_came_is_an_answer(article: list[Event]) -> None:
    told = {
        "type": "ClaimAsserted",
        "id": "briefing",
        "claim": TROOPS,
        "source": "south-korea",
        "said_at": "2024-10-28",
    }
    events = [*article, {**told, "position": len(article) + 1}]

    (expected,) = oracle.expectations(events, "UTC", "2024-10-30", HEAD)

    assert expected["state"] == "fulfilled"
    assert expected["fulfilled_by"] == "briefing"
    assert expected["awaits"] == "south-korea"
    assert expected["due"] == "2024-10-28/2024-10-29"


# --- Statuses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "policy", "statements"),
    [
        ("unreported", {}, []),
        ("unreported", {}, [said("asserted", "a", "2024-10-26")]),
        ("unreported", IGNORING, [said("asserted", "a", strength="implicit")]),
        ("unreported", IGNORING, [said("withheld", "a", strength="implicit")]),
        ("raised", IGNORING, [said("retracted", "a")]),
        ("disputed", {}, [said("confirmed", "a"), said("refuted", "b")]),
        ("confirmed", {}, [said("confirmed", "a"), said("denied", "b")]),
        ("disputed", TWO, [said("confirmed", "a"), said("denied", "b")]),
        ("asserted", TWO, [said("confirmed", "a")]),
        (
            "corroborated",
            TWO,
            [said("confirmed", "a"), said("asserted", "b", basis="own")],
        ),
        ("confirmed", TWO, [said("confirmed", "a"), said("confirmed", "b")]),
        # b confirms, but on a's word: one origin.
        (
            "asserted",
            {**TWO, **INDEPENDENT},
            [said("confirmed", "a"), said("confirmed", "b", basis=["a"])],
        ),
        (
            "confirmed",
            TWO,
            [said("confirmed", "a"), said("confirmed", "b", basis=["a"])],
        ),
        # A confirmation on nobody's knowledge is none where origins are counted.
        ("asserted", INDEPENDENT, [said("confirmed", "a", basis="unknown")]),
        ("refuted", {}, [said("refuted", "a"), said("asserted", "b")]),
        ("denied", TWO, [said("refuted", "a")]),
        ("disputed", {}, [said("asserted", "a"), said("denied", "b")]),
        ("denied", {}, [said("denied", "a"), said("withheld", "b")]),
        (
            "corroborated",
            {},
            [said("asserted", "a", basis="own"), said("asserted", "b", basis="own")],
        ),
        ("asserted", {}, [said("asserted", "a"), said("asserted", "b")]),
        # Two origins, but one of them hedged.
        (
            "asserted",
            {},
            [
                said("asserted", "a", basis="own"),
                said("asserted", "b", basis="own", strength="hedged"),
            ],
        ),
        ("floated", {}, [said("asserted", "a", strength="hedged", basis="own")]),
        (
            "floated",
            {},
            [
                said("asserted", "a", strength="conditional"),
                said("asserted", "b", strength="implicit"),
            ],
        ),
        (
            "withdrawn",
            {},
            [said("asserted", "a", "2024-10-20"), said("retracted", "a", "2024-10-21")],
        ),
        # A retraction dated before what it retracts takes nothing back.
        (
            "asserted",
            {},
            [said("retracted", "a", "2024-10-20"), said("asserted", "a", "2024-10-21")],
        ),
        ("raised", {}, [said("retracted", "a")]),
        ("raised", {}, [said("withheld", "a")]),
        # Withheld in the end: walked back, not withdrawn.
        (
            "raised",
            {},
            [said("asserted", "a", "2024-10-20"), said("withheld", "a", "2024-10-21")],
        ),
        (
            "withdrawn",
            {},
            [
                said("asserted", "a", "2024-10-20"),
                said("withheld", "a", "2024-10-21"),
                said("retracted", "a", "2024-10-22"),
                said("withheld", "b"),
            ],
        ),
    ],
)
def test_what_the_standings_add_up_to(
    status: str, policy: oracle.Policy, statements: list[Event]
) -> None:
    assert after(*statements, policy=policy)["status"] == status


def test_a_principal_counts_once_and_is_followed_to_its_end() -> None:
    statements = (said("confirmed", "b"), said("confirmed", "c"))
    chain = {"b": "a", "c": "b"}

    assert after(*statements, policy=TWO)["status"] == "confirmed"
    joined = after(*statements, policy=TWO, principals=chain)
    assert joined["status"] == "asserted"
    assert joined["tally"]["independent"] == 1
    assert joined["tally"]["confirmed_by"] == ["b", "c"]


def test_which_line_fired_and_what_was_counted() -> None:
    events = log(*opened(), said("refuted", "a"), said("denied", "b", basis="own"))

    answer = oracle.explanation(events, "UTC", "c", "2024-10-25", HEAD)

    assert answer["decided_by"] == "refutations ≥ n"
    assert answer["counts"] == {"confirmations": 0, "refutations": 1, "independent": 2}


def test_the_order_of_statements_is_by_latest_then_position() -> None:
    same_day = (said("asserted", "a"), said("denied", "a"))
    assert after(*same_day)["status"] == "denied"
    assert after(*reversed(same_day))["status"] == "asserted"
    earlier_latest = said("denied", "a", "2024-10-20T23:59:59.999998Z")
    assert after(said("asserted", "a"), earlier_latest)["status"] == "asserted"


def test_a_voided_statement_counts_for_nothing_from_there_on() -> None:
    events = log(
        *opened(),
        said("asserted", "a", id="first"),
        said("denied", "a", "2024-10-21", id="second"),
        void("second"),
    )

    assert on("2024-10-25", events)["status"] == "asserted"
    assert on("2024-10-25", events)["statements"] == ["first"]
    before = oracle.claim(events, "UTC", "c", "2024-10-25", 10)
    assert before["status"] == "denied"


def test_since_is_where_the_status_last_began() -> None:
    events = log(
        *opened(),
        said("asserted", "a", "2024-10-20"),
        said("denied", "b", "2024-10-21"),
        said("retracted", "b", "2024-10-22"),
        said("asserted", "f", "2024-10-23"),
    )

    since = {day: on(f"2024-10-{day}", events)["since"] for day in (19, 20, 21, 22, 25)}

    assert since == {
        19: None,
        20: "2024-10-20T23:59:59.999999Z",
        21: "2024-10-21T23:59:59.999999Z",
        22: "2024-10-22T23:59:59.999999Z",
        25: "2024-10-22T23:59:59.999999Z",
    }


# --- Flags ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "statements"),
    [
        (["contested", "single_origin"], [said("confirmed", "a"), said("denied", "b")]),
        (["contested", "single_origin"], [said("refuted", "a"), said("asserted", "b")]),
        ([], [said("confirmed", "a"), said("asserted", "b", basis="own")]),
        (
            ["single_origin"],
            [said("confirmed", "a"), said("asserted", "b", basis=["a"])],
        ),
        (["tentative"], [said("denied", "a", strength="hedged")]),
        ([], [said("denied", "a", strength="hedged"), said("denied", "b")]),
        (["order_unsure"], [said("withheld", "a"), said("asserted", "a")]),
        # They touch: both stretches include their ends.
        (
            ["order_unsure"],
            [
                said("withheld", "a", "2024-10-20"),
                said("asserted", "a", "2024-10-20T23:59:59.999999Z"),
            ],
        ),
        (
            ["order_unsure"],
            [
                said("withheld", "a", "2024-10-20T10:00:00Z"),
                said("asserted", "a", "2024-10-20T10:00:00Z"),
            ],
        ),
        (
            [],
            [
                said("withheld", "a", "2024-10-20T10:00:00Z"),
                said("asserted", "a", "2024-10-20T10:00:00.000001Z"),
            ],
        ),
        # Another stance on the same side.
        (
            ["single_origin", "order_unsure"],
            [said("asserted", "a"), said("confirmed", "a")],
        ),
        (
            ["order_unsure"],
            [
                said("asserted", "a", "2024-10-20/2024-10-22"),
                said("confirmed", "a", "2024-10-22"),
                said("confirmed", "b"),
            ],
        ),
        ([], [said("asserted", "a", "2024-10"), said("asserted", "a", "2024-10-22")]),
        (
            [],
            [said("withheld", "a", "2024-10-20"), said("asserted", "a", "2024-10-21")],
        ),
        (
            ["walked_back"],
            [said("asserted", "a", "2024-10-20"), said("withheld", "a", "2024-10-21")],
        ),
        (
            ["walked_back"],
            [said("asserted", "a", "2024-10-20"), said("denied", "a", "2024-10-21")],
        ),
        (
            ["walked_back"],
            [said("asserted", "a", "2024-10-20"), said("retracted", "a", "2024-10-21")],
        ),
        # It took a side, left it and is back on it: the standing is on that side.
        (
            [],
            [
                said("asserted", "a", "2024-10-19"),
                said("withheld", "a", "2024-10-20"),
                said("asserted", "a", "2024-10-21"),
            ],
        ),
        (["circular"], [said("asserted", "a", basis=["a"])]),
        # Hedged standings raise flags too.
        (["circular"], [said("asserted", "a", basis=["a"], strength="hedged")]),
        # A withheld standing has no origins to read.
        ([], [said("withheld", "a", basis=["a"])]),
        (
            ["basis_withdrawn"],
            [said("asserted", "a", basis=["b"]), said("denied", "b")],
        ),
    ],
)
def test_what_is_raised(flags: list[str], statements: list[Event]) -> None:
    found = after(*statements)["flags"]
    assert [flag for flag in found if flag != "contradicted"] == flags


@pytest.mark.parametrize(
    ("flags", "ours", "theirs"),
    [
        (["contradicted"], said("asserted", "a"), said("asserted", "b", claim="d")),
        ([], said("asserted", "a"), said("denied", "b", claim="d")),
        ([], said("denied", "a"), said("asserted", "b", claim="d")),
        ([], said("asserted", "a"), said("asserted", "b", "2024-10-26", claim="d")),
        (
            [],
            said("asserted", "a"),
            said("asserted", "b", claim="d", strength="hedged"),
        ),
    ],
)
def test_two_claims_that_cannot_both_be_true(
    flags: list[str], ours: Event, theirs: Event
) -> None:
    for linked in (link("c", "d"), link("d", "c")):
        events = log(*opened("c", "d"), linked, ours, theirs)
        assert on("2024-10-25", events)["flags"] == flags
    for relation in ("supports", "refines"):
        events = log(*opened("c", "d"), link("c", "d", relation), ours, theirs)
        assert on("2024-10-25", events)["flags"] == []


def test_an_unlinking_either_way_ends_a_contradiction() -> None:
    unlinked = {**link("d", "c"), "type": "ClaimsUnlinked"}
    statements = said("asserted", "a"), said("asserted", "b", claim="d")
    events = log(*opened("c", "d"), link("c", "d"), *statements, unlinked)

    assert on("2024-10-25", events)["flags"] == []
    there = oracle.claim(events, "UTC", "c", "2024-10-25", len(events) - 1)
    assert there["flags"] == ["contradicted"]


def test_a_linked_claim_is_judged_under_the_same_policy() -> None:
    implicit = said("confirmed", "b", claim="d"), said("denied", "e", claim="d")
    events = log(*opened("c", "d"), link("c", "d"), said("asserted", "a"), *implicit)

    assert on("2024-10-25", events)["flags"] == ["contradicted"]
    assert on("2024-10-25", events, TWO)["flags"] == []


# --- Origins ----------------------------------------------------------------------


def test_a_basis_leads_to_the_principals_that_know() -> None:
    found = origins(
        said("asserted", "a", basis="own"),
        said("asserted", "b", basis="unknown"),
        said("asserted", "c", basis=["a"]),
        said("asserted", "d", basis=["b"]),
        said("asserted", "e", basis=["f"]),
        principals={"b": "a", "f": "b"},
    )

    assert found == {
        "a": (["a"], []),
        "b": ([], []),
        "c": (["a"], []),
        # b is on the same side and rests on unknown: its principal, a.
        "d": (["a"], []),
        # f said nothing that counts: its principal's principal.
        "e": (["a"], []),
    }


def test_a_circle_is_read_from_each_of_its_standings() -> None:
    found = origins(
        said("asserted", "a", basis=["b"]),
        said("asserted", "b", basis=["c", "e"]),
        said("asserted", "c", basis=["a", "d"]),
        said("asserted", "d", basis="own"),
    )

    # From each, one round: the entry that closes it gives none, the others theirs.
    assert found == {
        "a": (["d", "e"], ["circular"]),
        "b": (["d", "e"], ["circular"]),
        "c": (["d", "e"], ["circular"]),
        "d": (["d"], []),
    }


def test_a_way_into_a_circle_is_circular_too() -> None:
    found = origins(
        said("asserted", "a", basis=["b"]),
        said("asserted", "b", basis=["c"]),
        said("asserted", "c", basis=["b"]),
    )
    assert found == {one: ([], ["circular"]) for one in "abc"}


def test_two_ways_to_one_source_are_no_circle() -> None:
    found = origins(
        said("asserted", "a", basis=["b", "c"]),
        said("asserted", "b", basis=["d"]),
        said("asserted", "c", basis=["d"]),
        said("asserted", "d"),
    )
    assert found["a"] == (["d"], [])


def test_a_cited_statement_leads_to_what_its_source_holds_now() -> None:
    statements = (
        said("asserted", "b", "2024-10-18", id="old", basis="own"),
        said("asserted", "a", "2024-10-19", basis=["old"]),
    )
    assert origins(*statements)["a"] == (["b"], [])

    now_on_c = said("asserted", "b", "2024-10-21", basis=["c"])
    assert origins(*statements, now_on_c)["a"] == (["c"], [])

    denying = said("denied", "b", "2024-10-21")
    assert origins(*statements, denying)["a"] == ([], ["basis_withdrawn"])


def test_a_cited_statement_outside_the_set_gives_nothing() -> None:
    later = (
        said("asserted", "b", "2024-10-26", id="later", basis="own"),
        said("asserted", "a", basis=["later"]),
    )
    assert origins(*later) == {"a": ([], [])}
    assert origins(*later, void("later")) == {"a": ([], ["basis_withdrawn"])}


def test_a_voided_citation_gives_nothing_though_its_source_still_stands() -> None:
    found = origins(
        said("asserted", "b", "2024-10-18", id="wrong", basis="own"),
        said("asserted", "b", "2024-10-19", id="right", basis="own"),
        said("asserted", "a", basis=["wrong", "f"]),
        void("wrong"),
    )
    assert found["a"] == (["f"], ["basis_withdrawn"])


def test_a_source_without_what_counts_under_the_policy_is_as_if_silent() -> None:
    events = log(
        *opened(),
        said("denied", "b", strength="implicit", id="hint"),
        said("asserted", "a", basis=["b"]),
        said("asserted", "d", basis=["hint"]),
    )

    def read(policy: oracle.Policy) -> Json:
        told = oracle.explanation(events, "UTC", "c", "2024-10-25", HEAD, policy)
        return {
            one["source"]: (one["origins"], one["flags"]) for one in told["standings"]
        }

    assert read({})["a"] == ([], ["basis_withdrawn"])
    assert read({})["d"] == ([], ["basis_withdrawn"])
    assert read(IGNORING) == {"a": (["b"], []), "d": ([], [])}


def test_a_source_that_cites_itself() -> None:
    own = said("asserted", "a", "2024-10-18", id="own", basis="own")
    unknown = said("asserted", "a", "2024-10-18", id="unknown")
    on_b = said("asserted", "a", "2024-10-18", id="on-b", basis=["b"])
    denied = said("denied", "a", "2024-10-18", id="denied", basis="own")

    def citing(earlier: Event) -> Any:
        return origins(earlier, said("asserted", "a", basis=[earlier["id"]]))["a"]

    assert citing(own) == (["a"], [])
    assert citing(unknown) == ([], [])
    assert citing(on_b) == (["b"], [])
    assert citing(denied) == ([], ["basis_withdrawn", "walked_back"])
    # By its name it leads to its own standing, which the path has passed.
    assert origins(own, said("asserted", "a", basis=["a"]))["a"] == ([], ["circular"])


def test_an_entry_is_settled_when_the_citing_statement_is_recorded() -> None:
    cites = said("asserted", "a", basis=["b"])
    named = said("denied", "f", id="b")
    # Recorded before: the statement called b, of f, which is on the other side.
    assert origins(named, cites)["a"] == ([], ["basis_withdrawn"])
    # Recorded after: the source called b, which has said nothing.
    assert origins(cites, named)["a"] == (["b"], [])
    # A statement on another claim, or the citing one itself: the source.
    elsewhere = log(*opened("c", "d"), said("denied", "f", id="b", claim="d"), cites)
    itself = log(*opened(), {**cites, "id": "b"})
    for events in (elsewhere, itself):
        told = oracle.explanation(events, "UTC", "c", "2024-10-25", HEAD)["standings"]
        assert [(one["source"], one["origins"]) for one in told] == [("a", ["b"])]


def test_what_an_explanation_says_of_each_standing() -> None:
    events = log(
        *opened(),
        said("asserted", "b", "2024-10-19", strength="hedged"),
        said("retracted", "b", "2024-10-20T10:00:00Z", id="sorry"),
        said("confirmed", "a", id="seen"),
    )

    told = oracle.explanation(events, "UTC", "c", "2024-10-25", HEAD)["standings"]

    assert told == [
        {
            "source": "a",
            "stance": "confirmed",
            "strength": "plain",
            "side": "for",
            "statement": "seen",
            "known_from": "2024-10-20T23:59:59.999999Z",
            "basis": "own",
            "origins": ["a"],
            "flags": [],
        },
        {
            "source": "b",
            "stance": "retracted",
            "strength": None,
            "side": None,
            "statement": "sorry",
            "known_from": "2024-10-20T10:00:00Z",
            "basis": None,
            "origins": [],
            "flags": ["walked_back"],
        },
    ]


# --- Answers over time ------------------------------------------------------------


def test_a_timeline_has_a_span_for_each_stretch() -> None:
    events = log(
        *opened("c", "d"),
        link("d", "c"),
        said("asserted", "b", "2024-10-18", claim="d", id="d1"),
        said("asserted", "a", "2024-10-20", id="c1"),
        said("denied", "b", "2024-10-21", claim="d", id="d2"),
        said("withheld", "a", "2024-10-22T12:00:00Z", id="c2"),
        # Changes nothing here, and so begins no span.
        said("asserted", "e", "2024-10-23", claim="d", id="d3"),
    )

    spans = oracle.timeline(events, "UTC", "c", HEAD)

    assert [
        (one["from"], one["until"], one["status"], one["flags"], one["statements"])
        for one in spans
    ] == [
        (
            "2024-10-20T23:59:59.999999Z",
            "2024-10-21T23:59:59.999999Z",
            "asserted",
            ["contradicted"],
            ["c1"],
        ),
        (
            "2024-10-21T23:59:59.999999Z",
            "2024-10-22T12:00:00Z",
            "asserted",
            [],
            ["c1"],
        ),
        ("2024-10-22T12:00:00Z", None, "raised", ["walked_back"], ["c2"]),
    ]
    assert oracle.timeline(events, "UTC", "c", len(opened("c", "d")) + 2) == []


def difference(
    events: list[Event],
    before: oracle.Point,
    after: oracle.Point,
    topic: str | None = None,
) -> dict[str, tuple[str, str, list[str]]]:
    """Return status before, status after and reasons, by claim."""
    found = oracle.changes(events, "UTC", before, after, topic=topic)
    return {
        one["id"]: (one["before"]["status"], one["after"]["status"], one["because"])
        for one in found
    }


def test_a_change_names_statements_and_first_voids_by_position() -> None:
    events = log(
        *opened(),
        said("asserted", "a", id="s1"),
        said("denied", "b", "2024-10-21", id="s2"),
        void("s1", id="v1"),
        void("s1", id="v2"),
    )
    start = len(opened())
    day = "2024-10-25"

    assert difference(events, (day, start + 2), (day, HEAD)) == {
        "c": ("disputed", "denied", ["s1", "v1"])
    }
    assert difference(events, (day, HEAD), (day, start + 2)) == {
        "c": ("denied", "disputed", ["s1", "v1"])
    }
    assert difference(events, (day, start + 3), (day, HEAD)) == {}
    assert difference(events, ("2024-10-20", start + 2), (day, HEAD)) == {
        "c": ("asserted", "denied", ["s1", "s2", "v1"])
    }
    # Not yet framed at the first point: unreported, with an empty tally.
    (change,) = oracle.changes(events, "UTC", (day, HEAD), (day, 0))
    assert change["text"] == "c"
    assert change["after"]["tally"] == {
        "for": [],
        "against": [],
        "confirmed_by": [],
        "refuted_by": [],
        "withheld_by": [],
        "retracted_by": [],
        "independent": 0,
    }


def test_a_filing_is_a_reason_where_no_statement_is() -> None:
    filing = {"claim": "c", "topic": "u"}
    events = log(
        {"type": "TopicOpened", "topic": "u", "title": "U"},
        *opened(),
        said("asserted", "a", id="s1"),
        {"type": "ClaimFiled", "id": "f1", **filing},
        {"type": "ClaimUnfiled", "id": "f2", **filing},
        {"type": "ClaimFiled", "id": "f3", **filing},
        {"type": "ClaimFiled", "id": "f4", **filing},
    )
    day = "2024-10-25"
    start = len(opened()) + 2

    assert difference(events, (day, start), (day, HEAD), "u") == {
        "c": ("unreported", "asserted", ["f3"])
    }
    assert difference(events, (day, start + 2), (day, start + 1), "u") == {
        "c": ("unreported", "asserted", ["f2"])
    }
    assert difference(events, (day, start), (day, start + 2), "u") == {}
    # Statements come first, and then only they are named.
    assert difference(events, (day, start - 1), (day, HEAD), "u") == {
        "c": ("unreported", "asserted", ["s1"])
    }
    with pytest.raises(oracle.Unknown):
        difference(events, (day, 0), (day, 0), "u")


def test_the_void_of_a_cited_statement_is_a_reason() -> None:
    events = log(
        *opened(),
        said("asserted", "b", "2024-10-28", id="later"),
        said("asserted", "a", basis=["later"], id="s1"),
        void("later", id="v1"),
        void("later", id="v2"),
    )
    day = "2024-10-25"
    start = len(opened()) + 2

    (change,) = oracle.changes(events, "UTC", (day, start), (day, HEAD))

    assert change["before"]["flags"] == []
    assert change["after"]["flags"] == ["basis_withdrawn"]
    assert change["because"] == ["v1"]


def test_a_link_or_a_linked_claim_is_a_reason() -> None:
    unlink = {**link("d", "c"), "type": "ClaimsUnlinked"}
    events = log(
        *opened("c", "d"),
        said("asserted", "a", id="c1"),
        said("asserted", "b", claim="d", id="d1"),
        {**link("c", "d"), "id": "l1"},
        {**link("d", "c"), "id": "l2"},
        said("denied", "e", "2024-10-21", claim="d", id="d2"),
        {**unlink, "id": "l3"},
    )
    start = len(opened("c", "d")) + 2
    early, late = "2024-10-20", "2024-10-25"

    asserted = "asserted", "asserted"
    assert difference(events, (early, start), (early, HEAD)) == {}
    linked = difference(events, (early, start), (early, start + 1))
    assert linked == {"c": (*asserted, ["l1"]), "d": (*asserted, ["l1"])}
    unlinked = difference(events, (early, start + 3), (early, HEAD))
    assert unlinked == {"c": (*asserted, ["l3"]), "d": (*asserted, ["l3"])}
    answered = difference(events, (late, start + 2), (late, start + 3))
    assert answered == {
        "c": (*asserted, ["d2"]),
        "d": ("asserted", "disputed", ["d2"]),
    }


def test_a_new_wording_alone_is_no_change() -> None:
    events = log(
        *opened(),
        said("asserted", "a"),
        {"type": "ClaimReworded", "claim": "c", "text": "New words"},
    )
    day = "2024-10-25"

    assert difference(events, (day, len(events) - 1), (day, HEAD)) == {}
    assert on(day, events)["text"] == "New words"


# --- Sources and promises ---------------------------------------------------------


def test_what_a_source_held() -> None:
    events = log(
        *opened("c", "d", "e"),
        said("asserted", "a", "2024-10-18"),
        said("withheld", "a", "2024-10-19", id="c2"),
        said("denied", "a", "2024-10-20", claim="d", strength="hedged", id="d1"),
        said("denied", "b", claim="e"),
    )

    assert oracle.positions(events, "UTC", "a", "2024-10-20", HEAD) == [
        {
            "claim": "c",
            "stance": "withheld",
            "strength": "plain",
            "statement": "c2",
            "known_from": "2024-10-19T23:59:59.999999Z",
            "walked_back": True,
        },
        {
            "claim": "d",
            "stance": "denied",
            "strength": "hedged",
            "statement": "d1",
            "known_from": "2024-10-20T23:59:59.999999Z",
            "walked_back": False,
        },
    ]
    with pytest.raises(oracle.Unknown, match="unknown_source"):
        oracle.positions(events, "UTC", "z", "2024-10-20", HEAD)


def promise(**fields: Any) -> Event:
    """Let a promise an update on claim c on 2024-10-20, due on 2024-10-22."""
    return {
        "type": "UpdateExpected",
        "expectation": "x",
        "claims": ["c"],
        "source": "a",
        "said_at": "2024-10-20",
        "due": "2024-10-22",
        "id": "promise",
        **fields,
    }


RECEIVED = {"type": "UpdateReceived", "expectation": "x", "id": "n"}


@pytest.mark.parametrize(
    ("fulfilled_by", "events"),
    [
        (None, []),
        ("s", [said("withheld", "a", "2024-10-21", id="s")]),
        # Implicit, hedged or retracted: no policy applies.
        ("s", [said("denied", "a", "2024-10-21", id="s", strength="implicit")]),
        ("s", [said("retracted", "a", "2024-10-21", id="s")]),
        # b speaks for a; a is not what e speaks for.
        ("s", [said("asserted", "b", "2024-10-21", id="s")]),
        (None, [said("asserted", "e", "2024-10-21", id="s")]),
        # Perhaps said before the promise, on another claim, not yet known, voided.
        (None, [said("asserted", "a", "2024-10-20/2024-10-21", id="s")]),
        (None, [said("asserted", "a", "2024-10-21", id="s", claim="d")]),
        (None, [said("asserted", "a", "2024-10-26", id="s")]),
        (None, [said("asserted", "a", "2024-10-21", id="s"), void("s")]),
        # The first by (latest, position).
        (
            "s",
            [
                said("asserted", "a", "2024-10-22", id="later"),
                said("asserted", "b", "2024-10-21", id="s"),
                said("asserted", "a", "2024-10-21", id="third"),
            ],
        ),
        # Named: of any claim, source and date, and before what was not named.
        (
            "s",
            [
                said("asserted", "a", "2024-10-21", id="fits"),
                said("asserted", "e", "2024-10-23", id="s", claim="d"),
                {**RECEIVED, "statement": "s"},
            ],
        ),
        (
            "fits",
            [
                said("asserted", "a", "2024-10-21", id="fits"),
                said("asserted", "e", "2024-10-23", id="s", claim="d"),
                {**RECEIVED, "statement": "s"},
                void("n"),
            ],
        ),
    ],
)
def test_what_fulfils_a_promise(fulfilled_by: str | None, events: list[Event]) -> None:
    opening = opened("c", "d", principals={"b": "a"})
    whole = log(*opening, promise(), *events)

    (expected,) = oracle.expectations(whole, "UTC", "2024-10-25", HEAD)

    assert expected["fulfilled_by"] == fulfilled_by
    assert expected["state"] == ("lapsed" if fulfilled_by is None else "fulfilled")


def test_a_promise_is_open_through_its_last_due_day() -> None:
    events = log(*opened(), promise(awaits="b"))

    listed = {
        day: [
            (one["state"], one["awaits"])
            for one in oracle.expectations(events, "UTC", f"2024-10-{day}", HEAD)
        ]
        for day in (19, 20, 22, 23)
    }
    assert listed == {
        19: [],
        20: [("open", "b")],
        22: [("open", "b")],
        23: [("lapsed", "b")],
    }
    voided = log(*opened(), promise(), void("promise"))
    assert oracle.expectations(voided, "UTC", "2024-10-23", HEAD) == []


# --- Random ledgers ---------------------------------------------------------------


def refers_to_what_exists(event: Event, earlier: list[Event]) -> bool:
    """Tell whether all that an event refers to stands before it."""

    def held(field: str, type_: str) -> set[str]:
        return {one[field] for one in earlier if one["type"] == type_}

    statements = [one for one in earlier if one["type"] in oracle.STANCES]
    sources = held("source", "SourceRegistered")
    claims = held("claim", "ClaimFramed")
    named = {event[name] for name in ("source", "principal", "awaits") if name in event}
    if event["type"] == "SourceRegistered":
        named.discard(event["source"])
    about = {event[name] for name in ("claim", "other") if name in event}
    about |= set(event.get("claims", ()))
    if event["type"] == "ClaimFramed":
        about.discard(event["claim"])
    basis = event.get("basis")
    on_claim = {one["id"] for one in statements if one["claim"] == event.get("claim")}
    cited = set(basis) if isinstance(basis, list) else set()
    answered = {event["statement"]} if "statement" in event else set()
    return (
        named <= sources
        and about <= claims
        and cited <= sources | on_claim
        and answered <= {one["id"] for one in statements}
        and set(event.get("topics", ())) <= held("topic", "TopicOpened")
    )


@settings(deadline=None, max_examples=50)
@given(ledgers())
def test_a_script_is_valid(script: Script) -> None:
    events = exported(script)
    ids = [event["id"] for event in events]
    opening = [
        (event["type"], event[field])
        for event in events
        for type_, field in (
            ("TopicOpened", "topic"),
            ("SourceRegistered", "source"),
            ("ClaimFramed", "claim"),
            ("UpdateExpected", "expectation"),
        )
        if event["type"] == type_
    ]

    assert all(script.batches)
    assert len(set(ids)) == len(ids)
    assert len(set(opening)) == len(opening)
    for number, event in enumerate(events):
        assert refers_to_what_exists(event, events[:number])
        assert event.get("basis") != []
        assert event["type"] not in oracle.STANCES or event["said_at"]
        if event["type"] in ("ClaimConfirmed", "ClaimRefuted", "StatementRetracted"):
            assert "strength" not in event
        if event["type"] in ("ClaimsLinked", "ClaimsUnlinked"):
            assert event["claim"] != event["other"]
        if event["type"] == "RecordVoided":
            assert event["event"] in ids[:number]
        if "said_at" in event:
            assert oracle.period(event["said_at"], script.zone)[1] < oracle.instant(
                "2026-01-01T00:00:00Z"
            )


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_the_answers_agree_with_each_other(data: st.DataObject) -> None:
    script = data.draw(ledgers())
    events, zone = exported(script), script.zone
    position = data.draw(st.sampled_from([event["position"] for event in events]))
    day = data.draw(points(script))
    policy = data.draw(policies())
    until = oracle.known_until(day, zone)
    so_far = [event for event in events if event["position"] <= position]

    known = oracle.knowledge(events, zone, day, position, policy=policy)

    assert known == oracle.knowledge(so_far, zone, day, position, policy=policy)
    assert sum(known["counts"].values()) == len(known["claims"])
    for one in known["claims"]:
        spans = [
            span
            for span in oracle.timeline(events, zone, one["id"], position, policy)
            if oracle.instant(span["from"]) <= until
        ]
        for key in ("status", "flags", "tally", "statements"):
            assert spans[-1][key] == one[key]
        since = oracle.instant(one["since"])
        held = [span for span in spans if oracle.instant(span["from"]) >= since]
        assert {span["status"] for span in held} == {one["status"]}


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_every_change_has_a_reason_in_between(data: st.DataObject) -> None:
    script = data.draw(ledgers())
    events, zone = exported(script), script.zone
    recorded = st.sampled_from([0, *(event["position"] for event in events)])
    before, after = ((data.draw(points(script)), data.draw(recorded)) for _ in range(2))
    policy = data.draw(policies())
    head = max(before[1], after[1])
    topics = [
        event["topic"]
        for event in events
        if event["type"] == "TopicOpened" and event["position"] <= head
    ]
    topic = data.draw(st.sampled_from([None, *topics]))

    found = oracle.changes(events, zone, before, after, topic=topic, policy=policy)

    for change in found:
        assert change["because"]
        assert change["text"]
        assert change["before"] != change["after"]
    assert not oracle.changes(events, zone, before, before, policy=policy)
