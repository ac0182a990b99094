"""The routes of the pages, and of the files that they need."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from dateline.api.access import caller_of
from dateline.api.page.answering import answered, refused, visit_of
from dateline.api.page.kept import Kept
from dateline.api.page.table import VIEWS
from dateline.api.page.views import View
from dateline.api.services import Services
from dateline.domain.answers import Topics
from dateline.domain.errors import DatelineError
from dateline.ledger import Ledger

Endpoint = Callable[[Request], Awaitable[Response]]


def routes(services: Services) -> list[BaseRoute]:
    """Return the routes of the pages."""
    kept = Kept()
    assets = StaticFiles(packages=[("dateline.api", "assets/page")])
    return [
        Route("/", _entrance(services)),
        *(Route(view.path, _shown(services, kept, view)) for view in VIEWS),
        Mount("/assets", assets),
    ]


def _entrance(services: Services) -> Endpoint:
    async def enter(request: Request) -> Response:
        """Lead to the topics; to the topic, if there is only one."""
        root = request.scope.get("root_path", "").rstrip("/")
        try:
            caller_of(request.scope)
            opened = (await services.ask(_first_topics)).topics
        except DatelineError as error:
            return refused(request, services.ledger.timezone, error, None)
        path = f"topics/{opened[0].id}" if len(opened) == 1 else "topics"
        return RedirectResponse(f"{root}/{path}", 307, {"Cache-Control": "no-store"})

    return enter


def _first_topics(ledger: Ledger) -> Topics:
    return ledger.topics(first=2)


def _shown(services: Services, kept: Kept, view: View) -> Endpoint:
    async def show(request: Request) -> Response:
        """Show a view."""
        visit = None
        try:
            visit = visit_of(request, caller_of(request.scope))
            held = request.headers.getlist("if-none-match")
            return await services.ask(answered, kept, view, visit, held)
        except DatelineError as error:
            return refused(request, services.ledger.timezone, error, visit)

    return show
