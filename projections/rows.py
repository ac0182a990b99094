"""The as-of rows: what each question at a point is answered from.

One row for each step of a claim's state over public time, valid over a stretch of
record time: at (D, R) the state is the row with the greatest ``known_from`` ≤ D among
those with ``recorded_from`` ≤ R < ``recorded_until``. A statement that arrives in
order adds one row; a late one, or a void, closes and adds those rows whose state it
changes. Nothing in a row depends on when it arrived, so these stay few. Why the rows
equal the rule is in ARCHITECTURE.md; that they do is tested, and ``verify`` checks.

Rows are disposable: dropping them and folding the log again gives the same ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import orjson

from dateline.domain.events import STANCES, Stance, Strength
from dateline.domain.histories import ClaimHistory
from dateline.domain.recorded import LogEntry
from dateline.domain.rule import (
    Implicit,
    Policy,
    Standings,
    Stated,
    Weights,
    decide,
    order,
)
from dateline.domain.times import FIRST, Instant, print_instant
from dateline.projections.store import OPEN_END, Cursor

EVERY_CLAIM = ""
"""Stands for a topic that every claim is filed under; no slug is empty."""

FOLDED_STANDINGS = 16
"""Up to so many standings a row carries who stands where; above, the rule is asked.

Otherwise a claim with n sources would write n² names (docs/adr/0005).
"""

BOTH, COUNT, IGNORE = 0, 1, 2
"""Which policies on implicit statements a row answers for."""

VARIANT: Mapping[Implicit, int] = {Implicit.COUNT: COUNT, Implicit.IGNORE: IGNORE}
POLICY: Mapping[int, Policy] = {
    COUNT: Policy(),
    IGNORE: Policy(implicit=Implicit.IGNORE),
}

TABLES = (
    "steps",
    "reaches",
    "claims",
    "uncertain",
    "speakers",
    "contradictions",
    "promises",
    "moments",
)

CREATE = (
    # Steps of claims' states. Read by (claim, known_from, recorded_from) descending.
    """
    CREATE TABLE steps (
        claim          TEXT    NOT NULL,
        known_from     BIGINT  NOT NULL,
        recorded_from  BIGINT  NOT NULL,
        recorded_until BIGINT  NOT NULL,
        variant        INTEGER NOT NULL,
        status         TEXT    NOT NULL,
        since          BIGINT  NOT NULL,
        weights        TEXT    NOT NULL,
        answer         TEXT
    )
    """,
    """
    CREATE UNIQUE INDEX steps_key
    ON steps (claim, known_from, recorded_from, variant, recorded_until)
    """,
    # The greatest known_from of a claim's steps, by record time.
    """
    CREATE TABLE reaches (
        claim         TEXT   NOT NULL,
        recorded_from BIGINT NOT NULL,
        known_from    BIGINT NOT NULL,
        PRIMARY KEY (claim, recorded_from)
    )
    """,
    # Which claims a topic has, in what words, by record time.
    """
    CREATE TABLE claims (
        topic          TEXT   NOT NULL,
        claim          TEXT   NOT NULL,
        recorded_from  BIGINT NOT NULL,
        recorded_until BIGINT NOT NULL,
        head           TEXT   NOT NULL,
        rivals         TEXT,
        PRIMARY KEY (topic, claim, recorded_from)
    )
    """,
    # Statements whose date is wider than an instant, by how wide (powers of two).
    """
    CREATE TABLE uncertain (
        topic          TEXT    NOT NULL,
        width          INTEGER NOT NULL,
        earliest       BIGINT  NOT NULL,
        latest         BIGINT  NOT NULL,
        recorded_from  BIGINT  NOT NULL,
        recorded_until BIGINT  NOT NULL,
        claim          TEXT    NOT NULL,
        statement      TEXT    NOT NULL,
        PRIMARY KEY (topic, width, earliest, recorded_from)
    )
    """,
    # Which claims a source ever spoke of.
    """
    CREATE TABLE speakers (
        source TEXT NOT NULL,
        claim  TEXT NOT NULL,
        PRIMARY KEY (source, claim)
    )
    """,
    # Contradictions recorded on another claim's stream.
    """
    CREATE TABLE contradictions (
        claim    TEXT   NOT NULL,
        position BIGINT NOT NULL,
        PRIMARY KEY (claim, position)
    )
    """,
    # Promised updates, by id.
    """
    CREATE TABLE promises (
        expectation TEXT   NOT NULL,
        position    BIGINT NOT NULL,
        PRIMARY KEY (expectation)
    )
    """,
    # The last position of each moment of recording.
    """
    CREATE TABLE moments (
        recorded_at BIGINT NOT NULL,
        position    BIGINT NOT NULL,
        PRIMARY KEY (recorded_at)
    )
    """,
)


class State(NamedTuple):
    """A claim's state over one step, as its row keeps it.

    ``status``, ``since`` and ``answer`` (the JSON from status to statements) are
    those of the default policy; ``weights`` answer for any other. ``answer`` is
    absent above :data:`FOLDED_STANDINGS`.
    """

    status: str
    since: Instant
    weights: str
    answer: str | None


StepKey = tuple[Instant, int]
"""known_from, variant"""


class Written(NamedTuple):
    """A step's row: from which position, and its state."""

    recorded_from: int
    state: State


