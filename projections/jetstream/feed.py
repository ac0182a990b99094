"""The end of the log as its stream delivers it, held against the log itself.

The log is the truth, and the stream saves reading it. An event is believed if its
hash follows from that of the event before, which the ledger gave or which was believed
likewise. Whatever else may happen (a gap, a dead relay, a dead NATS, another history)
leads to the same: what is missing is read from the ledger.
"""

import time
from logging import getLogger
from typing import Self

from dateline.domain.errors import LedgerUnavailable
from dateline.domain.recorded import Mark, follows
from dateline.projections.feed import EVERYTHING, EventFilter, Feed, Page, Told
from dateline.projections.jetstream.connection import Address, Connector
from dateline.projections.jetstream.receiver import Receiver
from dateline.projections.jetstream.subjects import Subjects

POLL_SECONDS = 2.0
"""How often the ledger is asked whether the stream keeps up with it, and is its own."""

_PATIENCE_SECONDS = 2.0
_HANGING_SECONDS = 10.0
"""After so long without the stream's lead another server of NATS is tried."""
_AT_ONCE = 1_000

log = getLogger(__name__)


class JetStreamFeed:
    """One ledger's log, for one reader that follows its end: a server's tail.

    Args:
        ledger: the log itself.
    """

    def __init__(self, ledger: Feed, subjects: Subjects, connector: Connector) -> None:
        self._ledger = ledger
        self._receiver = Receiver(connector, subjects)
        self._name = f"the stream {subjects.stream} at {connector.address.printed}"
        self._mark: Mark | None = None
        self._poll_at = float("-inf")
        self._due = 0
        self._is_trusted = self._keeps_up = True
        self._patient_until: float | None = None
        self._was_leading = True
        self._hangs_at = float("inf")

    @classmethod
    def at(cls, url: str, ledger: Feed, identity: str) -> Self:
        """Return the feed of a ledger whose relay publishes at a URL.

        Raises:
            InvalidFeed: the URL is none of NATS.
        """
        connector = Connector(Address.parse(url), f"dateline serve {identity}")
        return cls(ledger, Subjects(identity), connector)

    def __enter__(self) -> Self:
        """Connect to NATS, now and whenever the connection is lost."""
        self._receiver.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._receiver.close()

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection to NATS."""
        return self._receiver.is_connected

    @property
    def is_leading(self) -> bool:
        """Whether the stream is followed, and not the ledger in its stead."""
        is_delivering = self._receiver.is_live and self._keeps_up and self._is_trusted
        return is_delivering or time.monotonic() < (self._patient_until or 0)

    # --- what a tail asks -------------------------------------------------------------

    def mark(self, position: int | None = None) -> Mark:
        """Return which history the ledger has at a position; nothing is the head."""
        mark = self._ledger.mark(position)
        if position is None:
            self._mark = mark
        return mark

    def head(self) -> int:
        """Return up to where there is something to read."""
        if self.is_leading and (last := self._receiver.last):
            return last
        return self._ledger.head()

    def wait(self, position: int, timeout: float) -> bool:
        """Wait until there is something beyond a position; tell whether there is.

        Raises:
            HistoryLost: the ledger does not have what was read.
        """
        self._receiver.want()
        if self._patient_until is None:
            self._patient_until = time.monotonic() + _PATIENCE_SECONDS
        self._poll()
        if is_leading := self.is_leading:
            has_more = self._receiver.wait(position, timeout)
        else:
            has_more = self._ledger.wait(position, timeout)
        self._renew_if_hanging(is_leading=is_leading)
        if is_leading != self._was_leading:
            self._was_leading = is_leading
            if is_leading:
                log.info("following %s", self._name)
            else:
                log.warning("following the ledger: %s does not keep up", self._name)
        return has_more

    def _renew_if_hanging(self, *, is_leading: bool) -> None:
        now = time.monotonic()
        if is_leading:
            self._hangs_at = float("inf")
        elif self._hangs_at == float("inf"):
            self._hangs_at = now + _HANGING_SECONDS
        elif now >= self._hangs_at:
            self._hangs_at = now + _HANGING_SECONDS
            self._receiver.renew()

    def check(self, mark: Mark) -> None:
        """Check that the ledger still has what was read; now or within the next poll.

        Raises:
            HistoryLost: it does not.
        """
        self._mark = mark
        if not self.is_leading:
            self._ledger.check(mark)

    def page(
        self, wanted: EventFilter, *, after: Mark, upto: int, facets: bool = False
    ) -> Page:
        """Read the wanted events of the next stretch; see :meth:`Feed.page`.

        Whoever wants all of them gets what was received, if it follows.
        """
        if wanted is not EVERYTHING:
            return self._ledger.page(wanted, after=after, upto=upto, facets=facets)
        page = self._received(after) or self._missed(after, upto)
        self._mark = page.reached
        return page

    # --- what is believed -------------------------------------------------------------

    def _received(self, after: Mark) -> Page | None:
        """Return what was received and follows, event by event, from where we are."""
        told: list[Told] = []
        for received in self._receiver.beyond(after.position, _AT_ONCE):
            previous, entry, facets = received.carried
            if not self._is_trusted or previous > after.position or facets is None:
                break
            if not follows(after.hash, entry) or (
                received.is_replayed and self._ledger.mark(entry.position) != entry.mark
            ):
                self._distrust(entry.position)
                break
            told.append(Told(entry, facets))
            after = entry.mark
        return Page(told, after) if told else None

    def _missed(self, after: Mark, upto: int) -> Page:
        """Read from the ledger what has to come before what was received."""
        waiting = self._receiver.beyond(after.position, 1)
        head = self._ledger.head()
        if waiting:
            previous, entry, _ = waiting[0].carried
            upto = previous if previous > after.position else entry.position
            if upto > head:
                self._distrust(upto)
        return self._ledger.page(
            EVERYTHING, after=after, upto=min(upto, head), facets=True
        )

    def _distrust(self, position: int) -> None:
        """Believe nothing that was received, until the ledger bears the stream out."""
        self._is_trusted = False
        self._receiver.forget()
        log.error(
            "%s does not have at position %d what the ledger has there; following the "
            "ledger",
            *(self._name, position),
        )

    def _poll(self) -> None:
        """Hold the stream against the ledger, if that was not done lately.

        It is trusted if the ledger has the last event it delivered, and keeps up if
        that is as far as the ledger was at the last poll.
        """
        now = time.monotonic()
        if now < self._poll_at:
            return
        self._poll_at = now + POLL_SECONDS
        reached = self._receiver.reached  # before the head, which is beyond it then
        try:
            if self._mark is not None:
                self._ledger.check(self._mark)
            head = self._ledger.mark()
            if reached is None:
                self._is_trusted, self._keeps_up = True, False
            else:
                mark = reached.entry.mark
                found = self._ledger.mark(mark.position)
                self._is_trusted = found == mark and mark.position <= head.position
                self._keeps_up = mark.position >= self._due or mark.hash == head.hash
            self._due = head.position
        except LedgerUnavailable as error:
            log.warning("%s; following %s", error, self._name)
