"""Questions about claims, answered by the rule from their histories.

Pure functions over folded events. The point of a question is always a keyword:
``on`` is the last instant of public time that counts, ``recorded_by`` the last
position; both inclusive. ``principals`` maps each source to its principal, followed
to its end. ``rivals`` are the histories of the claims linked as contradicting at
``recorded_by``. The as-of rows give the same answers faster; these say what is right.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from dateline.domain.answers import (
    ClaimState,
    ExpectationState,
    Outcome,
    PositionHeld,
    PossiblyKnown,
    RuleCounts,
    Span,
    StandingExplained,
    Tally,
)
from dateline.domain.events import BasisWord, Stance
from dateline.domain.histories import (
    ClaimHistory,
    ExpectationHistory,
    Switch,
    is_so,
)
from dateline.domain.rule import (
    HOLDING,
    Flag,
    Implicit,
    Policy,
    Status,
    Verdict,
    decide,
)
from dateline.domain.standings import Standing, Standings, Stated, order
from dateline.domain.times import Instant, Zone, datetime_of

Principals = Mapping[str, str]
Rivals = Sequence[ClaimHistory]


def statements_at(
    claim: ClaimHistory, *, on: Instant, recorded_by: int, policy: Policy
) -> list[Stated]:
    """Return step 1's set, in order."""
    implicit = policy.implicit is Implicit.COUNT
    counting = claim.counting(recorded_by=recorded_by, implicit=implicit)
    return sorted((stated for stated in counting if stated.latest <= on), key=order)


def standings_at(
    claim: ClaimHistory,
    principals: Principals,
    *,
    on: Instant,
    recorded_by: int,
    policy: Policy,
) -> Standings:
    """Return every source's standing on a claim at a point."""
    standings = Standings(principals, claim.voided(recorded_by=recorded_by))
    for stated in statements_at(claim, on=on, recorded_by=recorded_by, policy=policy):
        standings.add(stated)
    return standings


def steps(
    claim: ClaimHistory,
    principals: Principals,
    *,
    on: Instant | None = None,
    recorded_by: int,
    policy: Policy,
) -> Iterator[tuple[Instant, Standings]]:
    """Yield the standings after each instant at which statements become known.

    The standings are one object that grows: use it before taking the next.
    """
    implicit = policy.implicit is Implicit.COUNT
    counting = sorted(
        claim.counting(recorded_by=recorded_by, implicit=implicit), key=order
    )
    standings = Standings(principals, claim.voided(recorded_by=recorded_by))
    for instant, known in groupby(counting, key=lambda stated: stated.latest):
        if on is not None and instant > on:
            return
        for stated in known:
            standings.add(stated)
        yield instant, standings


def tally_of(standings: Standings, independent: int) -> Tally:
    """List the sources by where they stand."""
    return Tally(
        for_=tuple(standings.sources("for")),
        against=tuple(standings.sources("against")),
        confirmed_by=tuple(standings.sources(Stance.CONFIRMED)),
        refuted_by=tuple(standings.sources(Stance.REFUTED)),
        withheld_by=tuple(standings.sources(Stance.WITHHELD)),
        retracted_by=tuple(standings.sources(Stance.RETRACTED)),
        independent=independent,
    )


def contradicted(verdict: Verdict, rivals: Sequence[Status]) -> tuple[Flag, ...]:
    """Return a verdict's flags, with ``contradicted`` if a rival holds as well."""
    if verdict.status in HOLDING and any(status in HOLDING for status in rivals):
        return (*verdict.flags, Flag.CONTRADICTED)
    return verdict.flags


def state_of(
    claim: ClaimHistory,
    principals: Principals,
    rivals: Rivals,
    *,
    on: Instant,
    recorded_by: int,
    policy: Policy,
) -> ClaimState:
    """Return a claim's state of knowledge at a point; unreported if none was."""
    verdict, since = decide(Standings(principals).weigh(), policy), None
    standings = Standings(principals)
    for instant, grown in steps(
        claim, principals, on=on, recorded_by=recorded_by, policy=policy
    ):
        standings = grown
        status = verdict.status
        verdict = decide(grown.weigh(), policy)
        if verdict.status is not status:
            since = instant
    rival_statuses = [
        _verdict_at(
            rival, principals, on=on, recorded_by=recorded_by, policy=policy
        ).status
        for rival in rivals
    ]
    return ClaimState(
        id=claim.id,
        text=claim.text(recorded_by=recorded_by),
        topics=tuple(claim.topics_at(recorded_by=recorded_by)),
        about=claim.about,
        status=verdict.status,
        flags=contradicted(verdict, rival_statuses),
        since=None if since is None else datetime_of(since),
        tally=tally_of(standings, verdict.independent),
        statements=tuple(standings.statements()),
    )


