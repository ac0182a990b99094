"""Plans complete lists as graphql-core does, or leave them to it: random documents."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import DocumentNode, execute, parse, validate
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from dateline.api.graphql import leaves
from dateline.api.graphql.answered import Answered, part, parts, read
from dateline.api.graphql.leaves import LeafExecutor, Plans
from dateline.api.graphql.references import BY_ID, ById, asks_only
from dateline.api.graphql.scalars import SCALARS, DateTime, Long


@strawberry.enum
class Word(Enum):
    FOR = "for"
    AGAINST = "against"


def told(resolver: Any = None) -> Any:
    return strawberry.field(resolver=resolver)


def computed(root: Answered) -> Any:
    """Fail now and then."""
    number = root.json["number"]
    return 10 // number if isinstance(number, int) else number


async def awaited(root: Answered) -> Any:
    await asyncio.sleep(0)
    return root.json["text"]


def argued(root: Answered, more: int = 1) -> Any:
    return f"{root.json['text']}{more}"


def informed(root: Answered, info: strawberry.Info) -> Any:
    return info.field_name


def by_id(root: Answered) -> Any:
    return Answered({"id": root.json["id"]}, root.basis)


def itself(root: Answered) -> Any:
    return root


def named(root: Answered, info: strawberry.Info) -> Any:
    """Know an object by its id, or look it up."""
    if asks_only(info._raw_info.field_nodes, frozenset(("id", "__typename"))):
        return by_id(root)
    return Answered({**root.json, "text": "looked up"}, root.basis)


setattr(named, BY_ID, ById(by_id, frozenset(("id", "__typename"))))


@strawberry.interface
class Named:
    id: strawberry.ID = told()

    @classmethod
    def resolve_type(cls, value: Answered, *_: object) -> str:
        text = value.json.get("text")
        if text == "12":
            raise ValueError("a type that is an error")
        return "Another" if text is None else "Other"


@strawberry.type
class Other(Named):
    text: str | None = told()

    @classmethod
    def is_type_of(cls, *_: object) -> bool:
        return True


@strawberry.type
class Another(Named):
    flag: bool = told()

    @classmethod
    def is_type_of(cls, value: Answered, *_: object) -> bool:
        return value.json.get("number") != 2


@strawberry.type
class Thing:
    id: strawberry.ID = told()
    text: str | None = told()
    number: int | None = told()
    ratio: float | None = told()
    flag: bool = told()
    word: Word | None = told()
    words: list[Word] = told()
    tags: list[str | None] | None = told()
    matrix: list[list[int]] | None = told()
    long: Long | None = told()
    moment: DateTime | None = told()
    json: JSON | None = told()
    computed: int | None = told(computed)
    awaited: str | None = told(awaited)
    argued: str | None = told(argued)
    informed: str | None = told(informed)
    child: "Thing | None" = told(part("child"))
    strict: "Thing" = told(part("child"))
    children: "list[Thing]" = told(parts("children"))
    maybe: "list[Thing | None] | None" = told(parts("children"))
    named: "Thing" = told(named)
    other: Other | None = told(itself)
    face: Named | None = told(itself)
    faces: list[Named] = told(parts("children"))


def roots_of(root: Any) -> Any:
    return root


def first_of(root: Any) -> Any:
    return root[0] if root else None


@strawberry.type
class Query:
    things: list[Thing] = told(roots_of)
    maybe: list[Thing | None] | None = told(roots_of)
    one: Thing | None = told(first_of)


SCHEMA = strawberry.Schema(
    Query,
    config=StrawberryConfig(default_resolver=read, scalar_map=SCALARS),
    types=(Another,),
)._schema


@dataclass
class Shared:
    """What operations of one document share."""

    plans: Plans = field(default_factory=dict)
    seconds: float | None = None


def run(document: DocumentNode, executor: Any, root: Any, **named: Any) -> Any:
    ask: Callable[..., Any] = execute

    async def result() -> Any:
        got: Any = ask(
            SCHEMA,
            document,
            root_value=root,
            executor_class=executor,
            operation_extensions=None,
            **named,
        )
        return await got if inspect.isawaitable(got) else got

    got = asyncio.run(result())
    errors = [error.formatted for error in got.errors or ()]
    return got.data, sorted(errors, key=str)


# --- random documents -----------------------------------------------------------------

LEAVES = (
    *("id", "text", "number", "ratio", "flag", "word", "words", "tags", "matrix"),
    *("long", "moment", "json", "__typename"),
)
ODD = ("computed", "awaited", "argued(more: 2)", "informed")
OBJECTS = ("child", "strict", "children", "maybe", "named")


def directives() -> st.SearchStrategy[str]:
    return st.sampled_from(
        [""] * 8
        + [
            *(" @skip(if: true)", " @skip(if: false)", " @include(if: false)"),
            *(" @include(if: $yes)", " @skip(if: $yes)", " @include(if: $no)"),
        ]
    )


def name_of(selected: str) -> str:
    return selected.partition("(")[0].strip("_")


@st.composite
def fields(draw: st.DrawFn, depth: int) -> str:
    """Draw a field of a thing; an alias always stands for the same field."""
    odd = ODD if draw(st.integers(0, 9)) == 0 else ()
    objects = OBJECTS if depth else ()
    name = draw(st.sampled_from((*LEAVES, *odd, *objects, *objects)))
    alias = f"a_{name_of(name)}: " if draw(st.integers(0, 5)) == 0 else ""
    inside = f" {draw(selections(depth - 1))}" if name in OBJECTS else ""
    return f"{alias}{name}{draw(directives())}{inside}"


@st.composite
def selections(draw: st.DrawFn, depth: int) -> str:
    parts_ = draw(st.lists(fields(depth), min_size=1, max_size=5))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        parts_.append(f"...{draw(st.sampled_from('fg'))}{draw(directives())}")
    if kind == 1:
        parts_.append(f"... on Thing{draw(directives())} {{ {draw(fields(depth))} }}")
    if kind == 2:
        parts_.append(f"...{draw(directives())} {{ {draw(fields(depth))} }}")
    if kind == 3:
        face = "{ id __typename ... on Another { flag } ... on Other { text } }"
        parts_.append(f"other {{ id text }} face {face} faces {face}")
    return "{ " + " ".join(parts_) + " }"


@st.composite
def documents(draw: st.DrawFn) -> str:
    names = st.lists(
        st.sampled_from(["things", "maybe", "one"]), min_size=1, max_size=2
    )
    roots = " ".join(
        f"{name}{draw(directives())} {draw(selections(2))}" for name in draw(names)
    )
    f, g = (draw(selections(depth)) for depth in (1, 0))
    for spread in ("...f", "...g"):
        f, g = f.replace(spread, "__typename"), g.replace(spread, "__typename")
    return f"""
      query ($yes: Boolean!, $no: Boolean!) {{ {roots} __typename ...q }}
      fragment q on Query {{ __typename @include(if: $no) @skip(if: $yes)
        u: things @include(if: $no) {{ ...f ...g }} }}
      fragment f on Thing {f}
      fragment g on Thing {g}
    """


class Oddity(str):
    """A value of a foreign type."""


def values(*usual: Any) -> st.SearchStrategy[Any]:
    """Draw a value, once in a while one that a field cannot have."""
    odd = [
        *(None, True, 0, 7, 2**40, -1.5, float("nan"), "", "for", "12", Oddity("x")),
        *([], [None], {"a": 1}, (), ValueError("a value that is an error"), object),
    ]
    return st.sampled_from([*usual * 12, *odd])


def data(depth: int = 2) -> st.SearchStrategy[dict[str, Any]]:
    inner: st.SearchStrategy[Any] = st.none()
    children: st.SearchStrategy[Any] = st.just([])
    if depth:
        inner = st.none() | data(depth - 1)
        children = st.lists(data(depth - 1), max_size=2)
    return st.fixed_dictionaries(
        {
            "id": values("a", "b"),
            "text": values("x", None),
            "number": values(1, 2, None),
            "ratio": values(1.5, None, 2),
            "flag": values(True, False),
            "word": values("for", "against", None),
            "words": values(["for"], ["for", "against"], []),
            "tags": values(["x", None], None),
            "matrix": values([[1, 2], []], None),
            "long": values(2**40, None),
            "moment": values("2024-10-22T00:00:00Z", None),
            "json": values({"a": [1]}, None),
            "child": inner,
            "children": children,
        }
    )


@settings(max_examples=250)
@given(text=documents(), roots=st.lists(data(), max_size=4), yes=st.booleans())
def test_plans_answer_what_the_stock_path_answers(
    text: str, roots: list[Any], yes: bool
) -> None:
    document = parse(text)
    if validate(SCHEMA, document):
        return
    root = [Answered(json, {"position": 1}) for json in roots]
    shared = Shared()
    for switch in (yes, not yes, yes):
        variables = {"yes": switch, "no": False}
        stock = run(
            document,
            StrawberryGraphQLCoreExecutionContext,
            root,
            variable_values=variables,
        )
        planned = run(
            document,
            LeafExecutor,
            root,
            variable_values=variables,
            context_value=shared,
        )
        assert planned == stock


# --- that plans are used --------------------------------------------------------------

PLAIN: dict[str, Any] = {
    **{"id": "a", "text": "x", "number": 2, "ratio": 0.5, "flag": True, "word": "for"},
    **{"words": ["for"], "tags": None, "matrix": [[1]], "long": 1, "moment": "m"},
    **{"json": {}, "child": None, "children": []},
}


@pytest.fixture
def stock_objects(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Collect what the stock path completes as an object."""
    completed: list[Any] = []
    stock = StrawberryGraphQLCoreExecutionContext.complete_object_value

    def spied(executor: Any, *arguments: Any) -> Any:
        completed.append(arguments[4])
        return stock(executor, *arguments)

    monkeypatch.setattr(
        StrawberryGraphQLCoreExecutionContext, "complete_object_value", spied
    )
    return completed


