"""The contract, transcribed as plainly as it can be, to test the library against.

Every question replays the whole list of exported events. Nothing is indexed and
nothing is kept between questions, except the meaning of dates. Each docstring names
the section of DESIGN.md that it transcribes. Nothing of the library is imported.

Events are the flat JSON objects of an export. Instants are microseconds since the
Unix epoch. A point of public time (``on``) is a text as a user writes it.
"""

import re
from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

Event = Mapping[str, Any]
Policy = Mapping[str, Any]
Json = dict[str, Any]
Point = tuple[str, int]

DEFAULT: Policy = {"confirmations": 1, "independent": False, "implicit": "count"}

STANCES = {
    "ClaimAsserted": "asserted",
    "ClaimDenied": "denied",
    "ClaimConfirmed": "confirmed",
    "ClaimRefuted": "refuted",
    "ConfirmationWithheld": "withheld",
    "StatementRetracted": "retracted",
}
SIDES = {
    "asserted": "for",
    "confirmed": "for",
    "denied": "against",
    "refuted": "against",
}
FLAGS = (
    "contested",
    "single_origin",
    "tentative",
    "order_unsure",
    "circular",
    "basis_withdrawn",
    "walked_back",
    "contradicted",
)
TAKEN_AS_TRUE = ("confirmed", "corroborated", "asserted")


class Unknown(LookupError):
    """Say that a topic, claim or source is not in the ledger at R (section 3)."""

    def __init__(self, code: str, name: str) -> None:
        super().__init__(f"{code}: {name}")
        self.code = code
        self.name = name


# --- Section 3: public time ---------------------------------------------------

SECOND = 1_000_000
DAY = 86_400 * SECOND
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST_INSTANT = (date.min.toordinal() - EPOCH_DAY) * DAY
LAST_INSTANT = (date.max.toordinal() + 1 - EPOCH_DAY) * DAY - 1

YEAR = re.compile(r"([0-9]{4})")
MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
WHOLE_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?"
    r"(?:Z|([+-])([0-9]{2})(?::([0-9]{2}))?)"
)


@cache
def wall_clock_offset(second: int, zone: str) -> int:
    """Return the zone's local time minus UTC, in seconds, at a second since the epoch.

    Section 3. Near the ends of the calendar, where Python has no local time, the
    offset of two days further in stands in.
    """
    low, high = FIRST_INSTANT // SECOND, LAST_INSTANT // SECOND
    inside = min(max(second, low + 2 * 86_400), high - 2 * 86_400)
    moment = EPOCH + timedelta(seconds=inside)
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def offset_changes(start: int, end: int, zone: str) -> list[int]:
    """Return the seconds in (start, end] at which the zone's offset changes."""
    changes = []
    for low in range(start, end, 900):
        high = low + 900
        before = wall_clock_offset(low, zone)
        if wall_clock_offset(high, zone) != before:
            seconds = range(low, high + 1)
            changed = bisect_left(
                seconds, True, key=lambda at: wall_clock_offset(at, zone) != before
            )
            changes.append(seconds[changed])
    return changes


@cache
def start_of_day(day: int, zone: str) -> int:
    """Return the first instant whose wall clock is at or after 00:00 of a day.

    Section 3. ``day`` is a proleptic ordinal; the result may lie outside the calendar.
    """
    midnight = (day - EPOCH_DAY) * 86_400
    start, end = midnight - 86_400, midnight + 86_400
    edges = [start, *offset_changes(start, end, zone), end]
    for since, until in pairwise(edges):
        reached = max(since, midnight - wall_clock_offset(since, zone))
        if reached < until:
            return reached * SECOND
    raise AssertionError("no offset is as long as a day")


def within_calendar(instant: int) -> int:
    """Return the instant, or the end of years 1 to 9999 that it lies beyond."""
    return min(max(instant, FIRST_INSTANT), LAST_INSTANT)


def stretch_of_days(first: int, after: int, zone: str) -> tuple[int, int]:
    """Return [start of a day, one microsecond before another day begins].

    Section 3. A stretch that has no instant was skipped by the zone.
    """
    earliest, following = start_of_day(first, zone), start_of_day(after, zone)
    if earliest == following:
        raise ValueError("the zone skips that day")
    return within_calendar(earliest), within_calendar(following - 1)


def instant(text: str) -> int:
    """Return the microseconds of an instant with ``Z`` or an offset (section 3)."""
    match = INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"not an instant: {text!r}")
    day, hours, minutes, seconds, fraction, sign, off_hours, off_minutes = (
        match.groups()
    )
    if int(hours) > 23 or int(minutes) > 59 or int(seconds) > 59:
        raise ValueError(f"no such time of day: {text!r}")
    if int(off_hours or 0) > 23 or int(off_minutes or 0) > 59:
        raise ValueError(f"no such offset: {text!r}")
    days = date.fromisoformat(day).toordinal() - EPOCH_DAY
    local = days * 86_400 + int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    offset = int(off_hours or 0) * 3600 + int(off_minutes or 0) * 60
    if sign == "-":
        offset = -offset
    moment = (local - offset) * SECOND + int((fraction or "0").ljust(6, "0"))
    if moment != within_calendar(moment):
        raise ValueError(f"outside the years 1 to 9999: {text!r}")
    return moment


