"""Streams folded: what has happened to one claim, source, document or expectation.

Folding never refuses; history has already happened. Whether an event may happen is
decided in :mod:`dateline.domain.decisions`. Everything keeps the positions at which
it became so, so that a history answers for any point of record time.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from dateline.domain.events import STANCES, BasisWord, Stance, Strength
from dateline.domain.recorded import LogEntry
from dateline.domain.standings import Cited, Stated
from dateline.domain.times import Zone

_STANCE_OF_TYPE: Mapping[str, Stance] = STANCES
_STRENGTHS: Mapping[str, Strength] = {word.value: word for word in Strength}


class Link(NamedTuple):
    """A relation between two claims; ``contradicts`` is kept from both sides."""

    claim: str
    other: str
    relation: str


class Switch(NamedTuple):
    """At ``position`` something came to be so, or not so, by the event ``id``."""

    position: int
    id: str
    so: bool


def is_so(switches: Sequence[Switch], *, recorded_by: int) -> bool:
    """Tell whether the last switch at or before a position made it so."""
    for switch in reversed(switches):
        if switch.position <= recorded_by:
            return switch.so
    return False


class Wording(NamedTuple):
    """The words of a claim from a position on."""

    position: int
    id: str
    text: str


class ClaimHistory:
    """One claim: its framing, wordings, topics, links, and what was said of it.

    Contradictions recorded from the other claim's side belong to it too.
    """

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self.framed: LogEntry | None = None
        self.last_position = 0
        self.wordings: list[Wording] = []
        self.topics: dict[str, list[Switch]] = {}
        self.links: dict[Link, list[Switch]] = {}
        self.statements: dict[str, Stated] = {}
        self.contents: dict[str, list[LogEntry]] = {}
        self.voids: dict[str, Switch] = {}
        self.uses_implicit = False

    @property
    def id(self) -> str:
        assert self.framed is not None
        claim: str = self.framed.fields["claim"]
        return claim

    @property
    def about(self) -> str | None:
        assert self.framed is not None
        return self.framed.fields.get("about")

    def apply(self, entry: LogEntry) -> None:
        """Fold one event of the claim's stream, or a contradiction from another's."""
        fields = entry.fields
        self.last_position = entry.position
        stance = _STANCE_OF_TYPE.get(entry.type)
        if stance is not None:
            self._state(entry, stance)
            return
        match entry.type:
            case "ClaimFramed":
                self.framed = entry
                self._word(entry)
                for topic in fields.get("topics", ()):
                    self._switch_topic(topic, entry, so=True)
            case "ClaimReworded":
                self._word(entry)
            case "ClaimFiled" | "ClaimUnfiled":
                so = entry.type == "ClaimFiled"
                self._switch_topic(fields["topic"], entry, so=so)
            case "ClaimsLinked" | "ClaimsUnlinked":
                link = link_of(fields)
                self.links.setdefault(link, []).append(
                    Switch(entry.position, entry.id, entry.type == "ClaimsLinked")
                )
            case "RecordVoided":
                void = Switch(entry.position, entry.id, True)
                self.voids.setdefault(fields["event"], void)

    def exists(self, *, recorded_by: int) -> bool:
        """Tell whether the claim was framed at a position."""
        return self.framed is not None and self.framed.position <= recorded_by

    def text(self, *, recorded_by: int) -> str:
        """Return the words of the claim at a position."""
        return next(
            wording.text
            for wording in reversed(self.wordings)
            if wording.position <= recorded_by
        )

    def topics_at(self, *, recorded_by: int) -> list[str]:
        """Return the topics the claim was filed under at a position, sorted."""
        return sorted(
            topic
            for topic, switches in self.topics.items()
            if is_so(switches, recorded_by=recorded_by)
        )

    def rivals(self, *, recorded_by: int) -> list[str]:
        """Return the claims linked as contradicting this one, sorted."""
        return sorted(
            link.other if link.claim == self.id else link.claim
            for link, switches in self.links.items()
            if link.relation == "contradicts"
            and is_so(switches, recorded_by=recorded_by)
        )

    def is_voided(self, event: str, *, recorded_by: int) -> bool:
        """Tell whether our record of an event was voided at a position."""
        void = self.voids.get(event)
        return void is not None and void.position <= recorded_by

    def voided(self, *, recorded_by: int) -> set[str]:
        """Return the ids of events whose record was voided at a position."""
        return {
            event for event, void in self.voids.items() if void.position <= recorded_by
        }

    def counting(self, *, recorded_by: int, implicit: bool) -> Iterator[Stated]:
        """Iterate over step 1's set at the far end of public time, by position.

        Args:
            recorded_by: statements and voids count up to here (inclusive).
            implicit: whether implicit statements count.
        """
        for stated in self.statements.values():
            if (
                stated.position <= recorded_by
                and (implicit or stated.strength is not Strength.IMPLICIT)
                and not self.is_voided(stated.id, recorded_by=recorded_by)
            ):
                yield stated

    def _word(self, entry: LogEntry) -> None:
        self.wordings.append(Wording(entry.position, entry.id, entry.fields["text"]))

    def _switch_topic(self, topic: str, entry: LogEntry, *, so: bool) -> None:
        switch = Switch(entry.position, entry.id, so)
        self.topics.setdefault(topic, []).append(switch)

    def _state(self, entry: LogEntry, stance: Stance) -> None:
        fields = entry.fields
        period = self._zone.period(fields["said_at"])
        basis = fields.get("basis", "unknown")
        strength = fields.get("strength")
        stated = Stated(
            entry.id,
            entry.position,
            fields["source"],
            stance,
            None if strength is None else _STRENGTHS[strength],
            period.earliest,
            period.latest,
            BasisWord(basis)
            if isinstance(basis, str)
            else tuple(Cited(name, name in self.statements) for name in basis),
        )
        self.statements[entry.id] = stated
        self.contents.setdefault(stated.source, []).append(entry)
        if stated.strength is Strength.IMPLICIT:
            self.uses_implicit = True


def link_of(fields: Mapping[str, Any]) -> Link:
    """Return the link that an event names; a contradiction has its ends sorted."""
    claim, other = fields["claim"], fields["other"]
    if fields["relation"] == "contradicts" and other < claim:
        claim, other = other, claim
    return Link(claim, other, fields["relation"])


class Described:
    """A source or a document: its opening, and the corrections of its fields."""

    def __init__(self) -> None:
        self.opened: LogEntry | None = None
        self.set_by: dict[str, list[LogEntry]] = {}
        self.ratings: dict[str | None, list[LogEntry]] = {}
        self.voids: dict[str, Switch] = {}

    def apply(self, entry: LogEntry) -> None:
        """Fold one event of a source's or a document's stream."""
        match entry.type:
            case "SourceRegistered" | "DocumentCaptured":
                self.opened = entry
                self._set(entry)
            case "SourceCorrected" | "DocumentCorrected":
                self._set(entry)
            case "SourceRated":
                self.ratings.setdefault(entry.fields.get("rater"), []).append(entry)
            case "RecordVoided":
                void = Switch(entry.position, entry.id, True)
                self.voids.setdefault(entry.fields["event"], void)

    def ratings_at(self, *, recorded_by: int) -> list[LogEntry]:
        """Return each rater's last rating that is not voided, by rater."""
        standing = [
            entry
            for entries in self.ratings.values()
            for entry in [e for e in entries if self._stands(e, recorded_by)][-1:]
        ]
        return sorted(standing, key=lambda entry: entry.fields.get("rater", ""))

    def _stands(self, entry: LogEntry, recorded_by: int) -> bool:
        void = self.voids.get(entry.id)
        is_voided = void is not None and void.position <= recorded_by
        return entry.position <= recorded_by and not is_voided

    def _set(self, entry: LogEntry) -> None:
        for name in entry.fields:
            self.set_by.setdefault(name, []).append(entry)

    def at(self, *, recorded_by: int) -> dict[str, Any]:
        """Return the fields as they stand at a position."""
        return {
            name: entry.fields[name]
            for name, entries in self.set_by.items()
            if name != "reason"
            for entry in [e for e in entries if e.position <= recorded_by][-1:]
        }


class ExpectationHistory:
    """A promised update: the promise, what was named as its fulfilment, voids."""

    def __init__(self) -> None:
        self.promised: LogEntry | None = None
        self.received: list[LogEntry] = []
        self.voids: dict[str, Switch] = {}

    def apply(self, entry: LogEntry) -> None:
        """Fold one event of an expectation's stream."""
        match entry.type:
            case "UpdateExpected":
                self.promised = entry
            case "UpdateReceived":
                self.received.append(entry)
            case "RecordVoided":
                void = Switch(entry.position, entry.id, True)
                self.voids.setdefault(entry.fields["event"], void)

    def is_voided(self, event: str, *, recorded_by: int) -> bool:
        """Tell whether our record of an event was voided at a position."""
        void = self.voids.get(event)
        return void is not None and void.position <= recorded_by
