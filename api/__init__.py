"""The ledger asked from outside: REST, GraphQL, feeds. Thin; see ``create_app``."""

from dateline.api.app import create_app
from dateline.api.settings import Settings

__all__ = ["Settings", "create_app"]
