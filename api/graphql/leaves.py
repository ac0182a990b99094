"""Execution: long lists of plain objects are completed by plans, and queries in time.

graphql-core spends four microseconds on each leaf, most of them on what a leaf of plain
data cannot do: be awaited, have arguments, fail apart from its neighbours. Where a
selection is made of nothing but such leaves and of objects of such leaves, it is
compiled once into a plan, and the plan completes each object of a list.

A plan answers what the stock path would, or gives up; whatever is unusual (an error, a
null where none may be, a value that is awaited or of a foreign type) is then left to
the stock path, from the beginning of the list. So resolvers that take nothing but
``root`` must be pure here: they may run twice. A property-based test compares both.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLString,
    OperationType,
    SelectionSetNode,
    Undefined,
    get_nullable_type,
    is_leaf_type,
)
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from dateline.api.graphql.answered import read
from dateline.api.graphql.errors import refusal
from dateline.api.graphql.references import BY_ID, ById, asks_only
from dateline.api.graphql.scalars import TEXTS
from dateline.api.problems import TooSlow

Get = Callable[[Any], Any]
"""Returns what a field of a source resolves to."""

Complete = Callable[[Any], Any]
"""Returns a completed value, or raises; ``Unusual`` if in doubt."""

Plans = dict[tuple[int, ...], Complete | None]
"""The plans of one document, by object type and nodes; None: leave it alone."""

_PLAIN_VALUES = frozenset((str, int, float, bool, list, tuple, dict))
_INT = range(-(2**31), 2**31)


class Unusual(Exception):
    """A plan does not know what to do, and leaves it to the stock path."""


class LeafExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes one operation."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Plans that depend on variables are this operation's own.
        self._own_plans: Plans = {}

    def execute_operation(self, serially: bool | None = None) -> Any:
        """Execute the operation; a query is given up when its time is over."""
        result = super().execute_operation(serially)
        is_query = self.operation.operation is OperationType.QUERY
        seconds = getattr(self.context_value, "seconds", None)
        if is_query and seconds is not None and self.is_awaitable(result):
            return _in_time(result, seconds)
        return result

    def complete_iterable_value(self, *args: Any) -> Any:
        """Complete a list: by a plan, if there is one and all goes as usual."""
        item_type, details, _, _, items, position_context = args
        if position_context is None and type(items) in (list, tuple):
            plan = self._plan(item_type, details)
            if plan is not None:
                try:
                    return [plan(item) for item in items]
                except Exception:  # the stock path raises it again, and tells where
                    pass
        return super().complete_iterable_value(*args)

    def complete_object_value(self, *args: Any) -> Any:
        """Complete one object, likewise."""
        return_type, details, _, _, source, position_context = args
        if position_context is None:
            plan = self._plan(return_type, details)
            if plan is not None:
                try:
                    return plan(source)
                except Exception:  # as above
                    pass
        return super().complete_object_value(*args)

    def _plan(self, kind: Any, details: FieldDetailsList) -> Complete | None:
        key = id(kind), *(id(detail.node) for detail in details)
        if key in self._own_plans:
            return self._own_plans[key]
        shared: Plans = getattr(self.context_value, "plans", self._own_plans)
        if key not in shared:
            plan = self._compiled(kind, details)
            if self._depends_on_variables(detail.node for detail in details):
                shared = self._own_plans
            shared[key] = plan
        return shared[key]

    def _depends_on_variables(self, nodes: Iterable[FieldNode]) -> bool:
        """Tell whether directives or arguments of fragments are in a selection."""
        seen: set[str] = set()

        def depends(selected: SelectionSetNode | None) -> bool:
            for one in () if selected is None else selected.selections:
                if one.directives or getattr(one, "arguments", None):
                    return True
                inside = getattr(one, "selection_set", None)
                name = (
                    None if isinstance(one, FieldNode) else getattr(one, "name", None)
                )
                if name is not None and name.value not in seen:
                    seen.add(name.value)
                    inside = self.fragment_definitions[name.value].selection_set
                if depends(inside):
                    return True
            return False

        return any(depends(node.selection_set) for node in nodes)

    # --- compiling ------------------------------------------------------------------

    def _compiled(self, kind: Any, details: FieldDetailsList) -> Complete | None:
        """Return the plan of an object type's selection, if it is plain."""
        manager = self.middleware_manager
        if manager is not None and manager.middlewares:
            return None
        try:
            return self._value(kind, details)
        except Unusual:
            return None

    def _value(self, kind: Any, details: FieldDetailsList) -> Complete:
        """Return what completes values of a type."""
        if isinstance(kind, GraphQLNonNull):
            return self._inner(kind.of_type, details)
        inner = self._inner(kind, details)
        return lambda value: None if value is None else inner(value)

    def _inner(self, kind: Any, details: FieldDetailsList) -> Complete:
        """Return what completes values of a type that are not null."""
        if isinstance(kind, GraphQLList):
            return _list_of(self._value(kind.of_type, details))
        if is_leaf_type(kind):
            return _leaf(kind)
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, details)
        return self._abstract(kind, details)

    def _abstract(self, kind: Any, details: FieldDetailsList) -> Complete:
        """Return what completes values of an interface or a union.

        No type is asked with an ``info``; one that wants it raises, and is left alone.
        """
        resolve = kind.resolve_type
        plans: dict[str, Complete] = {}
        for each in self.schema.get_possible_types(kind):
            with suppress(Unusual):
                plans[each.name] = self._object(each, details)
        if resolve is None or not plans:
            raise Unusual
        return lambda source: plans[resolve(source, None, kind)](source)

    def _object(self, kind: GraphQLObjectType, details: FieldDetailsList) -> Complete:
        fields = []
        grouped, deferred, _ = self.collect_subfields(kind, details)
        if deferred:
            raise Unusual
        for name, each in grouped.items():
            if any(detail.fragment_variable_values for detail in each):
                raise Unusual
            fields.append(self._field(name, kind, each))
        complete, is_type_of = _object_of(tuple(fields)), kind.is_type_of
        return complete if is_type_of is None else _checked(is_type_of, complete)

    def _field(
        self, name: str, parent: GraphQLObjectType, details: FieldDetailsList
    ) -> "_Field":
        nodes = [detail.node for detail in details]
        if nodes[0].name.value == "__typename":
            typename = _leaf(GraphQLString)
            return _Field(name, None, lambda _: parent.name, str, typename)
        field = self.schema.get_field(parent, nodes[0].name.value)
        if field is None or field.args or nodes[0].arguments:
            raise Unusual
        entry, get = _get(field, nodes)
        as_it_is = _as_it_is(get_nullable_type(field.type))
        return _Field(name, entry, get, as_it_is, self._value(field.type, details))


