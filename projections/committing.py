"""Group commit: commands that wait to be recorded share a transaction.

Whoever has the turn to write takes what waits into one transaction, and tells each
command what became of it when that is committed. Turns are given in the order in which
they were asked for, to those who write alone too, so that nobody starves. There is no
thread here: a thread that records, or that pumps for others, does the work of all who
wait, and hands the turn on.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import NamedTuple

from dateline.domain import errors
from dateline.domain.times import Zone, instant_of
from dateline.projections.book import WRITTEN_AT_ONCE, Book, Head
from dateline.projections.commands import Alone, Command, Outcome, Turn
from dateline.projections.recording import Clock, Recording, recording, writing
from dateline.projections.store import Cursor, Store

GROUP_COMMANDS = 256
"""Commands in one transaction: more save little, and the first waits for the last."""

GROUP_EVENTS = WRITTEN_AT_ONCE
"""Events in one transaction, unless one command has more. Up to so many are written
when all are decided, so that a command is taken back without the database."""

MOST_COMMANDS = 4_096
"""Commands that may wait: 16 groups, the work of a second or two."""

MOST_EVENTS = 100_000
"""Events that may wait: ten of the largest batches, some 200 MB."""

_LOOK_SECONDS = 1.0
"""How often one who waits looks up: who was to wake him may have been interrupted."""

_ABOUT_THE_LEDGER = (
    errors.LedgerLocked,
    errors.LedgerUnavailable,
    errors.LedgerReplaced,
    errors.LedgerReadOnly,
    errors.DiskFull,
    errors.LedgerClosed,
)
"""What is no command's fault and would meet each of them."""


class _Group(NamedTuple):
    """A transaction that is about to be committed, and where the log ends with it."""

    commands: list[Command]
    outcomes: list[Outcome | errors.DatelineError]
    head: Head

    def tell(self) -> None:
        for command, outcome in zip(self.commands, self.outcomes, strict=True):
            if isinstance(outcome, Outcome):
                command.succeed(outcome)
            else:
                command.fail(outcome)


