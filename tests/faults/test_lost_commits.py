"""Commits whose answer is lost: the writer is told what became of them, if it can be.

``DATELINE_FAULTS=20`` repeats each fault twenty times as often.
"""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest
from psycopg.conninfo import conninfo_to_dict

import dateline
from dateline import Ledger
from dateline.projections.postgres.target import Target
from tests.api.proxy import Fate, Proxy, proxying
from tests.builders import framed, refused
from tests.faults.children import SOURCES, batch, registrations
from tests.faults.servers import serving
from tests.faults.writers import (
    BATCHES,
    NOTHING,
    RECORDED,
    UNKNOWN,
    Said,
    attempt,
    check,
)
from tests.stores import POSTGRESQL

_COMMITTING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

on_postgresql = pytest.mark.parametrize("store", [POSTGRESQL], indirect=True)

TIMES = int(os.environ.get("DATELINE_FAULTS", "1"))


@contextmanager
def through_proxy(target: str) -> Iterator[tuple[Proxy, str]]:
    """Give a proxy in front of a target's server, and the target through it."""
    named = Target.parse(target)
    server = conninfo_to_dict(named.conninfo)
    with proxying(f"http://{server['host']}:{server.get('port', 5432)}") as proxy:
        there = [("host", "127.0.0.1"), ("port", str(urlsplit(proxy.url).port))]
        yield proxy, named._replace(parameters=named.parameters + there).url


@pytest.fixture
def direct(target: str) -> Iterator[Ledger]:
    """Open a new ledger on the server."""
    with dateline.open(target) as ledger:
        ledger.record(*registrations())
        yield ledger


@on_postgresql
def test_a_writer_is_told_the_truth_about_a_commit_without_an_answer(
    direct: Ledger, target: str
) -> None:
    choose = random.Random(5)
    with through_proxy(target) as (proxy, target):
        with dateline.open(target, create=False) as ledger:
            for number in range(20 * TIMES):
                fate = choose.choice((Fate.UNANSWERED, Fate.DROPPED))
                left = [fate]  # and what comes after passes: the look-up is answered

                def judge(part: bytes, left: list[Fate] = left) -> Fate:
                    return left.pop() if b"COMMIT\0" in part and left else Fate.PASSED

                proxy.judge = judge
                said = attempt(ledger, number, 3)
                assert not left
                if fate is Fate.UNANSWERED:
                    assert said == Said(RECORDED, number, direct.position)
                    assert direct.event(f"{number}:3:2").position == said.position
                else:
                    assert said == Said(NOTHING, number, error="ledger_unavailable")
                    with refused("unknown_event"):
                        direct.event(f"{number}:3:0")
    direct.verify()


@on_postgresql
@pytest.mark.slow
def test_connections_that_are_cut_anywhere_lose_nothing_and_lie_about_nothing(
    direct: Ledger, target: str
) -> None:
    choose = random.Random(6)
    told: list[Said] = []
    seen: list[tuple[int, str]] = []
    with through_proxy(target) as (proxy, target):
        with dateline.open(target, create=False) as ledger:
            proxy.budget = lambda: choose.choice((None, choose.randrange(20_000)))
            stop = threading.Event()

            def write(writer: int) -> None:
                number, recorded = writer * BATCHES, 0
                while recorded < 40 * TIMES:
                    number += 1
                    told.append(attempt(ledger, number, writer + 1))
                    recorded += told[-1].outcome == RECORDED

            def follow() -> None:
                with ledger.subscribe() as coming:
                    for recorded in coming:
                        seen.append((recorded.position, recorded.id))
                        if recorded.id == "the-end":
                            break

            def cut() -> None:
                while not stop.wait(choose.uniform(0, 0.3)):
                    proxy.cut()

            writing = [threading.Thread(target=write, args=(n,)) for n in range(4)]
            others = [threading.Thread(target=work) for work in (follow, cut)]
            for thread in (*writing, *others):
                thread.start()
            for thread in writing:
                thread.join()
            stop.set()
            direct.record(framed("last", id="the-end"))
            for thread in others:
                thread.join(60)
    stored = [(event.position, event.id) for event in direct.events()]
    assert seen == stored
    assert check(direct, told)[NOTHING] > 5
    direct.verify()


@pytest.mark.slow
def test_a_commit_that_the_server_is_still_at_is_waited_for_and_then_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It waits for a standby that is not there, under the write lock."""
    with serving() as server, dateline.open(server.target()) as direct:
        direct.record(*registrations())
        monkeypatch.setattr("dateline.ledger.LOCK_TIMEOUT_SECONDS", 2)
        with through_proxy(server.target()) as (proxy, target):
            with dateline.open(target, create=False) as ledger:

                def set_standbys(names: str) -> None:
                    server.set(synchronous_standby_names=f"'{names}'")
                    server.reload()

                def cut(seconds: float) -> None:
                    while not server.execute(_COMMITTING):
                        time.sleep(0.01)
                    proxy.cut()
                    time.sleep(seconds)
                    set_standbys("")

                def attempted(number: int, seconds: float) -> Said:
                    set_standbys("nobody")
                    cutting = threading.Thread(target=cut, args=(seconds,))
                    cutting.start()
                    said = attempt(ledger, number, 3)
                    cutting.join()
                    return said

                last = 1 + SOURCES
                assert attempted(1, 0.7) == Said(RECORDED, 1, last + 3)
                assert attempted(2, 5).outcome == UNKNOWN
                receipt = ledger.record(*batch(2, 3))
                assert receipt.position == last + 6
                assert not any(event.new for event in receipt.events)
                ledger.verify()
