"""Words for people: safe texts, moments, and what a stance is called."""

from collections.abc import Sequence
from datetime import datetime

from dateline.domain.answers import Basis, RecordBasis, Tally
from dateline.domain.events import Stance, Strength
from dateline.domain.rule import Policy
from dateline.domain.times import Zone, instant_of, print_datetime

_BREAKS = (*range(0x09, 0x0E), 0x85, 0x2028, 0x2029)
_DIRECTIONS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
CONTROLS = (*range(0x20), *range(0x7F, 0xA0), *_DIRECTIONS, 0x2028, 0x2029)
"""The characters that could drive a terminal or reorder what it shows."""

_PICTURES = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_SHOWN = dict.fromkeys(CONTROLS, 0xFFFD) | _PICTURES | dict.fromkeys(_BREAKS, ord(" "))

_VERBS = {
    Stance.ASSERTED: "asserts it",
    Stance.DENIED: "denies it",
    Stance.CONFIRMED: "confirms it",
    Stance.REFUTED: "refutes it",
    Stance.WITHHELD: "cannot confirm it",
    Stance.RETRACTED: "takes back what it said",
}
_FIRMNESS = {
    Strength.PLAIN: "",
    Strength.HEDGED: ", hedged",
    Strength.CONDITIONAL: ", conditionally",
    Strength.IMPLICIT: ", implicitly",
}
_CALLED = {Stance.WITHHELD: "cannot confirm"}


def readable(text: str) -> str:
    """Return a text of one line, of as many characters, that drives no terminal."""
    return text.translate(_SHOWN)


def moment(instant: datetime, zone: Zone) -> str:
    """Print an instant; the last of a day, in the ledger's zone, as its end."""
    counted = instant_of(instant)
    day = zone.day(counted)
    if zone.period(day).latest == counted:
        return f"end of {day}"
    return print_datetime(instant).replace("T", " ")


def span(date: str) -> str:
    """Print a date of a source; an interval with its two ends."""
    return date.replace("/", " to ").replace("..", "open")


def called(stance: Stance, strength: str | None = None) -> str:
    """Name a stance, and how firm it is unless plain."""
    word = _CALLED.get(stance, stance.value)
    return word if strength in (None, "plain") else f"{word} ({strength})"


def does(stance: Stance, strength: str | None) -> str:
    """Say what a source does that takes a stance, and how firmly unless plain."""
    return _VERBS[stance] + _FIRMNESS[Strength(strength or Strength.PLAIN)]


def rests_on(basis: str | Sequence[str] | None) -> str:
    """Name a statement's basis: ``own``, ``unknown``, or ids."""
    if basis is None:
        return ""
    return basis if isinstance(basis, str) else ", ".join(basis)


def recorded(basis: Basis | RecordBasis) -> str:
    """Name the point of record time of an answer."""
    if basis.recorded_at is None:
        return "position 0, before the ledger was opened"
    at = print_datetime(basis.recorded_at).replace("T", " ")
    return f"position {basis.position} ({at})"


def asked(basis: Basis) -> str:
    """Name both points of an answer."""
    until = print_datetime(basis.known_until).replace("T", " ")
    return f"{basis.on} (known until {until}), as recorded by {recorded(basis)}"


def under(policy: Policy) -> str:
    """Name a policy, unless it is the default."""
    return "" if policy == Policy() else f"under the policy {policy.model_dump_json()}"


def counted(count: int, noun: str) -> str:
    """Count things in words: ``1 claim``, ``2 claims``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def siding(tally: Tally) -> tuple[list[str], list[str]]:
    """Return who is for and who against; those who verified say so."""
    return (
        [_with(id, id in tally.confirmed_by, "confirmed") for id in tally.for_],
        [_with(id, id in tally.refuted_by, "refuted") for id in tally.against],
    )


def _with(id: str, is_so: bool, word: str) -> str:
    return f"{id} ({word})" if is_so else id
