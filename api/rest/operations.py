"""What one method of one path is: how it is asked, answered and described."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel
from starlette.types import ASGIApp

from dateline.api.access import Scope
from dateline.api.rest.media import EVENT_STREAM
from dateline.api.rest.parameters import Query
from dateline.domain.answers import Answer
from dateline.ledger import Ledger

if TYPE_CHECKING:
    from dateline.api.rest.call import Call

Handler = Callable[["Call"], Awaitable[ASGIApp]]

Question = Callable[[Ledger, Mapping[str, str], Any], Answer | bytes]
"""Asks the ledger: with what the path names, and the parameters, positions pinned."""

Schema = type[BaseModel] | Mapping[str, Any]
"""A model, or JSON Schema."""


class Header(NamedTuple):
    """A header that a request may bring."""

    name: str
    description: str
    schema: Mapping[str, Any]


class Told(NamedTuple):
    """What the answers of one status hold, by media type."""

    description: str
    content: Mapping[str, Schema]
    is_tagged: bool = False
    is_page: bool = False


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path.

    Attributes:
        id: what the library calls it, where it has a name for it.
        tag: the group it is shown in.
        handlers: what answers, by the media type asked for; the first is the default.
        told: the good answers, by status.
        query: the parameters it takes.
        question: what a handler asks of the ledger at pinned positions.
        points: the parameters that are points of record time.
        names: what the path names, with descriptions.
        bodies: what the request's body holds, by media type.
        errors: the statuses of its own problems, besides those of all operations.
        of_primary: the media types in which the ledger itself answers, never a replica.
    """

    method: str = "GET"
    path: str
    id: str
    tag: str
    summary: str
    description: str
    handlers: Mapping[str, Handler]
    told: Mapping[int, Told]
    query: type[Query] = Query
    question: Question | None = None
    points: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[Header, ...] = ()
    bodies: Mapping[str, Schema] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    scope: Scope = Scope.READ
    of_primary: tuple[str, ...] = (EVENT_STREAM,)

    @property
    def is_paged(self) -> bool:
        """Whether the answer is one page of several."""
        return "after" in self.query.model_fields