def simple_period(text: str, zone: str) -> tuple[int, int]:
    """Return [earliest, latest] of a year, month, day or instant (section 3)."""
    if match := YEAR.fullmatch(text):
        first = date(int(match[1]), 1, 1).toordinal()
        last = date(int(match[1]), 12, 31).toordinal()
        return stretch_of_days(first, last + 1, zone)
    if match := MONTH.fullmatch(text):
        year, month = int(match[1]), int(match[2])
        first = date(year, month, 1).toordinal()
        return stretch_of_days(first, first + monthrange(year, month)[1], zone)
    if match := WHOLE_DAY.fullmatch(text):
        day = date(int(match[1]), int(match[2]), int(match[3])).toordinal()
        return stretch_of_days(day, day + 1, zone)
    moment = instant(text)
    return moment, moment


@cache
def period(text: str, zone: str) -> tuple[int, int]:
    """Return [earliest, latest], both inclusive, of an EDTF level 0 value (section 3).

    Raises ValueError if it is malformed, impossible, reversed or a skipped day. Open
    ends, which only ``about`` may have, are refused too.
    """
    if "/" not in text:
        return simple_period(text, zone)
    first, last = text.split("/", 1)
    earliest, latest = simple_period(first, zone)[0], simple_period(last, zone)[1]
    if earliest > latest:
        raise ValueError(f"the interval runs backwards: {text!r}")
    return earliest, latest


def known_until(on: str, zone: str) -> int:
    """Return the last instant of ``on``: a day's end, or itself (section 3)."""
    if WHOLE_DAY.fullmatch(on) or INSTANT.fullmatch(on):
        return period(on, zone)[1]
    raise ValueError(f"neither a day nor an instant: {on!r}")


def print_instant(us: int) -> str:
    """Return an instant in UTC with ``Z``, decimals only if not zero (section 3)."""
    text = (EPOCH + timedelta(microseconds=us)).replace(tzinfo=None)
    return text.isoformat(timespec="microseconds" if us % SECOND else "seconds") + "Z"


# --- Section 4: what the log says at a position ----------------------------------


def recorded(events: Sequence[Event], position: int) -> list[Event]:
    """Return the events recorded up to a position, in order (section 3)."""
    known = [event for event in events if event["position"] <= position]
    return sorted(known, key=lambda event: int(event["position"]))


def of_types(events: Iterable[Event], *types: str) -> list[Event]:
    """Return the events of some types, in the order given (section 4)."""
    return [event for event in events if event["type"] in types]


def require(
    events: Sequence[Event], position: int, type_: str, field: str, name: str
) -> None:
    """Raise Unknown unless a slug was opened up to a position (section 3)."""
    for event in of_types(recorded(events, position), type_):
        if event[field] == name:
            return
    raise Unknown(f"unknown_{field}", name)


def claims_framed(events: Sequence[Event], position: int) -> list[str]:
    """Return the ids of the claims framed up to a position, sorted (section 8)."""
    framed = of_types(recorded(events, position), "ClaimFramed")
    return sorted(event["claim"] for event in framed)


def text_of(events: Sequence[Event], claim_id: str, position: int) -> str | None:
    """Return a claim's wording at a position (section 8), None before its framing."""
    text: str | None = None
    for event in of_types(recorded(events, position), "ClaimFramed", "ClaimReworded"):
        if event["claim"] == claim_id:
            text = event["text"]
    return text


def about_of(events: Sequence[Event], claim_id: str, position: int) -> str | None:
    """Return a claim's ``about`` as it was given (section 8)."""
    for event in of_types(recorded(events, position), "ClaimFramed"):
        if event["claim"] == claim_id:
            about: str | None = event.get("about")
            return about
    return None


def topics_of(events: Sequence[Event], claim_id: str, position: int) -> list[str]:
    """Return the topics a claim is filed under at a position, sorted (section 4)."""
    topics: set[str] = set()
    for event in recorded(events, position):
        if event.get("claim") == claim_id:
            if event["type"] == "ClaimFramed":
                topics.update(event.get("topics") or ())
            elif event["type"] == "ClaimFiled":
                topics.add(event["topic"])
            elif event["type"] == "ClaimUnfiled":
                topics.discard(event["topic"])
    return sorted(topics)


