"""Scalars that GraphQL lacks: 64-bit integers, and instants as the contract has them.

Answers arrive as the JSON of the contract, so instants are texts already.
"""

from typing import NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

Long = NewType("Long", int)
DateTime = NewType("DateTime", str)


def _long(value: object) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise GraphQLError(f"{value!r} is not a whole number of 64 bits")
    return value


def _datetime(value: object) -> str:
    if type(value) is not str:
        raise GraphQLError(f"{value!r} is not an instant")
    return value


TEXTS = frozenset(("DateTime",))
"""The scalars that are texts, and printed as they are."""

SCALARS: dict[object, ScalarDefinition] = {
    Long: strawberry.scalar(
        name="Long",
        description="A whole number of 64 bits, printed as a JSON number.",
        serialize=_long,
        parse_value=_long,
    ),
    DateTime: strawberry.scalar(
        name="DateTime",
        description="An instant in UTC: RFC 3339 with `Z`, and six decimals unless "
        "these are zero.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_datetime,
        parse_value=_datetime,
    ),
}
