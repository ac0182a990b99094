"""Copying a ledger to another store: its events as they are, its rows folded anew.

Nothing is decided again: what is in the log has happened. Each hash must follow from
the one before, and the target must end with an event that the source has. So a copy
that was stopped goes on where it ended, and a target that went its own way is refused.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import NamedTuple

from dateline.domain.errors import (
    InvalidQuestion,
    LedgerDamaged,
    LedgerExists,
    LedgerMismatch,
)
from dateline.domain.recorded import LogEntry, Mark, follows
from dateline.domain.times import Zone
from dateline.projections import log, upkeep
from dateline.projections.book import Book, Head
from dateline.projections.feed import EVERYTHING, stored
from dateline.projections.recording import uncollected
from dateline.projections.sqlite.store import SQLiteStore
from dateline.projections.store import Progress, Store
from dateline.projections.targets import draft, is_free, open_store, printed

_BATCH = 4_000
"""Events in one transaction of the target."""


class Copied(NamedTuple):
    """What a copy brought, and where it left the two ledgers.

    Attributes:
        events: how many were brought; what was there already does not count.
        position, hash: of the target's last event, which is the source's too.
        source_position: where the source ended when it was looked at last.
    """

    events: int
    position: int
    hash: str
    source_position: int


class Copying:
    """A copy of one ledger's log to another store, under way.

    Args:
        source: read in pages; no transaction stays open between two of them.
        target: of the same ledger, or of none yet. Its write lock is held for each
            batch, and not in between.
        zone: the ledger's.

    Raises:
        InvalidQuestion: both are one place.
        LedgerMismatch: the target ends with an event that the source does not have.
    """

    def __init__(self, source: Store, target: Store, zone: Zone) -> None:
        if source.place() == target.place():
            raise InvalidQuestion(
                f"{target.target!r} is the ledger that is to be copied; name another "
                "place",
                "target",
            )
        self._source = source
        self._target = target
        self._zone = zone
        self._book = Book(target, zone)
        self._brought = 0
        self._head = self._shared_head()

    @property
    def copied(self) -> Copied:
        """What was brought by now."""
        position, _, hash = self._head
        return Copied(self._brought, position, hash, _head(self._source).position)

    def catch_up(self, progress: Progress) -> None:
        """Bring what the source has, and what is recorded there meanwhile.

        It ends where the source ended at the last look: when there is nothing more, or
        no less than at the look before, since the source may grow as fast.
        """
        left: int | None = None
        while True:
            upto = _head(self._source).position
            ahead = upto - self._head.position
            if ahead <= 0 or (left is not None and ahead >= left):
                return
            left = ahead
            self.bring(upto, progress)

    def bring(self, upto: int, progress: Progress) -> None:
        """Bring the source's events up to a position, batch by batch.

        Raises:
            LedgerDamaged: what is stored contradicts itself.
            LedgerMismatch: somebody recorded in the target meanwhile.
        """
        while entries := self._next(upto):
            self._append(entries)
            progress(self._head.position, upto)

    def verify(self, progress: Progress) -> None:
        """Verify the target, and compare where it ends with the source.

        Raises:
            LedgerDamaged: the first thing that does not agree.
            LedgerMismatch: the source has other events up to there.
        """
        with _named(self._target):
            verified = upkeep.verify(self._target, self._zone, progress)
        with self._source.reading() as cursor:
            found = Head.of(log.at_position(cursor, verified.position))
            count = log.count(cursor, upto=verified.position)
        if (found.position, found.hash) != (verified.position, verified.hash):
            raise self._mismatch()
        with _named(self._source):
            if count != verified.events:
                raise LedgerDamaged(
                    f"there are {count:,} events up to position {found.position}, and "
                    f"{verified.events:,} in the copy; verify names what is missing"
                )

    # --- a batch ------------------------------------------------------------------

    def _next(self, upto: int) -> list[LogEntry]:
        """Read the source's next batch, and check that its hashes follow."""
        position, _, previous = self._head
        with _named(self._source):
            after = Mark(position, previous)
            coming = stored(self._source, EVERYTHING, after=after, upto=upto)
            entries = list(islice(coming, _BATCH))
            for entry in entries:
                if not follows(previous, entry):
                    raise LedgerDamaged(
                        f"the hash of position {entry.position} does not follow from "
                        "the event stored there; restore a backup"
                    )
                previous = entry.hash
        return entries

    def _append(self, entries: list[LogEntry]) -> None:
        """Append entries to the target, if it still ends where it was left."""
        with uncollected(), self._target.writing() as cursor:
            self._book.open(cursor)
            is_as_left = self._book.head == self._head
            if is_as_left:
                self._take(entries)
            self._book.close()
        if is_as_left:
            self._head = self._book.head
            self._brought += len(entries)
        else:  # another copy was faster, or somebody recorded
            self._head = self._shared_head()

    def _take(self, entries: list[LogEntry]) -> None:
        with _named(self._source):
            try:
                for entry in entries:
                    self._book.take(entry)
            except (AssertionError, LookupError, TypeError, ValueError) as error:
                raise LedgerDamaged(
                    "the log holds what was never recorded; verify names it"
                ) from error

    # --- where the two agree ------------------------------------------------------

    def _shared_head(self) -> Head:
        """Return where the target ends, which must be an event of the source's."""
        head = _head(self._target)
        if head != _at(self._source, head.position):
            raise self._mismatch()
        return head

    def _mismatch(self) -> LedgerMismatch:
        """Say where the two part, and what to do about it."""
        source, target = self._source.target, self._target.target
        low, high = 0, _head(self._target).position
        while low < high:  # an equal hash stands for equal events up to there
            middle = (low + high + 1) // 2
            if _at(self._source, middle) == _at(self._target, middle):
                low = middle
            else:
                high = middle - 1
        shared = _at(self._source, low)
        if shared == Head():
            return LedgerMismatch(
                f"{target!r} holds another ledger than {source!r}; copy to a place "
                "where nothing is"
            )
        if shared == _head(self._source):
            return LedgerMismatch(
                f"{target!r} goes on after position {shared.position}, where "
                f"{source!r} ends; copy the other way round, or to a place where "
                "nothing is"
            )
        return LedgerMismatch(
            f"{target!r} and {source!r} part after position {shared.position}: each "
            "has events that the other has not; copy to a place where nothing is, and "
            "record there what is missing"
        )