def _verdict_at(
    claim: ClaimHistory,
    principals: Principals,
    *,
    on: Instant,
    recorded_by: int,
    policy: Policy,
) -> Verdict:
    standings = standings_at(
        claim, principals, on=on, recorded_by=recorded_by, policy=policy
    )
    return decide(standings.weigh(), policy)


# --- timeline -------------------------------------------------------------------


class _Stretch(NamedTuple):
    verdict: Verdict
    tally: Tally
    statements: tuple[str, ...]


_UNKNOWN = _Stretch(Verdict(Status.UNREPORTED, (), 0, 0, 0, ""), Tally(), ())


def timeline(
    claim: ClaimHistory,
    principals: Principals,
    rivals: Rivals,
    *,
    recorded_by: int,
    policy: Policy,
) -> tuple[Span, ...]:
    """Return a span for each stretch of public time over which nothing changes."""
    own: dict[Instant, _Stretch] = {}
    for instant, grown in steps(
        claim, principals, recorded_by=recorded_by, policy=policy
    ):
        verdict = decide(grown.weigh(), policy)
        held = tuple(grown.statements())
        own[instant] = _Stretch(verdict, tally_of(grown, verdict.independent), held)
    theirs: dict[Instant, dict[str, Status]] = {}
    for rival in rivals:
        for instant, grown in steps(
            rival, principals, recorded_by=recorded_by, policy=policy
        ):
            status = decide(grown.weigh(), policy).status
            theirs.setdefault(instant, {})[rival.id] = status
    spans: list[Span] = []
    stretch, statuses = _UNKNOWN, dict[str, Status]()
    for instant in sorted({*own, *theirs}):
        stretch = own.get(instant, stretch)
        statuses.update(theirs.get(instant, {}))
        if stretch is _UNKNOWN:
            continue
        span = Span(
            from_=datetime_of(instant),
            until=None,
            status=stretch.verdict.status,
            flags=contradicted(stretch.verdict, list(statuses.values())),
            tally=stretch.tally,
            statements=stretch.statements,
        )
        if spans:
            last = spans[-1]
            if span == last.model_copy(update={"from_": span.from_}):
                continue
            spans[-1] = last.model_copy(update={"until": span.from_})
        spans.append(span)
    return tuple(spans)


# --- changes --------------------------------------------------------------------


class Point(NamedTuple):
    """A point of both times: the last instant, and the last position, that count."""

    on: Instant
    recorded_by: int


def outcome_of(state: ClaimState | None) -> Outcome:
    """Return what counts as a change; a claim that is not there is unreported."""
    if state is None:
        return Outcome(status=Status.UNREPORTED, flags=(), tally=Tally())
    return Outcome(status=state.status, flags=state.flags, tally=state.tally)


def because(
    claim: ClaimHistory,
    principals: Principals,
    rivals: Mapping[str, ClaimHistory],
    before: Point,
    after: Point,
    *,
    topic: str | None,
    policy: Policy,
) -> tuple[str, ...]:
    """Name the events that make a claim differ between two points, by position.

    Args:
        rivals: the claims ever linked as contradicting, by id.
        topic: the topic asked for; being in it at one point only is a difference.
    """
    low, high = sorted((before.recorded_by, after.recorded_by))
    differing = _differing(claim, before, after, policy)
    reasons = differing | _voids(claim, {id for _, id in differing}, low, high)
    if not reasons and topic is not None:
        reasons = _last_switch(claim.topics.get(topic, ()), low, high)
    if not reasons:
        reasons = _cited_voids(claim, principals, before, after, policy)
        reasons |= _rival_reasons(claim, principals, rivals, before, after, policy)
    return tuple(id for _, id in sorted(reasons))


_Reasons = set[tuple[int, str]]
"""Events by position and id."""


