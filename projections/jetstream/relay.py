"""Publishes a ledger's log to its stream: each event once, in order, from its end.

The relay keeps no state. Where it is, the stream's last message says; what comes
next follows from the log alone. So it may be killed at any moment, and any number of
relays may run: one publishes, and the others stand by.
"""

import asyncio
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from logging import getLogger
from typing import NamedTuple

from dateline.domain.errors import (
    FeedUnavailable,
    InvalidFeed,
    LedgerDamaged,
    LedgerFault,
    LedgerMismatch,
)
from dateline.domain.recorded import Mark
from dateline.projections.feed import EVERYTHING, Feed, Page, Told
from dateline.projections.jetstream.connection import Connection, Connector
from dateline.projections.jetstream.messages import (
    Cursor,
    Message,
    messages_of,
)
from dateline.projections.jetstream.publisher import Overtaken, Publisher
from dateline.projections.jetstream.stream import NewStream, Stream, Tip
from dateline.projections.jetstream.subjects import Subjects
from dateline.projections.store import OPEN_END

STAND_BY_SECONDS = 1.0
"""How long a relay that others keep up with the log lets them go on by themselves."""

_WAIT_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0

log = getLogger(__name__)


class Place(NamedTuple):
    """Where a stream ends, in terms of the log.

    Attributes:
        sequence: of the last message.
        mark: up to here the log is published, but for ``rest``.
        previous: the position of the last event up to there.
        rest: the messages that this event still lacks.
    """

    sequence: int
    mark: Mark
    previous: int
    rest: tuple[Message, ...] = ()


