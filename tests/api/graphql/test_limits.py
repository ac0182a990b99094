"""What one document may ask for, and what it is told that it costs."""

import time
from typing import Any

import pytest

from dateline import Ledger
from dateline.projections.feed import Feed
from tests.api.graphql.asking import GraphQL, asking, refusal

DEEP = """{ knowledge(on: "2024-10-22") { claims { edges { node { tally { for {
  principal { principal { name } } } } } } } } }"""


def nested(levels: int) -> str:
    """Return a document of so many levels; a source's principal is a source."""
    inner = "id"
    for _ in range(levels - 2):
        inner = f"principal {{ {inner} }}"
    return f'{{ source(id: "seoul") {{ {inner} }} }}'


def test_a_document_may_be_as_deep_as_is_allowed(story: Ledger) -> None:
    with asking(story, graphql_max_depth=5) as graphql:
        graphql.data(nested(5))
        error = graphql.error(nested(6))
        assert error["extensions"] == {"code": "graphql_too_deep"}
        assert "6 levels" in error["message"]


def test_a_fragment_is_as_deep_as_where_it_is_spread(story: Ledger) -> None:
    document = """
      { source(id: "seoul") { ...a } }
      fragment a on Source { principal { ...b } }
      fragment b on Source { principal { ... on Source { id } } }
    """
    with asking(story, graphql_max_depth=4) as graphql:
        graphql.data(document)
    with asking(story, graphql_max_depth=3) as graphql:
        assert graphql.code(document) == "graphql_too_deep"


def test_aliases_are_counted_in_the_whole_document(story: Ledger) -> None:
    with asking(story, graphql_max_aliases=2) as graphql:
        graphql.data("{ a: ledger { title } b: ledger { title } ledger { title } }")
        code = graphql.code("{ a: ledger { b: title c: title } }")
        assert code == "graphql_too_many_aliases"


def test_a_document_may_be_as_long_as_is_allowed(story: Ledger) -> None:
    with asking(story, graphql_max_tokens=10) as graphql:
        graphql.data("{ ledger { title hash } }")
        long = "{ ledger { title hash timezone identity } x: __typename }"
        assert graphql.code(long) == "graphql_too_long"


@pytest.mark.parametrize(
    "document, variables, cost",
    [
        ("{ __typename }", {}, 0),
        ("{ __schema { types { fields { name } } } }", {}, 0),
        ("{ ledger { title } }", {}, 1),
        (
            '{ knowledge(on: "2024-10-22") { basis { policy { rule: implicit } } } }',
            {},
            3,
        ),
        ('{ knowledge(on: "2024-10-22") { claims { nodes { id } } } }', {}, 2 + 50),
        (
            '{ knowledge(on: "2024-10-22", first: 7) { claims { nodes { id } } } }',
            *({}, 2 + 7),
        ),
        (
            """{ knowledge(on: "2024-10-22", first: 7) { claims {
                 nodes { tally { for { id } } } edges { node { id } cursor }
                 pageInfo { endCursor } } } }""",
            *({}, 2 + 7 * 3 + 7 * 2 + 1),
        ),
        (
            "query ($n: Int) { events(first: $n) { nodes { id } } }",
            *({"n": 9}, 1 + 9),
        ),
        ("query ($n: Int) { events(first: $n) { nodes { id } } }", {}, 1 + 50),
        ("query ($n: Int = 4) { events(first: $n) { nodes { id } } }", {}, 1 + 4),
        (
            "{ a: events(first: 3) {nodes {id}} b: events(first: 4) {nodes {id}} }",
            *({}, 2 + 3 + 4),
        ),
        (
            """{ ...q } fragment q on Query { events(first: 3) { ...p } }
               fragment p on EventConnection { nodes { ... on Event { id } } }""",
            *({}, 1 + 3),
        ),
        ('{ topic(id: "weapons") { id } source(id: "seoul") { id } }', {}, 2),
        (
            "mutation { record(events: []) { events { id } } }",
            *({}, 2),
        ),
    ],
)
def test_the_cost_is_how_many_objects_are_asked_for(
    story: Ledger, graphql: GraphQL, document: str, variables: Any, cost: int
) -> None:
    answer = graphql.answer(document, **variables)
    assert answer["extensions"] == {"cost": {"asked": cost, "limit": 50_000}}
    assert "errors" not in answer


def test_an_operation_may_cost_as_much_as_is_allowed(story: Ledger) -> None:
    document = "query ($n: Int!) { events(first: $n) { nodes { id } } }"
    with asking(story, graphql_max_cost=10) as graphql:
        graphql.data(document, n=9)
        answer = graphql.answer(document, n=10)
        (error,) = answer["errors"]
        assert error["extensions"] == {
            "code": "graphql_too_costly",
            "cost": 11,
            "limit": 10,
        }
        assert answer["extensions"] == {"cost": {"asked": 11, "limit": 10}}
        assert "data" not in answer


def test_only_the_operation_that_is_asked_for_is_weighed(story: Ledger) -> None:
    query = (
        "query a { ledger { title } } query b { events(first: 90) { nodes { id } } }"
    )
    with asking(story, graphql_max_cost=10) as graphql:
        for name, is_refused in (("a", False), ("b", True)):
            answer = graphql.post({"query": query, "operationName": name}).json()
            assert ("errors" in answer) is is_refused


