"""What was known of 1,000 claims, 8 fields each, over GraphQL and stock strawberry.

Both are asked the same document of the same ledger, in turn, as ASGI applications in
this process: reading the body, parsing, validating, resolving, completing, JSON. Stock
is strawberry's own application and executor over the very same types and resolvers,
without limits. Both answer with the same data.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import Any

import orjson
from starlette.types import ASGIApp
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

import dateline
from benchmarks.report import Figure, Spread, spread
from benchmarks.workloads import END, Ledgers, Shape, clock
from dateline.api import Settings, create_app
from dateline.api.graphql.app import graphql_app
from dateline.api.graphql.context import Context
from dateline.api.graphql.schema import build_schema
from dateline.api.services import Services
from dateline.domain.times import print_datetime
from dateline.ledger import Ledger

AIM = 5.0
SHAPE = Shape(topics=5, events_of_a_claim=12)
"""1,000 claims that were spoken of."""

ON = print_datetime(END)
DOCUMENT = """
  query Known($on: String!) { knowledge(on: $on, first: 1000) { claims { nodes {
    id text about status flags since tally { independent } topics { id }
  } } } }
"""
ONE = "{ ledger { position } }"
_WARM_UP = 3

Ask = Callable[[], Awaitable[bytes]]


class Stock(GraphQL[Context, None]):
    """Strawberry's own application."""

    def __init__(self, services: Services, *, caches: bool) -> None:
        extensions = (ParserCache, ValidationCache) if caches else ()
        schema = build_schema(
            services.settings,
            execution_context_class=StrawberryGraphQLCoreExecutionContext,
            extensions=extensions,
        )
        super().__init__(schema, graphql_ide=None)
        self._services = services

    async def get_context(self, request: Any, response: Any) -> Context:
        return Context(self._services)


def measure(ledgers: Ledgers, *, count: int) -> Iterator[Figure]:
    """Ask in turn; compare medians."""
    with dateline.open(ledgers.ledger(SHAPE), clock=clock) as ledger:
        spreads = asyncio.run(_measure(ledger, count))
    stock, cached, ours, one, floor = spreads
    ratio = stock.p50 / ours.p50
    yield Figure("1,000 claims, stock strawberry", str(stock))
    yield Figure("the same, its parser and validation caches", str(cached))
    yield Figure(
        "1,000 claims, dateline",
        str(ours),
        f"{ratio:.1f} times as fast as stock; {cached.p50 / ours.p50:.1f} with caches",
        f"≥ {AIM:g} times",
        ratio >= AIM,
    )
    share = (stock.p50 - floor.p50) / (ours.p50 - floor.p50)
    yield Figure(
        "of which the library's JSON",
        str(floor),
        f"without it {share:.1f} times as fast as stock",
    )
    yield Figure("one object, dateline", str(one))


async def _measure(ledger: Ledger, count: int) -> list[Spread]:
    settings = Settings()
    services: Services = create_app(ledger, settings).state.services
    app = graphql_app(services)
    known = {"query": DOCUMENT, "variables": {"on": ON}}
    ways: list[Ask] = [
        _asking(Stock(services, caches=False), known),
        _asking(Stock(services, caches=True), known),
        _asking(app, known),
        _asking(app, {"query": ONE}),
        lambda: services.ask(Ledger.knowledge_json, on=ON, first=1000),
    ]
    answers = [orjson.loads(await way())["data"] for way in ways[:3]]
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0]["knowledge"]["claims"]["nodes"]) == 1000
    seconds: list[list[float]] = [[] for _ in ways]
    for turn in range(_WARM_UP + count):
        for way, taken in zip(ways, seconds, strict=True):
            gc.collect()  # of what the one before left
            began = perf_counter()
            await way()
            if turn >= _WARM_UP:
                taken.append(perf_counter() - began)
    return [spread(taken) for taken in seconds]


def _asking(app: ASGIApp, request: dict[str, Any]) -> Ask:
    """Return what asks an application once, and returns the body of its answer."""
    body = orjson.dumps(request)
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"127.0.0.1"),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def ask() -> bytes:
        parts: list[bytes] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                assert message["status"] == 200
            else:
                parts.append(message.get("body", b""))

        await app(dict(scope), receive, send)
        return b"".join(parts)

    return ask
