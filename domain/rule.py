"""The status rule, version 1: what the standings of one claim add up to.

The rule has two halves. :class:`Standings` folds statements in the order of public
time and weighs them: who stands where, on whose knowledge. That half knows nothing
of policies but which statements to leave out. :func:`decide` reads the weights under
a policy. Rows can therefore keep the weights and answer any policy from them.

``contradicted`` needs other claims and is added by :mod:`dateline.domain.questions`.
Source of the rule: docs/explanation/status-rule.md.
"""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, assert_never

from pydantic import BaseModel, ConfigDict, Field

from dateline.domain.events import BasisWord, Stance, Strength
from dateline.domain.times import Instant

RULE_VERSION = 1


class Implicit(StrEnum):
    """What a policy does with implicit statements."""

    COUNT = "count"
    IGNORE = "ignore"


class Policy(BaseModel):
    """What a reader asks of a confirmation.

    Attributes:
        confirmations: how many confirmations (or refutations) it takes; at least 1.
        independent: count origins behind confirmed standings, not principals.
        implicit: whether implicit statements count or are left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    confirmations: Annotated[int, Field(ge=1, le=2**31 - 1)] = 1
    independent: bool = False
    implicit: Annotated[Implicit, Field(strict=False)] = Implicit.COUNT


class Status(StrEnum):
    """What a claim's standings add up to."""

    UNREPORTED = "unreported"
    DISPUTED = "disputed"
    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    DENIED = "denied"
    CORROBORATED = "corroborated"
    ASSERTED = "asserted"
    FLOATED = "floated"
    WITHDRAWN = "withdrawn"
    RAISED = "raised"


class Flag(StrEnum):
    """What a reader should know besides the status, in the order of printing."""

    CONTESTED = "contested"
    SINGLE_ORIGIN = "single_origin"
    TENTATIVE = "tentative"
    ORDER_UNSURE = "order_unsure"
    CIRCULAR = "circular"
    BASIS_WITHDRAWN = "basis_withdrawn"
    WALKED_BACK = "walked_back"
    CONTRADICTED = "contradicted"


HOLDING = frozenset((Status.CONFIRMED, Status.CORROBORATED, Status.ASSERTED))
"""The statuses that a contradicting claim cannot share without the flag."""

Side = Literal["for", "against"]


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


class Verdict(NamedTuple):
    """What the weights come to under a policy."""

    status: Status
    flags: tuple[Flag, ...]
    independent: int
    confirmations: int
    refutations: int
    line: str
    """The line of the table that fired."""