class _Tip:
    """The far end of a claim's public time under one variant."""

    def __init__(
        self, standings: Standings, trail: list[tuple[Instant, str, Instant]]
    ) -> None:
        self.standings = standings
        self.trail = trail
        """known_from, status and since of each step."""

    def step(self, instant: Instant, variant: int) -> State:
        """Close a step at an instant: keep it on the trail, return its state."""
        while self.trail and self.trail[-1][0] >= instant:
            self.trail.pop()
        weights = self.standings.weigh()
        judged = _judge(weights, variant)
        since = instant
        if self.trail and self.trail[-1][1] == judged.status:
            since = self.trail[-1][2]
        self.trail.append((instant, judged.status, since))
        answer = None
        if len(self.standings) <= FOLDED_STANDINGS:
            answer = _answer(judged, since, self.standings)
        return State(judged.status, since, judged.weights, answer)


class _Judged(NamedTuple):
    """What weights come to under a default policy, as far as it is JSON already."""

    status: str
    flags: str
    independent: int
    weights: str


@lru_cache(maxsize=65_536)
def _judge(weights: Weights, variant: int) -> _Judged:
    verdict = decide(weights, POLICY[variant])
    return _Judged(
        verdict.status.value,
        _list(verdict.flags),
        verdict.independent,
        orjson.dumps(list(weights)).decode(),
    )


def _answer(judged: _Judged, since: Instant, standings: Standings) -> str:
    """Return the JSON of a state from status to statements, without braces.

    Ids hold no character that JSON escapes.
    """
    sources = standings.sources
    return (
        f'"status":"{judged.status}","flags":{judged.flags},'
        f'"since":"{print_instant(since)}",'
        f'"tally":{{"for":{_list(sources("for"))},'
        f'"against":{_list(sources("against"))},'
        f'"confirmed_by":{_list(sources(Stance.CONFIRMED))},'
        f'"refuted_by":{_list(sources(Stance.REFUTED))},'
        f'"withheld_by":{_list(sources(Stance.WITHHELD))},'
        f'"retracted_by":{_list(sources(Stance.RETRACTED))},'
        f'"independent":{judged.independent}}},'
        f'"statements":{_list(standings.statements())}'
    )


def _list(words: Iterable[str]) -> str:
    joined = '","'.join(words)
    return f'["{joined}"]' if joined else "[]"


