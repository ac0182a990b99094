"""A desk that records while everything around it breaks."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dateline
from dateline import Ledger
from dateline.domain.errors import LedgerUnavailable
from dateline.domain.events import Event
from tests.builders import asserted, framed, opened, registered

_PAUSE_SECONDS = 0.2


def prepare(ledger: Ledger) -> None:
    """Let there be a claim of two topics, one with a dot in its name."""
    ledger.record(
        *(registered("seoul"), opened("war"), opened("war.kursk")),
        *(framed("troops", topics=("war", "war.kursk")), framed("other")),
    )


@contextmanager
def recording(target: str, seed: int, *, pause: float = 0.02) -> Iterator[None]:
    """Record batches of all sizes in a thread until the block ends.

    Args:
        pause: seconds between two batches, at most.
    """
    ended = threading.Event()
    choose = random.Random(seed)

    def record() -> None:
        with dateline.open(target) as ledger:
            number = 0
            while not ended.is_set():
                size = choose.choice((1, 1, 2, 5, 40))
                claim = choose.choice(("troops", "troops", "other"))
                ids = (f"{seed}-{number}-{n}" for n in range(size))
                record_for_sure(ledger, [asserted(claim, id=id) for id in ids])
                number += 1
                time.sleep(choose.uniform(0, pause))

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def record_for_sure(ledger: Ledger, events: list[Event]) -> None:
    """Record events that have ids of their own, as often as it takes."""
    while True:
        try:
            ledger.record(*events)
            return
        except LedgerUnavailable:
            time.sleep(_PAUSE_SECONDS)