def contradicting(events: Sequence[Event], claim_id: str, position: int) -> list[str]:
    """Return the claims linked ``contradicts`` to one, either way (section 4)."""
    linked: set[str] = set()
    for event in of_types(recorded(events, position), "ClaimsLinked", "ClaimsUnlinked"):
        pair = [event["claim"], event["other"]]
        if event["relation"] == "contradicts" and claim_id in pair:
            pair.remove(claim_id)
            if event["type"] == "ClaimsLinked":
                linked.add(pair[0])
            else:
                linked.discard(pair[0])
    return sorted(linked)


def chain_of_principals(
    events: Sequence[Event], source_id: str, position: int
) -> list[str]:
    """Return a source, its principal, and so on to the end (section 2)."""
    principals = {
        event["source"]: event.get("principal") or event["source"]
        for event in of_types(recorded(events, position), "SourceRegistered")
    }
    chain = [source_id]
    while principals[chain[-1]] != chain[-1]:
        chain.append(principals[chain[-1]])
    return chain


def first_voids(events: Sequence[Event], position: int) -> dict[str, Event]:
    """Return, by the id voided, the first RecordVoided up to a position (section 4)."""
    voids: dict[str, Event] = {}
    for event in of_types(recorded(events, position), "RecordVoided"):
        voids.setdefault(event["event"], event)
    return voids


# --- Section 5: the status rule ---------------------------------------------------


@dataclass(frozen=True)
class Statement:
    """What one source said about one claim, with the defaults of section 4."""

    id: str
    position: int
    claim: str
    source: str
    stance: str
    strength: str | None
    basis: str | tuple[str, ...] | None
    earliest: int
    latest: int

    @property
    def side(self) -> str | None:
        """The side it takes: for, against or none (section 2)."""
        return SIDES.get(self.stance)

    @property
    def plain(self) -> bool:
        """Whether it is neither hedged, conditional, implicit nor a retraction."""
        return self.strength == "plain"

    @property
    def order(self) -> tuple[int, int]:
        """The order of statements (section 3)."""
        return self.latest, self.position


def strength_of(event: Event) -> str | None:
    """Return a statement's strength: plain unless said otherwise (section 4)."""
    if event["type"] == "StatementRetracted":
        return None
    if event["type"] in ("ClaimConfirmed", "ClaimRefuted"):
        return "plain"
    strength: str = event.get("strength") or "plain"
    return strength


def basis_of(event: Event) -> str | tuple[str, ...] | None:
    """Return a statement's basis, with its default (section 4)."""
    if event["type"] == "StatementRetracted":
        return None
    basis = event.get("basis")
    if basis is None:
        verified = event["type"] in ("ClaimConfirmed", "ClaimRefuted")
        return "own" if verified else "unknown"
    return basis if isinstance(basis, str) else tuple(basis)


def statement_of(event: Event, zone: str) -> Statement:
    """Return the statement that an event is (sections 3 and 4)."""
    earliest, latest = period(event["said_at"], zone)
    return Statement(
        id=event["id"],
        position=event["position"],
        claim=event["claim"],
        source=event["source"],
        stance=STANCES[event["type"]],
        strength=strength_of(event),
        basis=basis_of(event),
        earliest=earliest,
        latest=latest,
    )


def unvoided_statements(
    events: Sequence[Event], zone: str, position: int
) -> list[Statement]:
    """Return the statements at R that are not voided at R, in order (section 3)."""
    voided = first_voids(events, position)
    statements = [
        statement_of(event, zone)
        for event in of_types(recorded(events, position), *STANCES)
        if event["id"] not in voided
    ]
    return sorted(statements, key=lambda statement: statement.order)


def step_one(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: int,
    position: int,
    policy: Policy,
) -> list[Statement]:
    """Return the statements on a claim that count at a point (section 5, step 1)."""
    ignored = "implicit" if {**DEFAULT, **policy}["implicit"] == "ignore" else ""
    return [
        statement
        for statement in unvoided_statements(events, zone, position)
        if statement.claim == claim_id
        and statement.latest <= on
        and statement.strength != ignored
    ]


def standings_of(counted: Iterable[Statement]) -> dict[str, Statement]:
    """Return each source's last statement, by source (section 5, step 2)."""
    standings: dict[str, Statement] = {}
    for statement in sorted(counted, key=lambda statement: statement.order):
        standings[statement.source] = statement
    return dict(sorted(standings.items()))


def is_statement(events: Sequence[Event], entry: str, citing: Statement) -> bool:
    """Tell what a basis entry is, as settled when it was recorded (section 4).

    A statement if there was one by that id on the claim, otherwise a source.
    """
    return any(
        event["id"] == entry and event["claim"] == citing.claim
        for event in of_types(recorded(events, citing.position - 1), *STANCES)
    )


@dataclass(frozen=True)
class Reading:
    """What reading a basis brings: origins, flags, and the voided ids it met."""

    origins: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    voided: frozenset[str] = frozenset()


