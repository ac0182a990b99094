"""Keyset connections, as Relay has them: each edge's cursor is pinned to the basis.

A page knows how to make a cursor after any of its entries; none is made unless it is
asked for.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import strawberry

from dateline.api.graphql.answered import Answered, Basis
from dateline.api.graphql.types import Basis as BasisType
from dateline.api.graphql.types import (
    Change,
    ClaimKnowledge,
    Event,
    PossiblyKnown,
    Source,
    StatusCount,
    Topic,
    told,
)


class Page(NamedTuple):
    """Entries in order, and where the pages before and after are."""

    nodes: Sequence[Answered]
    cursor: Callable[[Answered], str]
    has_next: bool
    has_previous: bool
    bases: tuple[Basis, ...] = ()


class Edge(NamedTuple):
    """An entry of a page."""

    node: Answered
    page: Page


def edges_of(root: Page) -> Any:
    """Return the entries, each with its cursor."""
    return [Edge(node, root) for node in root.nodes]


def nodes_of(root: Page) -> Any:
    """Return the entries."""
    return root.nodes


def node_of(root: Edge) -> Any:
    """Return the entry of an edge."""
    return root.node


def cursor_of(root: Edge) -> Any:
    """Return the cursor after the entry of an edge."""
    return root.page.cursor(root.node)


def page_info_of(root: Page) -> Any:
    """Return where a page stands among the others."""
    ends = (root.nodes[0], root.nodes[-1]) if root.nodes else (None, None)
    start, end = (None if node is None else root.cursor(node) for node in ends)
    json = {
        "has_next_page": root.has_next,
        "has_previous_page": root.has_previous,
        "start_cursor": start,
        "end_cursor": end,
    }
    return Answered(json, {})


def basis_of(index: int) -> Callable[[Page], Any]:
    """Return the resolver of one of the points that a page compares."""

    def resolve(root: Page) -> Any:
        return Answered(root.bases[index], root.bases[index])

    return resolve


CURSOR = "What `after` goes on from."
NODE = "The entry."
EDGES = "The entries with their cursors."
NODES = "The entries alone."


@strawberry.type(description="Where a page stands among the others.")
class PageInfo:
    has_next_page: bool = told("Whether there is more after it.")
    has_previous_page: bool = told("Whether there is something before it.")
    start_cursor: str | None = told("The cursor of its first entry; null if empty.")
    end_cursor: str | None = told("The cursor of its last entry; null if empty.")


PAGE_INFO = "Where the page stands among the others."


@strawberry.type(description="A claim on a page.")
class ClaimEdge:
    cursor: str = told(CURSOR, cursor_of)
    node: ClaimKnowledge = told(NODE, node_of)


@strawberry.type(description="A page of claims, by id.")
class ClaimConnection:
    edges: list[ClaimEdge] = told(EDGES, edges_of)
    nodes: list[ClaimKnowledge] = told(NODES, nodes_of)
    page_info: PageInfo = told(PAGE_INFO, page_info_of)


@strawberry.type(description="A changed claim on a page.")
class ChangeEdge:
    cursor: str = told(CURSOR, cursor_of)
    node: Change = told(NODE, node_of)


@strawberry.type(description="A page of what differs between two points, by claim id.")
class ChangeConnection:
    from_: BasisType = told("The first point.", basis_of(0), name="from")
    to: BasisType = told("The second point.", basis_of(1))
    edges: list[ChangeEdge] = told(EDGES, edges_of)
    nodes: list[Change] = told(NODES, nodes_of)
    page_info: PageInfo = told(PAGE_INFO, page_info_of)


@strawberry.type(description="An event on a page.")
class EventEdge:
    cursor: str = told(CURSOR, cursor_of)
    node: Event = told(NODE, node_of)


@strawberry.type(description="A page of the log, by position.")
class EventConnection:
    edges: list[EventEdge] = told(EDGES, edges_of)
    nodes: list[Event] = told(NODES, nodes_of)
    page_info: PageInfo = told(PAGE_INFO, page_info_of)


@strawberry.type(description="A source on a page.")
class SourceEdge:
    cursor: str = told(CURSOR, cursor_of)
    node: Source = told(NODE, node_of)


@strawberry.type(description="A page of sources, by id.")
class SourceConnection:
    edges: list[SourceEdge] = told(EDGES, edges_of)
    nodes: list[Source] = told(NODES, nodes_of)
    page_info: PageInfo = told(PAGE_INFO, page_info_of)


@strawberry.type(description="A topic on a page.")
class TopicEdge:
    cursor: str = told(CURSOR, cursor_of)
    node: Topic = told(NODE, node_of)


@strawberry.type(description="A page of topics, by id.")
class TopicConnection:
    edges: list[TopicEdge] = told(EDGES, edges_of)
    nodes: list[Topic] = told(NODES, nodes_of)
    page_info: PageInfo = told(PAGE_INFO, page_info_of)


class Known(NamedTuple):
    """The answer to what was known, and the page of its claims."""

    json: dict[str, Any]
    basis: Basis
    page: Page


def counts_of(root: Known) -> Any:
    """Return how many claims have each status, in the order of the words."""
    return [
        Answered({"status": status, "count": count}, root.basis)
        for status, count in root.json["counts"].items()
    ]


def claims_of(root: Known) -> Any:
    """Return the page of claims."""
    return root.page


def possibly_known_of(root: Known) -> Any:
    """Return what may have been public at the point asked."""
    return [Answered(json, root.basis) for json in root.json["possibly_known"]]


def point_of(root: Known) -> Any:
    """Return the basis of the answer."""
    return Answered(root.basis, root.basis)


@strawberry.type(description="What was known at a point.")
class Knowledge:
    basis: BasisType = told("The points and the policy of the answer.", point_of)
    counts: list[StatusCount] = told(
        "How many claims have each status, before filter and page; unreported and "
        "zeros left out.",
        counts_of,
    )
    claims: ClaimConnection = told("The reported claims, by id.", claims_of)
    possibly_known: list[PossiblyKnown] = told(
        "Statements that may have been public; they count for nothing.",
        possibly_known_of,
    )
