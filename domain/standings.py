"""Standings: where each source stands on one claim, and on whose knowledge.

The first half of the status rule. Statements are folded in the order of public time
and weighed; policies come in only with what is left out before. What the weights come
to under a policy is in :mod:`dateline.domain.rule`.
"""

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple, assert_never

from dateline.domain.events import BasisWord, Stance, Strength
from dateline.domain.times import Instant

Side = Literal["for", "against"]
_BOTH_SIDES: tuple[Side, Side] = ("for", "against")
_VERIFIED = frozenset((Stance.CONFIRMED, Stance.REFUTED))


def side_of(stance: Stance) -> Side | None:
    """Return the side that a stance is on, if it is on one."""
    match stance:
        case Stance.ASSERTED | Stance.CONFIRMED:
            return "for"
        case Stance.DENIED | Stance.REFUTED:
            return "against"
        case Stance.WITHHELD | Stance.RETRACTED:
            return None
        case _:
            assert_never(stance)


_SIDES: dict[Stance, Side | None] = {stance: side_of(stance) for stance in Stance}


class Cited(NamedTuple):
    """An entry of a basis, settled when the citing statement was recorded."""

    id: str
    is_statement: bool


class Stated(NamedTuple):
    """A recorded statement as the rule sees it; instants are public time."""

    id: str
    position: int
    source: str
    stance: Stance
    strength: Strength | None
    earliest: Instant
    latest: Instant
    basis: BasisWord | tuple[Cited, ...]

    @property
    def side(self) -> Side | None:
        return _SIDES[self.stance]


def order(stated: Stated) -> tuple[Instant, int]:
    """Return the key that statements are ordered by: latest instant, position."""
    return stated.latest, stated.position


class Standing(NamedTuple):
    """A source's latest stance on a claim, and what is to be said of it."""

    stated: Stated
    side: Side | None
    order_unsure: bool
    walked_back: bool
    side_lost: bool


class Origins(NamedTuple):
    """On whose own knowledge a standing rests, and what came up on the way."""

    principals: frozenset[str]
    circular: bool
    withdrawn: frozenset[str]
    """What was cited and no longer supports: voided statements, changed sources."""


_NO_ORIGINS = Origins(frozenset(), False, frozenset())


class Weights(NamedTuple):
    """The counts that decide a status, whatever the policy's thresholds are.

    Each follows from the standings alone, so that a late statement changes only the
    weights of the stretch of public time in which its source stands on it.
    """

    reported: int = 0
    confirming_principals: int = 0
    confirming_origins: int = 0
    refuting_principals: int = 0
    refuting_origins: int = 0
    origins_for: int = 0
    origins_against: int = 0
    standing_for: int = 0
    standing_against: int = 0
    plain_for: int = 0
    plain_against: int = 0
    side_lost: int = 0
    order_unsure: int = 0
    circular: int = 0
    basis_withdrawn: int = 0
    walked_back: int = 0