class ClaimRows:
    """One claim's steps: the live ones, and what an event closes and adds.

    Args:
        history: the claim's; events are folded into it here.
        principals: each source's principal, followed to its end.
        live: the steps that no later position has closed.
    """

    def __init__(
        self,
        history: ClaimHistory,
        principals: Mapping[str, str],
        live: dict[StepKey, Written],
    ) -> None:
        self.history = history
        self._principals = principals
        self._live = live
        self._tips: dict[int, _Tip] = {}
        self._reach = max((instant for instant, _ in live), default=None)
        self.added: list[tuple[StepKey, Written]] = []
        self.closed: list[tuple[StepKey, Written, int]] = []
        self.reached: list[tuple[int, Instant]] = []

    def apply(self, entry: LogEntry) -> None:
        """Fold an event of the claim's and bring its steps up to date."""
        self.history.apply(entry)
        if entry.type in STANCES:
            self._take(self.history.statements[entry.id])
        elif (
            entry.type == "RecordVoided"
            and entry.fields["event"] in self.history.statements
            and self.history.voids[entry.fields["event"]].position == entry.position
        ):
            # Whatever cites the voided statement changes too, however early.
            self._recompute(FIRST, entry.position)

    def _take(self, stated: Stated) -> None:
        in_order = self._reach is None or stated.latest >= self._reach
        if not in_order or len(self._tips) < len(self._variants()):
            self._recompute(stated.latest, stated.position)
            return
        wanted: dict[int, State] = {}
        for variant, tip in self._tips.items():
            if variant == COUNT or stated.strength is not Strength.IMPLICIT:
                tip.standings.add(stated)
                wanted[variant] = tip.step(stated.latest, variant)
            elif tip.trail and tip.trail[-1][0] == stated.latest:
                wanted[variant] = tip.step(stated.latest, variant)
        self._write(
            stated.latest,
            _by_variant(stated.latest, wanted, self._variants()),
            stated.position,
        )

    def _variants(self) -> tuple[int, ...]:
        return (COUNT, IGNORE) if self.history.uses_implicit else (COUNT,)

    def _recompute(self, affected_from: Instant, position: int) -> None:
        """Fold the claim anew; write the steps from an instant on that differ.

        The steps before it are as they were.
        """
        by_instant: dict[Instant, dict[int, State]] = {}
        voided = self.history.voided(recorded_by=position)
        for variant in self._variants():
            tip = self._tips[variant] = _Tip(Standings(self._principals, voided), [])
            counting = self.history.counting(
                recorded_by=position, implicit=variant == COUNT
            )
            for instant, known in groupby(
                sorted(counting, key=order), key=lambda stated: stated.latest
            ):
                for stated in known:
                    tip.standings.add(stated)
                if instant < affected_from:
                    state = self._live_state(instant, variant)
                    tip.trail.append((instant, state.status, state.since))
                else:
                    state = tip.step(instant, variant)
                    by_instant.setdefault(instant, {})[variant] = state
        wanted: dict[StepKey, State] = {}
        for instant, states in by_instant.items():
            wanted |= _by_variant(instant, states, self._variants())
        self._write(affected_from, wanted, position)

    def _live_state(self, instant: Instant, variant: int) -> State:
        written = self._live.get((instant, BOTH)) or self._live[instant, variant]
        return written.state

    def _write(
        self, affected_from: Instant, wanted: Mapping[StepKey, State], position: int
    ) -> None:
        for key in self._live_from(affected_from):
            written = self._live[key]
            if wanted.get(key) != written.state:
                self.closed.append((key, written, position))
                del self._live[key]
        for key, state in wanted.items():
            if key not in self._live:
                self._live[key] = Written(position, state)
                self.added.append((key, self._live[key]))
        reach = None
        for tip in self._tips.values():
            if tip.trail and (reach is None or tip.trail[-1][0] > reach):
                reach = tip.trail[-1][0]
        if reach != self._reach:
            self._reach = reach
            self.reached.append((position, FIRST if reach is None else reach))

    def _live_from(self, affected_from: Instant) -> list[StepKey]:
        if self._reach is None or affected_from > self._reach:
            return []
        if affected_from == self._reach:
            keys = [(affected_from, variant) for variant in (BOTH, COUNT, IGNORE)]
            return [key for key in keys if key in self._live]
        return [key for key in self._live if key[0] >= affected_from]


