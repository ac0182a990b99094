"""Claims and tallies for people: what a claim's standings come to, and who is behind.

On a terminal with little room, the lists of a tally share one column.
"""

from collections.abc import Sequence

from rich.text import Text

from dateline.cli.screen import Part, Screen, stacked, styled
from dateline.domain.answers import ClaimState, Knowledge, Tally
from dateline.domain.times import Zone
from dateline.words import counted, moment, siding, span

TALLY = ("for", "against", "cannot confirm", "retracted", "independent")


def counts(answer: Knowledge, screen: Screen) -> list[Part]:
    """Return how many claims there are, and of which status."""
    if not answer.counts:
        return ["No claim was reported."]
    parts: list[Part] = [counted(sum(answer.counts.values()), "claim"), ": "]
    for index, (status, count) in enumerate(answer.counts.items()):
        parts += [", "] * bool(index) + [screen.state(status, count)]
    return parts


def show_claims(claims: Sequence[ClaimState], zone: Zone, screen: Screen) -> None:
    """Show claims as a table; piped, a row is a line and the wording comes last."""
    if not screen.is_terminal:
        screen.table(
            ["status", "claim", *TALLY, "since", "flags", "text"],
            [
                [
                    *(claim.status, claim.id, *tally_words(claim.tally)),
                    *(_since(claim, zone), ", ".join(claim.flags), claim.text),
                ]
                for claim in claims
            ],
        )
        return
    rows: list[list[Part]] = []
    for claim in claims:
        flags = (styled((flag, "yellow")) for flag in claim.flags)
        status = stacked(screen.state(claim.status), *flags)
        text = stacked(styled(claim.text), styled((claim.id, "dim")))
        since = styled(_since(claim, zone))
        cells = tally_cells(claim.tally, screen)
        if screen.is_wide:
            rows.append([status, text, *cells, since])
        else:
            who = stacked(*cells, styled(("since ", "dim"), since))
            rows.append([status, text, who])
    last = ["since"] if screen.is_wide else []
    screen.table(["status", "claim", *tally_headings(screen), *last], rows)


def _since(claim: ClaimState, zone: Zone) -> str:
    return moment(claim.since, zone) if claim.since else ""


def show_claim(claim: ClaimState, zone: Zone, screen: Screen) -> None:
    """Show all that is known of a claim, a line each."""
    screen.line()
    screen.line(screen.state(claim.status), "  ", (claim.text, "bold"))
    for label, text in (
        ("claim", claim.id),
        ("topics", ", ".join(claim.topics)),
        ("about", span(claim.about or "")),
        ("since", _since(claim, zone)),
        *zip(TALLY, tally_words(claim.tally), strict=True),
        ("flags", ", ".join(claim.flags)),
        ("statements", ", ".join(claim.statements)),
    ):
        if text:
            screen.entry((label, "dim"), text, indent=2, width=16)


def tally_headings(screen: Screen) -> list[str]:
    """Return the headings of :func:`tally_cells`."""
    return [*TALLY] if screen.is_wide else ["who"]


def tally_cells(tally: Tally, screen: Screen) -> list[Text]:
    """Return a tally in columns of its own, or in one where there is little room."""
    if screen.is_wide:
        return [styled(words) for words in tally_words(tally)]
    named = zip(TALLY, tally_words(tally), strict=True)
    return [stacked(*(styled((f"{k} ", "dim"), v) for k, v in named if v))]


def tally_words(tally: Tally) -> list[str]:
    """Return who is behind each of :data:`TALLY`; who verified says so."""
    favour, against = siding(tally)
    return [
        ", ".join(favour),
        ", ".join(against),
        ", ".join(tally.withheld_by),
        ", ".join(tally.retracted_by),
        str(tally.independent),
    ]