class Committing:
    """Who waits to write to a ledger, and whose turn it is.

    Args:
        store: with the lock among processes; the turn is one among threads.
        book: that transactions are decided on, in turn.
    """

    def __init__(self, store: Store, book: Book, zone: Zone, clock: Clock) -> None:
        self._store = store
        self._book = book
        self._zone = zone
        self._clock = clock
        self._guard = threading.Lock()
        self._numbers = count(1)
        self._waiting: deque[Turn] = deque()
        self._events = 0
        self._turn: Turn | None = None
        self._unseen: _Group | None = None

    # --- who wants something recorded ----------------------------------------------

    def record(self, command: Command) -> None:
        """Have a command recorded, by this thread or by another that writes now.

        Raises:
            Overloaded: too much waits already.
        """
        try:
            self._queue(command, threading.get_ident())
            self._wait(command)
            while not command.is_done:
                self._commit(self._next())
        finally:
            self._leave_surely(command)

    def submit(self, command: Command) -> None:
        """Take a command that will be recorded when somebody pumps.

        Raises:
            Overloaded: too much waits already.
        """
        self._queue(command, None)

    def withdraw(self, command: Command) -> None:
        """Give up a command that was handed in; it may be under way already."""
        self._leave(command)

    def pump(self) -> None:
        """Have everything done that waits by now."""
        turn = Turn()
        try:
            self._queue(turn, threading.get_ident())
            self._wait(turn)
            while (commands := self._next()) and commands[0].number < turn.number:
                self._commit(commands)
        finally:
            self._leave_surely(turn)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the turn for something else than commands."""
        turn = Alone()
        try:
            self._queue(turn, threading.get_ident())
            self._wait(turn)
            yield
        finally:
            self._leave_surely(turn)

    @contextmanager
    def recording(self) -> Iterator[Recording]:
        """Open a transaction of one's own to record events in, one by one."""
        with (
            self.alone(),
            recording(self._store, self._book, self._zone, self._clock) as batch,
        ):
            yield batch

    # --- turns ---------------------------------------------------------------------

    def _queue(self, turn: Turn, thread: int | None) -> None:
        with self._guard:
            if thread is not None and self._turn and self._turn.thread == thread:
                raise RuntimeError(
                    "this thread is recording already; add to the transaction that it "
                    "has open, or end that first"
                )
            if isinstance(turn, Command):
                self._check_room(len(turn.events))
                self._events += len(turn.events)
            turn.thread = thread
            turn.number = next(self._numbers)
            self._waiting.append(turn)
            if thread is not None:
                self._give_turn()

    def _check_room(self, events: int) -> None:
        waiting = len(self._waiting)
        if waiting >= MOST_COMMANDS or (
            waiting and self._events + events > MOST_EVENTS
        ):
            raise errors.Overloaded(
                f"{waiting:,} recordings of {self._events:,} events wait already; try "
                "again in a moment"
            )

    def _wait(self, turn: Turn) -> None:
        """Wait for the turn, or until a command is done."""
        while not (turn.is_done or self._turn is turn):
            turn.gate.acquire(timeout=_LOOK_SECONDS)

    def _give_turn(self) -> None:
        """Give the turn to the first thread that waits, unless somebody has it."""
        if self._turn is None:
            for turn in self._waiting:
                if turn.thread is not None and not turn.is_done:
                    self._turn = turn
                    turn.wake()
                    break

    def _leave_surely(self, turn: Turn) -> None:
        """Hand the turn on, also when interrupted once more: others wait for it."""
        try:
            self._leave(turn)
        except BaseException:
            self._leave(turn)
            raise

    def _leave(self, turn: Turn) -> None:
        with self._guard:
            if not turn.is_done and turn in self._waiting:
                self._waiting.remove(turn)
            if self._turn is turn:
                self._turn = None
            self._give_turn()

    # --- a transaction, by who has the turn ------------------------------------------

    def _next(self) -> list[Command]:
        """Return what goes into the next transaction, in order."""
        commands: list[Command] = []
        events = 0
        with self._guard:
            for turn in self._waiting:
                if turn.is_alone or len(commands) == GROUP_COMMANDS:
                    break
                if isinstance(turn, Command) and not turn.is_done:
                    events += len(turn.events)
                    if commands and events > GROUP_EVENTS:
                        break
                    commands.append(turn)
        return commands

    def _commit(self, commands: list[Command]) -> None:
        """Commit commands, with those that come meanwhile, and tell each of it."""
        try:
            self._transact(commands, is_open=True)
        except _ABOUT_THE_LEDGER as error:
            _fail(commands, error)
        except Exception as error:
            if len(commands) == 1:
                _fail(commands, error)
            else:
                self._commit_apart(commands)
        self._tell(commands)

    def _commit_apart(self, commands: Sequence[Command]) -> None:
        """Commit each by itself, so that only the bad one fails."""
        for number, command in enumerate(commands):
            try:
                self._transact([command])
            except _ABOUT_THE_LEDGER as error:
                _fail(commands[number:], error)
                return
            except Exception as error:
                _fail([command], error)

    def _transact(self, commands: list[Command], *, is_open: bool = False) -> None:
        """Commit commands; into an open transaction goes what waits when it begins."""
        try:
            with writing(self._store, self._book) as cursor:
                self._look_back(cursor)
                if is_open:
                    commands[:] = self._next()
                is_alone = len(commands) == 1
                outcomes = [self._run(command, is_alone) for command in commands]
                self._unseen = group = _Group(commands, outcomes, self._book.head)
        except Exception:
            self._unseen = None
            raise
        group.tell()
        self._unseen = None

    def _run(self, command: Command, is_alone: bool) -> Outcome | errors.DatelineError:
        """Record a command's events, or return why they cannot be."""
        before = self._book.head
        try:
            batch = Recording(self._book, self._zone, instant_of(self._clock()))
            return command.run(batch)
        except errors.DatelineError as error:
            is_clean = self._book.head == before
            if error.fault or (is_alone and not is_clean):
                raise
            if not is_clean:
                self._book.take_back(before)
            return error.with_traceback(None)

    def _look_back(self, cursor: Cursor) -> None:
        """Find out about a transaction whose leader was interrupted in its commit."""
        group, self._unseen = self._unseen, None
        if group is not None:
            position, _, hash = group.head
            cursor.execute("SELECT hash FROM log WHERE position = ?", (position,))
            if cursor.fetchone() == (hash,):
                group.tell()
                self._tell(group.commands)

    def _tell(self, commands: Sequence[Command]) -> None:
        """Wake who waited for commands that are done, the next leader first."""
        with self._guard:
            self._waiting = deque(turn for turn in self._waiting if not turn.is_done)
            self._events = sum(
                len(turn.events) for turn in self._waiting if isinstance(turn, Command)
            )
            if self._turn is not None and self._turn.is_done:
                self._turn = None
                self._give_turn()
        for command in commands:
            command.wake()


def _fail(commands: Sequence[Command], error: Exception) -> None:
    for command in commands:
        if not command.is_done:
            command.fail(error)
