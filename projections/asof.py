"""Questions at a point, answered from the as-of rows.

``knowledge`` reads one row a claim and joins their JSON: the cost follows the size
of the answer, not of the history. Questions that need what was said, and not only
what it came to, fold the streams of the claims they are about and ask
:mod:`dateline.domain.questions`. Nothing here writes.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson

from dateline.domain import errors, questions
from dateline.domain.answers import (
    Change,
    ClaimState,
    ExpectationState,
    Outcome,
    PositionHeld,
    RuleCounts,
    Span,
    StandingExplained,
    Tally,
    as_json,
)
from dateline.domain.histories import ClaimHistory, Described, ExpectationHistory
from dateline.domain.questions import Point
from dateline.domain.rule import Policy, Status, decide
from dateline.domain.standings import Standings, Weights
from dateline.domain.times import LAST, Instant, Zone, print_instant
from dateline.projections import log
from dateline.projections.book import Principals, principal_of
from dateline.projections.rows import EVERY_CLAIM
from dateline.projections.steps import OTHER_VARIANT
from dateline.projections.store import Cursor, Dialect, Row

# For each claim, one descent of steps_key from the point backwards. Before the head, a
# claim's reach bounds where to begin, so that what was recorded later is not walked
# over; at the head nothing is. The variant is told by the one that it is not: a list
# would cost PostgreSQL the order of the index.
_STEP = """
    SELECT {columns} FROM steps
    WHERE steps.claim = {claim} AND known_from <=
      CASE WHEN (SELECT max(position) FROM log) <= ? THEN ? ELSE {least}(?, (
          SELECT reaches.known_from FROM reaches
          WHERE reaches.claim = {claim} AND reaches.recorded_from <= ?
          ORDER BY reaches.recorded_from DESC LIMIT 1)) END
      AND recorded_from <= ? AND recorded_until > ? AND variant <> ?
    ORDER BY known_from DESC, recorded_from DESC
"""
_WHOLE = "claims.claim, head, rivals, status, since, weights, answer"
_READY = "claims.claim, head, rivals, status, answer"

_WALKED_AT_ONCE = 16
"""Steps that are read in one go on the way back to where a status began."""


@cache
def _steps(dialect: Dialect, columns: str, most: int) -> str:
    steps = _STEP.format(columns=columns, claim="?", least=dialect.least)
    return f"{steps} LIMIT {most}"


@cache
def _claims(dialect: Dialect, *, is_default: bool) -> str:
    step = _STEP.format(
        columns=dialect.row_of, claim="claims.claim", least=dialect.least
    )
    return f"""
        SELECT {_READY if is_default else _WHOLE} FROM (
          SELECT claim, head, rivals FROM claims
          WHERE topic = ? AND recorded_from <= ? AND recorded_until > ?
        ) AS claims
        {dialect.first_of_each.format(table="steps", query=step)}
        ORDER BY claims.claim
    """


_HEAD = """
    SELECT head, rivals FROM claims
    WHERE topic = ? AND claim = ? AND recorded_from <= ? AND recorded_until > ?
"""
# Dates that are under way at a point: one range of the index for each width that the
# topic has, found by skipping from one to the next.
_WIDTHS = """
    WITH RECURSIVE widths (width) AS (
      SELECT min(width) FROM uncertain WHERE topic = ?
      UNION ALL
      SELECT (SELECT min(wider.width) FROM uncertain AS wider
              WHERE wider.topic = ? AND wider.width > widths.width)
      FROM widths WHERE width IS NOT NULL
    )
"""
_UNDER_WAY = """
    topic = ? AND uncertain.width = widths.width
    AND earliest > ? - (CAST(1 AS BIGINT) << widths.width) AND earliest <= ?
    AND latest > ? AND recorded_from <= ? AND recorded_until > ?
    AND (SELECT head FROM claims
         WHERE claims.topic = uncertain.topic AND claims.claim = uncertain.claim
           AND claims.recorded_from <= ? AND claims.recorded_until > ?) IS NOT NULL
"""


@cache
def _uncertain(dialect: Dialect) -> str:
    joined = dialect.rows_of_each.format(table="uncertain", condition=_UNDER_WAY)
    return f"""
        {_WIDTHS}
        SELECT claim, statement, earliest, latest FROM widths
        {joined}
        ORDER BY latest, recorded_from
    """


_FILED = """
    SELECT claim FROM claims
    WHERE topic = ? AND recorded_from <= ? AND recorded_until > ? ORDER BY claim
