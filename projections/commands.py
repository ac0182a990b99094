"""What somebody wants recorded, in the line of those who wait to write."""

import threading
from collections.abc import Sequence
from typing import NamedTuple

from dateline.domain import errors
from dateline.domain.answers import Receipt, RecordedEvent
from dateline.domain.events import AnyEvent
from dateline.domain.times import Instant, datetime_of
from dateline.projections.recording import Recording


class Turn:
    """One who waits to write.

    Attributes:
        thread: that waits for it; none for a command that was only handed in.
        is_alone: whether nobody else's commands go with it.
    """

    is_alone = False

    def __init__(self) -> None:
        self.thread: int | None = None
        self.number = 0
        self.is_done = False
        self.gate = threading.Lock()
        self.gate.acquire()

    def wake(self) -> None:
        """Let the thread that waits look up, unless it is about to."""
        if self.gate.locked():
            self.gate.release()


class Alone(Turn):
    is_alone = True


class Command(Turn):
    """Events that somebody wants recorded, and what became of them.

    Args:
        events: of the closed set, each with the id that a retry gives it, if any.
        is_whole: whether all are recorded or none; otherwise each that can be is.

    Attributes:
        results: where each event stands, or why it was refused, once it is done.
    """

    def __init__(
        self, events: Sequence[tuple[AnyEvent, str | None]], *, is_whole: bool = True
    ) -> None:
        super().__init__()
        self.events = events
        self.results: list[RecordedEvent | errors.DatelineError] = []
        self._is_whole = is_whole
        self._place = 0, 0
        self._error: Exception | None = None

    def check(self) -> None:
        """Raise what kept a command that is done from being recorded."""
        assert self.is_done
        if isinstance(self._error, errors.DatelineError):
            raise _like(self._error)
        if self._error is not None:
            raise self._error

    def receipt(self) -> Receipt:
        """Return what a whole command that is done did, or raise what kept it."""
        self.check()
        position, recorded_at = self._place
        return Receipt(
            position=position,
            recorded_at=datetime_of(recorded_at),
            events=tuple(self.results),
        )

    def run(self, batch: Recording) -> "Outcome":
        """Record the events.

        Raises:
            DatelineError: the first that cannot be taken, named by ``item``.
        """
        results: list[RecordedEvent | errors.DatelineError] = []
        position = 0
        for index, (event, retry_id) in enumerate(self.events):
            try:
                recorded = batch.add(event, retry_id=retry_id)
            except errors.DatelineError as error:
                if self._is_whole:
                    where = f"event {index + 1} of {len(self.events)}"
                    raise error.at(where, index) from None
                if error.fault:
                    raise
                results.append(error.with_traceback(None))
            else:
                results.append(recorded)
                position = max(position, recorded.position)
        position = position or batch.head.position
        return Outcome(results, position, batch.moment(position))

    def succeed(self, outcome: "Outcome") -> None:
        self.results, *_ = outcome
        self._place = outcome.position, outcome.recorded_at
        self.is_done = True

    def fail(self, error: Exception) -> None:
        self._error = error
        self.is_done = True


class Outcome(NamedTuple):
    """What a command's recording comes to, if it is committed."""

    results: list[RecordedEvent | errors.DatelineError]
    position: int
    recorded_at: Instant


def _like(error: errors.DatelineError) -> errors.DatelineError:
    """Return an equal error to raise: one is told to many, and kept by a command."""
    kind = type(error)
    twin = kind.__new__(kind, *error.args)
    vars(twin).update(vars(error))
    twin.__cause__ = error.__cause__
    return twin
