"""Recording from a page: three forms, and what becomes of what they send.

What is refused is refused in the words of the API, and shown beside the field that it
is about, with all that was typed. A form that is sent twice records once.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from dateline.api.access import Scope, caller_of
from dateline.api.page.days import today
from dateline.api.page.drafts import FORMS, Form, field_named, fields_of, subject_of
from dateline.api.page.requests import UNSTORED, form_of, page, visit_of
from dateline.api.page.visit import Visit
from dateline.api.problems import InvalidParameter
from dateline.api.rest.refusals import status_of
from dateline.api.rest.signing import Signature
from dateline.api.services import Services
from dateline.domain.answers import Receipt
from dateline.domain.errors import DatelineError, UnknownReference
from dateline.domain.events import AnyEvent, Statement
from dateline.domain.times import Zone
from dateline.ledger import Ledger, command_of

MOST_SUGGESTED = 500
"""Sources and topics that are suggested; others can be typed."""

_FILLED = {
    "statement-claim": "claim",
    "statement-source": "source",
    "claim-topics": "topic",
}
"""Fields that links to the page fill in, by their ids, and the parameters for it."""


class Draft(NamedTuple):
    """A form as it was sent, and why nothing was recorded.

    Attributes:
        place: the field that the error is about, if it is about one.
        key: that the form is sent under the next time.
    """

    form: Form
    typed: Mapping[str, str]
    error: DatelineError
    place: str | None
    key: str


class Suggested(NamedTuple):
    """What fields may name, as ids with their names; and a claim's text."""

    sources: Sequence[tuple[str, str]]
    topics: Sequence[tuple[str, str]]
    claim: str | None


class Recording:
    """Answers at the path of recording."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def offer(self, request: Request) -> Response:
        """Show the forms.

        Raises:
            Forbidden: the caller may not record.
        """
        return await self._page(_visit(request), None, 200)

    async def take(self, request: Request) -> Response:
        """Record what a form asks for, and lead to the page that shows it.

        Raises:
            Forbidden: the caller may not record, or another's page sends the form.
        """
        visit = _visit(request)
        typed = await form_of(request)
        form = FORMS.get(typed.get("form", ""))
        if form is None:
            raise InvalidParameter(f"form is one of {', '.join(FORMS)}", "form")
        key = typed.get("key", "")
        signature = Signature.under(key, visit.caller.name, "key")
        fields = fields_of(form, typed)
        try:
            event, receipt = await self._record(fields, signature)
        except DatelineError as error:
            place = field_named(form, fields, error)
            again = key if error.fault else _new_key()
            draft = Draft(form, typed, error, place, again)
            return await self._page(visit, draft, status_of(error, "POST"))
        url = _url(visit, event, receipt, self._services.ledger.timezone)
        return RedirectResponse(url, 303, UNSTORED)

    async def _record(
        self, fields: Mapping[str, Any], signature: Signature
    ) -> tuple[AnyEvent, Receipt]:
        event = signature.event(dict(fields))
        command = command_of(self._services.ledger, [event], signature.key)
        await self._services.record(command)
        return event, command.receipt()

    async def _page(self, visit: Visit, draft: Draft | None, status: int) -> Response:
        values = {
            "visit": visit,
            "title": "Record" if draft is None else "Not recorded",
            "forms": FORMS.values(),
            "draft": draft,
            "keys": {kind: _new_key() for kind in FORMS},
            "prefilled": _prefilled(visit),
            "suggested": await self._services.ask(_suggested, visit.given.get("claim")),
        }
        return page(self._services.ledger.timezone, "record.html", values, status)


def _visit(request: Request) -> Visit:
    caller = caller_of(request.scope)
    caller.check(Scope.RECORD)
    return visit_of(request, caller)


def _new_key() -> str:
    return secrets.token_urlsafe(16)


def _prefilled(visit: Visit) -> dict[str, str]:
    """Return what links to the page fill in, by the id of the field."""
    return {
        place: visit.given[name]
        for place, name in _FILLED.items()
        if name in visit.given
    }


def _suggested(ledger: Ledger, claim: str | None) -> Suggested:
    sources = ledger.sources(first=MOST_SUGGESTED).sources
    topics = ledger.topics(first=MOST_SUGGESTED).topics
    return Suggested(
        [(one.id, one.name) for one in sources],
        [(one.id, one.title) for one in topics],
        _text(ledger, claim),
    )


def _text(ledger: Ledger, claim: str | None) -> str | None:
    if claim is None:
        return None
    try:
        return ledger.claim(claim, on=today(ledger)).text
    except UnknownReference:
        return None


def _url(visit: Visit, event: AnyEvent, receipt: Receipt, timezone: str) -> str:
    """Return where to see what was recorded, at the position where it was.

    A statement is looked at on the last day that its date may mean.
    """
    position = receipt.position if receipt.events[0].new else None
    on = None
    if isinstance(event, Statement):
        zone = Zone(timezone)
        on = zone.day(zone.period(event.said_at).latest)
    return visit.to(*subject_of(event), on=on, recorded_by=position)
