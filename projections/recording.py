"""Recording: batches of events, decided and enveloped in turn.

Everything an event changes is written in the same transaction as the event, so that
a batch is there whole or not at all.
"""

import gc
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from dateline.domain import errors
from dateline.domain.answers import RecordedEvent
from dateline.domain.decisions import Existing, decide
from dateline.domain.events import AnyEvent
from dateline.domain.recorded import SALT_BYTES, LogEntry, free_texts
from dateline.domain.times import Instant, Zone, instant_of
from dateline.projections.book import Book, Head
from dateline.projections.store import Cursor, Store

Clock = Callable[[], datetime]
"""Returns the present as an aware datetime."""


class Kept(NamedTuple):
    """The envelope of an exported event, as far as it is given, to be kept."""

    recorded_at: Instant | None = None
    position: int | None = None
    salts: Mapping[str, str] | None = None
    stream: str | None = None
    version: int | None = None
    schema_version: int | None = None
    hash: str | None = None


class Recording:
    """A batch under the write lock.

    Args:
        book: opened for the batch.
        now: the present; ``recorded_at`` is later than any before it even if the
            clock went back.
    """

    def __init__(self, book: Book, zone: Zone, now: Instant) -> None:
        self._book = book
        self._zone = zone
        self._now = now
        self._recorded_at = max(now, book.head.recorded_at + 1)

    @property
    def head(self) -> Head:
        """Where the log ends, the batch included."""
        return self._book.head

    def moment(self, position: int) -> Instant:
        """Return when the event at a position was recorded."""
        return self._book.moment(position)

    def add(
        self,
        event: AnyEvent,
        *,
        id: str | None = None,
        retry_id: str | None = None,
        kept: Kept | None = None,
    ) -> RecordedEvent:
        """Decide about an event and record it if it is new.

        Args:
            id: names the event if it brings no id of its own.
            retry_id: names it too if it is new, and tells whether it was added before.
            kept: the envelope to keep instead of a new one.
        """
        if id is None and retry_id is not None and self._book.event(retry_id):
            id = retry_id
        if id is not None and event.id is None:
            event = event.model_copy(update={"id": id})
        recorded_at = self._recorded_at
        if kept is not None and kept.recorded_at is not None:
            recorded_at = kept.recorded_at
        decision = decide(event, self._book, zone=self._zone, recorded_at=recorded_at)
        if isinstance(decision, Existing):
            return RecordedEvent(id=decision.id, position=decision.position, new=False)
        if kept is not None:
            self._check_kept(kept, decision.fields)
        entry = self._book.record(
            id=event.id or retry_id or str(uuid.uuid4()),
            type=event.type,
            stream=decision.stream,
            fields=decision.fields,
            recorded_at=recorded_at,
            recorder=event.recorder,
            position=kept.position if kept else None,
            salts=kept.salts if kept else None,
        )
        if kept is not None:
            _check_envelope(kept, entry)
        return RecordedEvent(id=entry.id, position=entry.position, new=True)

    def _check_moment(self, recorded_at: Instant) -> None:
        if recorded_at > self._now:
            raise errors.LedgerMismatch(
                "recorded_at to be kept lies ahead of the clock; check both"
            )
        if recorded_at < self._book.head.recorded_at:
            raise errors.LedgerMismatch(
                "recorded_at to be kept falls below that of the event before; "
                "keep the lines in the order of the export"
            )

    def _check_kept(self, kept: Kept, fields: Mapping[str, object]) -> None:
        if kept.recorded_at is not None:
            self._check_moment(kept.recorded_at)
        if kept.position is not None and kept.position <= self._book.head.position:
            raise errors.LedgerMismatch(
                f"position {kept.position} to be kept does not rise above "
                f"{self._book.head.position}; keep the lines in the order of the export"
            )
        if kept.salts is not None and (
            sorted(kept.salts) != free_texts(fields)
            or any(not _is_salt(salt) for salt in kept.salts.values())
        ):
            raise errors.LedgerMismatch(
                "salts to be kept must be one for each free text, "
                f"{SALT_BYTES} bytes in lower-case hex"
            )


def _is_salt(salt: object) -> bool:
    return (
        isinstance(salt, str)
        and len(salt) == 2 * SALT_BYTES
        and not salt.strip("0123456789abcdef")
    )


def _check_envelope(kept: Kept, entry: LogEntry) -> None:
    for name in ("stream", "version", "schema_version", "hash"):
        given, computed = getattr(kept, name), getattr(entry, name)
        if given is not None and given != computed:
            raise errors.LedgerMismatch(
                f"{name} is {given!r} in the file and {computed!r} when recomputed; "
                "the file was changed, or lines are missing before this one"
            )


@contextmanager
def uncollected() -> Iterator[None]:
    """Make no search for reference cycles meanwhile.

    Folding makes no cycles and keeps much to search: the search was a quarter of the
    time of large batches, and a third of a rebuild's (benchmarks/).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def writing(store: Store, book: Book) -> Iterator[Cursor]:
    """Open a transaction that a book is kept in; on an error it is rolled back."""
    try:
        with uncollected(), store.writing() as cursor:
            book.open(cursor)
            yield cursor
            book.close()
    except BaseException:
        book.forget()
        raise


@contextmanager
def recording(
    store: Store, book: Book, zone: Zone, clock: Clock
) -> Iterator[Recording]:
    """Open a transaction that is one batch."""
    with writing(store, book):
        yield Recording(book, zone, instant_of(clock()))