def _differing(
    claim: ClaimHistory, before: Point, after: Point, policy: Policy
) -> _Reasons:
    """Name the statements that are in step 1's set at one point only."""
    counted = [
        {
            (stated.position, stated.id)
            for stated in statements_at(
                claim, on=point.on, recorded_by=point.recorded_by, policy=policy
            )
        }
        for point in (before, after)
    ]
    return counted[0] ^ counted[1]


def _voids(claim: ClaimHistory, ids: set[str], low: int, high: int) -> _Reasons:
    """Name the first void of each statement that was voided in between."""
    voids = [claim.voids[id] for id in ids if id in claim.voids]
    return {(void.position, void.id) for void in voids if low < void.position <= high}


def _cited_voids(
    claim: ClaimHistory,
    principals: Principals,
    before: Point,
    after: Point,
    policy: Policy,
) -> _Reasons:
    """Name what voided, in between, statements cited by standings that take a side.

    Only if that made the difference: the flag may have been raised by others already.
    """
    cited = [_withdrawn(claim, principals, point, policy) for point in (before, after)]
    if all(cited):
        return set()
    low, high = sorted((before.recorded_by, after.recorded_by))
    return _voids(claim, cited[0] ^ cited[1], low, high)


def _withdrawn(
    claim: ClaimHistory, principals: Principals, point: Point, policy: Policy
) -> set[str]:
    standings = standings_at(
        claim, principals, on=point.on, recorded_by=point.recorded_by, policy=policy
    )
    return {
        name
        for standing in standings.in_order()
        if standing.side is not None
        for name in standings.origins(standing.stated).withdrawn
    }


def _rival_reasons(
    claim: ClaimHistory,
    principals: Principals,
    rivals: Mapping[str, ClaimHistory],
    before: Point,
    after: Point,
    policy: Policy,
) -> _Reasons:
    """Name what made a contradicting claim hold at one point and not at the other."""
    low, high = sorted((before.recorded_by, after.recorded_by))
    own = [_holds(claim, principals, point, policy) for point in (before, after)]
    shared = [False, False]
    reasons: _Reasons = set()
    for link, switches in claim.links.items():
        if link.relation != "contradicts":
            continue
        rival = rivals[link.other if link.claim == claim.id else link.claim]
        points = (before, after)
        linked = [is_so(switches, recorded_by=point.recorded_by) for point in points]
        holds = [_holds(rival, principals, point, policy) for point in points]
        shares = [all(so) for so in zip(own, linked, holds, strict=True)]
        shared = [any(so) for so in zip(shared, shares, strict=True)]
        if shares[0] == shares[1]:
            continue
        if linked[0] != linked[1]:
            reasons |= _last_switch(switches, low, high)
        if holds[0] != holds[1]:
            reasons |= _differing(rival, before, after, policy)
    return reasons if shared[0] != shared[1] else set()


def _holds(
    claim: ClaimHistory, principals: Principals, point: Point, policy: Policy
) -> bool:
    verdict = _verdict_at(
        claim, principals, on=point.on, recorded_by=point.recorded_by, policy=policy
    )
    return verdict.status in HOLDING


def _last_switch(switches: Sequence[Switch], low: int, high: int) -> _Reasons:
    """Name the event that made it differ at ``high`` from ``low``, if it does."""
    switched = [switch for switch in switches if low < switch.position <= high]
    was = is_so(switches, recorded_by=low)
    if not switched or switched[-1].so is was:
        return set()
    flips = [
        switch
        for switch in switched
        if is_so(switches, recorded_by=switch.position - 1) is not switch.so
    ]
    return {(flips[-1].position, flips[-1].id)}


# --- explanation, positions, expectations ----------------------------------------


def explain(
    standings: Standings, *, policy: Policy
) -> tuple[tuple[StandingExplained, ...], str, RuleCounts]:
    """Return the standings by source, the line that fired, what it compared."""
    verdict = decide(standings.weigh(), policy)
    explained = [
        _explained(standings, standing)
        for standing in sorted(
            standings.in_order(), key=lambda held: held.stated.source
        )
    ]
    counts = RuleCounts(
        confirmations=verdict.confirmations,
        refutations=verdict.refutations,
        independent=verdict.independent,
    )
    return tuple(explained), verdict.line, counts