@pytest.mark.parametrize(
    "selected",
    [
        "id text number ratio flag word words tags matrix long moment json __typename",
        "a: id ...f",
        "computed child { id } named { id __typename } children { strict { id } }",
        "id @include(if: $yes) text @skip(if: $yes)",
        "face { id ... on Other { text } } other { text } faces { __typename }",
    ],
)
def test_plain_selections_are_completed_by_plans(
    stock_objects: list[Any], selected: str
) -> None:
    document = parse(
        f"query ($yes: Boolean = true) {{ things {{ {selected} }} }}"
        "fragment f on Thing { text flag }"
    )
    root = [Answered(PLAIN, {}), Answered({**PLAIN, "id": "b"}, {})]
    _, errors = run(document, LeafExecutor, root, context_value=Shared())
    assert errors == []
    assert stock_objects == []


@pytest.mark.parametrize(
    "selected, json",
    [
        ("awaited", PLAIN),
        ("argued", PLAIN),
        ("informed", PLAIN),
        ("named { text }", PLAIN),
        ("face { id ... on Other { text } }", {**PLAIN, "text": "12"}),
        ("faces { id }", {**PLAIN, "children": [{**PLAIN, "text": None}]}),
        ("id", {**PLAIN, "id": None}),
        ("computed", {**PLAIN, "number": 0}),
        ("text", {**PLAIN, "text": Oddity("x")}),
    ],
)
def test_what_is_unusual_is_left_to_the_stock_path(
    stock_objects: list[Any], selected: str, json: dict[str, Any]
) -> None:
    run(parse(f"{{ things {{ {selected} }} }}"), LeafExecutor, [Answered(json, {})])
    assert stock_objects != []


