"""Errors as GraphQL tells them: ``extensions.code`` and the values that REST gives.

What the ledger raises keeps its sentence. What is wrong with the document is told as it
is. Anything else is a fault of ours: logged, and masked.
"""

import re
from collections.abc import Iterable
from logging import getLogger
from typing import Any

from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.exceptions import MissingQueryError, StrawberryInputCoercionError
from strawberry.schema.exceptions import (
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
)
from strawberry.types.graphql import OperationType

from dateline.api.problems import (
    Internal,
    MethodNotAllowed,
    RequestError,
    members_of,
)
from dateline.domain.errors import DatelineError

log = getLogger(__name__)

_TOO_LONG = re.compile(r"(?s).*contains more than \d+ tokens\..*")


class DocumentError(RequestError):
    """What is wrong with a document that arrived in good order, or with its values.

    A client that accepts plain JSON only is told so with status 200, as GraphQL over
    HTTP has it.
    """

    code = "graphql_document"


class InvalidSyntax(DocumentError):
    """The document is not GraphQL."""

    code = "graphql_syntax"


class InvalidDocument(DocumentError):
    """The document does not fit the schema."""

    code = "graphql_validation"


class InvalidVariables(DocumentError):
    """The value of a variable or an argument does not fit its type."""

    code = "graphql_variables"


class UnknownOperation(DocumentError):
    """The document has no operation of the name given, or several and no name."""

    code = "graphql_operation"


class TooManyTokens(DocumentError):
    """The document is longer than is read."""

    code = "graphql_too_long"


class TooDeep(DocumentError):
    """The selections are nested deeper than is allowed."""

    code = "graphql_too_deep"


class TooManyAliases(DocumentError):
    """The document has more aliases than are allowed."""

    code = "graphql_too_many_aliases"


class TooCostly(DocumentError):
    """The operation asks for more objects than is allowed."""

    code = "graphql_too_costly"

    def __init__(self, cost: int, limit: int) -> None:
        super().__init__(
            f"the operation asks for {cost:,} objects and the limit is {limit:,}; ask "
            "for fewer with first, or in parts"
        )
        self.cost, self.limit = min(cost, 2**63 - 1), limit


class InvalidRequest(RequestError):
    """The request is not one of GraphQL over HTTP."""

    code = "graphql_request"


class NotStreamed(RequestError):
    """A subscription was sent where one answer is expected."""

    code = "graphql_not_streamed"


class TooManyOperations(RequestError):
    """The socket has as many operations under way as it may."""

    code = "graphql_too_many_operations"


def refusal(error: DatelineError, node: Any = None) -> GraphQLError:
    """Return an error of the ledger's, or of a request, as GraphQL has it."""
    return GraphQLError(
        str(error), node, original_error=error, extensions=members_of(error)
    )


def told(
    errors: Iterable[GraphQLError], otherwise: type[RequestError]
) -> list[GraphQLError]:
    """Return errors with their codes, faults masked.

    Args:
        otherwise: what an error is that graphql-core raised before any field.
    """
    return [_told(error, otherwise) for error in errors]


def _told(error: GraphQLError, otherwise: type[RequestError]) -> GraphQLError:
    if error.extensions and "code" in error.extensions:
        return error
    reason = reason_for(error, otherwise)
    return GraphQLError(
        str(reason),
        error.nodes,
        error.source,
        error.positions,
        error.path,
        reason,
        members_of(reason),
    )


def reason_for(error: GraphQLError, otherwise: type[RequestError]) -> DatelineError:
    """Return what an error comes to in the ledger's words; log what is a fault."""
    cause = _cause_of(error)
    match cause:
        case DatelineError():
            return cause
        case MissingQueryError():
            return InvalidRequest("the request has no query; send a document")
        case InvalidOperationTypeError():
            return _out_of_place(cause.operation_type)
        case CannotGetOperationTypeError():
            return UnknownOperation(
                "the document has no operation"
                if cause.operation_name is None
                else f"the document has no operation named {cause.operation_name!r}"
            )
        case GraphQLSyntaxError():
            is_long = _TOO_LONG.fullmatch(cause.message) is not None
            return (TooManyTokens if is_long else InvalidSyntax)(cause.message)
        case StrawberryInputCoercionError():
            return InvalidVariables(error.message)
        case GraphQLError() if error.path is None:
            return otherwise(error.message)
        case _ if error.path is None and otherwise is InvalidDocument:
            return otherwise(error.message)  # a literal that cannot even be read
        case _ if error.message.startswith(("Argument ", "Variable ")):
            return InvalidVariables(error.message)
    log.error("a fault of GraphQL's at %s", error.path, exc_info=cause)
    return Internal()


def _out_of_place(kind: OperationType) -> RequestError:
    if kind is OperationType.SUBSCRIPTION:
        return NotStreamed(
            "a subscription has many results; accept text/event-stream, or use a socket"
        )
    return MethodNotAllowed(
        f"a {kind.value} cannot be sent by GET; use POST", {"Allow": "POST"}
    )


def _cause_of(error: GraphQLError) -> BaseException:
    """Return what was raised in the first place."""
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause
