"""For those who operate a server: is it alive, is it ready, and what it counts."""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dateline.api.access import Scope, caller_of
from dateline.api.metrics import Metrics
from dateline.api.problems import NotReady, ShuttingDown, respond
from dateline.api.services import Services, head_of
from dateline.domain.errors import DatelineError

_UNSTORED = {"Cache-Control": "no-store"}


def routes(services: Services, metrics: Metrics) -> Sequence[BaseRoute]:
    """Return the routes of operations."""

    async def alive(_: Request) -> Response:
        """Say that the event loop turns; no more is asked."""
        return JSONResponse({"status": "alive"}, headers=_UNSTORED)

    async def ready(_: Request) -> Response:
        """Say whether requests are of use: the ledger can be read, and goes on."""
        if services.hub.is_closing:
            return respond(ShuttingDown("the server is being stopped"))
        try:
            head = await services.ask_primary(head_of)
        except DatelineError as error:
            return respond(NotReady(f"the ledger cannot be read ({error.code})"))
        told: dict[str, Any] = {"status": "ready", "position": head}
        if services.replica is not None:
            told["replica"] = _lag(await services.replica_position(), head)
        if (feed := services.feed) is not None:
            told["nats"] = "connected" if feed.is_connected else "disconnected"
        return JSONResponse(told, headers=_UNSTORED)

    async def measured(request: Request) -> Response:
        """Give what is counted, in the form that Prometheus reads."""
        caller_of(request.scope).check(Scope.ADMIN)
        accept = request.headers.get("accept", "")
        text, media_type = await metrics.exposition(accept)
        return Response(text, headers={"Content-Type": media_type, **_UNSTORED})

    return [
        Route("/healthz", alive, methods=["GET"]),
        Route("/readyz", ready, methods=["GET"]),
        Route("/metrics", measured, methods=["GET"]),
    ]


def _lag(replica: int | None, head: int) -> dict[str, Any]:
    """Say how far a replica is behind, if it can be asked."""
    if replica is None:
        return {"status": "away"}
    return {"status": "up", "position": replica, "behind": max(0, head - replica)}
