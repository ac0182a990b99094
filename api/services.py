"""What every request may use: the ledger, off the event loop, and what goes with it.

The ledger is synchronous. Questions run in threads, of a limit of their own; what is
to be recorded waits without one, and one thread at a time records for all who wait. A
question is given up when its time is over; a recording is never cut off.

A question is a function of a ledger, so that a replica can be asked in its place.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import anyio
from anyio import CancelScope, CapacityLimiter, to_thread

from dateline.api.hub import Hub
from dateline.api.problems import NotReached, TooSlow
from dateline.api.replica import PassedOn, Replica
from dateline.api.settings import Settings
from dateline.ledger import Ledger
from dateline.projections.commands import Command

if TYPE_CHECKING:
    from dateline.projections.jetstream.feed import JetStreamFeed

READERS = 2
"""Questions asked at once: more threads only get in each other's way (benchmarks/)."""

READ_AT_ONCE_BYTES = 8_192
"""A body up to so long is read on the event loop, in less than a thread would cost."""

_POLL_SECONDS = 0.02

P = ParamSpec("P")
Answered = TypeVar("Answered")


def head_of(ledger: Ledger) -> int:
    """Return where a ledger ends."""
    return ledger.position


def _ignore(told: Any) -> None:
    pass


@dataclass
class Services:
    """One ledger as a server asks it.

    Attributes:
        feed: what the hub follows instead of the ledger, if it does.
        replica: what questions are put to first, if there is one.
        recorded: told the seconds that each recording took.
        passed_on: told why the replica did not answer a question.
    """

    ledger: Ledger
    settings: Settings
    hub: Hub
    feed: "JetStreamFeed | None" = None
    replica: Replica | None = None
    recorded: Callable[[float], None] = _ignore
    passed_on: Callable[[str], None] = _ignore
    _readers: CapacityLimiter = field(default_factory=partial(CapacityLimiter, READERS))
    _pumps: CapacityLimiter = field(default_factory=partial(CapacityLimiter, 1))
    _bodies: CapacityLimiter = field(default_factory=partial(CapacityLimiter, READERS))
    _waiting: list[tuple[Command, asyncio.Future[None]]] = field(default_factory=list)
    _pumping: asyncio.Task[None] | None = None

    async def ask(
        self,
        question: Callable[Concatenate[Ledger, P], Answered],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Answered:
        """Put a question in a thread: to the replica, or to the ledger if need be.

        Raises:
            TooSlow: it took longer than ``request_seconds``.
        """
        return await self._asked(self.replica, question, args, kwargs)

    async def ask_primary(
        self,
        question: Callable[Concatenate[Ledger, P], Answered],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Answered:
        """Put a question to the ledger itself, in a thread.

        Raises:
            TooSlow: it took longer than ``request_seconds``.
        """
        return await self._asked(None, question, args, kwargs)

    async def _asked(
        self,
        replica: Replica | None,
        question: Callable[..., Answered],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Answered:
        try:
            with anyio.fail_after(self.settings.request_seconds):
                if replica is not None:
                    try:
                        return await replica.ask(question, *args, **kwargs)
                    except PassedOn as passed:
                        self.passed_on(passed.reason)
                return await to_thread.run_sync(
                    partial(question, self.ledger, *args, **kwargs),
                    abandon_on_cancel=True,
                    limiter=self._readers,
                )
        except TimeoutError:
            raise TooSlow(
                f"no answer within {self.settings.request_seconds:g} s; ask for less"
            ) from None

    async def read(
        self, size: int, reader: Callable[..., Answered], *args: Any
    ) -> Answered:
        """Run what reads a body of a size, in a thread if it is long."""
        if size <= READ_AT_ONCE_BYTES:
            return reader(*args)
        return await to_thread.run_sync(
            reader, *args, abandon_on_cancel=True, limiter=self._bodies
        )

    async def record(self, command: Command) -> None:
        """Have a command recorded, to the end, and tell how long it took.

        A recording cannot be taken back, so whoever gives it up waits for it; when
        the server is being stopped, it is answered all the same.

        Raises:
            Overloaded: too much waits already.
        """
        began = time.perf_counter()
        self.ledger.commands.submit(command)
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((command, done))
        if self._pumping is None:
            self._pumping = asyncio.create_task(self._pump())
        with CancelScope(shield=True):
            try:
                await asyncio.shield(done)
            except asyncio.CancelledError:
                await asyncio.wait([done])
                if not self.hub.is_closing:
                    done.exception()  # seen to, so that nobody is warned of it
                    raise
                done.result()
            finally:
                self.recorded(time.perf_counter() - began)

    async def _pump(self) -> None:
        """Record for all who wait, a thread call for each group, until nobody does."""
        commands = self.ledger.commands
        try:
            while self._waiting:
                await to_thread.run_sync(commands.pump, limiter=self._pumps)
                waiting, self._waiting = self._waiting, []
                for command, done in waiting:
                    if command.is_done:
                        done.set_result(None)
                    else:
                        self._waiting.append((command, done))
        except Exception as error:  # no thread, say: nobody may wait for ever
            waiting, self._waiting = self._waiting, []
            for command, done in waiting:
                commands.withdraw(command)
                done.set_exception(error)
        finally:
            self._pumping = None

    async def replica_position(self) -> int | None:
        """Return where the replica ends; nothing if there is none that answers."""
        if self.replica is None:
            return None
        try:
            return await self.replica.ask(head_of)
        except PassedOn:
            return None

    async def reach(self, position: int | None, *, primary: bool = False) -> None:
        """Wait until a question finds a position there, for ``at_least_seconds``.

        Args:
            primary: whether the question is put to the ledger itself.

        Raises:
            NotReached: it was not in time.
        """
        if position is None:
            return
        ask = self.ask_primary if primary else self.ask
        head = 0
        with anyio.move_on_after(self.settings.at_least_seconds):
            while (head := await ask(head_of)) < position:
                await anyio.sleep(_POLL_SECONDS)
        if head >= position:
            return
        if primary or self.replica is None:
            raise NotReached(position, head)
        raise NotReached(position, await self.ask_primary(head_of), head)
