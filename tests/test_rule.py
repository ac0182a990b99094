"""Section 5 by hand: what standings add up to, the day before, the day, the day after.

Each expected value was worked out on paper from the contract. Statements are of whole
days in UTC and count from the end of theirs; ``20`` is 20 October 2024.
"""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import dateline
from dateline import Ledger, Policy
from dateline.domain.answers import as_json
from dateline.domain.events import Event
from dateline.domain.rule import Implicit
from dateline.jsonl import import_file
from tests import oracle
from tests.builders import (
    Clock,
    asserted,
    confirmed,
    denied,
    filed,
    framed,
    linked,
    opened,
    refuted,
    retracted,
    sources,
    stored,
    unlinked,
    voided,
    withheld,
)

Outcome = str
"""Status, then what else there is: ``+flag``, ``independent``."""


@pytest.fixture
def begun(ledger: Ledger) -> Ledger:
    """Return a ledger with a claim; a, b, c, d speak for themselves, a2 for a."""
    ledger.record(*sources(*"abcd", a2="a", a3="a2", b2="b"), framed())
    return ledger


def day(number: int) -> str:
    return f"2024-10-{number:02}"


def said(
    kind: Any, by: str, number: int, *, claim: str = "troops", **fields: Any
) -> Event:
    event: Event = kind(claim, by=by, said_at=day(number), **fields)
    return event


def summary(ledger: Ledger, number: int, claim: str = "troops", **policy: Any) -> str:
    """Return ``status independent +flag +flag``."""
    state = ledger.claim(claim, on=day(number), policy=Policy(**policy))
    known = ledger.knowledge(on=day(number), policy=Policy(**policy))
    alone = as_json(state)
    del alone["basis"]
    listed = [one for one in as_json(known)["claims"] if one["id"] == claim]
    assert listed == ([] if state.status == "unreported" else [alone])
    flags = "".join(f" +{flag.value}" for flag in state.flags)
    return f"{state.status.value} {state.tally.independent}{flags}"


def tally(ledger: Ledger, number: int) -> dict[str, list[str]]:
    """Return who stands where, without what is empty."""
    found = as_json(ledger.claim("troops", on=day(number)).tally)
    return {name: who for name, who in found.items() if isinstance(who, list) and who}


# --- each status ------------------------------------------------------------------

OWN = {"basis": "own"}
HEDGED = {"strength": "hedged"}

RECORDED_IN_ORDER = "two on one day, in the order of recording"