def together(readings: Iterable[Reading]) -> Reading:
    """Return the union of readings (section 5, step 3: the union over its entries)."""
    origins: set[str] = set()
    flags: set[str] = set()
    voided: set[str] = set()
    for reading in readings:
        origins |= reading.origins
        flags |= reading.flags
        voided |= reading.voided
    return Reading(frozenset(origins), frozenset(flags), frozenset(voided))


NOTHING = Reading()
CIRCULAR = Reading(flags=frozenset({"circular"}))
WITHDRAWN = Reading(flags=frozenset({"basis_withdrawn"}))


@dataclass(frozen=True)
class Scene:
    """One claim at one point under one policy: all that the rule looks at."""

    events: Sequence[Event]
    position: int
    counted: Sequence[Statement]
    standings: Mapping[str, Statement]

    def principal(self, source_id: str) -> str:
        """Return a source's principal, followed to its end (section 2)."""
        return chain_of_principals(self.events, source_id, self.position)[-1]

    def read(self, citing: Statement, path: tuple[str, ...]) -> Reading:
        """Return the origins of a statement's own basis (section 5, step 3).

        ``path`` are the sources passed since the standing that we started at.
        """
        if citing.basis == "own":
            return Reading(frozenset({self.principal(citing.source)}))
        if citing.basis == "unknown":
            return NOTHING
        assert isinstance(citing.basis, tuple)
        return together(self.read_entry(entry, citing, path) for entry in citing.basis)

    def read_entry(
        self, entry: str, citing: Statement, path: tuple[str, ...]
    ) -> Reading:
        """Return what one entry leads to: the first line that fits (step 3)."""
        source = entry
        if is_statement(self.events, entry, citing):
            cited = [statement for statement in self.counted if statement.id == entry]
            if not cited:
                return self.read_outside(entry)
            if cited[0].source == citing.source:
                return self.read_own_earlier(cited[0], citing, path)
            source = cited[0].source
        elif source not in self.standings:
            return Reading(frozenset({self.principal(source)}))
        return self.read_source(source, citing, path)

    def read_outside(self, entry: str) -> Reading:
        """Read a statement id outside step 1's set (step 3, first line)."""
        if entry not in first_voids(self.events, self.position):
            return NOTHING
        return Reading(flags=WITHDRAWN.flags, voided=frozenset({entry}))

    def read_own_earlier(
        self, cited: Statement, citing: Statement, path: tuple[str, ...]
    ) -> Reading:
        """Read a statement of the citing source itself (step 3, second line)."""
        return self.read(cited, path) if cited.side == citing.side else WITHDRAWN

    def read_source(
        self, source: str, citing: Statement, path: tuple[str, ...]
    ) -> Reading:
        """Read an entry that leads to a source with statements (step 3, last line)."""
        if source in path:
            return CIRCULAR
        standing = self.standings[source]
        if standing.side != citing.side:
            return WITHDRAWN
        if standing.basis == "unknown":
            return Reading(frozenset({self.principal(source)}))
        return self.read(standing, (*path, source))

    def origins(self, standings: Iterable[Statement]) -> Reading:
        """Return the origins behind standings that take a side (step 3)."""
        return together(
            self.read(standing, (standing.source,))
            for standing in standings
            if standing.side
        )

    def on_side(self, side: str) -> list[Statement]:
        """Return the standings on a side (section 2)."""
        return [one for one in self.standings.values() if one.side == side]

    def with_stance(self, stance: str) -> list[Statement]:
        """Return the standings of one stance (section 2)."""
        return [one for one in self.standings.values() if one.stance == stance]

    def independent(self, side: str) -> int:
        """Count the origins behind the plain standings of a side (step 4)."""
        plain = [standing for standing in self.on_side(side) if standing.plain]
        return len(self.origins(plain).origins)

    def verifications(self, stance: str, policy: Policy) -> int:
        """Count confirmations, or refutations, under a policy (step 4)."""
        standings = self.with_stance(stance)
        if policy["independent"]:
            return len(self.origins(standings).origins)
        return len({self.principal(standing.source) for standing in standings})

    def said_by(self, source: str) -> list[Statement]:
        """Return a source's statements in step 1's set, in order."""
        return [one for one in self.counted if one.source == source]

    def order_unsure(self, standing: Statement) -> bool:
        """Tell whether another stance of the source overlaps its standing (flags)."""
        return any(
            other.stance != standing.stance
            and other.earliest <= standing.latest
            and standing.earliest <= other.latest
            for other in self.said_by(standing.source)
        )

    def walked_back(self, standing: Statement) -> bool:
        """Tell whether the source took a side that its standing is not on (flags)."""
        return any(
            other.side and other.side != standing.side
            for other in self.said_by(standing.source)
        )

    def raised_by(self, standing: Statement) -> set[str]:
        """Return the flags that one standing raises (section 5)."""
        flags = set(self.origins([standing]).flags)
        if self.order_unsure(standing):
            flags.add("order_unsure")
        if self.walked_back(standing):
            flags.add("walked_back")
        return flags


