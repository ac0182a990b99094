"""Fields that name something by id: claims, sources, topics, documents, events.

While only ids are selected, nothing is looked up. Otherwise what is named is loaded
in batches, as it stood at the position of the answer.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from graphql import FieldNode

from dateline.api.graphql.answered import Answered, Basis
from dateline.api.graphql.context import Info
from dateline.api.graphql.loaders import Kind
from dateline.api.graphql.words import EVENTS

BY_ID = "__by_id__"
"""The attribute of a resolver that says how it answers while only ids are selected."""


class ById(NamedTuple):
    """What a reference comes to without a look-up, and for which fields that is so."""

    resolve: Callable[[Answered], Any]
    fields: frozenset[str]


class Named(NamedTuple):
    """What is named: how it is looked up, and what is known of it by its id alone.

    The object type of an event is not known by its id. While no fragment and no
    ``__typename`` asks for it, any type will do.
    """

    kind: Kind
    fields: frozenset[str] = frozenset(("id", "__typename"))
    known: tuple[tuple[str, str], ...] = ()

    def unread(self, id: str, basis: Basis) -> Answered:
        """Return it by its id alone."""
        json = {"id": id}
        if self.known:
            json.update(self.known)
        return Answered(json, basis)


SOURCE = Named(Kind.SOURCE)
TOPIC = Named(Kind.TOPIC)
DOCUMENT = Named(Kind.DOCUMENT)
CLAIM = Named(Kind.CLAIM)
STATEMENT = Named(Kind.EVENT)
EVENT = Named(Kind.EVENT, frozenset(("id",)), (("type", EVENTS[0].__name__),))

Resolver = Callable[[Answered, Info], Any]


def one(named: Named, name: str) -> Resolver:
    """Return the resolver of a reference, which may be null."""

    def by_id(root: Answered) -> Any:
        id = root.json[name]
        return None if id is None else named.unread(id, root.basis)

    def load(root: Answered, info: Info) -> Any:
        id = root.json[name]
        if id is None:
            return None
        return info.context.loaders.one(named.kind, id, root.basis)

    return _resolver(named, by_id, load)


def many(named: Named, name: str) -> Resolver:
    """Return the resolver of a list of references."""

    def by_id(root: Answered) -> Any:
        return [named.unread(id, root.basis) for id in root.json[name]]

    def load(root: Answered, info: Info) -> Any:
        ids = root.json[name]
        return info.context.loaders.many(named.kind, ids, root.basis) if ids else []

    return _resolver(named, by_id, load)


def _resolver(
    named: Named, by_id: Callable[[Answered], Any], load: Resolver
) -> Resolver:
    def resolve(root: Answered, info: Info) -> Any:
        if asks_only(info._raw_info.field_nodes, named.fields):
            return by_id(root)
        return load(root, info)

    setattr(resolve, BY_ID, ById(by_id, named.fields))
    return resolve


def asks_only(nodes: Iterable[FieldNode], fields: frozenset[str]) -> bool:
    """Tell whether nothing but these fields is selected, and no fragment is spread."""
    return all(
        isinstance(selection, FieldNode) and selection.name.value in fields
        for node in nodes
        for selection in (node.selection_set.selections if node.selection_set else ())
    )
