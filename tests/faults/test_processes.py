"""Several processes in one file: writers, followers, readers, rebuilds, a lock."""

import json
import random
import threading
import time
from datetime import datetime
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

import dateline
from dateline.domain.events import Event
from tests.builders import (
    asserted,
    confirmed,
    denied,
    filed,
    framed,
    linked,
    opened,
    promised,
    received,
    refused,
    registered,
    retracted,
    reworded,
    unfiled,
    unlinked,
    voided,
)
from tests.faults import children
from tests.faults.children import Child, batch, registrations

pytestmark = pytest.mark.slow

WRITERS, BATCHES, CLAIMS = 4, 40, 6
ON = "2024-10-31"


def shared() -> list[Event]:
    """Open what every writer refers to."""
    return [
        opened("shared"),
        *(registered(f"s{number}") for number in range(WRITERS)),
        registered("office", principal="s0"),
        *(framed(f"c{number}") for number in range(CLAIMS)),
        promised(source="s0", claims=("c0", "c1")),
    ]


def some(choose: random.Random, name: str, writer: int, said: list[str]) -> Event:
    """Make up an event about what all writers share."""
    claim, other = choose.sample([f"c{number}" for number in range(CLAIMS)], 2)
    by = choose.choice([f"s{number}" for number in range(WRITERS)] + ["office"])
    day = f"2024-10-{choose.randint(1, 30):02}"
    match choose.randint(0, 11):
        case 0 | 1:
            return linked(claim, other, id=name)
        case 2:
            return unlinked(claim, other, id=name)
        case 3 if said:
            return voided(choose.choice(said), id=name)
        case 4:
            return filed(claim, "shared", id=name)
        case 5:
            return unfiled(claim, "shared", id=name)
        case 6:
            return reworded(f"As {name} says", claim, id=name)
        case 7 if said:
            return received(choose.choice(said), id=name)
        case 8:
            return retracted(claim, by, day, id=name)
        case 9:
            said.append(name)
            return denied(claim, by, day, id=name)
        case 10:
            said.append(name)
            return confirmed(claim, by, day, id=name)
        case _:
            said.append(name)
            basis: Any = choose.choice([None, "own", ["s1"], ["office", "s2"]])
            strength = choose.choice(["plain", "hedged", "implicit"])
            return asserted(
                claim,
                by,
                day,
                id=name,
                **{} if basis is None else {"basis": basis},
                strength=dateline.Strength(strength),
            )


def record_some(pipe: Connection, target: str, writer: int) -> None:
    """Record batches about what all share; send the receipt of each."""
    choose = random.Random(writer)
    said: list[str] = []
    with dateline.open(target, create=False) as ledger:
        pipe.send("ready")
        pipe.recv()
        for number in range(BATCHES):
            events = [
                some(choose, f"w{writer}.{number}.{index}", writer, said)
                for index in range(choose.randint(1, 8))
            ]
            receipt = ledger.record(*events)
            time.sleep(choose.uniform(0, 0.02))  # whoever wrote last is favoured
            pipe.send(
                (
                    receipt.recorded_at.isoformat(),
                    [(event.position, event.id) for event in receipt.events],
                )
            )


def test_four_processes_record_at_once(tmp_path: Path) -> None:
    target = str(tmp_path / "shared.dateline")
    with dateline.open(target) as ledger:
        ledger.record(*shared())
    with (
        Child(record_some, target, 0) as first,
        Child(record_some, target, 1) as second,
        Child(record_some, target, 2) as third,
        Child(record_some, target, 3) as fourth,
        Child(children.follow, target, "the-end") as one,
        Child(children.follow, target, "the-end") as another,
        Child(children.ask, target, ON) as reader,
    ):
        writers = [first, second, third, fourth]
        for child in (*writers, one, another, reader):
            assert child.receive() == "ready"
        for child in writers:
            child.pipe.send("go")
        receipts = [[child.receive() for _ in range(BATCHES)] for child in writers]
        with dateline.open(target, create=False) as ledger:
            ledger.record(framed("last", id="the-end"))
        followed = [child.receive() for child in (one, another)]
        reader.pipe.send("stop")
        positions, answers = reader.receive()

    with dateline.open(target, create=False) as ledger:
        events = list(ledger.events())
        stored = [(event.position, event.id) for event in events]
        assert [position for position, _ in stored] == list(range(1, len(stored) + 1))
        assert len({id for _, id in stored}) == len(stored)
        moments = [event.recorded_at for event in events]
        assert moments == sorted(moments)

        acknowledged = [
            (id, position, datetime.fromisoformat(moment))
            for batches in receipts
            for moment, recorded in batches
            for position, id in recorded
        ]
        by_id = {event.id: (event.position, event.recorded_at) for event in events}
        assert {id: at for id, *at in acknowledged} == {
            id: list(at) for id, at in by_id.items() if id.startswith("w")
        }
        batches_at = [at for batches in receipts for at, _ in batches]
        assert len(set(batches_at)) == WRITERS * BATCHES, "two batches of one moment"
        for batches in receipts:
            for _, recorded in batches:
                first_of = recorded[0][0]
                at = [position for position, _ in recorded]
                assert at == list(range(first_of, first_of + len(at)))
        order = [id.split(".")[0] for _, id in stored if id.startswith("w")]
        changes = sum(a != b for a, b in pairwise(order))
        assert changes > 2 * WRITERS, "they took no turns"

        for seen in followed:
            assert seen == stored
        assert positions == sorted(positions)
        assert len(answers) > 3
        for position, answer in answers.items():
            assert ledger.knowledge_json(on=ON, recorded_by=position) == answer
        ledger.verify()
        ledger.rebuild()
        for position, answer in answers.items():
            assert ledger.knowledge_json(on=ON, recorded_by=position) == answer