"""


class Found(NamedTuple):
    """A claim at a point: its id, its status, and its state as JSON."""

    claim: str
    status: str
    state: str


class AsOf:
    """Answers from one snapshot of a ledger.

    Args:
        cursor: of a reading transaction.
        zone: the ledger's.
        policy: under which everything is asked.
    """

    def __init__(self, cursor: Cursor, zone: Zone, policy: Policy) -> None:
        self._cursor = cursor
        self._zone = zone
        self._policy = policy
        self._other_variant = OTHER_VARIANT[policy.implicit]
        self._is_default = policy.confirmations == 1 and not policy.independent
        self._principals = Principals(self._principal_of)
        self._histories: dict[str, ClaimHistory] = {}

    # --- knowledge ------------------------------------------------------------

    def claims(self, point: Point, *, topic: str | None) -> list[Found]:
        """Return the reported claims of a topic, or of the ledger, by id."""
        on, position = point
        rows = self._cursor.execute(
            _claims(self._cursor.dialect, is_default=self._is_default),
            (
                EVERY_CLAIM if topic is None else topic,
                *(position, position, position, on, on),
                *(position, position, position, self._other_variant),
            ),
        ).fetchall()
        if not self._is_default:
            return [self._found(point, *row) for row in rows]
        return [
            Found(claim, status, f"{{{head},{answer}}}")
            if answer is not None and rivals is None
            else self._reckoned(point, claim, head, rivals)
            for claim, head, rivals, status, answer in rows
        ]

    def _reckoned(
        self, point: Point, claim: str, head: str, rivals: str | None
    ) -> Found:
        step = self._step("status, since, weights, answer", claim, point)
        assert step is not None
        return self._found(point, claim, head, rivals, *step)

    def claim(self, point: Point, claim: str) -> str:
        """Return one claim's state as JSON, also if it is unreported.

        Raises:
            UnknownClaim: not framed at the point's position.
        """
        position = point.recorded_by
        head = self._claim_head(EVERY_CLAIM, claim, position)
        if head is None:
            raise errors.UnknownClaim(claim, position)
        columns = "status, since, weights, answer"
        step = self._step(columns, claim, point)
        if step is None:
            return f"{{{head[0]},{_UNREPORTED}}}"
        return self._found(point, claim, *head, *step).state

    def _claim_head(self, topic: str, claim: str, position: int) -> Row | None:
        """Return a claim's words and rivals, if the topic has it at a position."""
        return self._cursor.execute(
            _HEAD, (topic, claim, position, position)
        ).fetchone()

    def _step(self, columns: str, claim: str, point: Point) -> Row | None:
        return next(iter(self._steps(columns, claim, point, 1)), None)

    def _steps(self, columns: str, claim: str, point: Point, most: int) -> list[Row]:
        """Return a claim's last steps at a point, the last one first."""
        on, position = point
        return self._cursor.execute(
            _steps(self._cursor.dialect, columns, most),
            (
                *(claim, position, on, on, claim),
                *(position, position, position, self._other_variant),
            ),
        ).fetchall()

    def _found(
        self,
        point: Point,
        claim: str,
        head: str,
        rivals: str | None,
        status: str,
        since: Instant,
        weights: str,
        answer: str | None,
    ) -> Found:
        if self._is_default and answer is not None and rivals is None:
            return Found(claim, status, f"{{{head},{answer}}}")
        verdict = decide(Weights(*orjson.loads(weights)), self._policy)
        if not self._is_default:
            since = self._since(claim, point, verdict.status)
        state: dict[str, Any]
        if answer is not None:
            state = orjson.loads(f"{{{answer}}}")
            state["tally"]["independent"] = verdict.independent
        else:
            standings = self._standings(claim, point)
            tally = questions.tally_of(standings, verdict.independent)
            state = {
                "tally": as_json(tally),
                "statements": list(standings.statements()),
            }
        flags = questions.contradicted(verdict, self._rival_statuses(rivals, point))
        body = orjson.dumps(
            {
                "status": verdict.status,
                "flags": flags,
                "since": print_instant(since),
                "tally": state["tally"],
                "statements": state["statements"],
            }
        ).decode()
        return Found(claim, verdict.status, f"{{{head},{body[1:]}")

    def _since(self, claim: str, point: Point, status: Status) -> Instant:
        """Walk back over a claim's steps while the status is the same."""
        since = point.on
        while True:
            steps = self._steps("known_from, weights", claim, point, _WALKED_AT_ONCE)
            for known_from, weights in steps:
                verdict = decide(Weights(*orjson.loads(weights)), self._policy)
                if verdict.status is not status:
                    return since
                since = known_from
            if len(steps) < _WALKED_AT_ONCE:
                return since
            point = point._replace(on=since - 1)

    def _rival_statuses(self, rivals: str | None, point: Point) -> list[Status]:
        statuses = []
        for rival in orjson.loads(rivals) if rivals else ():
            row = self._step("weights", rival, point)
            if row is not None:
                verdict = decide(Weights(*orjson.loads(row[0])), self._policy)
                statuses.append(verdict.status)
        return statuses

    def possibly_known(
        self, point: Point, *, topic: str | None
    ) -> list[dict[str, str]]:
        """Return the statements that may have been public, by (latest, position)."""
        on, position = point
        of_topic = EVERY_CLAIM if topic is None else topic
        rows = self._cursor.execute(
            _uncertain(self._cursor.dialect),
            (
                *(of_topic, of_topic, of_topic, on, on, on),
                *(position, position, position, position),
            ),
        )
        return [
            {
                "claim": claim,
                "statement": statement,
                "earliest": print_instant(earliest),
                "latest": print_instant(latest),
            }
            for claim, statement, earliest, latest in rows
        ]

    def filed(self, topic: str, position: int) -> list[str]:
        """Return the claims filed under a topic at a position, by id."""
        rows = self._cursor.execute(_FILED, (topic, position, position))
        return [claim for (claim,) in rows]

    # --- what has been said ----------------------------------------------------

    def timeline(self, claim: str, *, recorded_by: int) -> tuple[Span, ...]:
        """Return a claim's spans of status over all of public time."""
        history = self._existing(claim, recorded_by)
        return questions.timeline(
            history,
            self._principals,
            self._rivals(history, recorded_by),
            recorded_by=recorded_by,
            policy=self._policy,
        )

    def explanation(
        self, point: Point, claim: str
    ) -> tuple[tuple[StandingExplained, ...], str, RuleCounts]:
        """Return a claim's standings, the line of the rule that fired, its counts."""
        self._existing(claim, point.recorded_by)
        standings = self._standings(claim, point)
        return questions.explain(standings, policy=self._policy)

    def changes(
        self, before: Point, after: Point, *, topic: str | None, beyond: str
    ) -> Iterator[Change]:
        """Yield how each claim beyond an id differs between two points, by id."""
        states: list[dict[str, str]] = [
            {
                found.claim: found.state
                for found in self.claims(point, topic=topic)
                if found.claim > beyond
            }
            for point in (before, after)
        ]
        for claim in sorted(states[0].keys() | states[1].keys()):
            if states[0].get(claim) == states[1].get(claim):
                continue  # as most are between two days, and parsing them takes long
            was, became = (
                ClaimState.model_validate_json(side[claim]) if claim in side else None
                for side in states
            )
            outcomes = questions.outcome_of(was), questions.outcome_of(became)
            if outcomes[0] != outcomes[1]:
                yield self._change(claim, outcomes, (before, after), topic)

    def changed(
        self, position: int, claims: Iterable[str], *, topic: str | None
    ) -> list[Change]:
        """Return what the event at a position changed, at the far end of public time.

        Args:
            claims: those that the event is about; what it changes in the claims that
                contradict them is found out.
            topic: a claim counts as unreported where it is not in the topic.
        """
        before, after = Point(LAST, position - 1), Point(LAST, position)
        affected = set(claims)
        for claim in claims:
            for point in (before, after):
                head = self._claim_head(EVERY_CLAIM, claim, point.recorded_by)
                if head is not None and head[1] is not None:
                    affected.update(orjson.loads(head[1]))
        changes = []
        for claim in sorted(affected):
            was, became = (
                self._state(point, claim, EVERY_CLAIM if topic is None else topic)
                for point in (before, after)
            )
            outcomes = questions.outcome_of(was), questions.outcome_of(became)
            if outcomes[0] != outcomes[1]:
                changes.append(self._change(claim, outcomes, (before, after), topic))
        return changes

    def _state(self, point: Point, claim: str, topic: str) -> ClaimState | None:
        if self._claim_head(topic, claim, point.recorded_by) is None:
            return None
        return ClaimState.model_validate_json(self.claim(point, claim))

    def _change(
        self,
        claim: str,
        outcomes: tuple[Outcome, Outcome],
        points: tuple[Point, Point],
        topic: str | None,
    ) -> Change:
        history = self._history(claim)
        named = [point.recorded_by for point in points[::-1]]
        worded = next(p for p in named if history.exists(recorded_by=p))
        rivals = {
            rival: self._history(rival)
            for link in history.links
            if link.relation == "contradicts"
            for rival in (link.claim, link.other)
            if rival != claim
        }
        return Change(
            id=claim,
            text=history.text(recorded_by=worded),
            before=outcomes[0],
            after=outcomes[1],
            because=questions.because(
                history,
                self._principals,
                rivals,
                *points,
                topic=topic,
                policy=self._policy,
            ),
        )

    def positions(self, point: Point, source: str) -> list[PositionHeld]:
        """Return what a source held on each claim, by claim id."""
        self.check_source(source, point.recorded_by)
        spoken_of = self._cursor.execute(
            "SELECT claim FROM speakers WHERE source = ? ORDER BY claim", (source,)
        ).fetchall()
        held = [
            questions.position_held(
                self._history(claim),
                source,
                self._principals,
                on=point.on,
                recorded_by=point.recorded_by,
                policy=self._policy,
            )
            for (claim,) in spoken_of
        ]
        return [position for position in held if position is not None]

    def expectations(self, point: Point) -> list[ExpectationState]:
        """Return the updates promised by a point, by expectation id."""
        slugs = self._cursor.execute(
            "SELECT expectation FROM promises WHERE position <= ? ORDER BY expectation",
            (point.recorded_by,),
        ).fetchall()
        states = [self._expectation(slug, point) for (slug,) in slugs]
        return [state for state in states if state is not None]

    def _expectation(self, slug: str, point: Point) -> ExpectationState | None:
        history = ExpectationHistory()
        for entry in log.stream(self._cursor, f"expectation:{slug}"):
            history.apply(entry)
        assert history.promised is not None
        named = {}
        for received in history.received:
            statement = received.fields["statement"]
            stated = log.by_id(self._cursor, statement)
            assert stated is not None
            named[statement] = self._history(stated.fields["claim"])
        claims = {
            claim: self._history(claim) for claim in history.promised.fields["claims"]
        }
        sources = {
            said.source
            for claim in claims.values()
            for said in claim.statements.values()
        }
        return questions.expectation_state(
            history,
            claims,
            {source: self._principals.chain(source) for source in sources},
            named,
            zone=self._zone,
            on=point.on,
            recorded_by=point.recorded_by,
        )

    # --- what exists -------------------------------------------------------------

    def check_topic(self, topic: str, *positions: int) -> None:
        """Refuse a topic that is not in the ledger at any of the positions."""
        opened = log.stream(self._cursor, f"topic:{topic}")
        if not opened or opened[0].position > max(positions):
            raise errors.UnknownTopic(topic, positions[-1])

    def check_claim(self, claim: str, position: int) -> None:
        """Refuse a claim that is not in the ledger at a position."""
        self._existing(claim, position)

    def check_source(self, source: str, position: int) -> None:
        """Refuse a source that is not in the ledger at a position."""
        opened = self.source(source).opened
        if opened is None or opened.position > position:
            raise errors.UnknownSource(source, position)

    def source(self, source: str) -> Described:
        """Fold a source's stream."""
        described = Described()
        for entry in log.stream(self._cursor, f"source:{source}"):
            described.apply(entry)
        return described

    def _principal_of(self, source: str) -> str | None:
        registered = self.source(source).opened
        assert registered is not None
        return principal_of(registered)

    def _history(self, claim: str) -> ClaimHistory:
        if claim not in self._histories:
            history = self._histories[claim] = ClaimHistory(self._zone)
            for entry in log.claim_stream(self._cursor, claim):
                history.apply(entry)
        return self._histories[claim]

    def _existing(self, claim: str, position: int) -> ClaimHistory:
        history = self._history(claim)
        if not history.exists(recorded_by=position):
            raise errors.UnknownClaim(claim, position)
        return history

    def _rivals(self, claim: ClaimHistory, position: int) -> Sequence[ClaimHistory]:
        return [self._history(rival) for rival in claim.rivals(recorded_by=position)]

    def _standings(self, claim: str, point: Point) -> Standings:
        return questions.standings_at(
            self._history(claim),
            self._principals,
            on=point.on,
            recorded_by=point.recorded_by,
            policy=self._policy,
        )


_UNREPORTED = orjson.dumps(
    {
        "status": Status.UNREPORTED,
        "flags": [],
        "since": None,
        "tally": as_json(Tally()),
        "statements": [],
    }
).decode()[1:-1]
