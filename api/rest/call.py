"""One request on its way to an answer: what was asked, by whom, and of what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.types import Receive, Scope

from dateline.api.access import Caller
from dateline.api.rest.heads import Heads
from dateline.api.rest.kept import KeptAnswers
from dateline.api.rest.operations import Operation
from dateline.api.rest.parameters import PINNING, Given, Query
from dateline.api.services import Services


@dataclass(frozen=True, eq=False)
class Interface:
    """What all requests share.

    Attributes:
        heads: looks up where the ledger ends.
        kept: answers that were given lately.
        messages: of recent events, as feeds tell them, by cursor.
        documents: what describes the interface, by where it is mounted.
    """

    services: Services
    operations: Sequence[Operation]
    heads: Heads
    kept: KeptAnswers
    messages: dict[str, bytes] = field(default_factory=dict)
    documents: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose caller, media type and parameters have been checked.

    Attributes:
        names: what the path names, by parameter.
        query, given, rest: see :class:`Asked`.
        media_type: what the answer is to come in.
    """

    api: Interface
    operation: Operation
    scope: Scope
    receive: Receive
    caller: Caller
    names: Mapping[str, str]
    query: Query
    given: Given
    rest: str
    media_type: str

    @property
    def services(self) -> Services:
        return self.api.services

    @property
    def root(self) -> str:
        """The path that the application is mounted at, as URLs have it."""
        return quote(self.scope.get("root_path", "").rstrip("/"))

    def headers(self, name: bytes) -> list[str]:
        """Return the values of a header, in lower case named."""
        return headers(self.scope, name)

    def url(self, **changed: str | None) -> str:
        """Return the path and query of this question, asked elsewhere in the log.

        Args:
            changed: parameters that pin it; None takes one out.
        """
        pinned = {name: self.given.get(name) for name in PINNING}
        pinned = {**pinned, "at_least": None, **changed}
        parts = [
            f"{name}={quote(value)}"
            for name, value in pinned.items()
            if value is not None
        ]
        query = "&".join([self.rest, *parts] if self.rest else parts)
        path = self.operation.path
        for name, value in self.names.items():
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        return f"{self.root}{path}?{query}" if query else self.root + path


def headers(scope: Scope, name: bytes) -> list[str]:
    """Return the values of a request's header, in lower case named."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]
