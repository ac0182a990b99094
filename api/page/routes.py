"""The routes of the pages, and of the files that they need."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from dateline.api.access import ICON, caller_of, path_of
from dateline.api.page.answering import answered
from dateline.api.page.kept import Kept
from dateline.api.page.recording import Recording
from dateline.api.page.requests import UNSTORED, refused, visit_of
from dateline.api.page.signing_in import sign_in, sign_out, ways_in
from dateline.api.page.table import VIEWS
from dateline.api.page.views import View
from dateline.api.problems import MethodNotAllowed, NotFound, on_http_exception
from dateline.api.rest.media import prefers_page
from dateline.api.rest.table import PREFIX
from dateline.api.services import Services
from dateline.domain.answers import Topics
from dateline.domain.errors import DatelineError
from dateline.ledger import Ledger

Handler = Callable[[Request], Awaitable[Response]]

RECORD, SIGN_IN, SIGN_OUT = "/record", "/sign-in", "/sign-out"

SEGMENTS = frozenset(
    path.split("/")[1]
    for path in ("/", RECORD, SIGN_IN, SIGN_OUT, *(view.path for view in VIEWS))
)
"""First segments of the paths of pages."""


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of the pages."""
    kept = Kept()
    recording = Recording(services)
    found: Mapping[str, Mapping[str, Handler]] = {
        "/": {"GET": _entrance(services)},
        **{view.path: {"GET": _shown(services, kept, view)} for view in VIEWS},
        RECORD: {"GET": recording.offer, "POST": recording.take},
        SIGN_IN: {"GET": ways_in(services), "POST": sign_in(services)},
        SIGN_OUT: {"POST": sign_out},
    }
    return [
        *(Route(path, Page(services, methods)) for path, methods in found.items()),
        Mount("/assets", StaticFiles(packages=[("dateline.api", "assets/page")])),
        Route(ICON, RedirectResponse("assets/icon.svg", 308)),
    ]


def where_nothing_is(services: Services) -> Callable[..., Awaitable[Response]]:
    """Return the handler of what the framework refuses.

    Browsers get a page where no route leads; all else is told as over REST.
    """
    nothing = NotFound("there is no page at this address")

    async def answer(request: Request, error: Exception) -> Response:
        is_of_rest = path_of(request.scope).startswith(f"{PREFIX}/")
        is_on_a_route = "endpoint" in request.scope
        wants_page = prefers_page(request.headers.getlist("accept"))
        if is_of_rest or is_on_a_route or not wants_page:
            return await on_http_exception(request, error)
        return refused(request, services.ledger.timezone, nothing)

    return answer


class Page:
    """Everything at one path, as an ASGI application.

    HEAD is answered as GET: leaving the body out is the server's part.
    """

    def __init__(self, services: Services, methods: Mapping[str, Handler]) -> None:
        self._services = services
        self._methods = dict(methods)
        if "GET" in methods:
            self._methods["HEAD"] = methods["GET"]
        self._allow = {"Allow": ", ".join(sorted({*self._methods, "OPTIONS"}))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._response(request)
        except DatelineError as error:
            response = refused(request, self._services.ledger.timezone, error)
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=self._allow)
        handler = self._methods.get(request.method)
        if handler is None:
            raise MethodNotAllowed(
                f"this page takes {self._allow['Allow']}", self._allow
            )
        return await handler(request)


def _entrance(services: Services) -> Handler:
    async def enter(request: Request) -> Response:
        """Lead to the topics; to the topic, if there is only one."""
        visit = visit_of(request, caller_of(request.scope))
        opened = (await services.ask(_first_topics)).topics
        path = ("topics", *(topic.id for topic in opened if len(opened) == 1))
        return RedirectResponse(visit.to(*path), 307, UNSTORED)

    return enter


def _first_topics(ledger: Ledger) -> Topics:
    return ledger.topics(first=2)


def _shown(services: Services, kept: Kept, view: View) -> Handler:
    async def show(request: Request) -> Response:
        """Show a view."""
        visit = visit_of(request, caller_of(request.scope))
        held = request.headers.getlist("if-none-match")
        return await services.ask(answered, kept, view, visit, held)

    return show