@dataclass
class Relay:
    """Publishes one ledger.

    Attributes:
        ledger: its log.
        cursor: makes the cursor of a reader that has come to an entry.
        title: the ledger's, for those who list streams.
        new: how the stream is made if it is not there.
        is_once: end at the head instead of waiting for more.
        stopping: set by whoever wants it to end.
    """

    ledger: Feed
    subjects: Subjects
    connector: Connector
    cursor: Cursor
    title: str = ""
    new: NewStream = field(default_factory=NewStream)
    is_once: bool = False
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _failures: int = field(default=0, init=False)
    _has_begun: bool = field(default=False, init=False)
    _is_level: bool = field(default=False, init=False)

    async def run(self) -> None:
        """Publish until stopped; what breaks under way is tried again for ever.

        Raises:
            InvalidFeed: NATS, or the stream, cannot be used as it is.
            LedgerMismatch: the stream is another ledger's, or of another future.
            LedgerDamaged. FeedUnavailable, LedgerFault: if it is to run only once.
        """
        while not self.stopping.is_set():
            try:
                async with self.connector.connected() as connection:
                    await self._relay(connection)
                    return
            except (FeedUnavailable, InvalidFeed, LedgerFault) as error:
                is_lasting = isinstance(error, InvalidFeed) and not self._has_begun
                if self.is_once or is_lasting or isinstance(error, LedgerDamaged):
                    raise
                pause = min(2.0**self._failures / 4, _LONGEST_PAUSE_SECONDS)
                self._failures += 1
                log.error("%s (nothing is skipped; again in %.1f s)", error, pause)
                await self._pause(pause)

    async def _relay(self, connection: Connection) -> None:
        """Publish over one connection for as long as it lasts."""
        place = self.connector.address.printed
        stream = Stream(
            connection, self.subjects, place=place, title=self.title, new=self.new
        )
        publisher = Publisher(connection, self.subjects.stream, place=place)
        begin = await stream.prepare()
        end = await self._end(stream, begin)
        log.info(
            "relaying to the stream %s at %s after position %d",
            *(self.subjects.stream, place, end.mark.position),
        )
        self._has_begun = True
        self._is_level = False
        while not self.stopping.is_set():
            if connection.lost.is_set():
                raise FeedUnavailable(place, "the connection broke")
            try:
                end, is_level = await self._publish(publisher, end)
            except Overtaken:
                end = await self._stand_by(stream, begin)
                continue
            self._failures = 0
            if is_level and not self._is_level:
                self._is_level = True
                log.info("the stream is level with the log, at %d", end.mark.position)
            if is_level and self.is_once:
                return

    async def _publish(self, publisher: Publisher, end: Place) -> tuple[Place, bool]:
        """Publish what comes next; return where that is, and whether it is the head."""
        sequence = await publisher.publish(end.rest, after=end.sequence)
        end = Place(sequence, end.mark, end.previous)
        page = await asyncio.to_thread(self._look, end.mark)
        if page is None:
            return end, True
        messages = self._messages(page.told, end.previous)
        sequence = await publisher.publish(messages, after=sequence)
        previous = page.told[-1].entry.position if page.told else end.previous
        return Place(sequence, page.reached, previous), False

    def _look(self, mark: Mark) -> Page | None:
        """Wait a while for more of the log, and read it."""
        if not self.ledger.wait(mark.position, 0 if self.is_once else _WAIT_SECONDS):
            return None
        head = self.ledger.head()
        return self.ledger.page(EVERYTHING, after=mark, upto=head, facets=True)

    def _messages(self, told: Iterable[Told], previous: int) -> Iterator[Message]:
        for one in told:
            yield from self._messages_of(one, previous)
            previous = one.entry.position

    def _messages_of(self, told: Told, previous: int) -> Iterator[Message]:
        return messages_of(
            told, previous=previous, subjects=self.subjects, cursor=self.cursor
        )

    # --- where the stream ends --------------------------------------------------------

    async def _end(self, stream: Stream, begin: int) -> Place:
        tip = await stream.tip()
        return await asyncio.to_thread(self._place_of, tip, begin)

    def _place_of(self, tip: Tip, begin: int) -> Place:
        """Find a stream's end in the log.

        Raises:
            LedgerMismatch: the log has no such event, or another one there.
        """
        if not tip.sequence:
            return Place(0, self.ledger.mark(begin), self._last(begin))
        if tip.carried is None:
            return self._counted(tip.sequence, begin)
        previous, entry, _ = tip.carried
        before = self.ledger.mark(entry.position - 1)
        upto = min(entry.position, self.ledger.head())
        page = self.ledger.page(EVERYTHING, after=before, upto=upto, facets=True)
        messages = list(self._messages(page.told, previous))
        subjects = [message.subject for message in messages]
        if page.reached != entry.mark or tip.subject not in subjects:
            raise LedgerMismatch(
                f"the stream {self.subjects.stream!r} ends with an event at position "
                f"{entry.position} that the ledger does not have there: the ledger was "
                "restored from an older backup, or a copy of it was relayed; delete "
                "the stream to have it made anew"
            )
        rest = messages[subjects.index(tip.subject) + 1 :]
        return Place(tip.sequence, entry.mark, entry.position, tuple(rest))

    def _counted(self, sequence: int, begin: int) -> Place:
        """Find the end of a stream that has dropped even its last message.

        Its messages follow from the log one by one, so their number says where it is.
        """
        log.warning("the stream is empty; counting the %d messages it had", sequence)
        mark, previous, counted = self.ledger.mark(begin), self._last(begin), 0
        head = self.ledger.head()
        while mark.position < head:
            page = self.ledger.page(EVERYTHING, after=mark, upto=head, facets=True)
            for told in page.told:
                messages = list(self._messages_of(told, previous))
                counted += len(messages)
                previous = told.entry.position
                if counted >= sequence:
                    rest = messages[len(messages) - (counted - sequence) :]
                    return Place(sequence, told.entry.mark, previous, tuple(rest))
            mark = page.reached
        raise LedgerMismatch(
            f"the stream {self.subjects.stream!r} has had {sequence} messages, and the "
            f"ledger has {counted} for it; delete it to have it made anew"
        )

    def _last(self, position: int) -> int:
        last = self.ledger.last(position)
        return 0 if last is None else last.position

    # --- while another relay publishes ------------------------------------------------

    async def _stand_by(self, stream: Stream, begin: int) -> Place:
        """Let the other relay go on, until it falls behind the log."""
        log.info("another relay publishes; standing by")
        due = None
        while not self.stopping.is_set():
            reached = _position(await stream.tip())
            if due is not None and (reached < due or self.is_once):
                break
            due = await asyncio.to_thread(self._last, OPEN_END)
            await self._pause(STAND_BY_SECONDS)
        end = await self._end(stream, begin)
        log.info("going on after position %d", end.mark.position)
        return end

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(
                self.stopping.wait(), seconds * random.uniform(0.8, 1.2)
            )


def _position(tip: Tip) -> int:
    return 0 if tip.carried is None else tip.carried.entry.position
