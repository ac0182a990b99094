"""A reader that follows a feed as a server's tail does, and what it was told."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dateline import Ledger
from dateline.domain.errors import HistoryLost, LedgerUnavailable
from dateline.projections.feed import EVERYTHING, Feed, Page, Told
from dateline.projections.jetstream.connection import Address, Connector
from dateline.projections.jetstream.feed import JetStreamFeed
from dateline.projections.jetstream.subjects import Subjects
from tests.jetstream.relays import until_so

_WAIT_SECONDS = 0.5


class Watched(Feed):
    """A ledger's log that counts how often a stretch of it is read."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger._store, ledger._zone)
        self.pages = 0

    def page(self, *args: Any, **kwargs: Any) -> Page:
        self.pages += 1
        return super().page(*args, **kwargs)


class Follower:
    """Follows the end of a ledger in a thread.

    Attributes:
        told: what it was told, in order.
        failure: what ended it, if it did.
        pause: called before each look; it may take its time.
    """

    def __init__(self, ledger: Ledger, url: str) -> None:
        self.ledger = Watched(ledger)
        self.feed = JetStreamFeed(
            self.ledger,
            Subjects(ledger.identity),
            Connector(Address.parse(url), "a follower of the tests"),
        )
        self.told: list[Told] = []
        self.failure: HistoryLost | None = None
        self.pause: Callable[[], object] = lambda: None
        self._begun = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()
        self._begun.wait()

    @property
    def positions(self) -> list[int]:
        return [entry.position for entry, _ in self.told]

    @property
    def last(self) -> int:
        return self.told[-1].entry.position if self.told else 0

    def until_told(self, position: int, seconds: float = 30) -> None:
        """Wait until it was told of a position."""
        until_so(lambda: self.last >= position, seconds, lambda: self.positions[-10:])

    def until_leading(self) -> None:
        """Wait until it follows the stream, and not the ledger."""
        until_so(lambda: self.feed._receiver.is_live and self.feed.is_leading)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.feed.close()

    def _follow(self) -> None:
        mark = self.feed.mark()
        self._begun.set()
        while not self._ended.is_set():
            self.pause()
            try:
                if self.feed.wait(mark.position, _WAIT_SECONDS):
                    told, mark = self.feed.page(
                        EVERYTHING, after=mark, upto=self.feed.head(), facets=True
                    )
                    self.told += told
                else:
                    self.feed.check(mark)
            except HistoryLost as error:
                self.failure = error
                return
            except LedgerUnavailable:
                self._ended.wait(_WAIT_SECONDS)


@contextmanager
def following(ledger: Ledger, url: str) -> Iterator[Follower]:
    """Follow a ledger from its head until the block ends."""
    follower = Follower(ledger, url)
    try:
        yield follower
    finally:
        follower.close()


def check_told(ledger: Ledger, follower: Follower, after: int) -> None:
    """Check that everything after a position was told once, in order, and as it is."""
    assert follower.failure is None
    expected = ledger.feed.page(
        EVERYTHING, after=ledger.feed.mark(after), upto=ledger.position, facets=True
    )
    whole = list(expected.told)
    while expected.reached.position < ledger.position:
        expected = ledger.feed.page(
            EVERYTHING, after=expected.reached, upto=ledger.position, facets=True
        )
        whole += expected.told
    assert follower.positions == [entry.position for entry, _ in whole]
    assert follower.told == whole