def test_what_another_process_records_changes_what_is_decided_here(
    tmp_path: Path,
) -> None:
    """Two ledgers that both know a claim: each takes the other's word into account."""
    target = str(tmp_path / "both.dateline")
    with dateline.open(target) as here, dateline.open(target) as there:
        here.record(
            *(registered(name) for name in ("a", "b")),
            *(framed(name) for name in ("x", "y")),
            asserted("x", "a", id="xa"),
        )
        there.record(asserted("x", "b", id="xb"), asserted("y", "b", id="yb"))
        here.record(linked("x", "y", id="link"))
        known = here.claim("y", on=ON)
        assert [flag.value for flag in known.flags] == ["contradicted"]
        assert there.record(linked("y", "x")).events[0].id == "link"
        there.record(unlinked("y", "x", id="unlink"))
        assert here.record(linked("x", "y")).events[0].new
        there.record(voided("xa"))
        assert here.record(asserted("x", "a")).events[0].new
        there.record(reworded("Other words", "x"))
        assert here.record(reworded("Other words", "x")).events[0].new is False
        with refused("conflicting_event"):
            here.record(asserted("y", "a", id="xb"))
        here.record(asserted("x", "b", "2024-10-01", id="late"))
        there.record(asserted("y", "b", "2024-10-01"), denied("x", "b", "2024-10-10"))
        here.verify()
        there.verify()


def test_readers_see_the_same_answers_while_rows_are_rebuilt(tmp_path: Path) -> None:
    target = str(tmp_path / "rebuilt.dateline")
    stop = threading.Event()
    different: list[bytes] = []
    asked = [0, 0]
    with dateline.open(target) as ledger:
        ledger.record(*registrations(), *(e for n in range(60) for e in batch(n, 20)))
        before = ledger.knowledge_json(on=ON)
        timeline = ledger.timeline("c7")

        def ask(reader: int) -> None:
            while not stop.is_set():
                answer = ledger.knowledge_json(on=ON)
                asked[reader] += 1
                if answer != before or ledger.timeline("c7") != timeline:
                    different.append(answer)

        threads = [threading.Thread(target=ask, args=(reader,)) for reader in (0, 1)]
        with (
            Child(children.rebuild, target, 8) as rebuilding,
            Child(children.ask, target, ON) as reader,
        ):
            assert rebuilding.receive() == "begun"
            assert reader.receive() == "ready"
            for thread in threads:
                thread.start()
            for _ in range(8):
                rebuilding.receive()
            reader.pipe.send("stop")
            _, answers = reader.receive()
            stop.set()
            for thread in threads:
                thread.join()
        assert not different
        assert list(answers.values()) == [before]
        assert min(asked) > 1
        assert ledger.record(framed("c7", id="7:20:0")).events[0].new is False
        ledger.verify()


def test_a_held_lock_is_a_fault_in_time_and_readers_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = str(tmp_path / "held.dateline")
    dateline.open(target).close()
    monkeypatch.setattr("dateline.ledger.LOCK_TIMEOUT_SECONDS", 1)
    with (
        Child(children.hold_the_lock, target) as holder,
        dateline.open(target, create=False) as ledger,
    ):
        assert holder.receive() == "locked"
        for attempt in (lambda: ledger.record(framed("mine")), ledger.rebuild):
            begun = time.monotonic()
            with refused("ledger_locked"):
                attempt()
            assert 0.8 < time.monotonic() - begun < 4
        assert ledger.position == 1
        assert json.loads(ledger.knowledge_json(on=ON))["claims"] == []
        assert len(list(ledger.events())) == 1
        ledger.verify()
        ledger.backup(tmp_path / "copy")
        with ledger.subscribe() as subscription:
            first = subscription.poll(1)
            assert first is not None
            assert first.position == 1
            assert subscription.poll(0.1) is None
            holder.pipe.send("go on")
            assert holder.receive() == "recorded"
            second = subscription.poll(10)
            assert second is not None
            assert second.id == "held"
        assert ledger.record(framed("mine")).position == 3
        ledger.verify()


def record_without_a_pause(pipe: Connection, target: str, name: str) -> None:
    """Record for some seconds; send how many batches."""
    dateline.ledger.LOCK_TIMEOUT_SECONDS = 4
    with dateline.open(target, create=False) as ledger:
        pipe.send("ready")
        until = time.monotonic() + 6
        number = 0
        while time.monotonic() < until:
            number += 1
            ledger.record(opened(f"{name}{number}"))
    pipe.send(number)


def test_no_writer_is_kept_out_by_others_that_never_pause(tmp_path: Path) -> None:
    target = str(tmp_path / "busy.dateline")
    dateline.open(target).close()
    with (
        Child(record_without_a_pause, target, "a") as first,
        Child(record_without_a_pause, target, "b") as second,
        Child(record_without_a_pause, target, "c") as third,
        Child(record_without_a_pause, target, "d") as fourth,
    ):
        writers = [first, second, third, fourth]
        for child in writers:
            assert child.receive() == "ready"
        counts = [child.receive() for child in writers]
    with dateline.open(target, create=False) as ledger:
        assert ledger.position == 1 + sum(counts)
