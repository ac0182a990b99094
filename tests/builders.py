"""Events with everything that a test does not care about filled in.

A statement is by Seoul, on the claim ``troops``, of 20 October 2024, unless said
otherwise. ``id`` and all other fields pass through.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from dateline import (
    ClaimAsserted,
    ClaimAssessed,
    ClaimConfirmed,
    ClaimDenied,
    ClaimFiled,
    ClaimFramed,
    ClaimRefuted,
    ClaimReworded,
    ClaimsLinked,
    ClaimsUnlinked,
    ClaimUnfiled,
    ConfirmationWithheld,
    DatelineError,
    DocumentCaptured,
    DocumentCorrected,
    Ledger,
    RecordVoided,
    Relation,
    Reliability,
    SourceCorrected,
    SourceRated,
    SourceRegistered,
    StatementRetracted,
    TopicOpened,
    UpdateExpected,
    UpdateReceived,
)
from dateline.domain.events import Event, Statement

TROOPS = "North Korean troops are deployed to fight against Ukraine"


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: str) -> None:
        self.now = datetime.fromisoformat(now)

    def __call__(self) -> datetime:
        return self.now

    def set(self, now: str) -> None:
        """Let it show an instant with an offset."""
        self.now = datetime.fromisoformat(now)

    def step(self, **by: float) -> None:
        """Let it go on by a timedelta's keywords, or back."""
        self.now += timedelta(**by)

    @property
    def today(self) -> str:
        """The day in UTC, as ``YYYY-MM-DD``."""
        return self.now.astimezone(UTC).date().isoformat()


# --- what is opened ---------------------------------------------------------------


def opened(topic: str = "dprk-troops", **fields: Any) -> TopicOpened:
    """Open a topic."""
    return TopicOpened(topic=topic, **{"title": f"About {topic}", **fields})


def registered(source: str = "seoul", **fields: Any) -> SourceRegistered:
    """Register a source that speaks for itself."""
    return SourceRegistered(source=source, **{"name": source.title(), **fields})


def sources(*names: str, **principals: str) -> list[Event]:
    """Register sources that speak for themselves, then those that do for others."""
    return [
        *(registered(name) for name in names),
        *(registered(name, principal=of) for name, of in principals.items()),
    ]


def captured(document: str = "article", **fields: Any) -> DocumentCaptured:
    """Capture a document."""
    return DocumentCaptured(document=document, **{"title": "An article", **fields})


def framed(claim: str = "troops", **fields: Any) -> ClaimFramed:
    """Frame a claim under no topic."""
    return ClaimFramed(claim=claim, **{"text": TROOPS, **fields})


def promised(expectation: str = "briefing", **fields: Any) -> UpdateExpected:
    """Promise news of the claim by 29 October, on 20 October."""
    return UpdateExpected(
        expectation=expectation,
        **{
            "claims": ("troops",),
            "source": "seoul",
            "said_at": "2024-10-20",
            "due": "2024-10-28/2024-10-29",
            **fields,
        },
    )


# --- what is said -----------------------------------------------------------------

S = TypeVar("S", bound=Statement)


def _said(
    kind: Callable[..., S], claim: str, by: str, said_at: str, fields: dict[str, Any]
) -> S:
    return kind(claim=claim, source=by, said_at=said_at, **fields)


def asserted(
    claim: str = "troops", by: str = "seoul", said_at: str = "2024-10-20", **fields: Any
) -> ClaimAsserted:
    """Say that it is so."""
    return _said(ClaimAsserted, claim, by, said_at, fields)


def denied(
    claim: str = "troops", by: str = "seoul", said_at: str = "2024-10-20", **fields: Any
) -> ClaimDenied:
    """Say that it is not so."""
    return _said(ClaimDenied, claim, by, said_at, fields)


def confirmed(
    claim: str = "troops", by: str = "seoul", said_at: str = "2024-10-20", **fields: Any
) -> ClaimConfirmed:
    """Say that it is so, having checked."""
    return _said(ClaimConfirmed, claim, by, said_at, fields)