def _by_variant(
    instant: Instant, states: Mapping[int, State], variants: tuple[int, ...]
) -> dict[StepKey, State]:
    """Let one row stand for both variants where their states are the same."""
    if len(variants) == 1:
        return {(instant, BOTH): states[COUNT]}
    if states.get(COUNT) == states.get(IGNORE):
        return {(instant, BOTH): states[COUNT]}
    return {(instant, variant): state for variant, state in states.items()}


class _Head(NamedTuple):
    """A claim's words and topics over a stretch of record time."""

    recorded_from: int
    recorded_until: int
    head: str
    rivals: str | None


# --- writing rows -------------------------------------------------------------------

_INSERT_STEP = "INSERT INTO steps VALUES (?,?,?,?,?,?,?,?,?)"
_CLOSE_STEP = """
    UPDATE steps SET recorded_until = ?
    WHERE claim = ? AND known_from = ? AND recorded_from = ? AND variant = ?
"""
_INSERT_REACH = "INSERT INTO reaches VALUES (?,?,?)"
_CLOSE_CLAIM = """
    UPDATE claims SET recorded_until = ?
    WHERE topic = ? AND claim = ? AND recorded_until = ?
"""
_INSERT_CLAIM = "INSERT INTO claims VALUES (?,?,?,?,?,?)"
_INSERT_UNCERTAIN = "INSERT INTO uncertain VALUES (?,?,?,?,?,?,?,?)"
_CLOSE_UNCERTAIN = """
    UPDATE uncertain SET recorded_until = ?
    WHERE topic = ? AND width = ? AND earliest = ? AND recorded_from = ?
"""
_INSERT_SPEAKER = "INSERT INTO speakers VALUES (?,?)"
_INSERT_CONTRADICTION = "INSERT INTO contradictions VALUES (?,?)"
_INSERT_PROMISE = "INSERT INTO promises VALUES (?,?)"


