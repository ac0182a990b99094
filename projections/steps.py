"""Steps: a claim's state over public time, kept up event by event.

One step for each instant at which the state may change, valid over a stretch of record
time. A statement that arrives in order adds a step; a late one, or a void, closes and
adds those whose state it changes. Nothing in a step depends on when its statements
arrived, so these stay few. Why steps equal the rule is in ARCHITECTURE.md; that they
do is tested, and ``verify`` checks.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import orjson

from dateline.domain.events import STANCES, Stance, Strength
from dateline.domain.histories import ClaimHistory
from dateline.domain.recorded import LogEntry
from dateline.domain.rule import Implicit, Policy, decide
from dateline.domain.standings import Standings, Stated, Weights, order
from dateline.domain.times import FIRST, Instant, print_instant

FOLDED_STANDINGS = 32
"""Up to so many standings a row carries who stands where; above, the rule is asked.

Otherwise a claim with n sources would write n² names (docs/adr/0005).
"""

BOTH, COUNT, IGNORE = 0, 1, 2
"""Which policies on implicit statements a row answers for."""

OTHER_VARIANT: Mapping[Implicit, int] = {
    Implicit.COUNT: IGNORE,
    Implicit.IGNORE: COUNT,
}
"""The rows that do not answer for a policy on implicit statements."""

POLICY: Mapping[int, Policy] = {
    COUNT: Policy(),
    IGNORE: Policy(implicit=Implicit.IGNORE),
}


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