def in_order(flags: Iterable[str]) -> list[str]:
    """Return flags in the order of section 5."""
    return sorted(flags, key=FLAGS.index)


def scene_of(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: int,
    position: int,
    policy: Policy,
) -> Scene:
    """Return what the rule looks at (section 5, steps 1 and 2)."""
    counted = step_one(events, zone, claim_id, on, position, policy)
    return Scene(events, position, counted, standings_of(counted))


@dataclass(frozen=True)
class Verdict:
    """What the rule says of one claim, all but its linked claims (section 5)."""

    scene: Scene
    status: str
    line: str
    flags: frozenset[str]
    confirmations: int
    refutations: int
    independent: int


def status_and_line(
    scene: Scene, confirmations: int, refutations: int, n: int
) -> tuple[str, str]:
    """Return the status and the line that fired, the first that fits (step 5)."""
    fors, againsts = scene.on_side("for"), scene.on_side("against")
    if not scene.counted:
        return "unreported", "no statement in step 1's set"
    if confirmations >= n and refutations >= n:
        return "disputed", "confirmations ≥ n and refutations ≥ n"
    if confirmations >= n:
        return "confirmed", "confirmations ≥ n"
    if refutations >= n:
        return "refuted", "refutations ≥ n"
    if fors and againsts:
        return "disputed", "a standing for and a standing against"
    if againsts:
        return "denied", "standings against only"
    if fors and scene.independent("for") >= 2:
        return "corroborated", "for only, independent ≥ 2"
    if any(standing.plain for standing in fors):
        return "asserted", "for only, at least one of them plain"
    if fors:
        return "floated", "for only, all hedged, conditional or implicit"
    if any(scene.walked_back(one) for one in scene.with_stance("retracted")):
        return "withdrawn", (
            "no side left standing, and a source whose standing is retracted took a"
            " side before, within step 1's set"
        )
    return "raised", "what is left"


def own_flags(scene: Scene, status: str, independent: int) -> set[str]:
    """Return every flag but ``contradicted`` (section 5)."""
    fors, againsts = scene.on_side("for"), scene.on_side("against")
    flags: set[str] = set()
    if (status == "confirmed" and againsts) or (status == "refuted" and fors):
        flags.add("contested")
    if status in ("confirmed", "refuted") and independent <= 1:
        flags.add("single_origin")
    if status == "denied" and not any(one.plain for one in againsts):
        flags.add("tentative")
    for standing in scene.standings.values():
        flags |= scene.raised_by(standing)
    return flags


def judge(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: int,
    position: int,
    policy: Policy,
) -> Verdict:
    """Apply the rule to one claim at one point (section 5, steps 1 to 5)."""
    full = {**DEFAULT, **policy}
    scene = scene_of(events, zone, claim_id, on, position, full)
    confirmations = scene.verifications("confirmed", full)
    refutations = scene.verifications("refuted", full)
    status, line = status_and_line(
        scene, confirmations, refutations, full["confirmations"]
    )
    leading = "against" if status in ("refuted", "denied") else "for"
    independent = scene.independent(leading)
    flags = frozenset(own_flags(scene, status, independent))
    return Verdict(scene, status, line, flags, confirmations, refutations, independent)


def contradictors(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: int,
    position: int,
    policy: Policy,
) -> list[str]:
    """Return the claims linked ``contradicts`` that are taken as true (section 5)."""
    return [
        other
        for other in contradicting(events, claim_id, position)
        if judge(events, zone, other, on, position, policy).status in TAKEN_AS_TRUE
    ]


def tally_of(scene: Scene, independent: int) -> Json:
    """Return the tally of the standings (section 5)."""

    def ids(standings: Iterable[Statement]) -> list[str]:
        return sorted(standing.source for standing in standings)

    return {
        "for": ids(scene.on_side("for")),
        "against": ids(scene.on_side("against")),
        "confirmed_by": ids(scene.with_stance("confirmed")),
        "refuted_by": ids(scene.with_stance("refuted")),
        "withheld_by": ids(scene.with_stance("withheld")),
        "retracted_by": ids(scene.with_stance("retracted")),
        "independent": independent,
    }


def state(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: int,
    position: int,
    policy: Policy,
) -> Json:
    """Return status, flags, tally and statements at one point (section 5)."""
    verdict = judge(events, zone, claim_id, on, position, policy)
    flags = set(verdict.flags)
    if verdict.status in TAKEN_AS_TRUE and contradictors(
        events, zone, claim_id, on, position, policy
    ):
        flags.add("contradicted")
    standings = sorted(verdict.scene.standings.values(), key=lambda one: one.order)
    return {
        "status": verdict.status,
        "flags": in_order(flags),
        "tally": tally_of(verdict.scene, verdict.independent),
        "statements": [standing.id for standing in standings],
    }


