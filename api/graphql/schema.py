"""The schema as it is served, with its limits, and as it is printed."""

from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Any, TypeVar

import strawberry
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import (
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
)
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError

from dateline.api.graphql.answered import read
from dateline.api.graphql.checks import Checks, checker
from dateline.api.graphql.errors import InvalidVariables, told
from dateline.api.graphql.events import EVENT_TYPES
from dateline.api.graphql.leaves import LeafExecutor
from dateline.api.graphql.mutations import Mutation
from dateline.api.graphql.queries import Query
from dateline.api.graphql.scalars import SCALARS
from dateline.api.graphql.subscriptions import Subscription
from dateline.api.settings import Settings

Result = TypeVar("Result", bound=ExecutionResult)


class Schema(strawberry.Schema):
    """The schema; whatever goes wrong comes back as an error with its code."""

    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Execute an operation that has one result."""
        result: ExecutionResult
        try:
            result = await super().execute(*args, **kwargs)
        except (
            MissingQueryError,
            CannotGetOperationTypeError,
            InvalidOperationTypeError,
        ) as error:
            reason = GraphQLError("refused", original_error=error)
            result = PreExecutionError(data=None, errors=[reason])
        return _with_codes(result)

    async def stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any]:
        """Execute an operation; yield its results."""
        return _all_with_codes(await super().stream(*args, **kwargs))

    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,
    ) -> None:
        """Log nothing here: faults are, when they are masked."""


def _with_codes(result: Result) -> Result:
    if result.errors:
        result.errors = told(result.errors, InvalidVariables)
    return result


async def _all_with_codes(results: AsyncGenerator[Any]) -> AsyncGenerator[Any]:
    try:
        async for result in results:
            yield _with_codes(result)
    finally:
        await results.aclose()


def build_schema(settings: Settings, **options: Any) -> Schema:
    """Return the schema with the limits of the settings."""
    schema: Schema

    def checks() -> Checks:
        return Checks(check, settings)

    schema = Schema(
        **{
            "query": Query,
            "mutation": Mutation,
            "subscription": Subscription,
            "types": EVENT_TYPES,
            "config": StrawberryConfig(default_resolver=read, scalar_map=SCALARS),
            "execution_context_class": LeafExecutor,
            "extensions": (checks,),
            **options,
        }
    )
    check = checker(schema._schema, settings)
    return schema


@lru_cache(maxsize=8)
def schema_for(settings: Settings) -> Schema:
    """Return the schema that servers with the same settings share."""
    return build_schema(settings)


def print_schema_text() -> str:
    """Return the schema in GraphQL's own language, sorted."""
    config = StrawberryConfig(
        default_resolver=read, scalar_map=SCALARS, sort_schema=True
    )
    return print_schema(build_schema(Settings(), config=config)) + "\n"
