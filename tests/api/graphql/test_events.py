"""The log over GraphQL: one object type for each event type, filters, cursors."""

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dateline
from dateline import Event, Ledger, TopicOpened
from dateline.domain.events import AnyEvent
from tests.api.graphql import documents
from tests.api.graphql.asking import GraphQL, asking
from tests.api.graphql.expected import camel
from tests.builders import registered
from tests.strategies import Script, ledgers
from tests.test_laws import recorded

EVENTS = get_args(get_args(AnyEvent)[0])


def test_each_event_is_told_as_it_is_exported(story: Ledger, graphql: GraphQL) -> None:
    told = graphql.data(documents.EVENTS, first=1000)["events"]
    stored = [event.model_dump(mode="json") for event in story.events()]
    assert told["nodes"] == [
        {
            "__typename": event["type"],
            "id": event["id"],
            "position": event["position"],
            "recordedAt": event["recorded_at"],
            "recorder": event["recorder"],
            "json": event,
        }
        for event in stored
    ]
    assert [edge["cursor"] for edge in told["edges"]] == [
        story.cursor(event["position"]) for event in stored
    ]


def own_fields(graphql: GraphQL, kind: str) -> str:
    """Return a selection of all fields of an event type, references by id."""
    document = """query ($name: String!) { __type(name: $name) { fields { name
      type { kind name ofType { kind name ofType { kind name ofType { name } } } } } } }
    """
    selected = []
    for field in graphql.data(document, name=kind)["__type"]["fields"]:
        within = field["type"]
        while within["name"] is None:
            within = within["ofType"]
        name = field["name"]
        match within["name"]:
            case "Claim" | "Source" | "Topic" | "Document" | "Statement" | "Event":
                selected.append(f"{kind}_{name}: {name} {{ id }}")
            case "StatementBasis":
                selected.append(f"{kind}_{name}: {name} {{ own unknown refs }}")
            case _:
                selected.append(f"{kind}_{name}: {name}")
    return " ".join(selected)


def told_as(stored: dict[str, Any], value: Any, name: str) -> Any:
    """Return a field of an event as GraphQL has it."""
    if name == "basis":
        refs = value if isinstance(value, list) else []
        return {"own": value == "own", "unknown": value == "unknown", "refs": refs}
    if name in ("topics", "via", "claims"):
        return [{"id": id} for id in value or ()]
    if name in (
        *("topic", "source", "claim", "other", "document", "principal", "publisher"),
        *("awaits", "statement", "event"),
    ):
        return None if value is None else {"id": value}
    if name in ("kind", "strength", "relation", "likelihood", "confidence"):
        return None if value is None else value.upper().replace(" ", "_")
    return value


@pytest.mark.parametrize("kind", EVENTS)
def test_every_type_has_the_fields_of_its_model(
    graphql: GraphQL, kind: type[Event]
) -> None:
    selected = own_fields(graphql, kind.__name__)
    assert all(
        f": {camel(name)}" in selected for name in kind.model_fields if name != "type"
    )


@settings(max_examples=40)
@given(script=ledgers())
def test_fields_of_random_events_are_those_recorded(script: Script) -> None:
    with (
        recorded(script) as ledger,
        asking(
            ledger, graphql_max_aliases=10_000, graphql_max_tokens=20_000
        ) as graphql,
    ):
        kinds = sorted({event.type for event in ledger.events()})
        fragments = " ".join(
            f"... on {kind} {{ {own_fields(graphql, kind)} }}" for kind in kinds
        )
        document = (
            f"{{ events(first: 1000) {{ nodes {{ type: __typename {fragments} }} }} }}"
        )
        told = graphql.data(document)["events"]["nodes"]
        for event, node in zip(ledger.events(), told, strict=True):
            stored = event.model_dump(mode="json")
            fields = event.event.model_dump(mode="json")
            kind = node.pop("type")
            assert kind == event.type
            envelope = {f"{kind}_json": stored}
            for name in ("id", "position", "recorder", "recorded_at"):
                envelope[f"{kind}_{camel(name)}"] = stored[name]
            assert node == envelope | {
                f"{kind}_{camel(name)}": told_as(stored, value, name)
                for name, value in fields.items()
                if name not in ("type", "id", "recorder")
            }


def test_a_position_is_a_cursor_too(story: Ledger, graphql: GraphQL) -> None:
    for after in ("0", "3"):
        told = graphql.data(documents.EVENTS, after=after, first=2)["events"]
        positions = [node["position"] for node in told["nodes"]]
        assert positions == [int(after) + 1, int(after) + 2]
        assert told["pageInfo"]["hasPreviousPage"] is (after != "0")


@settings(max_examples=40)
@given(data=st.data(), script=ledgers())
def test_filters_are_those_of_the_library(data: st.DataObject, script: Script) -> None:
    with recorded(script) as ledger, asking(ledger) as graphql:
        kinds = [kind.__name__ for kind in EVENTS]
        asked: dict[str, Any] = {
            "topic": data.draw(st.sampled_from([None, "t0", "t1"])),
            "claim": data.draw(st.sampled_from([None, "c0", "c1"])),
            "source": data.draw(st.sampled_from([None, "seoul"])),
            "types": data.draw(st.none() | st.lists(st.sampled_from(kinds))),
        }
        given_ = dict(asked)
        if given_["types"] is not None:
            given_["types"] = [capitals(kind) for kind in given_["types"]]
        answer = graphql.answer(documents.EVENTS, first=1000, filter=given_)
        try:
            found = [event.id for event in ledger.events(**asked)]
        except dateline.DatelineError as error:
            assert answer["errors"][0]["extensions"]["code"] == error.code
        else:
            told = answer["data"]["events"]
            assert [node["id"] for node in told["nodes"]] == found
            assert told["pageInfo"]["hasNextPage"] is False


def capitals(kind: str) -> str:
    return "".join(f"_{c}" if c.isupper() else c.upper() for c in kind).lstrip("_")


def test_a_page_of_a_sparse_filter_is_found_far_along(ledger: Ledger) -> None:
    """The log is read stretch by stretch; the first and last of many are wanted."""
    ledger.record(registered("first"))
    for batch in range(3):
        ledger.record(*(registered(f"s{batch}-{n}") for n in range(900)))
    ledger.record(TopicOpened(topic="last", title="The last"))
    with asking(ledger) as graphql:
        told = graphql.data(
            documents.EVENTS, first=1, filter={"types": ["TOPIC_OPENED"]}
        )["events"]
        assert [node["__typename"] for node in told["nodes"]] == ["TopicOpened"]
        assert told["pageInfo"]["hasNextPage"] is False


@pytest.mark.parametrize(
    "name, value, code",
    [
        ("topic", "t", "unknown_topic"),
        ("claim", "c", "unknown_claim"),
        ("source", "s", "unknown_source"),
    ],
)
def test_a_filter_names_what_is_there(
    ledger: Ledger, graphql: GraphQL, name: str, value: str, code: str
) -> None:
    assert graphql.code(documents.EVENTS, filter={name: value}) == code
