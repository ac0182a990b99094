"""How long news takes from ``record`` to a subscriber in another process."""

import multiprocessing
import random
import time
from collections.abc import Iterator
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

import dateline
from benchmarks.report import Figure, spread
from benchmarks.workloads import Ledgers, Shape, clock, events

SHAPE = Shape(topics=1, events_of_a_claim=10)


def measure(ledgers: Ledgers, *, count: int) -> Iterator[Figure]:
    """Record at irregular intervals; compare clocks with another process."""
    path = ledgers.directory / "following.dateline"
    news = list(islice(events(SHAPE, seed=5), 1_000 + count))
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    chance = random.Random(5)
    called: list[int] = []
    acknowledged: list[int] = []
    with dateline.open(path, clock=clock) as ledger:
        after = ledger.record(*news[:1_000]).position
        follower = context.Process(target=_follow, args=(path, after, count, there))
        follower.start()
        here.recv()
        for event in news[1_000:]:
            time.sleep(chance.uniform(0.005, 0.15))
            called.append(time.monotonic_ns())
            ledger.record(event)
            acknowledged.append(time.monotonic_ns())
        seen: list[int] = here.recv()
        follower.join()
    for name, since in (("call", called), ("answer", acknowledged)):
        delays = [(end - begin) / 1e9 for begin, end in zip(since, seen, strict=True)]
        yield Figure(
            f"from record's {name} to a subscriber",
            str(spread(delays)),
            f"{count} events, another process, 5 to 150 ms apart",
        )


def _follow(path: Path, after: int, count: int, there: Connection) -> None:
    with (
        dateline.open(path, clock=clock) as ledger,
        ledger.subscribe(after) as subscription,
    ):
        subscription.poll(0.05)
        there.send("following")
        seen = [time.monotonic_ns() for _ in islice(subscription, count)]
    there.send(seen)
