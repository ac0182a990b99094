"""Requests on their way to what answers them."""

from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from dateline.api import problems
from dateline.api.access import caller_of
from dateline.api.problems import MethodNotAllowed
from dateline.api.rest.bodies import accept_post
from dateline.api.rest.call import Call, Interface, headers
from dateline.api.rest.heads import Heads
from dateline.api.rest.kept import KeptAnswers
from dateline.api.rest.media import accepted
from dateline.api.rest.operations import Operation
from dateline.api.rest.parameters import read
from dateline.api.rest.refusals import status_of
from dateline.api.rest.table import OPERATIONS
from dateline.api.services import Services
from dateline.domain.errors import DatelineError


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of everything under ``/v1``."""
    kept = KeptAnswers()
    api = Interface(services, OPERATIONS, Heads(services, kept.clear), kept)
    paths: dict[str, dict[str, Operation]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = operation
    return [
        Route(path, Endpoint(api, methods), name=path)
        for path, methods in paths.items()
    ]


class Endpoint:
    """Everything at one path, as an ASGI application.

    HEAD is answered as GET: leaving the body out is the server's part, and what
    compresses answers has to see it.
    """

    def __init__(self, api: Interface, methods: Mapping[str, Operation]) -> None:
        self._api = api
        self._methods = dict(methods)
        if "GET" in methods:
            self._methods["HEAD"] = methods["GET"]
        self._allow = {"Allow": ", ".join(sorted({*self._methods, "OPTIONS"}))}
        if "POST" in methods:
            self._allow |= accept_post()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._response(scope, receive)
        except DatelineError as error:
            response = problems.respond(error, status_of(error, scope["method"]))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _response(self, scope: Scope, receive: Receive) -> ASGIApp:
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers=self._allow)
        operation = self._methods.get(scope["method"])
        if operation is None:
            raise MethodNotAllowed(
                f"this path takes {self._allow['Allow']}", self._allow
            )
        caller = caller_of(scope)
        caller.check(operation.scope)
        media_type = accepted(headers(scope, b"accept"), tuple(operation.handlers))
        services = self._api.services
        asked = read(
            operation.query,
            scope["query_string"],
            max_first=services.settings.max_first,
        )
        await services.reach(
            getattr(asked.query, "at_least", None),
            primary=media_type in operation.of_primary,
        )
        call = Call(
            self._api,
            operation,
            scope,
            receive,
            caller,
            scope["path_params"],
            *asked,
            media_type,
        )
        return await operation.handlers[media_type](call)
