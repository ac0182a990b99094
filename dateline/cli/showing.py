"""Each kind of answer for people; the exact values are what ``--json`` is for."""

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from dateline.cli.claims import (
    TALLY,
    counts,
    show_claim,
    show_claims,
    tally_cells,
    tally_headings,
    tally_words,
)
from dateline.cli.screen import Part, Screen, stacked, styled
from dateline.cli.telling import told, when
from dateline.domain.answers import (
    Answer,
    Basis,
    Change,
    Changes,
    ClaimKnowledge,
    Expectations,
    Explanation,
    Knowledge,
    Outcome,
    Positions,
    RecordBasis,
    Timeline,
)
from dateline.domain.rule import Policy
from dateline.domain.times import Zone
from dateline.ledger import Ledger
from dateline.names import Names
from dateline.words import (
    asked,
    called,
    counted,
    moment,
    recorded,
    rests_on,
    span,
    under,
)


@singledispatch
def show(answer: Answer, ledger: Ledger, screen: Screen) -> None:
    """Show an answer."""
    raise NotImplementedError(type(answer).__name__)


@show.register
def _(answer: Knowledge, ledger: Ledger, screen: Screen) -> None:
    zone = Zone(ledger.timezone)
    names = Names(ledger, answer.basis.position)
    _basis(answer.basis, screen)
    screen.line(*counts(answer, screen))
    if answer.claims:
        show_claims(answer.claims, zone, screen)
    elif answer.counts:
        screen.line("None of them has a status asked for.")
    if answer.possibly_known:
        screen.line()
        possibly_known(answer, names, screen)


def possibly_known(answer: Knowledge, names: Names, screen: Screen) -> None:
    """Tell which statements may have been public already."""
    screen.line("Possibly public by then; counted for nothing until the latest date:")
    for possible in answer.possibly_known:
        statement = names.event(possible.statement)
        label = f"{span(statement.stored['said_at'])} "
        screen.entry(
            (label, "dim"),
            *(possible.claim, ": ", *told(statement, names)),
            indent=2,
            width=max(24, len(label)),
        )


@show.register
def _(answer: ClaimKnowledge, ledger: Ledger, screen: Screen) -> None:
    _basis(answer.basis, screen)
    show_claim(answer, Zone(ledger.timezone), screen)


@show.register
def _(answer: Timeline, ledger: Ledger, screen: Screen) -> None:
    zone = Zone(ledger.timezone)
    _basis(answer.basis, screen)
    screen.line(("claim ", "dim"), answer.claim)
    if not answer.spans:
        screen.line("Nothing was ever said about it.")
        return
    screen.table(
        ["from", "until", "status", *tally_headings(screen), "flags"],
        [
            [
                moment(span.from_, zone),
                moment(span.until, zone) if span.until else "still",
                screen.state(span.status),
                *tally_cells(span.tally, screen),
                ", ".join(span.flags),
            ]
            for span in answer.spans
        ],
    )


@show.register
def _(answer: Changes, ledger: Ledger, screen: Screen) -> None:
    names = Names(ledger, max(answer.from_.position, answer.to.position))
    for label, basis in (("from", answer.from_), ("to", answer.to)):
        screen.line((f"{label:<5}", "dim"), asked(basis))
    _policy(answer.to.policy, screen)
    if not answer.changes:
        screen.line("No claim differs between the two points.")
        return
    screen.line(counted(len(answer.changes), "claim"), " changed.")
    for change in answer.changes:
        screen.line()
        _change(change, names, screen)


