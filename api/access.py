"""Who is asking, and how far they reach."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from dateline.api.problems import Forbidden


class Scope(StrEnum):
    """What a key is good for; each scope takes in those before it."""

    READ = "read"
    RECORD = "record"
    ADMIN = "admin"


class Caller(NamedTuple):
    """Who sent a request.

    Attributes:
        name: of the key or the token's subject; nothing while access is off.
        scope: how far it reaches.
    """

    name: str | None
    scope: Scope

    def check(self, needed: Scope) -> None:
        """Refuse what goes beyond the caller's scope.

        Raises:
            Forbidden: the scope does not reach so far.
        """
        order = list(Scope)
        if order.index(self.scope) < order.index(needed):
            raise Forbidden(
                f"this needs the scope {needed}, and the key has {self.scope}"
            )


ANYONE = Caller(None, Scope.ADMIN)
"""Every caller, while access is off."""


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Return who sent the request of an ASGI scope."""
    caller: Caller = scope.get("state", {}).get("caller", ANYONE)
    return caller
