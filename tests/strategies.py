"""Random valid ledgers, so small that their events get in each other's way.

A script is what a caller would record: batches of events without an envelope, except
for an ``id`` where something may cite or void the event. Everything that an event
refers to stands earlier in the script, and slugs are opened once. That is all: stances
are taken back before they are taken, bases run in circles, and dates overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from tests import oracle

Event = dict[str, Any]
T = TypeVar("T")

WINDOWS = (
    ("UTC", "2024-10-16"),
    ("Europe/Kyiv", "2024-10-22"),
    ("America/New_York", "2024-10-16"),
    ("America/New_York", "2024-10-29"),
    ("Asia/Seoul", "2024-10-16"),
    ("America/Sao_Paulo", "2018-10-30"),
    ("Pacific/Apia", "2011-12-26"),
    ("Pacific/Apia", "2024-10-16"),
)
SOURCES = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot")
STATEMENTS = (
    "ClaimAsserted",
    "ClaimAsserted",
    "ClaimAsserted",
    "ClaimAsserted",
    "ClaimDenied",
    "ClaimDenied",
    "ClaimConfirmed",
    "ClaimConfirmed",
    "ClaimConfirmed",
    "ClaimRefuted",
    "ConfirmationWithheld",
    "StatementRetracted",
    "StatementRetracted",
)
ALWAYS_PLAIN = ("ClaimConfirmed", "ClaimRefuted")
STRENGTHS = (None, None, "plain", "hedged", "conditional", "implicit", "implicit")
TIMES = ("00:00:00", "00:30:00", "02:30:00.5", "12:00:00", "23:59:59.999999")
OFFSETS = ("Z", "+00:00", "+02:00", "+05:45", "+13:00", "-03:00", "-05:00")
RELATIONS = ("contradicts", "contradicts", "contradicts", "supports", "refines")


@dataclass(frozen=True)
class Script:
    """What a caller records into a new ledger of a zone, one batch after another."""

    zone: str
    batches: tuple[tuple[Event, ...], ...]


def days_of(zone: str, first_day: str, count: int) -> list[str]:
    """Return the days of a window, without those that the zone skips."""
    first = date.fromisoformat(first_day)
    days = [(first + timedelta(days=ahead)).isoformat() for ahead in range(count)]
    return [day for day in days if is_period(day, zone)]


def is_period(text: str, zone: str) -> bool:
    """Tell whether a text is a date that the ledger takes."""
    try:
        oracle.period(text, zone)
    except ValueError:
        return False
    return True


@dataclass
class Writer:
    """Writes a script event by event, and knows what it may refer to."""

    draw: st.DrawFn
    zone: str
    days: list[str]
    late_percent: int
    pending: list[Event]
    today: int = 0
    topics: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    statements: list[Event] = field(default_factory=list)
    expectations: list[str] = field(default_factory=list)
    voidable: list[str] = field(default_factory=list)
    voided: list[str] = field(default_factory=list)
    filed: set[tuple[str, str]] = field(default_factory=set)
    linked: set[tuple[str, ...]] = field(default_factory=set)
    cited: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    # --- drawing ---

    def one_of(self, choices: Sequence[T]) -> T:
        """Draw one of some values."""
        return self.draw(st.sampled_from(choices))

    def chance(self, percent: int) -> bool:
        """Draw whether something happens that does so in some percent of cases."""
        return self.draw(st.integers(0, 99)) >= 100 - percent

    def some_of(self, choices: Sequence[T], least: int, most: int) -> list[T]:
        """Draw a few different values, in any order."""
        distinct = st.sampled_from(choices)
        return self.draw(st.lists(distinct, min_size=least, max_size=most, unique=True))

    def claim(self) -> str:
        """Draw a claim, more often than not the first."""
        return self.one_of([self.claims[0], *self.claims])

    def source(self) -> str:
        """Draw a source."""
        return self.one_of(self.sources)

    def fresh_id(self, prefix: str) -> str:
        """Draw an id that no event has, now and then the name of a source."""
        names = [name for name in SOURCES if name not in self.taken]
        if prefix == "s" and names and self.chance(8):
            identifier = self.one_of(names)
        else:
            identifier = f"{prefix}{len(self.taken)}"
        self.taken.add(identifier)
        return identifier

    # --- dates ---

    def moment(self, day: str) -> str:
        """Draw an instant of a day, at any offset."""
        return f"{day}T{self.one_of(TIMES)}{self.one_of(OFFSETS)}"

    def interval(self, first: str, last: str) -> str:
        """Draw an interval of any ends, or a day if the ends came out reversed."""
        begin = self.one_of([first, first, self.moment(first), first[:7], first[:4]])
        end = self.one_of([last, last, self.moment(last), last[:7]])
        text = f"{begin}/{end}"
        return text if is_period(text, self.zone) else last

    def dated(self, index: int) -> str:
        """Draw a date of any shape that has to do with a day of the window."""
        day = self.days[index]
        shape = self.one_of(
            ["day"] * 5 + ["instant"] * 4 + ["interval"] * 3 + ["month", "year"]
        )
        if shape == "instant":
            return self.moment(day)
        if shape == "interval":
            return self.interval(self.days[self.draw(st.integers(0, index))], day)
        return {"day": day, "month": day[:7], "year": day[:4]}[shape]

    def said_at(self) -> str:
        """Draw a date of today, or an earlier one if the news is late."""
        late = self.chance(self.late_percent)
        return self.dated(self.draw(st.integers(0, self.today)) if late else self.today)

    # --- events ---

    def open_topic(self, topic: str) -> Event:
        """Open a topic."""
        self.topics.append(topic)
        return {"type": "TopicOpened", "topic": topic, "title": f"Topic {topic}"}

    def register_source(self, source: str) -> Event:
        """Register a source that speaks for itself or for one before it."""
        event: Event = {"type": "SourceRegistered", "source": source, "name": source}
        principal = self.one_of([None, None, source, source, *self.sources])
        if principal is not None:
            event["principal"] = principal
        self.sources.append(source)
        return event

    def frame_claim(self, claim: str) -> Event:
        """Frame a claim under some of the topics, or none."""
        text = f"Claim {claim}, as framed"
        event: Event = {"type": "ClaimFramed", "claim": claim, "text": text}
        topics = self.some_of(self.topics, 0, 2)
        if topics:
            event["topics"] = topics
        if self.chance(20):
            event["about"] = self.days[-1] + "/.."
        self.claims.append(claim)
        self.texts[claim] = text
        self.filed |= {(claim, topic) for topic in topics}
        return event

    def open_next(self) -> Event:
        """Open what is still to be opened, or state something if nothing is."""
        if not self.pending:
            return self.state()
        pending = self.pending.pop(0)
        match pending:
            case {"topic": topic}:
                return self.open_topic(topic)
            case {"source": source}:
                return self.register_source(source)
            case _:
                return self.frame_claim(pending["claim"])

    def basis(self, claim: str) -> str | list[str]:
        """Draw a basis: own, unknown, or statements on the claim and sources."""
        if self.chance(45):
            return self.one_of(["own", "own", "unknown"])
        cited = [one["id"] for one in self.statements if one["claim"] == claim]
        entries = sorted({*cited, *self.sources})
        if cited and self.chance(60):
            entries = sorted(set(cited))
        basis = self.some_of(entries, 1, 3)
        self.cited |= set(basis) & set(cited)
        return basis

    def state(self) -> Event:
        """State something on a claim."""
        type_ = self.one_of(STATEMENTS)
        claim = self.claim()
        event: Event = {
            "type": type_,
            "claim": claim,
            "source": self.source(),
            "said_at": self.said_at(),
        }
        if type_ != "StatementRetracted":
            strength = None if type_ in ALWAYS_PLAIN else self.one_of(STRENGTHS)
            if strength is not None:
                event["strength"] = strength
            if self.chance(75):
                event["basis"] = self.basis(claim)
            if self.chance(5):
                event["via"] = [self.source()]
        if self.chance(5):
            event["quote"] = "They said so."
        event["id"] = self.fresh_id("s")
        self.statements.append(event)
        self.voidable.append(event["id"])
        return event

    def void(self) -> Event:
        """Void something; by id if it has been voided before."""
        if not self.voidable:
            return self.state()
        again = bool(self.voided) and self.chance(15)
        cited = sorted(self.cited) if self.chance(40) else []
        target = self.one_of(self.voided if again else cited or self.voidable)
        event: Event = {"type": "RecordVoided", "event": target, "reason": "A slip"}
        if target in self.voided or self.chance(50):
            event["id"] = self.fresh_id("v")
        self.voided.append(target)
        return event

    def reword(self) -> Event:
        """Reword a claim, now and then in the words that it has."""
        claim = self.claim()
        text = f"Claim {claim}, wording {self.one_of('ABC')}"
        event: Event = {"type": "ClaimReworded", "claim": claim, "text": text}
        if self.chance(20):
            event["reason"] = "Clearer"
        if self.chance(20):
            event["text"] = self.texts[claim]
            event["id"] = self.fresh_id("w")
        self.texts[claim] = event["text"]
        return event

    def file(self) -> Event:
        """File or unfile a claim; what is so already is said by id."""
        claim, topic = self.claim(), self.one_of(self.topics)
        filing = self.chance(50)
        event: Event = {
            "type": "ClaimFiled" if filing else "ClaimUnfiled",
            "claim": claim,
            "topic": topic,
        }
        if filing == ((claim, topic) in self.filed) or self.chance(30):
            event["id"] = self.fresh_id("f")
        (self.filed.add if filing else self.filed.discard)((claim, topic))
        return event

    def link(self) -> Event:
        """Link or unlink two claims; what is so already is said by id."""
        if len(self.claims) < 2:
            return self.state()
        claim, other = self.some_of(self.claims, 2, 2)
        relation = self.one_of(RELATIONS)
        linking = self.chance(70)
        event: Event = {
            "type": "ClaimsLinked" if linking else "ClaimsUnlinked",
            "claim": claim,
            "other": other,
            "relation": relation,
        }
        ends = sorted([claim, other]) if relation == "contradicts" else [claim, other]
        link = (*ends, relation)
        if linking == (link in self.linked) or self.chance(30):
            event["id"] = self.fresh_id("l")
        (self.linked.add if linking else self.linked.discard)(link)
        return event

    def rate(self) -> Event:
        """Rate a source."""
        event: Event = {
            "type": "SourceRated",
            "source": self.source(),
            "reliability": self.one_of("ABCDEF"),
            "id": self.fresh_id("r"),
        }
        self.voidable.append(event["id"])
        return event

    def assess(self) -> Event:
        """Assess a claim, which moves no status."""
        event: Event = {
            "type": "ClaimAssessed",
            "claim": self.claim(),
            "assessor": self.source(),
            "assessed_at": self.days[self.today] + "T12:00:00Z",
            "credibility": self.draw(st.integers(1, 6)),
            "id": self.fresh_id("a"),
        }
        self.voidable.append(event["id"])
        return event

    def expect(self) -> Event:
        """Expect an update, due before or after it was promised."""
        expectation = f"update-{len(self.expectations)}"
        event: Event = {
            "type": "UpdateExpected",
            "expectation": expectation,
            "claims": self.some_of(self.claims, 1, 2),
            "source": self.source(),
            "said_at": self.said_at(),
            "due": self.dated(self.draw(st.integers(0, len(self.days) - 1))),
            "id": self.fresh_id("u"),
        }
        if self.chance(50):
            event["awaits"] = self.source()
        if self.chance(20):
            event["quote"] = "We will know more soon."
        self.expectations.append(expectation)
        self.voidable.append(event["id"])
        return event

    def receive(self) -> Event:
        """Take a statement for an update, whether or not it fits."""
        if not self.expectations:
            return self.expect()
        if not self.statements:
            return self.state()
        event: Event = {
            "type": "UpdateReceived",
            "expectation": self.one_of(self.expectations),
            "statement": self.one_of(self.statements)["id"],
            "id": self.fresh_id("n"),
        }
        self.voidable.append(event["id"])
        return event

    def next_event(self) -> Event:
        """Write one more event, most often a statement."""
        write = self.one_of(
            [self.state] * 18
            + [self.void, self.void, self.void]
            + [self.open_next, self.link, self.file] * 2
            + [self.expect, self.receive, self.reword, self.rate, self.assess]
        )
        return write()


def opened_first(draw: st.DrawFn) -> tuple[list[Event], list[Event]]:
    """Draw what is opened before anything is said, and what may be opened later."""
    topics = [{"topic": f"t{n}"} for n in range(draw(st.integers(2, 4)))]
    sources = [{"source": name} for name in SOURCES[: draw(st.integers(3, 6))]]
    claims = [{"claim": f"c{n}"} for n in range(draw(st.integers(1, 5)))]
    first = [topics[0], *sources[:2], claims[0]]
    later: list[Event] = []
    for one in [*topics[1:], *sources[2:], *claims[1:]]:
        (later if draw(st.integers(0, 3)) == 3 else first).append(one)
    return sorted(first, key=opening_order), draw(st.permutations(later))


def opening_order(opened: Event) -> int:
    """Topics first, then sources, then claims."""
    return ["topic", "source", "claim"].index(next(iter(opened)))


def in_batches(draw: st.DrawFn, events: list[Event]) -> tuple[tuple[Event, ...], ...]:
    """Cut the events into batches, none of them empty."""
    batches: list[tuple[Event, ...]] = []
    while events:
        size = draw(st.sampled_from([1, 1, 1, 2, 3, 6]))
        batches.append(tuple(events[:size]))
        events = events[size:]
    return tuple(batches)


@st.composite
def ledgers(draw: st.DrawFn, zone: str | None = None) -> Script:
    """Draw a script, in a given zone or in one of several."""
    windows = [window for window in WINDOWS if zone in (None, window[0])]
    name, first_day = draw(st.sampled_from(windows or [(zone or "UTC", "2024-10-16")]))
    first, later = opened_first(draw)
    writer = Writer(
        draw=draw,
        zone=name,
        days=days_of(name, first_day, draw(st.integers(6, 10))),
        late_percent=draw(st.integers(5, 50)),
        pending=first,
    )
    events = [writer.open_next() for _ in range(len(first))]
    writer.pending = later
    count = draw(st.integers(4, 20)) + draw(st.sampled_from([0, 12, 24]))
    for step in range(count):
        writer.today = step * len(writer.days) // count
        events.append(writer.next_event())
    return Script(zone=name, batches=in_batches(draw, events))


def exported(script: Script) -> list[Event]:
    """Return a script as an export would show it, were nothing a no-op.

    The head of the list is the opening; positions have gaps, one batch is recorded in
    one microsecond, and events without an id get one.
    """
    opening: Event = {
        "type": "LedgerOpened",
        "title": "A ledger",
        "timezone": script.zone,
    }
    events: list[Event] = []
    position = 0
    for number, batch in enumerate(((opening,), *script.batches)):
        for event in batch:
            position += 1 + number % 2
            envelope = {
                "id": event.get("id", f"event-{position}"),
                "position": position,
                "recorded_at": f"2026-01-01T00:00:00.{number + 1:06}Z",
            }
            events.append({**event, **envelope})
    return events


def marks_of(script: Script) -> list[int]:
    """Return every instant at which a date of the script begins or ends."""
    marks: set[int] = set()
    for batch in script.batches:
        for event in batch:
            for name in ("said_at", "due"):
                if name in event:
                    marks.update(oracle.period(event[name], script.zone))
    return sorted(marks) or [oracle.period("2024-10-20", script.zone)[1]]


def days_near(mark: int, zone: str) -> set[str]:
    """Return the local day of an instant, the day before and the day after."""
    moment = datetime.fromtimestamp(mark // oracle.SECOND, UTC)
    local = moment.astimezone(ZoneInfo(zone)).date()
    days = {(local + timedelta(days=ahead)).isoformat() for ahead in (-1, 0, 1)}
    return {day for day in days if is_period(day, zone)}


def points(script: Script) -> st.SearchStrategy[str]:
    """Draw an ``on`` in or near a script: a day, or an instant on or off a boundary."""
    marks = marks_of(script)
    days = sorted({day for mark in marks for day in days_near(mark, script.zone)})
    edges = sorted({mark + step for mark in marks for step in (-1, 0, 1)})
    instants = st.sampled_from(edges) | st.integers(
        marks[len(marks) // 2] - 3 * oracle.DAY, marks[-1] + oracle.DAY
    )
    return st.sampled_from(days) | instants.map(oracle.print_instant)


def policies() -> st.SearchStrategy[dict[str, Any]]:
    """Draw a policy, whole."""
    return st.fixed_dictionaries(
        {
            "confirmations": st.sampled_from([1, 1, 2, 3]),
            "independent": st.booleans(),
            "implicit": st.sampled_from(["count", "ignore"]),
        }
    )