class Standings:
    """Every source's standing on one claim, after each of its statements in turn.

    Statements are added in order, and each moves only its own source: what the rule
    counts is kept up as they come, so that weighing does not begin anew at each.

    Args:
        principals: each source's principal, followed to its end.
        voided: ids of the claim's statements that are voided at the position asked.
    """

    def __init__(
        self, principals: Mapping[str, str], voided: Collection[str] = frozenset()
    ) -> None:
        self._principals = principals
        self._voided = voided
        self._known: dict[str, Stated] = {}
        self._standings: dict[str, Standing] = {}
        self._statements: dict[str, str] = {}
        self._last_of: dict[str, dict[Stance, Instant]] = {}
        self._sources: dict[Stance | Side, list[str]] = {
            kind: [] for kind in (*Stance, *_BOTH_SIDES)
        }
        self._plain = dict.fromkeys(_BOTH_SIDES, 0)
        self._own: dict[Side, dict[str, int]] = {"for": {}, "against": {}}
        self._verified: dict[Side, dict[str, int]] = {"for": {}, "against": {}}
        self._verified_own: dict[Side, dict[str, int]] = {"for": {}, "against": {}}
        self._citing: dict[str, Stated] = {}
        self._remarks = [0, 0, 0]  # order_unsure, walked_back, side_lost

    def add(self, stated: Stated) -> None:
        """Take in a statement that comes after all taken so far, see :func:`order`."""
        source, stance, side = stated.source, stated.stance, stated.side
        self._known[stated.id] = stated
        last_of = self._last_of.setdefault(source, {})
        order_unsure = walked_back = took_side = False
        for other, latest in last_of.items():
            if other is not stance:
                order_unsure |= stated.earliest <= latest
            taken = _SIDES[other]
            if taken is not None:
                took_side = True
                walked_back |= taken != side
        last_of[stance] = stated.latest
        before = self._standings.pop(source, None)
        if before is not None:
            self._count(before, -1)
        standing = Standing(
            stated,
            side,
            order_unsure,
            walked_back,
            took_side and stance is Stance.RETRACTED,
        )
        self._standings[source] = standing
        self._statements.pop(source, None)
        self._statements[source] = stated.id
        self._count(standing, 1)
        self._move(source, before, standing)

    def _move(self, source: str, before: Standing | None, after: Standing) -> None:
        """Keep the sorted lists of who stands where."""
        stance, side = after.stated.stance, after.side
        stance_before = side_before = None
        if before is not None:
            stance_before, side_before = before.stated.stance, before.side
        if stance is not stance_before:
            if stance_before is not None:
                _remove(self._sources[stance_before], source)
            insort(self._sources[stance], source)
        if side != side_before:
            if side_before is not None:
                _remove(self._sources[side_before], source)
            if side is not None:
                insort(self._sources[side], source)

    def _count(self, standing: Standing, sign: int) -> None:
        """Add a standing's part of the counts, or take it away."""
        stated, side, order_unsure, walked_back, side_lost = standing
        remarks = self._remarks
        remarks[0] += sign * order_unsure
        remarks[1] += sign * walked_back
        remarks[2] += sign * side_lost
        if side is None:
            return
        principal = self._principals[stated.source]
        is_plain = stated.strength is Strength.PLAIN
        is_verified = stated.stance in _VERIFIED
        self._plain[side] += sign * is_plain
        if is_verified:
            _tally(self._verified[side], principal, sign)
        if stated.basis is BasisWord.OWN:
            if is_plain:
                _tally(self._own[side], principal, sign)
            if is_verified:
                _tally(self._verified_own[side], principal, sign)
        elif stated.basis is not BasisWord.UNKNOWN:
            if sign > 0:
                self._citing[stated.source] = stated
            else:
                del self._citing[stated.source]

    def __len__(self) -> int:
        return len(self._standings)

    def in_order(self) -> list[Standing]:
        """Return the standings by (latest, position)."""
        return list(self._standings.values())

    def statements(self) -> Collection[str]:
        """Return the ids of the standing statements by (latest, position)."""
        return self._statements.values()

    def sources(self, kind: Stance | Side) -> list[str]:
        """Return the sources of a stance, or on a side, sorted."""
        return self._sources[kind]

    def weigh(self) -> Weights:
        """Count who stands where and on how many origins."""
        own, verified, verified_own = self._own, self._verified, self._verified_own
        circular = withdrawn = False
        if self._citing:
            own = {side: dict(counted) for side, counted in own.items()}
            verified_own = {side: dict(c) for side, c in verified_own.items()}
            for stated in self._citing.values():
                origins = self.origins(stated)
                circular |= origins.circular
                withdrawn |= bool(origins.withdrawn)
                side = stated.side
                assert side is not None
                found = dict.fromkeys(origins.principals, 1)
                if stated.strength is Strength.PLAIN:
                    own[side] |= found
                if stated.stance in _VERIFIED:
                    verified_own[side] |= found
        order_unsure, walked_back, side_lost = self._remarks
        return Weights(
            int(bool(self._known)),
            len(verified["for"]),
            len(verified_own["for"]),
            len(verified["against"]),
            len(verified_own["against"]),
            len(own["for"]),
            len(own["against"]),
            len(self._sources["for"]),
            len(self._sources["against"]),
            self._plain["for"],
            self._plain["against"],
            int(side_lost > 0),
            int(order_unsure > 0),
            int(circular),
            int(withdrawn),
            int(walked_back > 0),
        )

    def origins(self, stated: Stated) -> Origins:
        """Return the principals on whose own knowledge a standing rests.

        A walk over the sources that it leads to. Each source is visited once: what
        it leads to does not depend on the path, and a circle is met on some path
        exactly if one can be reached (docs/adr/0003).
        """
        if stated.basis is BasisWord.UNKNOWN:
            return _NO_ORIGINS
        if stated.basis is BasisWord.OWN:
            own = self._principals[stated.source]
            return Origins(frozenset((own,)), False, frozenset())
        principals: set[str] = set()
        withdrawn: set[str] = set()
        circular = False
        open_path: set[str] = set()
        done: set[str] = set()
        trail: list[tuple[str, set[str]]] = []

        def enter(standing: Stated) -> None:
            open_path.add(standing.source)
            ahead = self._read_basis(standing, principals, withdrawn)
            trail.append((standing.source, ahead))

        enter(stated)
        while trail:
            source, ahead = trail[-1]
            if not ahead:
                trail.pop()
                open_path.discard(source)
                done.add(source)
                continue
            target = ahead.pop()
            if target in open_path:
                circular = True
            elif target not in done:
                enter(self._standings[target].stated)
        return Origins(frozenset(principals), circular, frozenset(withdrawn))

    def _read_basis(
        self, standing: Stated, principals: set[str], withdrawn: set[str]
    ) -> set[str]:
        """Collect where a standing's basis ends; return the sources to walk on to.

        A statement of the source's own that it cites, on the same side, is read in
        its place; what that one cites likewise, each once.
        """
        led_to: set[str] = set()
        to_read = [standing]
        read = {standing.id}
        while to_read:
            citing = to_read.pop()
            if citing.basis is BasisWord.UNKNOWN:
                continue
            if citing.basis is BasisWord.OWN:
                principals.add(self._principals[citing.source])
                continue
            for name, is_statement in citing.basis:
                target = name
                if is_statement:
                    cited = self._known.get(name)
                    if cited is None:
                        if name in self._voided:
                            withdrawn.add(name)
                        continue
                    if cited.source == citing.source:
                        if cited.side != citing.side:
                            withdrawn.add(name)
                        elif name not in read:
                            read.add(name)
                            to_read.append(cited)
                        continue
                    target = cited.source
                held = self._standings.get(target)
                if held is None:
                    principals.add(self._principals[target])
                elif held.side != citing.side:
                    withdrawn.add(name)
                elif held.stated.basis is BasisWord.UNKNOWN:
                    principals.add(self._principals[target])
                else:
                    led_to.add(target)
        return led_to


def _remove(sources: list[str], source: str) -> None:
    del sources[bisect_left(sources, source)]


def _tally(counter: dict[str, int], key: str, sign: int) -> None:
    count = counter.get(key, 0) + sign
    if count:
        counter[key] = count
    else:
        del counter[key]
