"""An event in a sentence: who said what, how firmly, and on whose word."""

from collections.abc import Iterator

from dateline.cli.lookups import Lookup
from dateline.cli.screen import Part, styled
from dateline.domain.events import STANCES, Stance
from dateline.domain.recorded import Recorded
from dateline.words import does, moment, span

_STYLES = {
    Stance.ASSERTED: "cyan",
    Stance.DENIED: "red",
    Stance.CONFIRMED: "green",
    Stance.REFUTED: "red",
    Stance.WITHHELD: "yellow",
    Stance.RETRACTED: "yellow",
}


def told(event: Recorded, lookup: Lookup) -> Iterator[Part]:
    """Tell an event that answers give as a reason: what was said, or what we did."""
    fields = event.stored
    if event.type in STANCES:
        yield from said(event, lookup)
        return
    yield "our record: "
    match event.type:
        case "RecordVoided":
            voided = lookup.event(fields["event"])
            yield "it is void that "
            yield from said(voided, lookup)
            yield (f" ({fields['reason']})", "dim")
        case "ClaimFiled":
            yield f"filed under {fields['topic']}"
        case "ClaimUnfiled":
            yield f"taken from {fields['topic']}"
        case "ClaimsLinked":
            yield f"{fields['claim']} {fields['relation']} {fields['other']}"
        case "ClaimsUnlinked":
            yield f"no more: {fields['claim']} {fields['relation']} {fields['other']}"
        case _:
            yield event.type
    yield f", recorded {moment(event.recorded_at, lookup.zone)}"


def said(event: Recorded, lookup: Lookup, *, words: bool = True) -> Iterator[Part]:
    """Tell a statement: the source by name, its stance, its quote or our note."""
    fields = event.stored
    yield (lookup.name(fields["source"]), "bold")
    stance = STANCES[event.type]
    yield styled(": ", (does(stance, fields.get("strength")), _STYLES[stance]))
    basis = fields.get("basis", "unknown")
    if basis == "own":
        yield ", of its own knowledge"
    elif basis != "unknown":
        word_of = (_behind(id, event, lookup) for id in basis)
        yield f", on the word of {', '.join(word_of)}"
    if fields.get("via"):
        yield f", via {', '.join(lookup.name(relay) for relay in fields['via'])}"
    if words and "quote" in fields:
        yield styled(": ", (f'"{fields["quote"]}"', "italic"))
    elif words and "note" in fields:
        yield (f" ({fields['note']})", "dim")


def when(event: Recorded, lookup: Lookup) -> str:
    """Return when an event was made public, or else recorded."""
    if "said_at" in event.stored:
        return span(event.stored["said_at"])
    return moment(event.recorded_at, lookup.zone)


def _behind(id: str, citing: Recorded, lookup: Lookup) -> str:
    """Name the source that an entry of a basis leads to."""
    for cited in lookup.events([id]):
        is_earlier = cited.position < citing.position
        same_claim = cited.stored.get("claim") == citing.stored["claim"]
        if cited.type in STANCES and same_claim and is_earlier:
            return lookup.name(cited.stored["source"])
    return lookup.name(id)