def refuted(
    claim: str = "troops", by: str = "seoul", said_at: str = "2024-10-20", **fields: Any
) -> ClaimRefuted:
    """Say that it is not so, having checked."""
    return _said(ClaimRefuted, claim, by, said_at, fields)


def withheld(
    claim: str = "troops", by: str = "seoul", said_at: str = "2024-10-20", **fields: Any
) -> ConfirmationWithheld:
    """Say that it cannot be confirmed."""
    return _said(ConfirmationWithheld, claim, by, said_at, fields)


def retracted(
    claim: str = "troops", by: str = "seoul", said_at: str = "2024-10-20", **fields: Any
) -> StatementRetracted:
    """Take back what was said."""
    return _said(StatementRetracted, claim, by, said_at, fields)


# --- what is done about it --------------------------------------------------------


def voided(event: str, **fields: Any) -> RecordVoided:
    """Void our record of an event."""
    return RecordVoided(event=event, **{"reason": "Taken down wrongly", **fields})


def reworded(text: str, claim: str = "troops", **fields: Any) -> ClaimReworded:
    """Put a claim in other words."""
    return ClaimReworded(claim=claim, text=text, **fields)


def filed(
    claim: str = "troops", topic: str = "dprk-troops", **fields: Any
) -> ClaimFiled:
    """Put a claim under a topic."""
    return ClaimFiled(claim=claim, topic=topic, **fields)


def unfiled(
    claim: str = "troops", topic: str = "dprk-troops", **fields: Any
) -> ClaimUnfiled:
    """Take a claim from a topic."""
    return ClaimUnfiled(claim=claim, topic=topic, **fields)


def linked(
    claim: str, other: str, relation: str = "contradicts", **fields: Any
) -> ClaimsLinked:
    """Link a claim to another."""
    return ClaimsLinked(claim=claim, other=other, relation=Relation(relation), **fields)


def unlinked(
    claim: str, other: str, relation: str = "contradicts", **fields: Any
) -> ClaimsUnlinked:
    """Take a link back."""
    return ClaimsUnlinked(
        claim=claim, other=other, relation=Relation(relation), **fields
    )


def rated(reliability: str, source: str = "seoul", **fields: Any) -> SourceRated:
    """Rate a source."""
    return SourceRated(source=source, reliability=Reliability(reliability), **fields)


def assessed(claim: str = "troops", **fields: Any) -> ClaimAssessed:
    """Assess a claim."""
    rest = {"assessor": "desk", "assessed_at": "2024-10-22", **fields}
    return ClaimAssessed(claim=claim, **rest)


def corrected(source: str = "seoul", **fields: Any) -> SourceCorrected:
    """Correct the description of a source."""
    return SourceCorrected(source=source, **{"reason": "Misspelt", **fields})


def recaptured(document: str = "article", **fields: Any) -> DocumentCorrected:
    """Correct the description of a document."""
    return DocumentCorrected(document=document, **{"reason": "Misspelt", **fields})


def received(
    statement: str, expectation: str = "briefing", **fields: Any
) -> UpdateReceived:
    """Name a statement as the promised update."""
    return UpdateReceived(expectation=expectation, statement=statement, **fields)


# --- what is checked --------------------------------------------------------------


@contextmanager
def refused(code: str) -> Iterator[pytest.ExceptionInfo[DatelineError]]:
    """Expect an error of the ledger's with a code."""
    with pytest.raises(DatelineError) as caught:
        yield caught
    assert caught.value.code == code, str(caught.value)


def stored(ledger: Ledger) -> list[dict[str, Any]]:
    """Return the ledger's events as an export shows them."""
    return [recorded.model_dump(mode="json") for recorded in ledger.events()]


def flat(event: Event) -> dict[str, Any]:
    """Return an event's JSON as a caller would write it."""
    return event.model_dump(mode="json", exclude_none=True)
