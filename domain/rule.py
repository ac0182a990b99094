"""The status rule, version 1: what the standings of one claim add up to.

The second half: :mod:`dateline.domain.standings` folds and weighs statements, and
:func:`decide` reads the weights under a policy. Rows can therefore keep the weights
and answer any policy from them. ``contradicted`` needs other claims and is added by
:mod:`dateline.domain.questions`. Source of the rule: docs/explanation/status-rule.md.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from dateline.domain.standings import Weights

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


class Verdict(NamedTuple):
    """What the weights come to under a policy."""

    status: Status
    flags: tuple[Flag, ...]
    independent: int
    confirmations: int
    refutations: int
    line: str
    """The line of the table that fired."""


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
