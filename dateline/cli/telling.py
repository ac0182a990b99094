"""An event in a sentence: who said what, how firmly, and on whose word."""

from collections.abc import Iterator

from dateline.cli.screen import Part, styled
from dateline.domain.events import STANCES, Stance
from dateline.domain.recorded import Recorded
from dateline.names import Names
from dateline.words import does, moment, span

_STYLES = {
    Stance.ASSERTED: "cyan",
    Stance.DENIED: "red",
    Stance.CONFIRMED: "green",
    Stance.REFUTED: "red",
    Stance.WITHHELD: "yellow",
    Stance.RETRACTED: "yellow",
}


def told(event: Recorded, names: Names) -> Iterator[Part]:
    """Tell an event that answers give as a reason: what was said, or what we did."""
    fields = event.stored
    if event.type in STANCES:
        yield from said(event, names)
        return
    yield "our record: "
    match event.type:
        case "RecordVoided":
            voided = names.event(fields["event"])
            yield "it is void that "
            yield from said(voided, names)
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
    yield f", recorded {moment(event.recorded_at, names.zone)}"


def said(event: Recorded, names: Names, *, words: bool = True) -> Iterator[Part]:
    """Tell a statement: the source by name, its stance, its quote or our note."""
    fields = event.stored
    yield (names.source(fields["source"]), "bold")
    stance = STANCES[event.type]
    yield styled(": ", (does(stance, fields.get("strength")), _STYLES[stance]))
    basis = fields.get("basis", "unknown")
    if basis == "own":
        yield ", of its own knowledge"
    elif basis != "unknown":
        word_of = (_behind(id, event, names) for id in basis)
        yield f", on the word of {', '.join(word_of)}"
    if fields.get("via"):
        yield f", via {', '.join(names.source(relay) for relay in fields['via'])}"
    if words and "quote" in fields:
        yield styled(": ", (f'"{fields["quote"]}"', "italic"))
    elif words and "note" in fields:
        yield (f" ({fields['note']})", "dim")


def when(event: Recorded, names: Names) -> str:
    """Return when an event was made public, or else recorded."""
    if "said_at" in event.stored:
        return span(event.stored["said_at"])
    return moment(event.recorded_at, names.zone)


def _behind(id: str, citing: Recorded, names: Names) -> str:
    """Name the source that an entry of a basis leads to."""
    for cited in names.events([id]):
        is_earlier = cited.position < citing.position
        same_claim = cited.stored.get("claim") == citing.stored["claim"]
        if cited.type in STANCES and same_claim and is_earlier:
            return names.source(cited.stored["source"])
    return names.source(id)
