"""Eight processes write and three follow: each event comes once, in its place.

``DATELINE_EVENTS=50000`` makes it long: the run that this is believed by.
"""

import os
import random
from contextlib import ExitStack
from itertools import pairwise
from multiprocessing.connection import Connection
from typing import Any

import pytest

import dateline
from tests.builders import framed
from tests.faults import children
from tests.faults.children import Child, batch, registrations

pytestmark = pytest.mark.slow

EVENTS = int(os.environ.get("DATELINE_EVENTS", "20000"))
WRITERS = 8
SIZES = (1, 1, 2, 5, 20, 40)
PATIENCE_SECONDS = 300


def record_share(pipe: Connection, target: str, writer: int) -> None:
    """Record a share of the events in batches of all sizes; send where they stand."""
    choose = random.Random(writer)
    recorded: list[tuple[int, str]] = []
    number = writer * EVENTS
    with dateline.open(target, create=False) as ledger:
        pipe.send("ready")
        pipe.recv()
        while left := EVENTS // WRITERS - len(recorded):
            number += 1
            receipt = ledger.record(*batch(number, min(left, choose.choice(SIZES))))
            assert all(event.new for event in receipt.events)
            if not recorded:
                pipe.send("begun")
            recorded += [(event.position, event.id) for event in receipt.events]
    pipe.send(recorded)


def test_followers_get_every_event_once_in_order(target: str) -> None:
    with ExitStack() as running:

        def child(*work: Any) -> Child:
            return running.enter_context(Child(*work))

        with dateline.open(target) as ledger:
            ledger.record(*registrations())
            server = child(children.serve, target)
            url = server.receive()
            writers = [child(record_share, target, one) for one in range(WRITERS)]
            early = child(children.follow, target, "the-end")
            for one in (*writers, early):
                assert one.receive() == "ready"
            for writer in writers:
                writer.pipe.send("go")
            for writer in writers:
                assert writer.receive() == "begun"
            late = child(children.follow, target, "the-end")
            remote = child(children.follow_server, url, "the-end")
            assert [late.receive(), remote.receive()] == ["ready", "ready"]
            begun_at = ledger.position
            receipts = [writer.receive(PATIENCE_SECONDS) for writer in writers]
            last = ledger.record(framed("last", id="the-end")).position

            stored = [(event.position, event.id) for event in ledger.events()]
            for follower in (early, late, remote):
                assert follower.receive(PATIENCE_SECONDS) == stored
            positions = [position for position, _ in stored]
            assert positions == list(range(1, last + 1))
            told = sorted(one for recorded in receipts for one in recorded)
            assert told == [one for one in stored if ":" in one[1]]
            assert len(told) == EVENTS // WRITERS * WRITERS
            assert begun_at < last - EVENTS // 4, "followers came when all was over"
            order = [int(id.split(":")[0]) // EVENTS for _, id in told]
            assert sum(one != other for one, other in pairwise(order)) > 4 * WRITERS
            ledger.verify()