CASES: dict[str, tuple[list[Event], dict[int, str]]] = {
    "nothing said": ([], {1: "unreported 0", 31: "unreported 0"}),
    "cannot confirm": (
        [said(withheld, "a", 20)],
        {19: "unreported 0", 20: "raised 0", 21: "raised 0"},
    ),
    "a retraction of nothing": (
        [said(retracted, "a", 20)],
        {19: "unreported 0", 20: "raised 0"},
    ),
    "withheld, then retracted": (
        [said(withheld, "a", 20), said(retracted, "a", 21)],
        {20: "raised 0", 21: "raised 0"},
    ),
    "asserted on nobody's word": (
        [said(asserted, "a", 20)],
        {19: "unreported 0", 20: "asserted 0", 21: "asserted 0"},
    ),
    "asserted on its own": (
        [said(asserted, "a", 20, **OWN)],
        {19: "unreported 0", 20: "asserted 1"},
    ),
    "two on their own": (
        [said(asserted, "a", 20, **OWN), said(asserted, "b", 21, **OWN)],
        {20: "asserted 1", 21: "corroborated 2", 22: "corroborated 2"},
    ),
    "two mouths of one party": (
        [said(asserted, "a", 20, **OWN), said(asserted, "a2", 21, **OWN)],
        {20: "asserted 1", 21: "asserted 1"},
    ),
    "a chain of principals is followed to its end": (
        [said(asserted, "a2", 20, **OWN), said(asserted, "a3", 21, **OWN)],
        {20: "asserted 1", 21: "asserted 1"},
    ),
    "one of two is hedged": (
        [said(asserted, "a", 20, **OWN), said(asserted, "b", 21, **OWN, **HEDGED)],
        {20: "asserted 1", 21: "asserted 1"},
    ),
    "hedged": (
        [said(asserted, "a", 20, **OWN, **HEDGED)],
        {19: "unreported 0", 20: "floated 0"},
    ),
    "conditional and implicit": (
        [
            said(asserted, "a", 20, strength="conditional"),
            said(asserted, "b", 21, strength="implicit"),
        ],
        {20: "floated 0", 21: "floated 0"},
    ),
    "floated, then said plainly": (
        [said(asserted, "a", 20, **HEDGED), said(asserted, "a", 21)],
        {20: "floated 0", 21: "asserted 0"},
    ),
    "confirmed": (
        [said(confirmed, "a", 20)],
        {19: "unreported 0", 20: "confirmed 1 +single_origin"},
    ),
    "confirmed and seconded": (
        [said(confirmed, "a", 20), said(asserted, "b", 21, **OWN)],
        {20: "confirmed 1 +single_origin", 21: "confirmed 2"},
    ),
    "confirmed on nobody's word": (
        [said(confirmed, "a", 20, basis="unknown")],
        {20: "confirmed 0 +single_origin"},
    ),
    "confirmed against a denial": (
        [
            said(confirmed, "a", 20),
            said(denied, "b", 21, **HEDGED),
            said(asserted, "c", 22, **OWN),
        ],
        {
            20: "confirmed 1 +single_origin",
            21: "confirmed 1 +contested +single_origin",
            22: "confirmed 2 +contested",
        },
    ),
    "refuted": (
        [said(refuted, "a", 20), said(denied, "b", 21, **OWN)],
        {19: "unreported 0", 20: "refuted 1 +single_origin", 21: "refuted 2"},
    ),
    "refuted against an assertion": (
        [said(asserted, "b", 20, **OWN), said(refuted, "a", 21)],
        {20: "asserted 1", 21: "refuted 1 +contested +single_origin"},
    ),
    "confirmed and refuted": (
        [said(confirmed, "a", 20), said(refuted, "b", 21)],
        {20: "confirmed 1 +single_origin", 21: "disputed 1"},
    ),
    "asserted and denied": (
        [said(asserted, "a", 20, **OWN), said(denied, "b", 21, **OWN)],
        {20: "asserted 1", 21: "disputed 1"},
    ),
    "denied": (
        [said(denied, "a", 20)],
        {19: "unreported 0", 20: "denied 0", 21: "denied 0"},
    ),
    "denied by two on their own": (
        [said(denied, "a", 20, **OWN), said(denied, "b", 21, **OWN)],
        {20: "denied 1", 21: "denied 2"},
    ),
    "denied in doubt": (
        [
            said(denied, "a", 20, **HEDGED),
            said(denied, "b", 21, strength="implicit"),
            said(denied, "c", 22),
        ],
        {20: "denied 0 +tentative", 21: "denied 0 +tentative", 22: "denied 0"},
    ),
    "taken back": (
        [said(asserted, "a", 20), said(retracted, "a", 21)],
        {20: "asserted 0", 21: "withdrawn 0 +walked_back"},
    ),
    "a denial taken back": (
        [said(denied, "a", 20), said(retracted, "a", 21)],
        {20: "denied 0", 21: "withdrawn 0 +walked_back"},
    ),
    "taken back, said again": (
        [
            said(asserted, "a", 20),
            said(retracted, "a", 21),
            said(asserted, "a", 22),
        ],
        {20: "asserted 0", 21: "withdrawn 0 +walked_back", 22: "asserted 0"},
    ),
    "taken back while another holds": (
        [
            said(asserted, "a", 20, **OWN),
            said(asserted, "b", 20, **OWN),
            said(retracted, "a", 21),
        ],
        {20: "corroborated 2", 21: "asserted 1 +walked_back"},
    ),
    "taken back while another withholds": (
        [
            said(asserted, "a", 20),
            said(withheld, "b", 20),
            said(retracted, "a", 21),
        ],
        {20: "asserted 0", 21: "withdrawn 0 +walked_back"},
    ),
    "no longer confirmed is not taken back": (
        [said(asserted, "a", 20), said(withheld, "a", 21)],
        {20: "asserted 0", 21: "raised 0 +walked_back"},
    ),
    "withheld in between": (
        [
            said(asserted, "a", 20),
            said(withheld, "a", 21),
            said(retracted, "a", 22),
        ],
        {21: "raised 0 +walked_back", 22: "withdrawn 0 +walked_back"},
    ),
    "one took a side, another retracts": (
        [
            said(asserted, "a", 20),
            said(withheld, "a", 21),
            said(retracted, "b", 22),
        ],
        {22: "raised 0 +walked_back"},
    ),
    "a change of sides": (
        [said(asserted, "a", 20, **OWN), said(denied, "a", 21, **OWN)],
        {20: "asserted 1", 21: "denied 1 +walked_back"},
    ),
    "a change of stance on one side": (
        [said(asserted, "a", 20, **OWN), said(confirmed, "a", 21)],
        {20: "asserted 1", 21: "confirmed 1 +single_origin"},
    ),
    "there and back": (
        [
            said(asserted, "a", 20),
            said(denied, "a", 21),
            said(asserted, "a", 22),
        ],
        {21: "denied 0 +walked_back", 22: "asserted 0 +walked_back"},
    ),
    RECORDED_IN_ORDER: (
        [said(asserted, "a", 20), said(denied, "a", 20)],
        {19: "unreported 0", 20: "denied 0 +order_unsure +walked_back"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_standings_add_up_to(begun: Ledger, case: str) -> None:
    events, expected = CASES[case]
    for event in events:
        begun.record(event)

    assert {number: summary(begun, number) for number in expected} == expected
    begun.verify()


@pytest.mark.parametrize("case", sorted(CASES.keys() - {RECORDED_IN_ORDER}))
def test_the_order_of_arrival_does_not_matter(begun: Ledger, case: str) -> None:
    events, expected = CASES[case]
    for event in reversed(events):
        begun.record(event)

    assert {number: summary(begun, number) for number in expected} == expected
    begun.verify()


def test_a_tally_says_who_stands_where(begun: Ledger) -> None:
    begun.record(
        said(confirmed, "b", 20),
        said(asserted, "a", 20),
        said(refuted, "d", 20),
        said(denied, "c", 20),
        said(withheld, "a2", 20),
        said(retracted, "b2", 20),
        said(retracted, "a", 21),
        said(withheld, "d", 21),
    )

    assert tally(begun, 19) == {}
    assert tally(begun, 20) == {
        "for": ["a", "b"],
        "against": ["c", "d"],
        "confirmed_by": ["b"],
        "refuted_by": ["d"],
        "withheld_by": ["a2"],
        "retracted_by": ["b2"],
    }
    assert tally(begun, 21) == {
        "for": ["b"],
        "against": ["c"],
        "confirmed_by": ["b"],
        "withheld_by": ["a2", "d"],
        "retracted_by": ["a", "b2"],
    }


def test_statements_stand_in_the_order_of_their_latest_instants(begun: Ledger) -> None:
    begun.record(
        said(asserted, "c", 21, id="later"),
        said(asserted, "b", 20, id="second"),
        asserted(by="a", said_at="2024-10-01/2024-10-20", id="third"),
        asserted(by="d", said_at="2024-10-20T23:59:59.999998Z", id="first"),
    )

    assert begun.claim("troops", on=day(20)).statements == ("first", "second", "third")
    assert begun.claim("troops", on=day(21)).statements[-1] == "later"


# --- dates that overlap -----------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "is_unsure"),
    [
        ("2024-10-20", "2024-10-21", False),
        ("2024-10-20", "2024-10-20/2024-10-21", True),
        ("2024-10-20/2024-10-21", "2024-10-21", True),
        ("2024-10", "2024-10-20", True),
        ("2024-10-20T23:59:59.999999Z", "2024-10-21", False),
        ("2024-10-20T12:00:00Z", "2024-10-20", True),
        ("2024-10-20", "2024-10-20T23:59:59.999999Z", True),
        ("2024-10-20", "2024-10-21T00:00:00Z", False),
        ("2024-10-20T12:00:00Z", "2024-10-20T12:00:00Z", True),
        ("2024-10-20T12:00:00Z", "2024-10-20T12:00:00.000001Z", False),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_dates_that_overlap_leave_their_order_unsure(
    begun: Ledger, first: str, second: str, is_unsure: bool, reverse: bool
) -> None:
    events: list[Event] = [
        asserted(by="a", said_at=first),
        withheld(by="a", said_at=second),
    ]
    for event in reversed(events) if reverse else events:
        begun.record(event)

    flags = begun.claim("troops", on=day(31)).flags
    assert ("order_unsure" in flags) == is_unsure


def test_a_repeated_stance_is_not_unsure(begun: Ledger) -> None:
    begun.record(
        asserted(by="a", said_at="2024-10-20"),
        asserted(by="a", said_at="2024-10", **HEDGED),
    )

    assert summary(begun, 20) == "asserted 0"
    assert summary(begun, 31) == "floated 0"


def test_a_stance_left_behind_is_unsure_only_against_the_last(begun: Ledger) -> None:
    """The first two overlap each other; the standing overlaps neither."""
    begun.record(
        said(asserted, "a", 20),
        said(withheld, "a", 20),
        said(asserted, "a", 21),
    )

    assert summary(begun, 20) == "raised 0 +order_unsure +walked_back"
    assert summary(begun, 21) == "asserted 0"


def test_a_wide_date_counts_from_its_end(begun: Ledger) -> None:
    begun.record(
        said(denied, "a", 21),
        asserted(by="a", said_at="2024-10-19/2024-10-22"),
    )

    assert summary(begun, 20) == "unreported 0"
    assert summary(begun, 21) == "denied 0"
    assert summary(begun, 22) == "asserted 0 +order_unsure +walked_back"


# --- origins, line by line --------------------------------------------------------


def origins(ledger: Ledger, source: str, number: int, **policy: Any) -> str:
    """Return a standing's origins and flags."""
    explained = ledger.explain("troops", on=day(number), policy=Policy(**policy))
    (standing,) = (s for s in explained.standings if s.source == source)
    return " ".join((*standing.origins, *(f"+{flag.value}" for flag in standing.flags)))


def cites(
    by: str, number: int, *entries: str, kind: Any = asserted, **fields: Any
) -> Event:
    return said(kind, by, number, basis=entries, **fields)


LINES: dict[str, tuple[list[Event], dict[tuple[str, int], str]]] = {
    "own": ([said(asserted, "a2", 20, **OWN)], {("a2", 20): "a"}),
    "unknown": ([said(asserted, "a2", 20)], {("a2", 20): ""}),
    "a statement that is not known yet": (
        [said(asserted, "a", 22, **OWN, id="s"), cites("b", 20, "s")],
        {("b", 20): "", ("b", 21): "", ("b", 22): "a"},
    ),
    "a statement that was voided": (
        [said(asserted, "a", 20, **OWN, id="s"), cites("b", 20, "s"), voided("s")],
        {("b", 20): "+basis_withdrawn"},
    ),
    "a statement voided before it was known": (
        [said(asserted, "a", 25, **OWN, id="s"), cites("b", 20, "s"), voided("s")],
        {("b", 20): "+basis_withdrawn"},
    ),
    "its own word before": (
        [said(asserted, "a", 20, **OWN, id="s"), cites("a", 21, "s")],
        {("a", 20): "a", ("a", 21): "a"},
    ),
    "its own word before, on nobody's": (
        [said(asserted, "a", 20, id="s"), cites("a", 21, "s")],
        {("a", 21): ""},
    ),
    "its own word before, on another's": (
        [
            said(asserted, "b", 19, **OWN, id="t"),
            cites("a", 20, "t", id="s"),
            cites("a", 21, "s"),
        ],
        {("a", 20): "b", ("a", 21): "b"},
    ),
    "its own word before, on the other side": (
        [said(denied, "a", 20, **OWN, id="s"), cites("a", 21, "s")],
        {("a", 21): "+basis_withdrawn +walked_back"},
    ),
    "its own retraction": (
        [said(retracted, "a", 20, id="s"), cites("a", 21, "s")],
        {("a", 21): "+basis_withdrawn"},
    ),
    "a source that said nothing": (
        [cites("b", 20, "a2")],
        {("b", 20): "a"},
    ),
    "a source that says something later": (
        [cites("b", 20, "a2"), said(denied, "a2", 22)],
        {("b", 21): "a", ("b", 22): "+basis_withdrawn"},
    ),
    "itself, without a word before": (
        [cites("b", 20, "b")],
        {("b", 20): "+circular"},
    ),
    "a source on the same side": (
        [said(asserted, "a", 20, **OWN), cites("b", 20, "a")],
        {("b", 20): "a"},
    ),
    "a source on the same side, on nobody's word": (
        [said(asserted, "a2", 20), cites("b", 20, "a2")],
        {("a2", 20): "", ("b", 20): "a"},
    ),
    "a statement on the same side, on nobody's word": (
        [said(asserted, "a2", 20, id="s"), cites("b", 20, "s")],
        {("b", 20): "a"},
    ),
    "a hedged statement is a basis all the same": (
        [said(asserted, "a", 20, **OWN, **HEDGED, id="s"), cites("b", 20, "s")],
        {("b", 20): "a"},
    ),
    "a confirmation is on the side of an assertion": (
        [said(confirmed, "a", 20, id="s"), cites("b", 20, "s")],
        {("b", 20): "a"},
    ),
    "a source on the other side": (
        [said(denied, "a", 20, **OWN), cites("b", 20, "a")],
        {("b", 20): "+basis_withdrawn"},
    ),
    "a source on no side": (
        [said(withheld, "a", 20), cites("b", 20, "a")],
        {("b", 20): "+basis_withdrawn"},
    ),
    "a source that took it back": (
        [
            said(asserted, "a", 20, **OWN, id="s"),
            cites("b", 20, "s"),
            said(retracted, "a", 21),
        ],
        {("b", 20): "a", ("b", 21): "+basis_withdrawn"},
    ),
    "a source that says it on other grounds now": (
        [
            said(asserted, "a", 20, **OWN, id="s"),
            cites("b", 20, "s"),
            cites("a", 21, "c"),
        ],
        {("b", 20): "a", ("b", 21): "c"},
    ),
    "a chain of three": (
        [
            said(asserted, "a2", 20, **OWN, id="s"),
            cites("b", 20, "s", id="t"),
            cites("c", 20, "t"),
        ],
        {("c", 20): "a"},
    ),
    "a chain that breaks in the middle": (
        [
            said(asserted, "a", 20, **OWN, id="s"),
            cites("b", 20, "s", id="t"),
            cites("c", 20, "t"),
            voided("s"),
        ],
        {("b", 20): "+basis_withdrawn", ("c", 20): "+basis_withdrawn"},
    ),
    "several entries together": (
        [
            said(asserted, "a", 20, **OWN, id="s"),
            said(denied, "b", 20, **OWN, id="t"),
            cites("c", 20, "s", "t", "d"),
        ],
        {("c", 20): "a d +basis_withdrawn"},
    ),
    "two that rest on each other": (
        [cites("a", 20, "b"), cites("b", 21, "a")],
        {("a", 20): "b", ("a", 21): "+circular", ("b", 21): "+circular"},
    ),
    "three in a ring, one of them with grounds": (
        [cites("a", 20, "b"), cites("b", 20, "c", "d"), cites("c", 20, "a")],
        {
            ("a", 20): "d +circular",
            ("b", 20): "d +circular",
            ("c", 20): "d +circular",
        },
    ),
    "beside a ring": (
        [cites("a", 20, "b"), cites("b", 20, "a"), cites("c", 20, "a")],
        {("c", 20): "+circular", ("a", 20): "+circular"},
    ),
    "two ways to one origin are no ring": (
        [
            said(asserted, "a", 20, **OWN),
            cites("b", 20, "a"),
            cites("c", 20, "a", "b"),
        ],
        {("b", 20): "a", ("c", 20): "a"},
    ),
    "through its own earlier word to itself": (
        [cites("a", 20, "b", id="s"), cites("b", 20, "a"), cites("a", 21, "s")],
        {("a", 21): "+circular", ("b", 21): "+circular"},
    ),
    "a denial rests on a denial": (
        [
            said(denied, "a", 20, **OWN, id="s"),
            cites("b", 20, "s", kind=denied),
            cites("c", 20, "s"),
        ],
        {("b", 20): "a", ("c", 20): "+basis_withdrawn"},
    ),
    "what takes no side rests on nothing": (
        [cites("b", 20, "b", kind=withheld)],
        {("b", 20): ""},
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_on_whose_knowledge_a_standing_rests(begun: Ledger, case: str) -> None:
    events, expected = LINES[case]
    for event in events:
        begun.record(event)

    assert {at: origins(begun, *at) for at in expected} == expected
    begun.verify()


def test_a_flag_of_any_standing_that_takes_a_side_is_the_claims(begun: Ledger) -> None:
    begun.record(
        said(asserted, "a", 20, **OWN),
        said(asserted, "b", 20, **OWN),
        cites("c", 20, "c", **HEDGED),
        cites("d", 20, "c", kind=denied),
    )

    assert summary(begun, 20) == "disputed 2 +circular +basis_withdrawn"


def test_repeating_is_not_corroborating(begun: Ledger) -> None:
    begun.record(said(asserted, "a", 20, **OWN, id="s"))
    begun.record(*(cites(by, 21, "s") for by in "bcd"))

    assert summary(begun, 21) == "asserted 1"
    begun.record(said(asserted, "b", 22, **OWN))
    assert summary(begun, 22) == "corroborated 2"


def test_two_unknown_sources_cited_are_two_origins(begun: Ledger) -> None:
    begun.record(cites("c", 20, "a", "b"))

    assert summary(begun, 20) == "corroborated 2"


# --- contradictions ---------------------------------------------------------------


def test_two_claims_that_contradict_each_other_cannot_both_hold(begun: Ledger) -> None:
    begun.record(framed("other"), linked("other", "troops", id="l"))
    begun.record(said(asserted, "a", 20), said(confirmed, "b", 21, claim="other"))
    begun.record(said(denied, "c", 22, claim="other"), said(denied, "d", 23))

    assert summary(begun, 20) == "asserted 0"
    assert summary(begun, 20, "other") == "unreported 0"
    assert summary(begun, 21) == "asserted 0 +contradicted"
    assert summary(begun, 21, "other") == "confirmed 1 +single_origin +contradicted"
    assert summary(begun, 22, "other") == (
        "confirmed 1 +contested +single_origin +contradicted"
    )
    assert summary(begun, 23) == "disputed 0"
    assert summary(begun, 23, "other") == "confirmed 1 +contested +single_origin"


@pytest.mark.parametrize(
    ("event", "holds"),
    [
        (said(asserted, "b", 20, claim="other"), True),
        (said(asserted, "b", 20, claim="other", basis=("c", "d")), True),
        (said(confirmed, "b", 20, claim="other"), True),
        (said(asserted, "b", 20, claim="other", **HEDGED), False),
        (said(denied, "b", 20, claim="other"), False),
        (said(refuted, "b", 20, claim="other"), False),
        (said(withheld, "b", 20, claim="other"), False),
        (said(retracted, "b", 20, claim="other"), False),
    ],
)
def test_only_what_holds_contradicts(begun: Ledger, event: Event, holds: bool) -> None:
    begun.record(framed("other"), linked("troops", "other"))
    begun.record(said(asserted, "a", 20), event)

    assert ("+contradicted" in summary(begun, 20)) == holds
    assert ("+contradicted" in summary(begun, 20, "other")) == holds


@pytest.mark.parametrize("relation", ["supports", "refines"])
def test_other_links_do_not_contradict(begun: Ledger, relation: str) -> None:
    begun.record(framed("other"), linked("troops", "other", relation))
    begun.record(said(asserted, "a", 20), said(asserted, "b", 20, claim="other"))

    assert summary(begun, 20) == "asserted 0"


def test_a_link_counts_from_its_position(begun: Ledger) -> None:
    begun.record(framed("other"))
    begun.record(said(asserted, "a", 20), said(asserted, "b", 20, claim="other"))
    before = begun.record(linked("troops", "other")).position - 1
    begun.record(unlinked("other", "troops"))

    flags = [
        begun.claim(claim, on=day(20), recorded_by=before + ahead).flags
        for ahead in range(3)
        for claim in ("troops", "other")
    ]
    assert flags == [(), (), ("contradicted",), ("contradicted",), (), ()]


def test_a_contradicting_claim_is_judged_by_the_same_policy(begun: Ledger) -> None:
    begun.record(framed("other"), linked("troops", "other"))
    begun.record(
        said(asserted, "a", 20),
        said(asserted, "b", 20, claim="other", strength="implicit"),
    )
    begun.record(said(asserted, "b", 19, claim="other"))

    assert summary(begun, 20) == "asserted 0"
    assert summary(begun, 20, implicit=Implicit.IGNORE) == "asserted 0 +contradicted"
    assert summary(begun, 20, confirmations=2) == "asserted 0"


# --- policies ---------------------------------------------------------------------

N2 = {"confirmations": 2}
N3 = {"confirmations": 3}
APART = {"independent": True}
PLAINLY = {"implicit": Implicit.IGNORE}

POLICIES: dict[str, tuple[list[Event], list[tuple[dict[str, Any], int, str]]]] = {
    "one confirmation of two": (
        [said(confirmed, "a", 20), said(confirmed, "b", 21)],
        [
            ({}, 20, "confirmed 1 +single_origin"),
            (N2, 20, "asserted 1"),
            ({}, 21, "confirmed 2"),
            (N2, 21, "confirmed 2"),
            (N3, 21, "corroborated 2"),
        ],
    ),
    "one party confirms twice": (
        [said(confirmed, "a", 20), said(confirmed, "a2", 21)],
        [(N2, 21, "asserted 1"), ({}, 21, "confirmed 1 +single_origin")],
    ),
    "a second confirmation that rests on the first": (
        [said(confirmed, "a", 20, id="s"), cites("b", 21, "s", kind=confirmed)],
        [
            ({}, 21, "confirmed 1 +single_origin"),
            (N2, 21, "confirmed 1 +single_origin"),
            ({**N2, **APART}, 21, "asserted 1"),
            (APART, 21, "confirmed 1 +single_origin"),
        ],
    ),
    "one confirmation that rests on two": (
        [cites("c", 20, "a", "b", kind=confirmed)],
        [
            ({}, 20, "confirmed 2"),
            (N2, 20, "corroborated 2"),
            ({**N2, **APART}, 20, "confirmed 2"),
        ],
    ),
    "a confirmation on nobody's word": (
        [said(confirmed, "a", 20, basis="unknown")],
        [({}, 20, "confirmed 0 +single_origin"), (APART, 20, "asserted 0")],
    ),
    "one refutation of two": (
        [said(refuted, "a", 20), said(refuted, "b", 21)],
        [
            (N2, 20, "denied 1"),
            (N2, 21, "refuted 2"),
            (N3, 21, "denied 2"),
            (APART, 21, "refuted 2"),
        ],
    ),
    "a refutation on nobody's word is still plain": (
        [said(refuted, "a", 20, basis="unknown"), said(denied, "b", 20, **HEDGED)],
        [(APART, 20, "denied 0"), ({}, 20, "refuted 0 +single_origin")],
    ),
    "confirmed twice, refuted once": (
        [
            said(confirmed, "a", 20),
            said(confirmed, "b", 20),
            said(refuted, "c", 21),
            said(refuted, "d", 22),
        ],
        [
            ({}, 21, "disputed 2"),
            (N2, 21, "confirmed 2 +contested"),
            (N2, 22, "disputed 2"),
            (N3, 22, "disputed 2"),
        ],
    ),
    "a denial between the lines": (
        [said(asserted, "a", 20), said(denied, "a", 21, strength="implicit")],
        [
            ({}, 21, "denied 0 +tentative +walked_back"),
            (PLAINLY, 21, "asserted 0"),
        ],
    ),
    "nothing but hints": (
        [said(asserted, "a", 20, strength="implicit")],
        [({}, 20, "floated 0"), (PLAINLY, 20, "unreported 0")],
    ),
    "a hint by the one cited": (
        [
            said(asserted, "a", 20, **OWN, strength="implicit", id="s"),
            cites("b", 20, "s"),
        ],
        [({}, 20, "asserted 1"), (PLAINLY, 20, "asserted 0")],
    ),
    "a hint by the source cited": (
        [said(denied, "a", 20, strength="implicit"), cites("b", 20, "a")],
        [({}, 20, "disputed 0 +basis_withdrawn"), (PLAINLY, 20, "asserted 1")],
    ),
    "a hint that was voided": (
        [
            said(asserted, "a", 20, strength="implicit", id="s"),
            cites("b", 20, "s"),
            voided("s"),
        ],
        [
            ({}, 20, "asserted 0 +basis_withdrawn"),
            (PLAINLY, 20, "asserted 0 +basis_withdrawn"),
        ],
    ),
    "an order that only hints make unsure": (
        [said(asserted, "a", 20), said(withheld, "a", 20, strength="implicit")],
        [({}, 20, "raised 0 +order_unsure +walked_back"), (PLAINLY, 20, "asserted 0")],
    ),
}


@pytest.mark.parametrize("case", POLICIES)
def test_what_a_policy_asks_of_a_confirmation(begun: Ledger, case: str) -> None:
    events, expected = POLICIES[case]
    for event in events:
        begun.record(event)

    found = [(p, number, summary(begun, number, **p)) for p, number, _ in expected]
    assert found == expected
    begun.verify()


# --- since ------------------------------------------------------------------------


def since(ledger: Ledger, number: int, **asked: Any) -> int | None:
    """Return the October day at whose end the status began."""
    found = ledger.claim("troops", on=day(number), **asked).since
    if found is None:
        return None
    assert found.isoformat().endswith("T23:59:59.999999+00:00")
    return found.day


def test_a_status_is_dated_from_when_it_has_held_without_a_break(begun: Ledger) -> None:
    begun.record(said(asserted, "a", 10))
    begun.record(said(asserted, "b", 12, **OWN))
    begun.record(said(denied, "c", 14, **HEDGED))
    begun.record(said(withheld, "d", 15))
    begun.record(said(retracted, "c", 16))

    found = {number: since(begun, number) for number in range(9, 18)}
    assert found == {
        9: None,
        10: 10,
        11: 10,
        12: 10,
        13: 10,
        14: 14,
        15: 14,
        16: 16,
        17: 16,
    }


def test_since_follows_late_arrivals_voids_and_the_position(begun: Ledger) -> None:
    begun.record(said(asserted, "a", 14, id="s14"))
    late = begun.record(said(asserted, "b", 10, id="s10")).position
    gap = begun.record(said(denied, "c", 12, id="s12")).position
    back = begun.record(said(retracted, "c", 13, id="s13")).position
    filled = begun.record(voided("s12")).position
    again = begun.record(voided("s10")).position

    asked = (late - 1, late, gap, back, filled, again)
    assert [since(begun, 15, recorded_by=p) for p in asked] == [14, 10, 12, 13, 10, 14]


def test_since_is_that_of_the_policy(begun: Ledger) -> None:
    begun.record(said(confirmed, "a", 10))
    begun.record(said(confirmed, "b", 12))
    begun.record(said(denied, "c", 14, strength="implicit"))
    begun.record(said(refuted, "c", 16))

    def days(**policy: Any) -> list[int | None]:
        asked = Policy(**policy)
        return [since(begun, number, policy=asked) for number in (10, 12, 14, 16)]

    assert days() == [10, 10, 10, 16]
    assert days(**N2) == [10, 12, 12, 12]
    assert days(**N3) == [10, 12, 14, 14]
    assert days(**N3, **PLAINLY) == [10, 12, 12, 16]


# --- many sources -----------------------------------------------------------------

FOLDED_STANDINGS = 16


@pytest.fixture(autouse=True)
def folded_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let rows carry fewer standings, so that few sources are many."""
    name = "dateline.projections.steps.FOLDED_STANDINGS"
    monkeypatch.setattr(name, FOLDED_STANDINGS)


MANY = [f"s{number:02}" for number in range(FOLDED_STANDINGS + 4)]


@pytest.fixture
def crowded(ledger: Ledger) -> Ledger:
    """Return a ledger in which source n asserts on day n+1, on its own, up to 20.

    The first sixteen sources' rows carry who stands where, later ones do not.
    """
    ledger.record(*sources(*MANY), opened(), framed(topics=("dprk-troops",)))
    for number, name in enumerate(MANY):
        ledger.record(said(asserted, name, number + 1, **OWN, id=f"e{number:02}"))
    return ledger


def test_a_claim_with_many_sources_is_answered_like_one_with_few(
    crowded: Ledger,
) -> None:
    for number in range(len(MANY) + 2):
        heard = MANY[:number]
        state = crowded.claim("troops", on=day(number + 0) if number else "2024-09-30")
        assert state.tally.for_ == tuple(heard)
        assert state.tally.independent == len(heard)
        assert state.statements == tuple(f"e{n:02}" for n in range(len(heard)))
        if number > 1:
            assert state.status == "corroborated"
            assert state.since is not None
            assert state.since.day == 2
    crowded.verify()


@pytest.mark.parametrize("policy", [{}, N2, APART, PLAINLY, {**N3, **APART, **PLAINLY}])
def test_many_sources_confirm_under_any_policy(
    crowded: Ledger, policy: Mapping[str, Any]
) -> None:
    """After day 20: two confirm on days 21 and 22, one refutes on day 23."""
    crowded.record(said(confirmed, "s00", 21))
    crowded.record(said(confirmed, "s01", 22))
    crowded.record(said(refuted, "s02", 23))
    n = policy.get("confirmations", 1)

    expected = {
        1: {21: "confirmed 20", 22: "confirmed 20", 23: "disputed 19"},
        2: {21: "corroborated 20", 22: "confirmed 20", 23: "confirmed 19 +contested"},
        3: {21: "corroborated 20", 22: "corroborated 20", 23: "disputed 19"},
    }[n]
    expected[23] += " +walked_back"
    assert {number: summary(crowded, number, **policy) for number in expected} == (
        expected
    )
    began = {
        1: {21: 21, 22: 21, 23: 23},
        2: {21: 2, 22: 22, 23: 22},
        3: {21: 2, 22: 2, 23: 23},
    }[n]
    asked = Policy(**policy)
    assert {number: since(crowded, number, policy=asked) for number in began} == began


def test_late_news_and_voids_reach_a_claim_with_many_sources(crowded: Ledger) -> None:
    full = crowded.position
    late = crowded.record(denied(by="s00", said_at=day(3), id="late")).position
    hint = crowded.record(
        said(denied, "s01", 18, strength="implicit", id="hint")
    ).position
    gone = crowded.record(voided("e05")).position
    back = crowded.record(voided("late")).position

    def at(position: int, number: int, **policy: Any) -> tuple[object, ...]:
        state = crowded.claim(
            "troops", on=day(number), recorded_by=position, policy=Policy(**policy)
        )
        assert state.since is not None
        kept = state.tally.for_, state.tally.against, state.tally.independent
        return (state.status.value, state.since.day, *map(len, kept[:2]), kept[2])

    assert at(full, 25) == ("corroborated", 2, 20, 0, 20)
    assert at(late, 25) == ("disputed", 3, 19, 1, 19)
    assert at(late, 2) == ("corroborated", 2, 2, 0, 2)
    assert at(late, 3) == ("disputed", 3, 2, 1, 2)
    assert at(hint, 25) == ("disputed", 3, 18, 2, 18)
    assert at(hint, 25, **PLAINLY) == ("disputed", 3, 19, 1, 19)
    assert at(gone, 25) == ("disputed", 3, 17, 2, 17)
    assert at(gone, 25, **PLAINLY) == ("disputed", 3, 18, 1, 18)
    assert at(back, 25) == ("disputed", 18, 18, 1, 18)
    assert at(back, 25, **PLAINLY) == ("corroborated", 2, 19, 0, 19)
    assert at(back, 25, **PLAINLY, **N2) == ("corroborated", 2, 19, 0, 19)
    assert at(back, 17) == ("corroborated", 2, 16, 0, 16)
    assert at(full, 25) == ("corroborated", 2, 20, 0, 20)
    crowded.verify()
    crowded.rebuild()
    crowded.verify()
    assert at(gone, 25, **PLAINLY) == ("disputed", 3, 18, 1, 18)


def test_a_crowd_is_contradicted_too(crowded: Ledger) -> None:
    crowded.record(framed("other"), linked("other", "troops"))
    crowded.record(said(asserted, "s00", 19, claim="other"))

    assert summary(crowded, 18) == "corroborated 18"
    assert summary(crowded, 19) == "corroborated 19 +contradicted"
    assert summary(crowded, 19, "other", **N2) == "asserted 0 +contradicted"


SEEDS = range(6)


def crowd(seed: int) -> Sequence[Event]:
    """Return what some twenty sources say and take back within ten days, at random."""
    rng = random.Random(seed)
    kinds: list[Any] = [asserted] * 6 + [denied, denied, confirmed, refuted]
    kinds += [withheld, retracted]
    events: list[Event] = []
    for number in range(70):
        kind = rng.choice(kinds)
        begin = rng.randint(1, 10)
        wide = f"{day(begin)}/{day(begin + rng.randint(0, 3))}"
        fields: dict[str, Any] = {"id": f"e{number}"}
        if kind is not retracted:
            earlier = [f"e{n}" for n in range(number)]
            named = rng.sample([*earlier[-12:], *MANY[:6]], k=2)
            fields["basis"] = rng.choice(["own", "unknown", named, named[:1]])
            if kind in (asserted, denied, withheld):
                fields["strength"] = rng.choice(
                    ["plain", "plain", "hedged", "implicit"]
                )
            if isinstance(fields["basis"], list):
                fields["basis"] = tuple(n for n in named if not n.startswith("v"))
        event: Event = kind(
            by=rng.choice(MANY), said_at=rng.choice([day(begin), wide]), **fields
        )
        events.append(event)
        if rng.random() < 0.12:
            events.append(voided(f"e{rng.randrange(number + 1)}"))
    return events


@pytest.mark.parametrize("seed", SEEDS)
def test_a_crowd_is_judged_as_the_plain_transcription_does(
    ledger: Ledger, seed: int
) -> None:
    ledger.record(*sources(*MANY), framed())
    for event in crowd(seed):
        ledger.record(event)
    events = stored(ledger)
    rng = random.Random(seed)
    assert len(ledger.claim("troops", on=day(20)).statements) > FOLDED_STANDINGS

    for _ in range(60):
        on, position = day(rng.randint(1, 14)), rng.randint(25, ledger.position)
        policy = {
            "confirmations": rng.randint(1, 3),
            "independent": rng.random() < 0.5,
            "implicit": rng.choice(["count", "ignore"]),
        }
        asked = Policy.model_validate(policy)
        found = as_json(
            ledger.claim("troops", on=on, recorded_by=position, policy=asked)
        )
        del found["basis"]
        assert found == oracle.claim(events, "UTC", "troops", on, position, policy)
    ledger.verify()


# --- the seed article -------------------------------------------------------------


@pytest.fixture
def seed(tmp_path: Path, clock: Clock) -> Ledger:
    target = tmp_path / "seed.dateline"
    example = Path(__file__).parents[1] / "examples" / "dprk-troops-2024.jsonl"
    with example.open("rb") as file:
        import_file(
            str(target), file, name="seed.jsonl", keep_recorded_at=True, clock=clock
        )
    return dateline.open(target, clock=clock)


def test_the_worked_table(seed: Ledger) -> None:
    table = {
        "troops-deployed": ["unreported", "raised", "disputed", "disputed"],
        "two-brigades": ["unreported", "unreported", "unreported", "floated"],
        "kursk-arrival": ["unreported", "unreported", "unreported", "floated"],
    }
    with seed:
        for claim, statuses in table.items():
            found = [seed.claim(claim, on=day(n)).status for n in range(19, 23)]
            assert found == statuses
        tallies = [
            {
                k: v
                for k, v in as_json(
                    seed.claim("troops-deployed", on=day(n)).tally
                ).items()
                if v
            }
            for n in (20, 21, 22)
        ]
        assert tallies == [
            {"withheld_by": ["austin"]},
            {"for": ["south-korea"], "against": ["russia"], "withheld_by": ["austin"]},
            {
                "for": ["south-korea"],
                "against": ["russia"],
                "withheld_by": ["austin", "rutte"],
            },
        ]


def test_the_counts_of_the_worked_table(seed: Ledger) -> None:
    with seed:
        known = seed.knowledge(on=day(22), topic="dprk-troops")
        assert dict(known.counts) == {"disputed": 1, "asserted": 5, "floated": 5}
        assert known.possibly_known == ()
        for number in (19, 20, 21):
            doubtful = seed.knowledge(on=day(number)).possibly_known
            assert sorted(one.claim for one in doubtful) == [
                "experts-to-monitor",
                "weapons-to-ukraine",
            ]
        plainly = Policy(implicit=Implicit.IGNORE)
        for number in (20, 21, 22):
            state = seed.claim("troops-deployed", on=day(number), policy=plainly)
            assert state.status == "raised"


def test_the_promise_and_the_position_of_the_worked_table(seed: Ledger) -> None:
    with seed:
        before = seed.knowledge(on=day(22), recorded_by="2024-10-22")
        assert before.claims == ()
        assert before.basis.position == 0
        states = {
            number: [
                (one.source, one.due, one.state)
                for one in seed.expectations(on=day(number)).expectations
            ]
            for number in (21, 22, 29, 30)
        }
        promise = ("rutte", "2024-10-28/2024-10-29")
        assert states == {
            21: [],
            22: [(*promise, "open")],
            29: [(*promise, "open")],
            30: [(*promise, "lapsed")],
        }


def test_a_claim_filed_late_counts_in_its_topic_from_then(begun: Ledger) -> None:
    begun.record(opened(), said(asserted, "a", 20))
    before = begun.position
    begun.record(filed())

    for position, claims in ((before, ()), (before + 1, ("troops",))):
        known = begun.knowledge(on=day(20), topic="dprk-troops", recorded_by=position)
        assert tuple(claim.id for claim in known.claims) == claims
        assert sum(known.counts.values()) == len(claims)