def since(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: int,
    position: int,
    policy: Policy,
) -> int | None:
    """Return the instant from which the status has held without a break (section 5).

    The rule is applied again at each instant at which a statement began to count.
    """
    now = judge(events, zone, claim_id, on, position, policy)
    if now.status == "unreported":
        return None
    held_from: int | None = None
    for step in sorted({one.latest for one in now.scene.counted}, reverse=True):
        then = judge(events, zone, claim_id, step, position, policy)
        if then.status != now.status:
            break
        held_from = step
    return held_from


# --- Section 8: the answers -------------------------------------------------------


def claim(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: str,
    position: int,
    policy: Policy = DEFAULT,
) -> Json:
    """Return one claim's state, also when it is unreported (section 8)."""
    require(events, position, "ClaimFramed", "claim", claim_id)
    until = known_until(on, zone)
    now = state(events, zone, claim_id, until, position, policy)
    held_from = since(events, zone, claim_id, until, position, policy)
    return {
        "id": claim_id,
        "text": text_of(events, claim_id, position),
        "topics": topics_of(events, claim_id, position),
        "about": about_of(events, claim_id, position),
        "status": now["status"],
        "flags": now["flags"],
        "since": None if held_from is None else print_instant(held_from),
        "tally": now["tally"],
        "statements": now["statements"],
    }


def possibly_known(
    events: Sequence[Event], zone: str, claim_ids: Sequence[str], on: str, position: int
) -> list[Json]:
    """Return the statements that may have been known at a point (section 3)."""
    until = known_until(on, zone)
    return [
        {
            "claim": statement.claim,
            "statement": statement.id,
            "earliest": print_instant(statement.earliest),
            "latest": print_instant(statement.latest),
        }
        for statement in unvoided_statements(events, zone, position)
        if statement.claim in claim_ids
        and statement.earliest <= until < statement.latest
    ]


def knowledge(
    events: Sequence[Event],
    zone: str,
    on: str,
    position: int,
    *,
    topic: str | None = None,
    policy: Policy = DEFAULT,
    statuses: Iterable[str] | None = None,
) -> Json:
    """Return what was known at a point: counts, claims, possibly known (section 8)."""
    if topic is not None:
        require(events, position, "TopicOpened", "topic", topic)
    asked = [
        claim_id
        for claim_id in claims_framed(events, position)
        if topic is None or topic in topics_of(events, claim_id, position)
    ]
    wanted = None if statuses is None else set(statuses)
    counts: dict[str, int] = {}
    claims: list[Json] = []
    for claim_id in asked:
        answer = claim(events, zone, claim_id, on, position, policy)
        status = answer["status"]
        if status != "unreported":
            counts[status] = counts.get(status, 0) + 1
            if wanted is None or status in wanted:
                claims.append(answer)
    return {
        "counts": counts,
        "claims": claims,
        "possibly_known": possibly_known(events, zone, asked, on, position),
    }


def timeline(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    position: int,
    policy: Policy = DEFAULT,
) -> list[Json]:
    """Return the spans of a claim's state over public time (section 8)."""
    require(events, position, "ClaimFramed", "claim", claim_id)

    def began_to_count(one: str) -> set[int]:
        counted = step_one(events, zone, one, LAST_INSTANT, position, policy)
        return {statement.latest for statement in counted}

    own = began_to_count(claim_id)
    if not own:
        return []
    steps = set(own)
    for other in contradicting(events, claim_id, position):
        steps |= {step for step in began_to_count(other) if step > min(own)}
    spans: list[Json] = []
    for step in sorted(steps):
        now = state(events, zone, claim_id, step, position, policy)
        held = {key: spans[-1][key] for key in now} if spans else None
        if now != held:
            if spans:
                spans[-1]["until"] = print_instant(step)
            spans.append({"from": print_instant(step), "until": None, **now})
    return spans


def in_topic(
    events: Sequence[Event], claim_id: str, position: int, topic: str | None
) -> bool:
    """Tell whether a claim is framed and in the topic at a position (section 8)."""
    if claim_id not in claims_framed(events, position):
        return False
    return topic is None or topic in topics_of(events, claim_id, position)


def side_of_change(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    point: Point,
    topic: str | None,
    policy: Policy,
) -> Json:
    """Return status, flags and tally at one point of a comparison (section 8).

    A claim not framed or not in the topic there is unreported, with an empty tally.
    """
    if not in_topic(events, claim_id, point[1], topic):
        nothing = Scene(events, point[1], [], {})
        return {"status": "unreported", "flags": [], "tally": tally_of(nothing, 0)}
    until = known_until(point[0], zone)
    now = state(events, zone, claim_id, until, point[1], policy)
    return {key: now[key] for key in ("status", "flags", "tally")}