class Standings:
    """Every source's standing on one claim, after each of its statements in turn.

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
        self._by_source: dict[str, list[Stated]] = {}
        self._standings: dict[str, Standing] = {}

    def add(self, stated: Stated) -> None:
        """Take in a statement that comes after all taken so far, see :func:`order`."""
        self._known[stated.id] = stated
        said = self._by_source.setdefault(stated.source, [])
        side = stated.side
        order_unsure = walked_back = took_side = False
        for earlier in said:
            if earlier.side is not None:
                took_side = True
                walked_back |= earlier.side != side
            order_unsure |= (
                earlier.stance is not stated.stance
                and earlier.earliest <= stated.latest
                and stated.earliest <= earlier.latest
            )
        said.append(stated)
        side_lost = took_side and stated.stance is Stance.RETRACTED
        self._standings[stated.source] = Standing(
            stated, side, order_unsure, walked_back, side_lost
        )

    def __len__(self) -> int:
        return len(self._standings)

    def in_order(self) -> list[Standing]:
        """Return the standings by (latest, position)."""
        return sorted(self._standings.values(), key=lambda held: order(held.stated))

    def knows(self, statement: str) -> bool:
        """Tell whether a statement is among those taken in (step 1's set)."""
        return statement in self._known

    def weigh(self) -> Weights:
        """Count who stands where and on how many origins."""
        confirming: set[str] = set()
        refuting: set[str] = set()
        confirming_origins: set[str] = set()
        refuting_origins: set[str] = set()
        origins_for: set[str] = set()
        origins_against: set[str] = set()
        standing_for = standing_against = plain_for = plain_against = 0
        side_lost = order_unsure = walked_back = circular = withdrawn = 0
        for stated, side, unsure, walked, lost in self._standings.values():
            side_lost |= lost
            order_unsure |= unsure
            walked_back |= walked
            if side is None:
                continue
            origins = self.origins(stated)
            circular |= origins.circular
            withdrawn |= bool(origins.withdrawn)
            plain = stated.strength is Strength.PLAIN
            if side == "for":
                standing_for += 1
                if plain:
                    plain_for += 1
                    origins_for |= origins.principals
                if stated.stance is Stance.CONFIRMED:
                    confirming.add(self._principals[stated.source])
                    confirming_origins |= origins.principals
            else:
                standing_against += 1
                if plain:
                    plain_against += 1
                    origins_against |= origins.principals
                if stated.stance is Stance.REFUTED:
                    refuting.add(self._principals[stated.source])
                    refuting_origins |= origins.principals
        return Weights(
            reported=int(bool(self._known)),
            confirming_principals=len(confirming),
            confirming_origins=len(confirming_origins),
            refuting_principals=len(refuting),
            refuting_origins=len(refuting_origins),
            origins_for=len(origins_for),
            origins_against=len(origins_against),
            standing_for=standing_for,
            standing_against=standing_against,
            plain_for=plain_for,
            plain_against=plain_against,
            side_lost=side_lost,
            order_unsure=order_unsure,
            circular=circular,
            basis_withdrawn=withdrawn,
            walked_back=walked_back,
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


def decide(weights: Weights, policy: Policy) -> Verdict:
    """Return the first line of the table that fits, and the flags.

    ``contradicted`` is not among the flags: it takes the other claims' statuses.
    """
    if policy.independent:
        confirmations = weights.confirming_origins
        refutations = weights.refuting_origins
    else:
        confirmations = weights.confirming_principals
        refutations = weights.refuting_principals
    enough = policy.confirmations
    independent = weights.origins_for
    if not weights.reported:
        status, line = Status.UNREPORTED, "no statement in step 1's set"
    elif confirmations >= enough and refutations >= enough:
        status, line = Status.DISPUTED, "confirmations ≥ n and refutations ≥ n"
    elif confirmations >= enough:
        status, line = Status.CONFIRMED, "confirmations ≥ n"
    elif refutations >= enough:
        status, line = Status.REFUTED, "refutations ≥ n"
    elif weights.standing_for and weights.standing_against:
        status, line = Status.DISPUTED, "a standing for and a standing against"
    elif weights.standing_against:
        status, line = Status.DENIED, "standings against only"
    elif weights.standing_for and independent >= 2:
        status, line = Status.CORROBORATED, "for only, independent ≥ 2"
    elif weights.plain_for:
        status, line = Status.ASSERTED, "for only, at least one of them plain"
    elif weights.standing_for:
        status = Status.FLOATED
        line = "for only, all hedged, conditional or implicit"
    elif weights.side_lost:
        status = Status.WITHDRAWN
        line = (
            "no side left standing, and a source whose standing is retracted "
            "took a side before, within step 1's set"
        )
    else:
        status, line = Status.RAISED, "what is left"
    if status is Status.REFUTED or status is Status.DENIED:
        independent = weights.origins_against
    return Verdict(
        status,
        tuple(_flags(weights, status, independent)),
        independent,
        confirmations,
        refutations,
        f"{status}: {line}",
    )


def _flags(weights: Weights, status: Status, independent: int) -> Iterator[Flag]:
    if (status is Status.CONFIRMED and weights.standing_against) or (
        status is Status.REFUTED and weights.standing_for
    ):
        yield Flag.CONTESTED
    if status in (Status.CONFIRMED, Status.REFUTED) and independent <= 1:
        yield Flag.SINGLE_ORIGIN
    if status is Status.DENIED and not weights.plain_against:
        yield Flag.TENTATIVE
    if weights.order_unsure:
        yield Flag.ORDER_UNSURE
    if weights.circular:
        yield Flag.CIRCULAR
    if weights.basis_withdrawn:
        yield Flag.BASIS_WITHDRAWN
    if weights.walked_back:
        yield Flag.WALKED_BACK
