"""Results as they are sent, on every transport."""

from collections.abc import Iterable
from typing import TypeAlias

import orjson
from graphql import GraphQLError
from strawberry.http import GraphQLHTTPResponse
from strawberry.types import ExecutionResult

from dateline.api.graphql.errors import refusal
from dateline.domain.errors import DatelineError

Payload: TypeAlias = GraphQLHTTPResponse


def payload_of(result: ExecutionResult) -> Payload:
    """Return a result as the response of the specification.

    An error before the first field was executed leaves no data, not even null.
    """
    payload: Payload = {}
    if result.errors:
        payload["errors"] = [error.formatted for error in result.errors]
    if not is_refused(result):
        payload["data"] = result.data
    if result.extensions:
        payload["extensions"] = result.extensions
    return payload


def is_refused(result: ExecutionResult) -> bool:
    """Tell whether nothing of the operation was executed."""
    errors = result.errors
    return result.data is None and bool(errors) and _is_early(errors or ())


def _is_early(errors: Iterable[GraphQLError]) -> bool:
    return all(error.path is None for error in errors)


def payload_of_error(error: DatelineError) -> Payload:
    """Return a response that tells of nothing but an error."""
    return {"errors": [refusal(error).formatted]}


def encode(value: object) -> str:
    """Return JSON on one line, as text: bytes would make binary frames of a socket."""
    return orjson.dumps(value).decode()
