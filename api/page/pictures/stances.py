"""What a source held when: for each claim a line of its stances, day by day.

A stance lasts until the source's next statement on the claim. A day shows what was so
at its end.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from dateline.api.page.pictures.calendar import Days
from dateline.domain.events import Stance
from dateline.domain.times import Instant, Zone

MOST_CLAIMS = 8
"""Those that the source spoke of last; its page lists them all."""

TOP, ROW = 8, 46

_DRAWN = {
    Stance.ASSERTED: "asserted",
    Stance.DENIED: "denied",
    Stance.CONFIRMED: "confirmed",
    Stance.REFUTED: "refuted",
    Stance.WITHHELD: "raised",
    Stance.RETRACTED: "withdrawn",
}
"""The status whose shape and colour a stance is drawn in."""


@dataclass(frozen=True)
class Held:
    """A stance, from the day it was known to the day of the next one.

    Attributes:
        x, width: in percent of the picture.
        drawn: the status whose shape and colour it has.
    """

    stance: Stance
    strength: str | None
    day: str
    x: float
    width: float
    drawn: str


@dataclass(frozen=True)
class Line:
    """What a source held on a claim."""

    claim: str
    y: int
    held: Sequence[Held]


@dataclass(frozen=True)
class Stances:
    """The picture, and where the day looked at is in it, in percent."""

    lines: Sequence[Line]
    height: int
    x: float
    width: float


@dataclass(frozen=True)
class Spoken:
    """A statement as far as it is drawn."""

    claim: str
    stance: Stance
    strength: str | None
    known_from: Instant


def stances_of(spoken: Iterable[Spoken], days: Days, zone: Zone) -> Stances:
    """Lay out a source's statements, in order, over the days that can be looked at."""
    by_claim: dict[str, list[Spoken]] = {}
    for one in spoken:
        by_claim.setdefault(one.claim, []).append(one)
    last = sorted(by_claim, key=lambda claim: by_claim[claim][-1].known_from)
    claims = last[::-1][:MOST_CLAIMS]
    lines = [
        Line(claim, TOP + number * ROW, _held(by_claim[claim], days, zone))
        for number, claim in enumerate(claims)
    ]
    return Stances(
        lines=lines,
        height=2 * TOP + len(lines) * ROW,
        x=round(days.index / days.count * 100, 3),
        width=round(100 / days.count, 3),
    )


def _held(spoken: Sequence[Spoken], days: Days, zone: Zone) -> list[Held]:
    """Return one claim's stances; of those of one day the last."""
    first = date.fromisoformat(days.first)
    on_days = {zone.day(one.known_from): one for one in spoken}
    begins = [(date.fromisoformat(day) - first).days for day in on_days]
    ends = [*begins[1:], days.count]
    return [
        Held(
            stance=one.stance,
            strength=one.strength,
            day=day,
            x=round(begin / days.count * 100, 3),
            width=round((end - begin) / days.count * 100, 3),
            drawn=_DRAWN[one.stance],
        )
        for (day, one), begin, end in zip(on_days.items(), begins, ends, strict=True)
    ]
