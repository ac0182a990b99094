"""What a document goes through before it is executed, once for each text.

Parsing, validation and measuring depend on the text alone and are kept together in one
bounded cache of the schema. Only the cost depends on variables.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationType,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from dateline.api.graphql.errors import (
    InvalidDocument,
    TooCostly,
    TooDeep,
    UnknownOperation,
    refusal,
    told,
)
from dateline.api.graphql.limits import Weigher, excess, operations, weigher
from dateline.api.settings import Settings

KEPT = 128
"""Documents whose checks are kept."""

RULES = tuple(specified_rules)


class Checked(NamedTuple):
    """A parsed document, what is wrong with it, and what its operations cost."""

    document: DocumentNode
    errors: list[GraphQLError]
    weighers: dict[str | None, Weigher | None]
    """By the operation's name; None: it is a subscription, of unknown cost."""
    plans: dict[tuple[int, ...], Any]
    """How its lists are completed, as far as that was found out."""


Checker = Callable[[str], Checked]
"""Raises GraphQLSyntaxError for what is not GraphQL, or too long."""


def checker(schema: GraphQLSchema, settings: Settings) -> Checker:
    """Return what checks documents for a schema, and keeps what it found."""
    assert schema.query_type is not None
    paged = {
        name
        for name, field in schema.query_type.fields.items()
        if "first" in field.args
    }

    @lru_cache(maxsize=KEPT)
    def check(text: str) -> Checked:
        document = parse(text, max_tokens=settings.graphql_max_tokens)
        try:
            return _checked(document)
        except RecursionError:
            pass  # left first: the error would keep all its frames alive
        errors = [refusal(TooDeep("fragments are nested too deeply; ask more simply"))]
        return Checked(document, errors, {}, {})

    def _checked(document: DocumentNode) -> Checked:
        errors = told(validate_document(schema, document, RULES), InvalidDocument)
        errors = errors or excess(document, settings)
        if errors:
            return Checked(document, errors, {}, {})
        weighers = {
            operation.name.value if operation.name else None: (
                None
                if operation.operation is OperationType.SUBSCRIPTION
                else weigher(document, operation, paged)
            )
            for operation in operations(document)
        }
        for weigh in weighers.values():
            if weigh is not None:
                weigh({})  # as deep as with any variables
        return Checked(document, [], weighers, {})

    return check


class Checks(SchemaExtension):
    """Checks the operation of one request, and reports its cost."""

    def __init__(self, check: Checker, settings: Settings) -> None:
        super().__init__()
        self._check = check
        self._settings = settings
        self._checked: Checked | None = None
        self._cost: int | None = None

    def on_parse(self) -> Iterator[None]:
        """Bring the document; if there is none, parsing it again says why."""
        context = self.execution_context
        context.parse_options["max_tokens"] = self._settings.graphql_max_tokens
        assert context.query is not None
        with suppress(GraphQLSyntaxError):
            self._checked = self._check(context.query)
            context.graphql_document = self._checked.document
            context.context.plans = self._checked.plans
        yield

    def on_validate(self) -> Iterator[None]:
        """Bring what is wrong with the document, or with its cost."""
        assert self._checked is not None
        context = self.execution_context
        errors = list(self._checked.errors)
        if context._provided_operation_name is None and len(self._checked.weighers) > 1:
            reason = "the document has several operations; name one in operationName"
            errors.append(refusal(UnknownOperation(reason)))
        weigh = self._checked.weighers.get(context.operation_name)
        if weigh is not None:
            limit = self._settings.graphql_max_cost
            self._cost = weigh(context.variables or {})
            if self._cost > limit:
                errors.append(refusal(TooCostly(self._cost, limit)))
        context.pre_execution_errors = errors
        yield

    def get_results(self) -> dict[str, Any]:
        """Report the cost; a subscription has none that could be known."""
        if self._cost is None:
            return {}
        limit = self._settings.graphql_max_cost
        return {"cost": {"asked": min(self._cost, 2**63 - 1), "limit": limit}}