class _Field(NamedTuple):
    """A field of a response.

    Attributes:
        entry: the name of the source's entry that it is, if it is one.
        get: what resolves it otherwise.
        as_it_is: the class of values that need no completing.
    """

    name: str
    entry: str | None
    get: Get
    as_it_is: type | None
    complete: Complete


def _get(field: GraphQLField, nodes: list[FieldNode]) -> tuple[str | None, Get]:
    """Return what resolves a plain field of strawberry's: an entry, or a function."""
    told = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if not isinstance(told, StrawberryField) or told.extensions or told.is_async:
        raise Unusual
    if told.base_resolver is None:
        default, name = told.default_resolver, told.python_name
        entry = name if default is read else None
        return entry, lambda source: default(source, name)
    resolve: Any = told.base_resolver.wrapped_func
    by_id: ById | None = getattr(resolve, BY_ID, None)
    if by_id is not None and asks_only(nodes, by_id.fields):
        return None, by_id.resolve
    if list(told.base_resolver.signature.parameters) != ["root"]:
        raise Unusual
    return None, resolve


# --- completing ---------------------------------------------------------------------


def _object_of(fields: tuple[_Field, ...]) -> Complete:
    """Return a function that is written for these fields, as dataclasses do it."""
    lines = [
        "def complete(source):",
        "    if not (known.get(type(source)) or is_plain(type(source))):",
        "        raise unusual(source)",
    ]
    names: dict[str, Any] = {
        "known": _KNOWN,
        "is_plain": _is_plain,
        "unusual": _unusual,
    }
    if any(field.entry is not None for field in fields):
        lines.append("    entries = source.json")
    for n, (_, entry, get, as_it_is, complete) in enumerate(fields):
        names |= {f"get{n}": get, f"class{n}": as_it_is, f"complete{n}": complete}
        value = f"get{n}(source)" if entry is None else f"entries[{entry!r}]"
        if as_it_is is None:
            lines.append(f"    value{n} = complete{n}({value})")
        else:
            lines.append(f"    value{n} = {value}")
            lines.append(f"    if type(value{n}) is not class{n}:")
            lines.append(f"        value{n} = complete{n}(value{n})")
    pairs = (f"{field.name!r}: value{n}" for n, field in enumerate(fields))
    lines.append(f"    return {{{', '.join(pairs)}}}")
    exec("\n".join(lines), names)  # of names that GraphQL's grammar allows, and numbers
    complete_all: Complete = names["complete"]
    return complete_all


