"""How much one document may ask for: depth, aliases, and the cost of an operation.

Fragments are measured once, however often they are spread, so that measuring a
document takes no longer than reading it.

The cost is how many objects an operation asks for: one for each field that yields
objects, times the ``first`` of each page on the way down. A page's ``first`` counts at
its ``nodes`` and ``edges``. Introspection costs nothing; graphql-core bounds it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    IntValueNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    Visitor,
    visit,
)

from dateline.api.graphql.errors import TooDeep, TooManyAliases, refusal
from dateline.api.settings import Settings

PAGE = 50
"""Entries on a page, unless it is said how many."""

_ENTRIES = ("nodes", "edges")
_ROOT = 0

Variables = Mapping[str, Any]
Weigher = Callable[[Variables], int]
"""Returns the cost of an operation with variables."""


class Fragments:
    """The fragments of a document, by name."""

    def __init__(self, document: DocumentNode) -> None:
        self._by_name = {
            definition.name.value: definition.selection_set
            for definition in document.definitions
            if isinstance(definition, FragmentDefinitionNode)
        }

    def inside(self, selection: SelectionNode) -> SelectionSetNode | None:
        """Return what is selected within a field or a fragment; nothing of a leaf."""
        if isinstance(selection, FragmentSpreadNode):
            return self._by_name.get(selection.name.value)
        inside: SelectionSetNode | None = getattr(selection, "selection_set", None)
        return inside


def operations(document: DocumentNode) -> Iterator[OperationDefinitionNode]:
    """Iterate over the operations of a document."""
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            yield definition


# --- depth and aliases ------------------------------------------------------------


def excess(document: DocumentNode, settings: Settings) -> list[GraphQLError]:
    """Return what a valid document has too much of."""
    errors = []
    aliases = _aliases(document)
    if aliases > settings.graphql_max_aliases:
        most = settings.graphql_max_aliases
        errors.append(
            refusal(
                TooManyAliases(
                    f"the document has {aliases} aliases and the limit is {most}; ask "
                    "in several requests"
                )
            )
        )
    fragments = Fragments(document)
    depths: dict[int, int] = {}
    for operation in operations(document):
        depth = _depth(operation.selection_set, fragments, depths)
        if depth > settings.graphql_max_depth:
            most = settings.graphql_max_depth
            errors.append(
                refusal(
                    TooDeep(
                        f"the operation is {depth} levels deep and the limit is "
                        f"{most}; ask in several requests"
                    ),
                    operation,
                )
            )
    return errors


def _aliases(document: DocumentNode) -> int:
    count = 0

    class Counter(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            nonlocal count
            count += node.alias is not None

    visit(document, Counter())
    return count


def _depth(
    selected: SelectionSetNode, fragments: Fragments, known: dict[int, int]
) -> int:
    """Return how many levels of fields are nested, introspection apart."""
    if id(selected) not in known:
        deepest = 0
        for selection in selected.selections:
            is_field = isinstance(selection, FieldNode)
            if isinstance(selection, FieldNode) and _is_meta(selection):
                continue
            inside = fragments.inside(selection)
            below = 0 if inside is None else _depth(inside, fragments, known)
            deepest = max(deepest, below + is_field)
        known[id(selected)] = deepest
    return known[id(selected)]


def _is_meta(field: FieldNode) -> bool:
    """Tell whether a field asks about the schema."""
    return field.name.value.startswith("__")


# --- cost ---------------------------------------------------------------------------


def weigher(
    document: DocumentNode, operation: OperationDefinitionNode, paged: Collection[str]
) -> Weigher:
    """Return what reckons the cost of a valid document's operation.

    Args:
        paged: the fields at the root that take ``first``.
    """
    fragments = Fragments(document)
    sizes = _sizes(operation)

    def weigh(variables: Variables) -> int:
        known: dict[tuple[int, int], int] = {}

        def objects(selected: SelectionSetNode, page: int) -> int:
            """Return the cost of a selection, within a page of so many, or at root."""
            key = id(selected), page
            if key not in known:
                known[key] = sum(one(each, page) for each in selected.selections)
            return known[key]

        def one(selection: SelectionNode, page: int) -> int:
            inside = fragments.inside(selection)
            if inside is None:
                return 0
            if not isinstance(selection, FieldNode):
                return objects(inside, page)
            name = selection.name.value
            if _is_meta(selection):
                return 0
            if page == _ROOT:
                size = _first(selection, sizes, variables) if name in paged else 1
                return 1 + objects(inside, size)
            if name in _ENTRIES:
                return page * (1 + objects(inside, 1))
            return 1 + objects(inside, page)

        return objects(operation.selection_set, _ROOT)

    return weigh


def _sizes(operation: OperationDefinitionNode) -> Mapping[str, int]:
    """Return the sizes of pages that variables stand for unless they are given."""
    return {
        definition.variable.name.value: int(definition.default_value.value)
        for definition in operation.variable_definitions or ()
        if isinstance(definition.default_value, IntValueNode)
    }


def _first(field: FieldNode, sizes: Mapping[str, int], variables: Variables) -> int:
    """Return the size of the page that a field asks for."""
    size: object = PAGE
    for argument in field.arguments or ():
        if argument.name.value != "first":
            continue
        if isinstance(argument.value, IntValueNode):
            size = int(argument.value.value)
        elif isinstance(argument.value, VariableNode):
            name = argument.value.name.value
            size = variables.get(name, sizes.get(name, PAGE))
    # What is not a size, the field or its variable refuses soon enough.
    return size if type(size) is int and size > 0 else PAGE