def test_a_bomb_of_fragments_is_weighed_as_fast_as_it_is_read(story: Ledger) -> None:
    """Each fragment spreads the next one twice: 2**50 sources, if they were visited."""
    fragments = "".join(
        f"""fragment f{n} on Source {{ a{n}: principal {{ ...f{n + 1} }}
                                       b{n}: principal {{ ...f{n + 1} }} }}"""
        for n in range(50)
    )
    document = f"""{{ source(id: "seoul") {{ ...f0 }} }} {fragments}
                    fragment f50 on Source {{ id }}"""
    with asking(
        story,
        graphql_max_tokens=10_000,
        graphql_max_aliases=1_000,
        graphql_max_depth=100,
    ) as graphql:
        error = graphql.error(document)["extensions"]
        assert error["code"] == "graphql_too_costly"
        assert error["cost"] == 2**51 - 1
    with asking(story, graphql_max_tokens=10_000) as graphql:
        codes = {e["extensions"]["code"] for e in graphql.answer(document)["errors"]}
        assert codes == {"graphql_too_many_aliases", "graphql_too_deep"}


@pytest.mark.parametrize(
    "document",
    [
        "{" * 900,
        "{ a " * 400,
        "query " + "(" * 500,
        "{ a(b: " + "[" * 900 + "}",
        "{ ... { " * 200 + "__typename" + "}}" * 200,
        "#" * 100_000,
        "{ a(b: " + "9" * 6000 + ") }",
        "{ events(first: 99999999999999999999) { nodes { id } } }",
        "{ events(first: " + "9" * 5000 + ") { nodes { id } } }",
        "fragment a on Query { ...a } { ...a }",
        "fragment a on Query { ...b } fragment b on Query { ...a } { ...a }",
        '"' * 5000,
        '{ __type(name: "' + "x" * 100_000 + '") { name } }',
        "{" + " ".join(f"__typename @include(if: $v{n})" for n in range(150)) + "}",
    ],
)
def test_a_hostile_document_is_answered_with_a_code(
    graphql: GraphQL, document: str
) -> None:
    answer = graphql.answer(document)
    for error in answer.get("errors", ()):
        assert error["extensions"]["code"].startswith("graphql_"), error
    assert answer.get("errors") or answer["data"] == {"__type": None}


def test_long_chains_of_fragments_are_no_fault(graphql: GraphQL) -> None:
    chain = " ".join(f"fragment f{n} on Query {{ ...f{n + 1} }}" for n in range(240))
    answer = graphql.answer(
        f"{{ ...f0 }} {chain} fragment f240 on Query {{ __typename }}"
    )
    codes = {e["extensions"]["code"] for e in answer.get("errors", ())}
    assert codes <= {"graphql_too_deep", "graphql_validation"}
    assert codes or answer["data"] == {"__typename": "Query"}


def test_introspection_has_its_own_bound(graphql: GraphQL) -> None:
    inner = "name"
    for _ in range(8):
        inner = f"fields {{ type {{ {inner} }} }}"
    assert graphql.code(f"{{ __schema {{ types {{ {inner} }} }} }}") == (
        "graphql_validation"
    )


def test_a_query_is_given_up_when_its_time_is_over(
    story: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = Ledger.describe

    def slow(ledger: Ledger) -> Any:
        time.sleep(0.5)
        return describe(ledger)

    monkeypatch.setattr(Ledger, "describe", slow)
    with asking(story, request_seconds=0.05) as graphql:
        response = graphql.post({"query": "{ ledger { title } }"})
        # The question and the operation have the same limit; either may be the first.
        assert response.status_code in (200, 504)
        assert refusal(response, response.status_code)["code"] == "timeout"


def test_an_operation_of_many_questions_has_the_time_of_one(
    story: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of the log is read stretch by stretch, each of them in time."""
    read = Feed.page

    def slow(feed: Feed, *asked: Any, **named: Any) -> Any:
        time.sleep(0.15)
        return read(feed, *asked, **{**named, "upto": named["after"].position + 1})

    monkeypatch.setattr(Feed, "page", slow)
    query = "{ events(filter: {types: [RECORD_VOIDED]}) { nodes { id } } }"
    with asking(story, request_seconds=0.3) as graphql:
        response = graphql.post({"query": query})
        assert refusal(response, 504)["code"] == "timeout"


def test_a_recording_is_not_given_up(
    story: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Ledger.record

    def slow(ledger: Ledger, *events: Any) -> Any:
        time.sleep(0.2)
        return record(ledger, *events)

    monkeypatch.setattr(Ledger, "record", slow)
    with asking(story, request_seconds=0.05) as graphql:
        told = graphql.data(
            """mutation { record(events: [{topicOpened: {topic: "t", title: "T"}}])
               { events { new } } }"""
        )
        assert told == {"record": {"events": [{"new": True}]}}


def test_a_fault_is_masked_and_logged(
    story: Ledger,
    graphql: GraphQL,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(ledger: Ledger) -> Any:
        raise ZeroDivisionError("the secret")

    monkeypatch.setattr(Ledger, "describe", broken)
    error = graphql.error("{ ledger { title } }")
    assert error["extensions"] == {"code": "internal_error"}
    assert error["path"] == ["ledger"]
    assert "secret" not in error["message"]
    assert "the secret" in caplog.text
