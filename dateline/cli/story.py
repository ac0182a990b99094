"""A ledger told day by day: what was known, what changed, who said so."""

import shlex
from collections.abc import Sequence
from datetime import date, timedelta

from dateline.cli import output
from dateline.cli.claims import counts
from dateline.cli.screen import Part, Screen
from dateline.cli.telling import said, told
from dateline.domain.answers import Change, ClaimState, ExpectationState, Knowledge
from dateline.domain.rule import Status
from dateline.ledger import Ledger
from dateline.names import Names
from dateline.words import recorded, span

FIRST_DAY = date(2024, 10, 19)
LAST_DAY = date(2024, 10, 22)

_DAY = timedelta(days=1)
_ORDER = list(Status)


def tell(ledger: Ledger, *, kept: str | None) -> None:
    """Tell each day, and what to try next on the ledger that was kept."""
    screen = Screen()
    for topic in ledger.events(types=["TopicOpened"]):
        screen.line((topic.stored["title"], "bold"))
        screen.line(topic.stored.get("description", ""))
    basis = ledger.knowledge(on=LAST_DAY).basis
    screen.line(
        "What was known at the end of each day, and because of whom, as recorded by "
        f"{recorded(basis)}.",
        style="dim",
    )
    names = Names(ledger, basis.position)
    day = FIRST_DAY
    while day <= LAST_DAY:
        _Day(day, ledger, names, screen).tell()
        day += _DAY
    screen.heading("Try next")
    for command in _commands(ledger, kept):
        output.say(f"  dateline {command}")


def _commands(ledger: Ledger, kept: str | None) -> list[str]:
    path = shlex.quote(kept or "demo.dateline")
    claims = sorted(ledger.knowledge(on=LAST_DAY).claims, key=_place)
    since = LAST_DAY - 2 * _DAY
    return [
        *([] if kept else [f"demo --ledger {path}"]),
        *(f"explain {path} {claim.id} --on {LAST_DAY}" for claim in claims[:1]),
        f"changes {path} --from {since} --to {LAST_DAY}",
    ]


def _place(claim: ClaimState) -> int:
    return _ORDER.index(claim.status)


class _Day:
    """What is shown of one day, its end being the point of public time."""

    def __init__(self, day: date, ledger: Ledger, names: Names, screen: Screen) -> None:
        self._day = day
        self._ledger = ledger
        self._names = names
        self._screen = screen

    def tell(self) -> None:
        day, screen = self._day, self._screen
        known = self._ledger.knowledge(on=day)
        changes = self._ledger.changes((day - _DAY, None), (day, None)).changes
        changed = {change.id: change for change in changes}
        screen.heading(f"{day:%A} {day.day} {day:%B %Y}")
        screen.line(*counts(known, screen))
        claims = sorted(known.claims, key=_place)
        for claim in claims:
            if claim.id in changed:
                self._changed(claim, changed[claim.id])
        self._unchanged([claim for claim in claims if claim.id not in changed])
        self._possibly_known(known)
        self._promised(self._ledger.expectations(on=day).expectations)

    def _changed(self, claim: ClaimState, change: Change) -> None:
        self._screen.line()
        self._entry(self._screen.state(claim.status), (claim.text, "bold"))
        before = change.before.status
        if before is not Status.UNREPORTED:
            still = " too" if before is claim.status else ""
            self._entry("", (f"{before} the day before{still}", "dim"))
        for event in self._names.events(change.because):
            self._entry("", *told(event, self._names))

    def _unchanged(self, claims: Sequence[ClaimState]) -> None:
        if claims:
            self._part("As the day before")
        for claim in claims:
            self._entry(self._screen.state(claim.status), claim.text)

    def _possibly_known(self, known: Knowledge) -> None:
        if known.possibly_known:
            self._part("Possibly public already, and counted for nothing yet")
        for possible in known.possibly_known:
            statement = self._names.event(possible.statement)
            self._entry(("perhaps", "yellow"), self._text(possible.claim))
            dated = f", dated {span(statement.stored['said_at'])}"
            self._entry("", *said(statement, self._names, words=False), dated)

    def _promised(self, expectations: Sequence[ExpectationState]) -> None:
        if expectations:
            self._part("Promised")
        for expected in expectations:
            promised_by, awaited = map(
                self._names.source, (expected.source, expected.awaits)
            )
            self._entry(
                self._screen.state(expected.state),
                *((promised_by, "bold"), ": promises word of "),
                *((awaited, "bold"), f", due {span(expected.due)}"),
            )
            for claim in expected.claims:
                self._entry("", "on whether ", self._text(claim))
            if expected.quote:
                self._entry("", (f'"{expected.quote}"', "italic"))

    def _text(self, claim: str) -> str:
        return self._names.claim(claim)

    def _part(self, title: str) -> None:
        self._screen.line()
        self._screen.line((title, "dim"), indent=2)

    def _entry(self, label: Part, *parts: Part) -> None:
        self._screen.entry(label, *parts, indent=2, width=12)