class RowWriter:
    """Collects what events change in the rows, and writes it at once."""

    def __init__(self) -> None:
        self._claims: dict[str, ClaimRows] = {}
        self._heads: dict[tuple[str, str], list[_Head]] = {}
        self._closed_heads: list[tuple[int, str, str, int]] = []
        self._uncertain: dict[tuple[str, int, Instant, int], list[object]] = {}
        self._closed_uncertain: list[tuple[int, str, int, Instant, int]] = []
        self._speakers: list[tuple[str, str]] = []
        self._contradictions: list[tuple[str, int]] = []
        self._promises: list[tuple[str, int]] = []

    def apply(self, entry: LogEntry, *claims: ClaimRows) -> None:
        """Take in an event, and fold it into the claims that it belongs to."""
        if entry.type == "UpdateExpected":
            self._promises.append((entry.fields["expectation"], entry.position))
        for rows in claims:
            if entry.type in STANCES:
                rows.apply(entry)
                self._statement(entry, rows.history)
            elif entry.type == "RecordVoided":
                rows.apply(entry)
                self._void(entry, rows.history)
            else:
                before = rows.history.topics_at(recorded_by=entry.position)
                rows.apply(entry)
                if entry.type != "ClaimAssessed":
                    self._frame(entry, rows.history, before)
            self._claims[rows.history.id] = rows

    def _statement(self, entry: LogEntry, history: ClaimHistory) -> None:
        stated = history.statements[entry.id]
        if len(history.contents[stated.source]) == 1:
            self._speakers.append((stated.source, history.id))
        for topic in (EVERY_CLAIM, *history.topics):
            self._doubt(topic, stated, history, OPEN_END)

    def _doubt(
        self, topic: str, stated: Stated, history: ClaimHistory, until: int
    ) -> None:
        if stated.earliest < stated.latest:
            key = (topic, width_of(stated), stated.earliest, stated.position)
            self._uncertain[key] = [stated.latest, until, history.id, stated.id]

    def _void(self, entry: LogEntry, history: ClaimHistory) -> None:
        stated = history.statements.get(entry.fields["event"])
        if stated is None or history.voids[stated.id].position != entry.position:
            return
        if stated.earliest < stated.latest:
            for topic in (EVERY_CLAIM, *history.topics):
                key = (topic, width_of(stated), stated.earliest, stated.position)
                if key in self._uncertain:
                    self._uncertain[key][1] = entry.position
                else:
                    self._closed_uncertain.append((entry.position, *key))

    def _frame(
        self, entry: LogEntry, history: ClaimHistory, before: Sequence[str]
    ) -> None:
        if entry.type in ("ClaimsLinked", "ClaimsUnlinked"):
            if entry.fields["relation"] != "contradicts":
                return
            if entry.fields["other"] == history.id:
                self._contradictions.append((history.id, entry.position))
        claim, position = history.id, entry.position
        after = history.topics_at(recorded_by=position)
        if entry.type != "ClaimFramed":
            for topic in (EVERY_CLAIM, *before):
                self._close_head(topic, claim, position)
        head = head_of(history, recorded_by=position)
        names = history.rivals(recorded_by=position)
        rivals = orjson.dumps(names).decode() if names else None
        for topic in (EVERY_CLAIM, *after):
            heads = self._heads.setdefault((topic, claim), [])
            heads.append(_Head(position, OPEN_END, head, rivals))
        filed = entry.fields.get("topic")
        if filed is not None and len(history.topics[filed]) == 1:
            for stated in history.statements.values():
                void = history.voids.get(stated.id)
                until = OPEN_END if void is None else void.position
                self._doubt(filed, stated, history, until)

    def _close_head(self, topic: str, claim: str, position: int) -> None:
        heads = self._heads.get((topic, claim))
        if heads:
            heads[-1] = heads[-1]._replace(recorded_until=position)
        else:
            self._closed_heads.append((position, topic, claim, OPEN_END))

    def write(self, cursor: Cursor) -> None:
        """Write what was collected; the writer is used up."""
        self._write_steps(cursor)
        cursor.executemany(_CLOSE_CLAIM, self._closed_heads)
        cursor.executemany(
            _INSERT_CLAIM,
            [(*key, *head) for key, heads in self._heads.items() for head in heads],
        )
        cursor.executemany(
            _INSERT_UNCERTAIN,
            [
                (topic, width, earliest, latest, position, until, claim, statement)
                for (topic, width, earliest, position), (
                    latest,
                    until,
                    claim,
                    statement,
                ) in self._uncertain.items()
            ],
        )
        cursor.executemany(_CLOSE_UNCERTAIN, self._closed_uncertain)
        cursor.executemany(_INSERT_SPEAKER, self._speakers)
        cursor.executemany(_INSERT_CONTRADICTION, self._contradictions)
        cursor.executemany(_INSERT_PROMISE, self._promises)

    def _write_steps(self, cursor: Cursor) -> None:
        steps: list[tuple[object, ...]] = []
        closed: list[tuple[int, str, Instant, int, int]] = []
        reached: list[tuple[str, int, Instant]] = []
        for claim, rows in self._claims.items():
            ends = {
                (key, written.recorded_from): position
                for key, written, position in rows.closed
            }
            for key, (position, state) in rows.added:
                until = ends.pop((key, position), OPEN_END)
                instant, variant = key
                steps.append((claim, instant, position, until, variant, *state))
            for (key, position), until in ends.items():
                closed.append((until, claim, key[0], position, key[1]))
            reached += ((claim, *reach) for reach in rows.reached)
            rows.added.clear()
            rows.closed.clear()
            rows.reached.clear()
        cursor.executemany(_INSERT_STEP, steps)
        cursor.executemany(_CLOSE_STEP, closed)
        cursor.executemany(_INSERT_REACH, reached)


def width_of(stated: Stated) -> int:
    """Return w for a date whose instants span at least 2^(w-1), under 2^w us."""
    return (stated.latest - stated.earliest).bit_length()


def head_of(history: ClaimHistory, *, recorded_by: int) -> str:
    """Return the JSON of a claim's words and topics, without its braces."""
    return orjson.dumps(
        {
            "id": history.id,
            "text": history.text(recorded_by=recorded_by),
            "topics": history.topics_at(recorded_by=recorded_by),
            "about": history.about,
        }
    ).decode()[1:-1]
