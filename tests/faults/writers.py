"""Writers that go on whatever happens, and what they were told of each batch."""

import random
import threading
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from typing import NamedTuple

import dateline
from dateline import Ledger
from dateline.domain.errors import DatelineError
from tests.faults.children import batch

BATCHES = 1_000_000
"""More than one writer ever records: its batches are numbered from a multiple on."""

RECORDED, NOTHING, UNKNOWN = "recorded", "nothing", "unknown"


class Said(NamedTuple):
    """What a writer was told of a batch.

    Attributes:
        outcome: it was recorded, nothing was, or that is not known.
        position: of its last event, if it was recorded.
        error: the code of the error, if there was one.
    """

    outcome: str
    number: int
    position: int = 0
    error: str = ""


def attempt(ledger: Ledger, number: int, size: int) -> Said:
    """Record a batch; return what came of it."""
    try:
        receipt = ledger.record(*batch(number, size))
    except DatelineError as error:
        assert error.fault, error
        outcome = UNKNOWN if "not known" in str(error) else NOTHING
        return Said(outcome, number, error=error.code)
    return Said(RECORDED, number, receipt.position)


def record_on(pipe: Connection, target: str, writer: int, threads: int = 1) -> None:
    """Record batches until told to stop, and say what became of each.

    Now and then a batch that was not acknowledged is tried again.
    """
    lock = threading.Lock()
    stop = threading.Event()
    failed: list[BaseException] = []

    def work(ledger: Ledger, thread: int) -> None:
        choose = random.Random(writer * 100 + thread)
        number = (writer * threads + thread + 1) * BATCHES
        try:
            while not stop.is_set():
                number += 1
                size = choose.choice((1, 2, 2, 5, 20))
                said = attempt(ledger, number, size)
                with lock:
                    pipe.send(said)
                while said.outcome != RECORDED and choose.random() < 0.5:
                    time.sleep(choose.uniform(0, 0.05))
                    said = attempt(ledger, number, size)
                    with lock:
                        pipe.send(said)
        except BaseException as error:
            failed.append(error)
            raise

    with patiently_opened(target) as ledger:
        pipe.send("ready")
        working = [
            threading.Thread(target=work, args=(ledger, thread), name="writer")
            for thread in range(threads)
        ]
        for one in working:
            one.start()
        pipe.recv()
        stop.set()
        for one in working:
            one.join()
    assert not failed
    names = {one.name for one in threading.enumerate() if "dateline" in one.name}
    pipe.send(("left", sorted(names)))


def patiently_opened(target: str) -> Ledger:
    """Open a ledger, however long its server is away."""
    while True:
        try:
            return dateline.open(target, create=False)
        except DatelineError as error:
            if error.code != "ledger_unavailable":
                raise
            time.sleep(0.05)


def check(ledger: Ledger, told: Iterable[Said], *, killed: int = 0) -> dict[str, int]:
    """Check that the log has what was acknowledged, and nothing that was denied.

    Args:
        killed: so many writers may have died between a commit and its word of it.

    Returns:
        How many batches were told of in each way, with the last word counting.
    """
    last: dict[int, Said] = {}
    for said in told:
        before = last.get(said.number)
        if before is not None and before.outcome == UNKNOWN and said.outcome == NOTHING:
            # This attempt recorded nothing. What became of the one before?
            said = said._replace(outcome=UNKNOWN)
        last[said.number] = said

    found: dict[int, list[str]] = {}
    positions: dict[int, int] = {}
    begun = 0
    for event in ledger.events():
        if event.id.count(":") == 2:
            number = int(event.id.partition(":")[0])
            assert number == begun or number not in found, "batches are mixed"
            begun = number
            found.setdefault(number, []).append(event.id)
            positions[number] = event.position
    for number, ids in found.items():
        size = int(ids[0].split(":")[1])
        assert ids == [f"{number}:{size}:{index}" for index in range(size)]

    counts = {RECORDED: 0, NOTHING: 0, UNKNOWN: 0}
    for number, said in last.items():
        counts[said.outcome] += 1
        match said.outcome:
            case "recorded":
                assert number in found, f"acknowledged, and lost: {said}"
                assert positions[number] == said.position
            case "nothing":
                assert number not in found, f"denied, and there: {said}"
    assert len(found.keys() - last.keys()) <= killed, "recorded, and nobody was told"
    return counts