def _head(store: Store) -> Head:
    """Return where a ledger's log ends.

    Raises:
        LedgerDamaged: it ends before the last position that was given.
    """
    with store.reading() as cursor:
        position = store.last_position(cursor)
        head = Head.of(log.at_position(cursor, position))
    with _named(store):
        if head.position != position:
            raise LedgerDamaged(
                f"the log ends at position {head.position}, but {position} was given; "
                "restore a backup"
            )
    return head


def _at(store: Store, position: int) -> Head:
    """Return where a ledger's log ended at a position."""
    with store.reading() as cursor:
        return Head.of(log.at_position(cursor, position))


@contextmanager
def _named(store: Store) -> Iterator[None]:
    """Name the ledger in what is told of its damage: two are open."""
    try:
        yield
    except LedgerDamaged as error:
        error.where = error.where or store.target
        raise


def back_up(
    source: Store, target: str, zone: Zone, *, lock_timeout: int, progress: Progress
) -> None:
    """Copy a ledger, as of this moment, to where nothing is; it appears there whole.

    Raises:
        LedgerExists: something is at the target already.
    """
    if isinstance(source, SQLiteStore) and "://" not in target:
        source.backup(target, progress)
        return
    if not is_free(target):
        raise LedgerExists(printed(target))
    with draft(target) as place:
        store = open_store(place, create=True, lock_timeout=lock_timeout)
        with closing(store):
            Copying(source, store, zone).bring(_head(source).position, progress)