def _checked(is_type_of: Callable[..., Any], complete: Complete) -> Complete:
    """Return what completes objects of a type that tells them from others."""

    def complete_checked(source: Any) -> Any:
        if is_type_of(source, None) is not True:
            raise Unusual
        return complete(source)

    return complete_checked


def _list_of(inner: Complete) -> Complete:
    def complete(values: Any) -> list[Any]:
        if type(values) is not list and type(values) is not tuple:
            raise _unusual(values)
        return [inner(value) for value in values]

    return complete


def _leaf(kind: Any) -> Complete:
    coerce = kind.coerce_output_value
    as_it_is = _as_it_is(kind)

    def complete(value: Any) -> Any:
        of = type(value)
        if of is as_it_is:
            return value
        if of not in _PLAIN_VALUES:
            raise _unusual(value)
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise Unusual
        return coerced

    if kind is GraphQLInt:
        return lambda value: (
            value if type(value) is int and value in _INT else complete(value)
        )
    if isinstance(kind, GraphQLEnumType):
        names = {
            value.value: name
            for name, value in kind.values.items()
            if type(value.value) is str
        }

        def named(value: Any) -> Any:
            name = names.get(value) if type(value) is str else None
            return complete(value) if name is None else name

        return named
    return complete


def _as_it_is(kind: Any) -> type | None:
    """Return the class of values that a scalar leaves as they are, if there is one."""
    if kind is GraphQLBoolean:
        return bool
    is_text = kind in (GraphQLString, GraphQLID) or str(kind) in TEXTS
    return str if is_text and is_leaf_type(kind) else None


def _unusual(value: Any) -> Unusual:
    if asyncio.iscoroutine(value):
        value.close()  # the stock path asks for another one
    return Unusual()


_KNOWN: dict[type, bool] = {}


def _is_plain(kind: type) -> bool:
    """Tell whether objects of a class are data: not null, not raised, not awaited."""
    if kind not in _KNOWN:
        _KNOWN[kind] = not (
            kind in (type(None), type(Undefined))
            or issubclass(kind, BaseException)
            or hasattr(kind, "__await__")
            or hasattr(kind, "__getattr__")
            or hasattr(kind, "gi_code")
        )
    return _KNOWN[kind]


async def _in_time(
    result: Awaitable[ExecutionResult], seconds: float
) -> ExecutionResult:
    """Await a result in a task of its own, and no longer than so many seconds.

    Its questions have the same limit. Two cancel scopes of one task that end together
    would let the cancellation out; two tasks do not.
    """
    task = asyncio.ensure_future(result)
    try:
        await asyncio.wait((task,), timeout=seconds)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_forget)
    error = TooSlow(f"no answer within {seconds:g} s; ask for less")
    return ExecutionResult(None, [refusal(error)])


def _forget(task: asyncio.Future[ExecutionResult]) -> None:
    """Take what became of a task that nobody waits for."""
    if not task.cancelled():
        task.exception()