def differing_statements(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    points: Sequence[Point],
    policy: Policy,
) -> set[str]:
    """Return the statements in step 1's set at one point only (section 8)."""
    first, second = (
        {
            statement.id
            for statement in step_one(
                events, zone, claim_id, known_until(on, zone), position, policy
            )
        }
        for on, position in points
    )
    return first ^ second


def voids_in_between(
    events: Sequence[Event], ids: Iterable[str], points: Sequence[Point]
) -> set[str]:
    """Return the first RecordVoided of each id voided at one point only (section 8)."""
    earlier, later = sorted(position for _, position in points)
    before, after = first_voids(events, earlier), first_voids(events, later)
    return {after[one]["id"] for one in ids if one in after and one not in before}


def voids_of_cited(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    points: Sequence[Point],
    policy: Policy,
) -> set[str]:
    """Return the voids of cited statements that raised a flag (section 8).

    Cited means met while reading the standings that take a side.
    """
    met: set[str] = set()
    for on, position in points:
        scene = scene_of(
            events, zone, claim_id, known_until(on, zone), position, policy
        )
        met |= scene.origins(scene.standings.values()).voided
    return voids_in_between(events, met, points)


def last_that_changed(
    facts: Iterable[tuple[Event, bool]], points: Sequence[Point], held: bool
) -> set[str]:
    """Return the last event between two points that turned something on or off.

    Section 8, "that made the difference". ``facts`` are the events in order, each with
    what held after it; ``held`` is what held before all of them.
    """
    earlier, later = sorted(position for _, position in points)
    last: set[str] = set()
    for event, holds in facts:
        if holds != held and earlier < event["position"] <= later:
            last = {event["id"]}
        held = holds
    return last


def filing_between(
    events: Sequence[Event], claim_id: str, topic: str, points: Sequence[Point]
) -> set[str]:
    """Return the last framing, filing or unfiling that made a difference."""
    facts = [
        (event, topic in topics_of(events, claim_id, event["position"]))
        for event in of_types(
            recorded(events, max(position for _, position in points)),
            "ClaimFramed",
            "ClaimFiled",
            "ClaimUnfiled",
        )
        if event["claim"] == claim_id
    ]
    return last_that_changed(facts, points, False)


def linking_between(
    events: Sequence[Event], claim_id: str, other: str, points: Sequence[Point]
) -> set[str]:
    """Return the last linking or unlinking of two claims that made a difference."""
    facts = [
        (event, other in contradicting(events, claim_id, event["position"]))
        for event in of_types(
            recorded(events, max(position for _, position in points)),
            "ClaimsLinked",
            "ClaimsUnlinked",
        )
        if {event["claim"], event["other"]} == {claim_id, other}
    ]
    return last_that_changed(facts, points, False)


def reasons_of_contradiction(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    points: Sequence[Point],
    policy: Policy,
) -> set[str]:
    """Return the links and linked claims' statements behind ``contradicted``.

    Section 8. Only one of the points has a contradicting claim; of each such claim, the
    link if it is not there at the other point, and its differing statements if it is
    not taken as true there.
    """
    reasons: set[str] = set()
    pairs = (points, (points[1], points[0]))
    for (on, position), (other_on, other_position) in pairs:
        for other in contradictors(
            events, zone, claim_id, known_until(on, zone), position, policy
        ):
            if other not in contradicting(events, claim_id, other_position):
                reasons |= linking_between(events, claim_id, other, points)
            there = judge(
                events, zone, other, known_until(other_on, zone), other_position, policy
            )
            if there.status not in TAKEN_AS_TRUE:
                reasons |= differing_statements(events, zone, other, points, policy)
    return reasons


def by_position(events: Sequence[Event], ids: set[str]) -> list[str]:
    """Return event ids in the order of their positions (section 8)."""
    ordered = sorted(events, key=lambda event: int(event["position"]))
    return [event["id"] for event in ordered if event["id"] in ids]


def because(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    points: Sequence[Point],
    topic: str | None,
    policy: Policy,
    flags_differing: set[str],
) -> list[str]:
    """Return the events that name a change's reason, by position (section 8)."""
    statements = differing_statements(events, zone, claim_id, points, policy)
    reasons = statements | voids_in_between(events, statements, points)
    if reasons:
        return by_position(events, reasons)
    first, second = (in_topic(events, claim_id, at, topic) for _, at in points)
    if topic is not None and first != second:
        return by_position(events, filing_between(events, claim_id, topic, points))
    if "basis_withdrawn" in flags_differing:
        reasons |= voids_of_cited(events, zone, claim_id, points, policy)
    if "contradicted" in flags_differing:
        reasons |= reasons_of_contradiction(events, zone, claim_id, points, policy)
    return by_position(events, reasons)


