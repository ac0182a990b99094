"""What was known on a given date, by whom, and on whose word?

``open`` a ledger, ``record`` what sources say, ask for the ``knowledge`` on a date
as recorded by any moment. Importing this needs no web framework.
"""

from typing import TYPE_CHECKING, Any

from dateline.domain.answers import (
    Answer,
    Basis,
    Change,
    Changes,
    ClaimKnowledge,
    ClaimState,
    DocumentState,
    Expectations,
    ExpectationState,
    Explanation,
    Knowledge,
    LedgerState,
    Outcome,
    PositionHeld,
    Positions,
    PossiblyKnown,
    RatingHeld,
    Receipt,
    RecordBasis,
    RecordedEvent,
    RuleCounts,
    Sources,
    SourceState,
    Span,
    StandingExplained,
    Tally,
    Timeline,
    Topics,
    TopicState,
)
from dateline.domain.errors import DatelineError
from dateline.domain.events import (
    BasisWord,
    ClaimAsserted,
    ClaimAssessed,
    ClaimConfirmed,
    ClaimDenied,
    ClaimFiled,
    ClaimFramed,
    ClaimKind,
    ClaimRefuted,
    ClaimReworded,
    ClaimsLinked,
    ClaimsUnlinked,
    ClaimUnfiled,
    Confidence,
    ConfirmationWithheld,
    DocumentCaptured,
    DocumentCorrected,
    Event,
    LedgerOpened,
    Likelihood,
    RecordVoided,
    Relation,
    Reliability,
    SourceCorrected,
    SourceKind,
    SourceRated,
    SourceRegistered,
    Stance,
    StatementRetracted,
    Strength,
    TopicOpened,
    UpdateExpected,
    UpdateReceived,
    parse_event,
)
from dateline.domain.recorded import Recorded
from dateline.domain.rule import Flag, Implicit, Policy, Status
from dateline.ledger import Ledger, open, parse_policy
from dateline.projections.copying import Copied
from dateline.projections.feed import Subscription
from dateline.projections.upkeep import Verified

if TYPE_CHECKING:
    from dateline.client import Client

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Basis",
    "BasisWord",
    "Change",
    "Changes",
    "ClaimAsserted",
    "ClaimAssessed",
    "ClaimConfirmed",
    "ClaimDenied",
    "ClaimFiled",
    "ClaimFramed",
    "ClaimKind",
    "ClaimKnowledge",
    "ClaimRefuted",
    "ClaimReworded",
    "ClaimState",
    "ClaimUnfiled",
    "ClaimsLinked",
    "ClaimsUnlinked",
    "Client",
    "Confidence",
    "ConfirmationWithheld",
    "Copied",
    "DatelineError",
    "DocumentCaptured",
    "DocumentCorrected",
    "DocumentState",
    "Event",
    "ExpectationState",
    "Expectations",
    "Explanation",
    "Flag",
    "Implicit",
    "Knowledge",
    "Ledger",
    "LedgerOpened",
    "LedgerState",
    "Likelihood",
    "Outcome",
    "Policy",
    "PositionHeld",
    "Positions",
    "PossiblyKnown",
    "RatingHeld",
    "Receipt",
    "RecordBasis",
    "RecordVoided",
    "Recorded",
    "RecordedEvent",
    "Relation",
    "Reliability",
    "RuleCounts",
    "SourceCorrected",
    "SourceKind",
    "SourceRated",
    "SourceRegistered",
    "SourceState",
    "Sources",
    "Span",
    "Stance",
    "StandingExplained",
    "StatementRetracted",
    "Status",
    "Strength",
    "Subscription",
    "Tally",
    "Timeline",
    "TopicOpened",
    "TopicState",
    "Topics",
    "UpdateExpected",
    "UpdateReceived",
    "Verified",
    "__version__",
    "open",
    "parse_event",
    "parse_policy",
]


def __getattr__(name: str) -> Any:
    """Import the client when it is asked for: it needs an extra."""
    if name == "Client":
        from dateline.client import Client

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
