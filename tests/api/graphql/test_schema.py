"""The schema: checked in as printed, as the contract has it, and all described."""

from pathlib import Path
from typing import Any, cast

import pytest
from graphql import (
    GraphQLSchema,
    build_client_schema,
    build_schema,
    get_introspection_query,
    parse,
    print_ast,
)

from dateline.api.graphql.schema import print_schema_text
from tests.api.graphql.asking import GraphQL

ROOT = Path(__file__).parents[3]

CONTRACT = """
type Query {
  knowledge(on: String!, recordedBy: String, topic: ID, statuses: [Status!], policy: PolicyInput, first: Int = 50, after: String): Knowledge!
  claim(id: ID!, on: String!, recordedBy: String, policy: PolicyInput): ClaimKnowledge!
  timeline(claim: ID!, recordedBy: String, policy: PolicyInput): Timeline!
  changes(from: PointInput!, to: PointInput!, topic: ID, policy: PolicyInput, first: Int = 50, after: String): ChangeConnection!
  explanation(claim: ID!, on: String!, recordedBy: String, policy: PolicyInput): Explanation!
  events(after: String, first: Int = 50, filter: EventFilter): EventConnection!
}
type Knowledge { basis: Basis!  counts: [StatusCount!]!  claims: ClaimConnection!  possiblyKnown: [PossiblyKnown!]! }
type StatusCount { status: Status!  count: Int! }
type PossiblyKnown { claim: Claim!  statement: Statement!  earliest: DateTime!  latest: DateTime! }
input PolicyInput { confirmations: Int  independent: Boolean  implicit: Implicit }
input BasisInput @oneOf { own: Boolean  unknown: Boolean  refs: [ID!] }
type ClaimConnection { edges: [ClaimEdge!]!  nodes: [ClaimKnowledge!]!  pageInfo: PageInfo! }
type ClaimKnowledge { id: ID!  text: String!  topics: [Topic!]!  about: String  status: Status!  flags: [Flag!]!  since: DateTime  tally: Tally!  statements: [Statement!]! }
type Tally { for: [Source!]!  against: [Source!]!  confirmedBy: [Source!]!  refutedBy: [Source!]!  withheldBy: [Source!]!  retractedBy: [Source!]!  independent: Int! }
scalar Long
interface Event { id: ID!  position: Long!  recordedAt: DateTime!  recorder: String  json: JSON! }
type Mutation { record(events: [EventInput!]!): Receipt! }
type Subscription {
  events(after: String, filter: EventFilter): EventDelivery!
  changes(topic: ID, policy: PolicyInput, after: String): ChangeDelivery!
}
"""  # noqa: E501 (lines as the contract has them)
"""Section 9 of the contract, to the letter."""


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(print_schema_text())


def test_the_schema_that_is_checked_in_is_the_one_served() -> None:
    assert (ROOT / "schema.graphql").read_text() == print_schema_text(), (
        "schema.graphql is not what the code prints: make golden"
    )


Field = tuple[str, dict[str, tuple[str, str | None]]]


def fields_of(text: str) -> dict[str, dict[str, Field]]:
    """Return the fields of each type: their types, arguments and defaults, printed."""
    return {
        definition.name.value: {
            field.name.value: (
                print_ast(field.type),
                {
                    argument.name.value: (
                        print_ast(argument.type),
                        argument.default_value and print_ast(argument.default_value),
                    )
                    for argument in getattr(field, "arguments", None) or ()
                },
            )
            for field in getattr(definition, "fields", None) or ()
        }
        for definition in cast(Any, parse(text).definitions)
        if hasattr(definition, "name")
    }


def test_the_schema_is_as_the_contract_has_it() -> None:
    served = fields_of(print_schema_text())
    for name, fields in fields_of(CONTRACT).items():
        assert {field: served[name][field] for field in fields} == fields
    assert "input BasisInput @oneOf {" in print_schema_text()


def test_what_else_can_be_asked(schema: GraphQLSchema) -> None:
    assert schema.query_type is not None
    assert {
        *("ledger", "source", "sources", "topic", "topics", "document"),
        *("expectations", "positions"),
    } <= schema.query_type.fields.keys()


def test_everything_is_described(schema: GraphQLSchema) -> None:
    bare = []
    for name, kind in schema.type_map.items():
        if name.startswith("__") or name in ("ID", "Int", "String", "Boolean", "Float"):
            continue
        parts: list[tuple[str, Any]] = [(name, kind)]
        for field, told in getattr(kind, "fields", {}).items():
            parts.append((f"{name}.{field}", told))
            for argument, given in getattr(told, "args", {}).items():
                parts.append((f"{name}.{field}({argument})", given))
        for value, told in getattr(kind, "values", {}).items():
            parts.append((f"{name}.{value}", told))
        bare += [place for place, part in parts if not part.description]
    assert bare == []


def test_an_input_is_one_of_its_members(graphql: GraphQL) -> None:
    document = "query ($name: String!) { __type(name: $name) { isOneOf } }"
    for name, is_one_of in (
        ("EventInput", True),
        ("BasisInput", True),
        ("PolicyInput", False),
    ):
        assert graphql.data(document, name=name)["__type"]["isOneOf"] is is_one_of


def test_tools_can_read_the_schema_whole(graphql: GraphQL) -> None:
    data = graphql.data(get_introspection_query())
    assert "Knowledge" in build_client_schema(data).type_map