def changes(
    events: Sequence[Event],
    zone: str,
    before: Point,
    after: Point,
    *,
    topic: str | None = None,
    policy: Policy = DEFAULT,
) -> list[Json]:
    """Return the claims that differ between two points, and why (section 8)."""
    points = (before, after)
    head = max(before[1], after[1])
    if topic is not None:
        require(events, head, "TopicOpened", "topic", topic)
    found: list[Json] = []
    for claim_id in claims_framed(events, head):
        then, now = (
            side_of_change(events, zone, claim_id, point, topic, policy)
            for point in points
        )
        if then != now:
            text = text_of(events, claim_id, after[1])
            if text is None:
                text = text_of(events, claim_id, before[1])
            flags = set(then["flags"]) ^ set(now["flags"])
            found.append(
                {
                    "id": claim_id,
                    "text": text,
                    "before": then,
                    "after": now,
                    "because": because(
                        events, zone, claim_id, points, topic, policy, flags
                    ),
                }
            )
    return found


def explanation(
    events: Sequence[Event],
    zone: str,
    claim_id: str,
    on: str,
    position: int,
    policy: Policy = DEFAULT,
) -> Json:
    """Return a claim's standings, the line that fired and its counts (section 8)."""
    require(events, position, "ClaimFramed", "claim", claim_id)
    until = known_until(on, zone)
    verdict = judge(events, zone, claim_id, until, position, policy)
    scene = verdict.scene
    return {
        "standings": [
            {
                "source": source,
                "stance": standing.stance,
                "strength": standing.strength,
                "side": standing.side,
                "statement": standing.id,
                "known_from": print_instant(standing.latest),
                "basis": (
                    list(standing.basis)
                    if isinstance(standing.basis, tuple)
                    else standing.basis
                ),
                "origins": sorted(scene.origins([standing]).origins),
                "flags": in_order(scene.raised_by(standing)),
            }
            for source, standing in sorted(scene.standings.items())
        ],
        "decided_by": verdict.line,
        "counts": {
            "confirmations": verdict.confirmations,
            "refutations": verdict.refutations,
            "independent": verdict.independent,
        },
    }


def positions(
    events: Sequence[Event],
    zone: str,
    source_id: str,
    on: str,
    position: int,
    policy: Policy = DEFAULT,
) -> list[Json]:
    """Return what a source held on each claim at a point (section 8)."""
    require(events, position, "SourceRegistered", "source", source_id)
    until = known_until(on, zone)
    held: list[Json] = []
    for claim_id in claims_framed(events, position):
        scene = scene_of(events, zone, claim_id, until, position, policy)
        standing = scene.standings.get(source_id)
        if standing is not None:
            held.append(
                {
                    "claim": claim_id,
                    "stance": standing.stance,
                    "strength": standing.strength,
                    "statement": standing.id,
                    "known_from": print_instant(standing.latest),
                    "walked_back": scene.walked_back(standing),
                }
            )
    return held


def fulfilled_by(
    events: Sequence[Event], zone: str, promise: Event, until: int, position: int
) -> str | None:
    """Return the statement that fulfils an expectation at a point (section 4)."""
    voided = first_voids(events, position)
    known = [
        statement
        for statement in unvoided_statements(events, zone, position)
        if statement.latest <= until
    ]
    named = {
        event["statement"]
        for event in of_types(recorded(events, position), "UpdateReceived")
        if event["expectation"] == promise["expectation"] and event["id"] not in voided
    }
    for statement in known:
        if statement.id in named:
            return statement.id
    awaited = promise.get("awaits") or promise["source"]
    promised = period(promise["said_at"], zone)[1]
    for statement in known:
        chain = chain_of_principals(events, statement.source, position)
        if (
            statement.claim in promise["claims"]
            and awaited in chain
            and statement.earliest > promised
        ):
            return statement.id
    return None


def expectations(
    events: Sequence[Event], zone: str, on: str, position: int
) -> list[Json]:
    """Return the promised updates known at a point, by id (sections 4 and 8)."""
    until = known_until(on, zone)
    voided = first_voids(events, position)
    listed: list[Json] = []
    for promise in of_types(recorded(events, position), "UpdateExpected"):
        if promise["id"] in voided or period(promise["said_at"], zone)[1] > until:
            continue
        fulfilment = fulfilled_by(events, zone, promise, until, position)
        if fulfilment is not None:
            condition = "fulfilled"
        elif until > period(promise["due"], zone)[1]:
            condition = "lapsed"
        else:
            condition = "open"
        listed.append(
            {
                "id": promise["expectation"],
                "claims": list(promise["claims"]),
                "source": promise["source"],
                "awaits": promise.get("awaits") or promise["source"],
                "due": promise["due"],
                "state": condition,
                "fulfilled_by": fulfilment,
                "quote": promise.get("quote"),
            }
        )
    return sorted(listed, key=lambda one: str(one["id"]))