def _change(change: Change, names: Names, screen: Screen) -> None:
    before, after = change.before, change.after
    parts: list[Part] = [screen.state(after.status)]
    if before.status is not after.status:
        parts = [screen.state(before.status), f" {screen.arrow()} ", *parts]
    screen.line(*parts, "  ", (change.text, "bold"))
    screen.entry(("claim", "dim"), change.id, indent=2, width=16)
    was, became = _outcome(before), _outcome(after)
    for label, old, new in zip((*TALLY, "flags"), was, became, strict=True):
        if old != new:
            difference = f"{old or 'none'} {screen.arrow()} {new or 'none'}"
            screen.entry((label, "dim"), difference, indent=2, width=16)
    for event in names.events(change.because):
        because = ("because", "dim")
        parts = [(f"{when(event, names)}  ", "dim"), *told(event, names)]
        screen.entry(because, *parts, indent=2, width=16)


def _outcome(outcome: Outcome) -> list[str]:
    return [*tally_words(outcome.tally), ", ".join(outcome.flags)]


@show.register
def _(answer: Explanation, ledger: Ledger, screen: Screen) -> None:
    names = Names(ledger, answer.basis.position)
    _basis(answer.basis, screen)
    show_claim(answer.claim, names.zone, screen)
    screen.entry(("decided by", "dim"), answer.decided_by, indent=2, width=16)
    compared = ", ".join(f"{name} {count}" for name, count in answer.counts)
    screen.entry(("counts", "dim"), compared, indent=2, width=16)
    if not answer.standings:
        screen.line()
        screen.line("Nobody stands anywhere on it.")
        return
    rows: list[list[Part]] = []
    for standing in answer.standings:
        fields = names.event(standing.statement).stored
        row = [
            standing.source,
            called(standing.stance, standing.strength),
            standing.side or "",
            moment(standing.known_from, names.zone),
            rests_on(standing.basis),
            ", ".join(standing.origins),
            ", ".join(standing.flags),
            _words(fields),
        ]
        rows.append([*row])
    headings = ["source", "stance", "side", "known from", "rests on", "origins"]
    screen.table([*headings, "flags", "in words"], rows, is_broad=True)


@show.register
def _(answer: Positions, ledger: Ledger, screen: Screen) -> None:
    names = Names(ledger, answer.basis.position)
    _basis(answer.basis, screen)
    screen.line((names.source(answer.source), "bold"), f" ({answer.source})")
    if not answer.positions:
        screen.line("It held nothing on any claim.")
        return
    headings = ["stance", "claim", "known from", "walked back"]
    rows: list[list[Part]] = []
    for held in answer.positions:
        text = names.claim(held.claim)
        claim: Part = held.claim
        if screen.is_terminal:
            claim = stacked(styled(text), styled((held.claim, "dim")))
        rows.append(
            [
                called(held.stance, held.strength),
                claim,
                moment(held.known_from, names.zone),
                "yes" if held.walked_back else "",
                *([] if screen.is_terminal else [text]),
            ]
        )
    screen.table(headings + ["text"] * (not screen.is_terminal), rows)


@show.register
def _(answer: Expectations, ledger: Ledger, screen: Screen) -> None:
    _basis(answer.basis, screen)
    if not answer.expectations:
        screen.line("No update was promised.")
        return
    headings = ["state", "due", "expectation", "promised by", "awaits", "claims"]
    screen.table(
        [*headings, "fulfilled by", "quote"],
        [
            [
                screen.state(expected.state),
                span(expected.due),
                expected.id,
                expected.source,
                expected.awaits,
                ", ".join(expected.claims),
                expected.fulfilled_by or "",
                expected.quote or "",
            ]
            for expected in answer.expectations
        ],
        is_broad=True,
    )


def _words(fields: Mapping[str, Any]) -> str:
    """Return a statement's quote, or else our note on it in brackets."""
    if "quote" in fields:
        return f'"{fields["quote"]}"'
    return f"({fields['note']})" if "note" in fields else ""


def _basis(basis: Basis | RecordBasis, screen: Screen) -> None:
    if isinstance(basis, Basis):
        screen.line(f"On {asked(basis)}")
    else:
        screen.line(f"As recorded by {recorded(basis)}")
    _policy(basis.policy, screen)


def _policy(policy: Policy, screen: Screen) -> None:
    if words := under(policy):
        screen.line(words)
