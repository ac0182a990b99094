"""A replica of the ledger: asked in its place, while it can be read and is not behind.

It is looked at every second in a thread. What it cannot answer is passed on to the
ledger itself: points that it has not come to yet, and all questions while it is away.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from logging import getLogger
from typing import Concatenate, ParamSpec, Self, TypeVar

from anyio import CapacityLimiter, to_thread

import dateline
from dateline.domain.errors import (
    DatelineError,
    HistoryLost,
    InvalidCursor,
    LedgerClosed,
    LedgerFault,
    LedgerMismatch,
    LedgerReplaced,
    NotYetRecorded,
)
from dateline.ledger import Ledger

READERS = 2
"""Questions asked of it at once."""

_LOOK_SECONDS = 1.0
_SILENCE_SECONDS = 3.0
"""How long it is asked after the last look that it answered."""

P = ParamSpec("P")
Answered = TypeVar("Answered")

log = getLogger(__name__)


class PassedOn(Exception):
    """The replica cannot answer; the ledger itself is to be asked.

    Attributes:
        reason: ``behind``, ``fault`` (this once) or ``away``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def at_its_head() -> datetime:
    """Return the present of a replica: no later than its head.

    So an instant after the head is not yet recorded there, whatever the time is: the
    ledger itself knows what was recorded since.
    """
    return datetime.fromtimestamp(0, UTC)


class Replica:
    """A copy of a ledger that follows it.

    Args:
        target: a place as ``dateline.open`` takes it.
        identity: the ledger's.

    Raises:
        DatelineError: what is there can be no replica of the ledger. If it cannot be
            reached, it is tried again, without an error.
    """

    def __init__(self, target: str, identity: str) -> None:
        self._target = target
        self._identity = identity
        self._ledger: Ledger | None = None
        self._answered_at = float("-inf")
        self._is_away: bool | None = None
        self._readers = CapacityLimiter(READERS)
        self._ended = threading.Event()
        try:
            self._look()
        except LedgerFault as error:
            self._tell(error)
        self._thread = threading.Thread(
            target=self._run, name="dateline-replica", daemon=True
        )
        self._thread.start()

    @property
    def ledger(self) -> Ledger | None:
        """The replica, if it answered lately."""
        is_there = time.monotonic() - self._answered_at < _SILENCE_SECONDS
        return self._ledger if is_there else None

    async def ask(
        self,
        question: Callable[Concatenate[Ledger, P], Answered],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Answered:
        """Put a question to the replica, in a thread.

        Raises:
            PassedOn: it cannot answer. DatelineError: its answer.
        """
        ledger = self.ledger
        if ledger is None:
            raise PassedOn("away")
        running = asyncio.ensure_future(
            to_thread.run_sync(
                partial(question, ledger, *args, **kwargs),
                abandon_on_cancel=True,
                limiter=self._readers,
            )
        )
        try:
            while not running.done():
                if self.ledger is None:
                    raise PassedOn("away")
                await asyncio.wait((running,), timeout=_LOOK_SECONDS)
            return running.result()
        except (NotYetRecorded, InvalidCursor, HistoryLost):
            raise PassedOn("behind") from None
        except (LedgerFault, LedgerClosed) as error:
            log.debug("the replica could not answer: %s", error)
            raise PassedOn("fault") from None
        finally:
            running.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Look no more, and give back what was opened."""
        self._ended.set()
        self._thread.join()
        self._answered_at = float("-inf")
        if self._ledger is not None:
            self._ledger.close()

    # --- the thread -----------------------------------------------------------------

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                self._look()
            except DatelineError as error:
                self._tell(error)
            else:
                self._tell(None)

    def _look(self) -> None:
        """Open the replica, if it is not open; see whether it answers.

        Raises:
            DatelineError: it does not.
        """
        ledger = self._ledger or self._opened()
        try:
            _ = ledger.position
        except LedgerReplaced:  # a newer copy, perhaps
            self._ledger = None
            ledger.close()
            raise
        self._ledger = ledger
        self._answered_at = time.monotonic()

    def _opened(self) -> Ledger:
        ledger = dateline.open(self._target, create=False, clock=at_its_head)
        if ledger.identity != self._identity:
            ledger.close()
            raise LedgerMismatch(
                f"{ledger.target!r} is no replica of the ledger that is served: it has "
                f"the identity {ledger.identity!r}, not {self._identity!r}"
            )
        return ledger

    def _tell(self, error: DatelineError | None) -> None:
        """Log that the replica went away, or came back."""
        is_away = error is not None
        if is_away and not self._is_away:
            log.warning("no replica: questions are put to the ledger itself: %s", error)
        elif self._is_away and not is_away:
            log.warning("the replica is back")
        self._is_away = is_away