def _explained(standings: Standings, standing: Standing) -> StandingExplained:
    stated = standing.stated
    flags: list[Flag] = []
    origins: frozenset[str] = frozenset()
    if standing.order_unsure:
        flags.append(Flag.ORDER_UNSURE)
    if standing.side is not None:
        found = standings.origins(stated)
        origins = found.principals
        if found.circular:
            flags.append(Flag.CIRCULAR)
        if found.withdrawn:
            flags.append(Flag.BASIS_WITHDRAWN)
    if standing.walked_back:
        flags.append(Flag.WALKED_BACK)
    basis: BasisWord | tuple[str, ...] | None
    if stated.stance is Stance.RETRACTED:
        basis = None
    elif isinstance(stated.basis, BasisWord):
        basis = stated.basis
    else:
        basis = tuple(entry.id for entry in stated.basis)
    return StandingExplained(
        source=stated.source,
        stance=stated.stance,
        strength=stated.strength,
        side=standing.side,
        statement=stated.id,
        known_from=datetime_of(stated.latest),
        basis=basis,
        origins=tuple(sorted(origins)),
        flags=tuple(flags),
    )


def position_held(
    claim: ClaimHistory,
    source: str,
    principals: Principals,
    *,
    on: Instant,
    recorded_by: int,
    policy: Policy,
) -> PositionHeld | None:
    """Return where a source stands on a claim, if it has said anything of it."""
    standings = standings_at(
        claim, principals, on=on, recorded_by=recorded_by, policy=policy
    )
    for standing in standings.in_order():
        if standing.stated.source == source:
            return PositionHeld(
                claim=claim.id,
                stance=standing.stated.stance,
                strength=standing.stated.strength,
                statement=standing.stated.id,
                known_from=datetime_of(standing.stated.latest),
                walked_back=standing.walked_back,
            )
    return None


def possibly_known(
    claim: ClaimHistory, *, on: Instant, recorded_by: int
) -> list[tuple[Instant, int, PossiblyKnown]]:
    """Return the statements that may have been public, keyed by their order."""
    return [
        (
            stated.latest,
            stated.position,
            PossiblyKnown(
                claim=claim.id,
                statement=stated.id,
                earliest=datetime_of(stated.earliest),
                latest=datetime_of(stated.latest),
            ),
        )
        for stated in claim.counting(recorded_by=recorded_by, implicit=True)
        if stated.earliest <= on < stated.latest
    ]


def expectation_state(
    expectation: ExpectationHistory,
    claims: Mapping[str, ClaimHistory],
    chains: Mapping[str, Sequence[str]],
    named: Mapping[str, ClaimHistory],
    *,
    zone: Zone,
    on: Instant,
    recorded_by: int,
) -> ExpectationState | None:
    """Return a promised update's state, or nothing if it is not listed at a point.

    Args:
        claims: the histories of the claims that the promise is about.
        chains: each source and its principals, nearest first, the source included.
        named: the history of the claim of each statement named as the update.
    """
    promise = expectation.promised
    if (
        promise is None
        or promise.position > recorded_by
        or expectation.is_voided(promise.id, recorded_by=recorded_by)
    ):
        return None
    fields: Mapping[str, Any] = promise.fields
    promised = zone.period(fields["said_at"]).latest
    if promised > on:
        return None
    awaited = fields.get("awaits", fields["source"])
    received = {
        entry.fields["statement"]
        for entry in expectation.received
        if entry.position <= recorded_by
        and not expectation.is_voided(entry.id, recorded_by=recorded_by)
    }

    def known(claim: ClaimHistory) -> Iterator[Stated]:
        counting = claim.counting(recorded_by=recorded_by, implicit=True)
        return (stated for stated in counting if stated.latest <= on)

    candidates = [
        stated for id in received for stated in known(named[id]) if stated.id == id
    ] or [
        stated
        for slug in set(fields["claims"])
        for stated in known(claims[slug])
        if stated.earliest > promised and awaited in chains[stated.source]
    ]
    first = min(candidates, key=order, default=None)
    due = zone.period(fields["due"]).latest
    return ExpectationState(
        id=fields["expectation"],
        claims=tuple(fields["claims"]),
        source=fields["source"],
        awaits=awaited,
        due=fields["due"],
        state="fulfilled" if first else "lapsed" if on > due else "open",
        fulfilled_by=first.id if first else None,
        quote=fields.get("quote"),
    )
