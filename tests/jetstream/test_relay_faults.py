"""Relays and servers killed at random moments: each event is there once, in order."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nats
import pytest

import dateline
from dateline import Ledger
from dateline.projections.jetstream.stream import NewStream
from tests.builders import asserted, framed, opened, registered
from tests.faults.children import Child
from tests.jetstream.relays import relay_for_ever, relay_once, until_so
from tests.jetstream.servers import NATS, cluster, server, url_of
from tests.jetstream.streams import (
    check,
    reached,
    remember_no_duplicates,
    state_of,
)

pytestmark = pytest.mark.slow

KILLS = 40


def prepare(ledger: Ledger) -> None:
    """Let there be a claim of two topics, one with a dot in its name."""
    ledger.record(
        *(registered("seoul"), opened("war"), opened("war.kursk")),
        *(framed("troops", topics=("war", "war.kursk")), framed("other")),
    )


@contextmanager
def recording(target: str, seed: int) -> Iterator[None]:
    """Record batches of all sizes in a thread until the block ends."""
    ended = threading.Event()
    choose = random.Random(seed)

    def record() -> None:
        with dateline.open(target) as ledger:
            number = 0
            while not ended.is_set():
                size = choose.choice((1, 1, 2, 5, 40))
                claim = choose.choice(("troops", "troops", "other"))
                ledger.record(
                    *(asserted(claim, id=f"{seed}-{number}-{n}") for n in range(size))
                )
                number += 1
                time.sleep(choose.uniform(0, 0.02))

    thread = threading.Thread(target=record)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def until_at(url: str, ledger: Ledger, position: int) -> None:
    """Wait until a relay has come to a position."""
    until_so(lambda: has_reached(url, ledger, position), 60)


def has_reached(url: str, ledger: Ledger, position: int) -> bool:
    try:
        return reached(url, ledger) >= position
    except nats.errors.Error:  # a cluster without a leader, for the moment
        return False


def test_a_relay_that_is_killed_in_the_middle_leaves_no_trace(
    ledger: Ledger, tmp_path: Path
) -> None:
    chance = random.Random(1)
    prepare(ledger)
    moved = 0
    with server(tmp_path) as one:
        relay_once(ledger, one.url)
        remember_no_duplicates(one.url, ledger)
        with recording(ledger.target, 1):
            for _ in range(KILLS):
                before = state_of(one.url, ledger).last_seq
                with Child(relay_for_ever, ledger.target, one.url) as child:
                    child.receive()
                    time.sleep(chance.uniform(0, 0.25))
                    child.kill()
                moved += state_of(one.url, ledger).last_seq > before
        relay_once(ledger, one.url)
        check(one.url, ledger)
    assert moved > KILLS / 3


def test_of_two_relays_one_publishes_and_the_other_takes_over(
    ledger: Ledger, tmp_path: Path
) -> None:
    prepare(ledger)
    with server(tmp_path) as one:
        relay_once(ledger, one.url)
        remember_no_duplicates(one.url, ledger)
        first = Child(relay_for_ever, ledger.target, one.url)
        with recording(ledger.target, 2):
            for _ in range(8):
                second = Child(relay_for_ever, ledger.target, one.url)
                second.receive()
                time.sleep(1.5)
                first.kill()
                until_at(one.url, ledger, ledger.position + 1)
                first = second
        until_at(one.url, ledger, ledger.position)
        first.kill()
        check(one.url, ledger)


def test_relays_that_all_begin_at_once_get_in_nobodys_way(
    ledger: Ledger, tmp_path: Path
) -> None:
    prepare(ledger)
    ledger.record(*(asserted("troops", id=f"e{number}") for number in range(2_000)))
    with server(tmp_path) as one:
        relay_once(ledger, one.url)
        remember_no_duplicates(one.url, ledger)
        children = [Child(relay_for_ever, ledger.target, one.url) for _ in range(4)]
        with recording(ledger.target, 3):
            time.sleep(5)
        until_at(one.url, ledger, ledger.position)
        for child in children:
            child.kill()
        check(one.url, ledger)


def test_a_server_that_is_killed_under_load_loses_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    chance = random.Random(4)
    prepare(ledger)
    with server(tmp_path) as one:
        relay_once(ledger, one.url)
        remember_no_duplicates(one.url, ledger)
        with Child(relay_for_ever, ledger.target, one.url):
            with recording(ledger.target, 4):
                for _ in range(KILLS // 2):
                    time.sleep(chance.uniform(0.1, 1))
                    one.kill()
                    time.sleep(chance.uniform(0, 0.3))
                    one.start()
            until_at(one.url, ledger, ledger.position)
        check(one.url, ledger)


def test_a_cluster_that_loses_one_node_after_another_loses_nothing(
    ledger: Ledger, tmp_path: Path
) -> None:
    chance = random.Random(5)
    prepare(ledger)
    with cluster(tmp_path) as nodes:
        url = url_of(nodes)
        make_replicated(ledger, url)
        with Child(relay_for_ever, ledger.target, url):
            with recording(ledger.target, 5):
                for turn in range(9):
                    time.sleep(chance.uniform(1, 2))
                    node: NATS = nodes[turn % 3]
                    node.kill()
                    until_at(url, ledger, ledger.position + 1)
                    node.start()
                    time.sleep(3)  # until it has what it missed, or two would be one
            until_at(url, ledger, ledger.position)
        check(url, ledger)


def make_replicated(ledger: Ledger, url: str) -> None:
    """Make a stream on all three nodes, once they have found each other."""
    until_so(lambda: has_made(ledger, url), 60)
    remember_no_duplicates(url, ledger)


def has_made(ledger: Ledger, url: str) -> bool:
    try:
        relay_once(ledger, url, NewStream(replicas=3))
    except dateline.DatelineError:
        return False
    return True
