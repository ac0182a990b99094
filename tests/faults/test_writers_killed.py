"""kill -9 of one writer after the other, while others write and followers follow.

``DATELINE_FAULTS=20`` kills twenty times as many.
"""

import os
import random
import time
from contextlib import ExitStack

import pytest

import dateline
from tests.builders import framed
from tests.faults import children, writers
from tests.faults.children import Child, registrations
from tests.faults.writers import RECORDED, Said

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("DATELINE_FAULTS", "1"))
KILLS = 15
WRITERS = 3
MOMENTS_SECONDS = 5
"""More than enough to record something, also on a busy machine."""


def test_the_others_go_on_and_nothing_acknowledged_is_lost(target: str) -> None:
    choose = random.Random(77)
    told: list[Said] = []
    with ExitStack() as running:
        ledger = running.enter_context(dateline.open(target))
        ledger.record(*registrations())
        follower = running.enter_context(Child(children.follow, target, "the-end"))
        assert follower.receive() == "ready"
        number = 0

        def begun() -> Child:
            nonlocal number
            number += 1
            child = running.enter_context(Child(writers.record_on, target, number, 2))
            assert child.receive() == "ready"
            return child

        writing = [begun() for _ in range(WRITERS)]
        for _ in range(KILLS * TIMES):
            time.sleep(choose.uniform(0, 0.1))
            dying = writing.pop(choose.randrange(WRITERS))
            told += [said for said in dying.kill() if isinstance(said, Said)]
            for other in writing:
                while other.pipe.poll():
                    told.append(other.receive())
                told.append(other.receive(MOMENTS_SECONDS))
            writing.append(begun())
        for writer in writing:
            writer.pipe.send("stop")
        for writer in writing:
            told += [said for said in writer.sent() if isinstance(said, Said)]

        ledger.record(framed("last", id="the-end"))
        stored = [(event.position, event.id) for event in ledger.events()]
        assert follower.receive() == stored
        counts = writers.check(ledger, told, killed=2 * KILLS * TIMES)
        assert counts == {**counts, writers.NOTHING: 0, writers.UNKNOWN: 0}
        assert counts[RECORDED] > 10 * KILLS
        ledger.verify()
