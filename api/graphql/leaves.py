"""Execution: the time limit of queries."""

from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class LeafExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation."""
