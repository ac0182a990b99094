"""Recording over GraphQL: every event type, all or nothing, the errors of REST."""

from typing import Any

import pytest
from hypothesis import given, settings

import dateline
from dateline import Ledger, parse_event
from tests.api.graphql import documents
from tests.api.graphql.asking import GraphQL, asking
from tests.api.graphql.expected import camel
from tests.builders import framed, registered, stored
from tests.golden.rewrite import SCRIPT
from tests.strategies import Script, ledgers

WORDS = ("kind", "strength", "relation", "likelihood", "confidence")


def as_input(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event as the input that describes it."""
    fields: dict[str, Any] = {}
    for name, value in event.items():
        if name == "type":
            continue
        if name in WORDS:
            value = value.upper().replace(" ", "_")
        if name == "basis":
            value = {value: True} if isinstance(value, str) else {"refs": list(value)}
        fields[camel(name)] = value
    kind: str = event["type"]
    return {kind[0].lower() + kind[1:]: fields}


def record(graphql: GraphQL, *events: dict[str, Any]) -> Any:
    given = [as_input(event) for event in events]
    return graphql.data(documents.RECORD, events=given)["record"]


def without_envelope(ledger: Ledger) -> list[Any]:
    """Return what is stored, without what differs between two ledgers."""
    left_out = ("recorded_at", "salts", "hash")
    return [
        {name: value for name, value in event.items() if name not in left_out}
        for event in stored(ledger)[1:]
    ]


def test_every_type_is_recorded_as_the_library_records_it(ledger: Ledger) -> None:
    events = [{**event, "id": f"e{n}"} for n, event in enumerate(SCRIPT[1:])]
    ids = {event["type"]: event["id"] for event in events}
    for event in events:
        if event["type"] == "RecordVoided":
            event["event"] = ids["ClaimRefuted"]
        if event["type"] == "UpdateReceived":
            event["statement"] = ids["ConfirmationWithheld"]
        if isinstance(event.get("basis"), list):
            event["basis"] = ["nato", ids["ClaimAsserted"]]
    assert {event["type"] for event in events} == {
        event["type"] for event in SCRIPT[1:]
    }
    with dateline.open(":memory:") as other, asking(ledger) as graphql:
        receipt = record(graphql, *events)
        other.record(*(parse_event(event) for event in events))
        assert without_envelope(ledger) == without_envelope(other)
        assert receipt["position"] == ledger.position
        assert [one["id"] for one in receipt["events"]] == [e["id"] for e in events]


@settings(max_examples=25)
@given(script=ledgers())
def test_random_batches_are_recorded_as_the_library_records_them(
    script: Script,
) -> None:
    zone = script.zone
    with (
        dateline.open(":memory:", timezone=zone) as ledger,
        dateline.open(":memory:", timezone=zone) as other,
        asking(ledger) as graphql,
    ):
        for batch in script.batches:
            receipt = record(graphql, *batch)
            again = other.record(*(parse_event(event) for event in batch))
            assert receipt["position"] == again.position
            news = [one["new"] for one in receipt["events"]]
            assert news == [one.new for one in again.events]
        strip = ("id", "statement", "event", "basis")
        for told, expected in zip(
            without_envelope(ledger), without_envelope(other), strict=True
        ):
            assert {k: told[k] for k in told if k not in strip} == {
                k: expected[k] for k in expected if k not in strip
            }


def test_what_is_in_force_is_answered_with_where_it_stands(
    ledger: Ledger, graphql: GraphQL
) -> None:
    event = {"type": "TopicOpened", "topic": "t", "title": "T"}
    first, second = record(graphql, event), record(graphql, event)
    assert [one["new"] for one in first["events"]] == [True]
    assert second["events"] == [{**first["events"][0], "new": False}]
    assert second["recordedAt"] == first["recordedAt"]


def test_null_is_as_good_as_left_out(ledger: Ledger, graphql: GraphQL) -> None:
    given = {"topicOpened": {"topic": "t", "title": "T", "description": None}}
    graphql.data(documents.RECORD, events=[given])
    assert "description" not in stored(ledger)[-1]


def test_nothing_of_a_batch_is_recorded_if_an_event_cannot_be(
    ledger: Ledger, graphql: GraphQL
) -> None:
    head = ledger.position
    topic = {"topicOpened": {"topic": "t", "title": "T"}}
    for event, code in (
        ({"topicOpened": {"topic": "t", "title": "Other"}}, "conflicting_event"),
        ({"topicOpened": {"topic": "T", "title": "T"}}, "invalid_id"),
        ({"claimFiled": {"claim": "c", "topic": "t"}}, "unknown_claim"),
    ):
        error = graphql.error(documents.RECORD, events=[topic, event])
        assert error["extensions"]["code"] == code
        assert error["extensions"]["item"] == 1
        assert error["extensions"]["where"] == "event 2 of 2"
        assert error["message"].startswith("event 2 of 2: ")
        assert error["path"] == ["record"]
    assert ledger.position == head


SAID = {"claim": "troops", "source": "seoul", "saidAt": "2024-10-20"}


@pytest.mark.parametrize(
    "event, code",
    [
        ({"topicOpened": {"topic": "t", "title": " "}}, "empty_text"),
        ({"topicOpened": {"topic": "t", "title": "x\x00"}}, "nul_character"),
        ({"topicOpened": {"topic": "t", "title": "x" * 1001}}, "text_too_long"),
        ({"topicOpened": {"topic": "t", "title": "T", "id": "a b"}}, "invalid_id"),
        ({"claimAsserted": {**SAID, "saidAt": "soon"}}, "invalid_time"),
        ({"claimAsserted": {**SAID, "saidAt": "2024-02-30"}}, "impossible_date"),
        ({"claimAsserted": {**SAID, "saidAt": "2099-01-01"}}, "said_in_future"),
        ({"claimAsserted": {**SAID, "basis": {"own": False}}}, "invalid_value"),
        ({"claimAsserted": {**SAID, "basis": {"refs": []}}}, "empty_list"),
        ({"claimAsserted": {**SAID, "basis": {"refs": ["x"]}}}, "unknown_basis"),
        ({"claimAsserted": {**SAID, "via": ["x"] * 101}}, "list_too_long"),
        ({"claimAsserted": {**SAID, "document": "x"}}, "unknown_document"),
        ({"claimConfirmed": {**SAID, "strength": "HEDGED"}}, "invalid_value"),
        ({"recordVoided": {"event": "x", "reason": "r"}}, "unknown_event"),
        (
            {
                "claimsLinked": {
                    "claim": "troops",
                    "other": "troops",
                    "relation": "REFINES",
                }
            },
            "self_link",
        ),
        (
            {
                "claimAssessed": {
                    "claim": "troops",
                    "assessor": "desk",
                    "assessedAt": "2024-10-22",
                    "credibility": 7,
                }
            },
            "invalid_value",
        ),
    ],
)
def test_an_event_that_cannot_be_taken_is_refused_in_the_words_of_the_ledger(
    ledger: Ledger, graphql: GraphQL, event: dict[str, Any], code: str
) -> None:
    ledger.record(registered("seoul"), framed("troops"))
    head = ledger.position
    assert graphql.code(documents.RECORD, events=[event]) == code
    assert ledger.position == head


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"topicOpened": None},
        {"topicOpened": {"topic": "t"}},
        {"topicOpened": {"topic": "t", "title": "T", "colour": "red"}},
        {"topicOpened": {"topic": "t", "title": 1}},
        {"ledgerOpened": {"title": "Again"}},
        {
            "topicOpened": {"topic": "t", "title": "T"},
            "claimFiled": {"claim": "c", "topic": "t"},
        },
        {"claimAsserted": {**SAID, "strength": "plain"}},
        {"claimAsserted": {**SAID, "basis": {"own": True, "unknown": True}}},
        {"claimAsserted": {**SAID, "basis": {"own": None}}},
    ],
)
def test_what_does_not_fit_the_schema_is_refused(
    ledger: Ledger, graphql: GraphQL, event: dict[str, Any]
) -> None:
    head = ledger.position
    answer = graphql.answer(documents.RECORD, events=[event])
    assert {e["extensions"]["code"] for e in answer["errors"]} == {"graphql_variables"}
    assert "data" not in answer
    assert ledger.position == head


def test_an_empty_batch_is_no_batch(ledger: Ledger, graphql: GraphQL) -> None:
    assert record(graphql)["events"] == []
    assert record(graphql)["position"] == ledger.position