def test_plans_are_made_once_for_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    compile_ = LeafExecutor._compiled

    def spied(executor: LeafExecutor, *arguments: Any) -> Any:
        compiled.append(arguments)
        return compile_(executor, *arguments)

    monkeypatch.setattr(LeafExecutor, "_compiled", spied)
    root, shared = [Answered(PLAIN, {})], Shared()
    plain = parse("{ things { id text } }")
    for _ in range(3):
        run(plain, LeafExecutor, root, context_value=shared)
    assert len(compiled) == 1
    varying = parse("query ($yes: Boolean!) { things { id @skip(if: $yes) flag } }")
    for yes in (True, False):
        named_: dict[str, Any] = {"variable_values": {"yes": yes}}
        run(varying, LeafExecutor, root, context_value=shared, **named_)
    assert len(compiled) == 3


def test_a_value_that_is_awaited_after_all_is_awaited() -> None:
    async def later() -> str:
        return "later"

    class Later(Answered):
        pass

    def lazy(source: Any, name: str) -> Any:
        return later() if name == "text" else source.json[name]

    @strawberry.type
    class Root:
        things: list[Thing] = told(roots_of)

    schema = strawberry.Schema(
        Root, config=StrawberryConfig(default_resolver=lazy, scalar_map=SCALARS)
    )
    ask: Callable[..., Any] = execute
    result = asyncio.run(
        ask(
            schema._schema,
            parse("{ things { id text } }"),
            root_value=[Answered(PLAIN, {})],
            executor_class=LeafExecutor,
            operation_extensions=None,
        )
    )
    assert result.data == {"things": [{"id": "a", "text": "later"}]}


def test_classes_that_may_be_awaited_are_not_plain() -> None:
    class Awaitable_:
        def __await__(self) -> Any:
            yield

    assert not leaves._is_plain(Awaitable_)
    assert not leaves._is_plain(type(None))
    assert not leaves._is_plain(ValueError)
    assert leaves._is_plain(Answered)
    assert leaves._is_plain(dict)
