"""Relays and servers killed at random moments: each event is there once, in order."""

import random
import time
from pathlib import Path

import pytest

from dateline import Ledger
from tests.builders import asserted
from tests.faults.children import Child
from tests.jetstream.relays import relay_for_ever, relay_once, until_so
from tests.jetstream.servers import server
from tests.jetstream.streams import (
    check,
    reached,
    remember_no_duplicates,
    state_of,
)
from tests.jetstream.writers import prepare, recording
from tests.stores import on_sqlite_alone

pytestmark = pytest.mark.slow

KILLS = 25


def until_at(url: str, ledger: Ledger, position: int) -> None:
    """Wait until a relay has come to a position."""
    until_so(lambda: reached(url, ledger) >= position, 60)


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
                    time.sleep(chance.uniform(0, 0.5))
                    child.kill()
                moved += state_of(one.url, ledger).last_seq > before
        relay_once(ledger, one.url)
        check(one.url, ledger)
    assert moved > KILLS / 4


@on_sqlite_alone
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


@on_sqlite_alone
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
