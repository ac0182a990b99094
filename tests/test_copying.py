"""Copying: every event as it is, from any store to any, stopped and gone on with."""

import io
import os
import random
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dateline
from dateline import Copied, Ledger, LedgerOpened, RecordVoided
from dateline.domain.errors import LedgerUnavailable
from dateline.jsonl import import_file
from dateline.projections import copying
from dateline.projections.codec import CODEC, UPCASTERS, Fields
from dateline.projections.store import Progress
from tests import stores
from tests.builders import (
    TROOPS,
    Clock,
    asserted,
    flat,
    framed,
    opened,
    refused,
    sources,
)
from tests.faults import children
from tests.faults.children import Child, batch, registrations
from tests.faults.test_tampering import ON, story
from tests.stores import POSTGRESQL, SQLITE, STORES, administering
from tests.strategies import exported, ledgers, points, policies
from tests.test_cli import invoke, invoked, on_terminal
from tests.test_laws import dump_rows, log_of, outcome, policy_of, slugs, topics_of

WAYS = [(one, other) for one in STORES for other in STORES]
LATER = Clock("2040-01-01T00:00:00Z")


class Places:
    """Names places for ledgers on either store, and clears them away in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._on: dict[str, stores.Places] = {}

    def new(self, store: str) -> str:
        """Return a place where nothing is."""
        if store not in self._on:
            self._on[store] = stores.Places(store, self.folder)
        return self._on[store].new(uuid.uuid4().hex[:12])

    def names(self) -> list[str]:
        """Return what lies there, drafts too."""
        return sorted(name for places in self._on.values() for name in places.names())

    def close(self) -> None:
        for places in self._on.values():
            places.close()


@contextmanager
def some_places() -> Iterator[Places]:
    with TemporaryDirectory() as folder, closing(Places(Path(folder))) as found:
        yield found


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Places]:
    with closing(Places(tmp_path)) as found:
        yield found


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch be of three events, so that a story takes several."""
    monkeypatch.setattr(copying, "_BATCH", 3)


# --- ledgers to copy --------------------------------------------------------------


def load(target: str, lines: list[dict[str, Any]]) -> Ledger:
    """Make a ledger of exported lines, and open it."""
    file = io.BytesIO(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    import_file(target, file, name="lines", keep_recorded_at=True, clock=LATER)
    return dateline.open(target, create=False)


def tell(target: str) -> Ledger:
    """Open a ledger with late news, voids, links, promises, and gaps in positions."""
    return load(
        target,
        [
            {
                **flat(event),
                "position": 5 * number + 2,
                "recorded_at": f"2024-11-01T12:{number:02}:00Z",
            }
            for number, event in enumerate((LedgerOpened(title="War"), *story()))
        ],
    )


def lines_of(ledger: Ledger) -> list[bytes]:
    return list(ledger.export())


def log_rows(ledger: Ledger) -> list[tuple[Any, ...]]:
    """Return the log as it is stored, byte by byte."""
    with ledger._store.reading() as cursor:
        return cursor.execute("SELECT * FROM log ORDER BY position").fetchall()


def change(target: str, statement: str) -> None:
    """Change a ledger by hand."""
    with dateline.open(target, create=False) as ledger:
        with ledger._store.writing() as cursor:
            cursor.execute(statement)


def position_column(target: str) -> str:
    return "notification_id" if target.startswith("postgresql") else "rowid"


class Halted(Exception):
    """Somebody stopped the copy."""


def halt_after(batches: int) -> Progress:
    """Stop a copy after some batches."""
    left = batches

    def progress(done: int, total: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Halted

    return progress


def once(act: Callable[[], object]) -> Progress:
    """Do something after the first batch."""
    acts = [act]

    def progress(done: int, total: int) -> None:
        if acts:
            acts.pop()()

    return progress


# --- a copy is the ledger ---------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_a_copy_is_the_ledger_byte_by_byte(
    places: Places, one: str, other: str
) -> None:
    target = places.new(other)
    with tell(places.new(one)) as source:
        copied = source.copy_to(target)
        with dateline.open(target, create=False) as copy:
            assert copied == Copied(
                events=len(lines_of(source)),
                position=source.position,
                hash=source.describe().hash,
                source_position=source.position,
            )
            assert lines_of(copy) == lines_of(source)
            assert log_rows(copy) == log_rows(source)
            assert dump_rows(copy) == dump_rows(source)
            assert copy.describe() == source.describe()
            assert copy.verify() == source.verify()


@pytest.mark.parametrize(
    ("one", "other", "examples"),
    [(one, other, 40 if one == other == SQLITE else 8) for one, other in WAYS],
)
def test_a_copy_in_parts_answers_as_the_ledger_does(
    one: str, other: str, examples: int
) -> None:
    @settings(max_examples=examples)
    @given(data=st.data(), script=ledgers())
    def check(data: st.DataObject, script: Any) -> None:
        with some_places() as places:
            target = places.new(other)
            with load(places.new(one), exported(script)) as source:
                for _ in range(data.draw(st.integers(0, 2))):
                    with suppress(Halted):
                        source.copy_to(target, progress=halt_after(1))
                source.copy_to(target)
                with dateline.open(target, create=False) as copy:
                    compare(data, script, source, copy)

    check()


def compare(data: st.DataObject, script: Any, source: Ledger, copy: Ledger) -> None:
    """Ask two ledgers the same at random points."""
    assert lines_of(copy) == lines_of(source)
    assert dump_rows(copy) == dump_rows(source)
    events = log_of(source)
    for _ in range(3):
        on = data.draw(points(script))
        position = data.draw(st.integers(0, source.position))
        policy = policy_of(data.draw(policies()))
        topic = data.draw(st.sampled_from(topics_of(events)))
        at: dict[str, Any] = {"recorded_by": position, "policy": policy}
        for ask in ("knowledge", "knowledge_json"):
            answers = [
                outcome(getattr(ledger, ask), on=on, topic=topic, **at)
                for ledger in (source, copy)
            ]
            assert answers[0] == answers[1]
        for claim in slugs(events, "ClaimFramed", "claim", position):
            assert copy.explain(claim, on=on, **at) == source.explain(
                claim, on=on, **at
            )
            assert copy.timeline(claim, **at) == source.timeline(claim, **at)
        assert copy.expectations(on=on, recorded_by=position) == source.expectations(
            on=on, recorded_by=position
        )


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_cursors_of_the_source_are_good_on_the_target(
    places: Places, one: str, other: str
) -> None:
    target = places.new(other)
    with tell(places.new(one)) as source:
        source.copy_to(target)
        with dateline.open(target, create=False) as copy:
            page = source.knowledge(on=ON, first=1)
            rest = copy.knowledge(on=ON, first=1, after=page.next)
            assert rest == source.knowledge(on=ON, first=1, after=page.next)
            assert rest.claims
            for position in (0, 2, 27, source.position):
                cursor = source.cursor(position)
                after = [event.position for event in copy.events(after=cursor)]
                assert after == [e.position for e in source.events(after=position)]
            assert copy.identity == source.identity


def test_an_export_of_the_copy_makes_the_same_ledger_again(places: Places) -> None:
    target = places.new(SQLITE)
    with tell(places.new(SQLITE)) as source:
        source.copy_to(target)
        lines = lines_of(source)
    with dateline.open(target, create=False) as copy:
        exports = [orjson.loads(line) for line in copy.export()]
    with load(places.new(SQLITE), exports) as again:
        assert lines_of(again) == lines


def test_a_ledger_in_memory_is_copied_to_a_file(places: Places) -> None:
    target = places.new(SQLITE)
    with dateline.open(":memory:") as source:
        source.record(*story())
        source.copy_to(target)
        lines = lines_of(source)
    with dateline.open(target, create=False) as copy:
        assert lines_of(copy) == lines


def test_a_copy_is_a_ledger_that_is_recorded_in(places: Places) -> None:
    target = places.new(SQLITE)
    with tell(places.new(SQLITE)) as source:
        source.copy_to(target)
    with dateline.open(target) as copy:
        head = copy.position
        again = copy.record(framed(topics=("dprk-troops",)))
        added = copy.record(
            asserted("none", id="new"), RecordVoided(event="first", reason="-")
        )
        copy.verify()
    assert [event.new for event in again.events] == [False]
    assert [event.position for event in added.events] == [head + 1, head + 2]


def kind_given(fields: Fields) -> Fields:
    return {"kind": "outlet", **fields}


def full_stop_added(fields: Fields) -> Fields:
    return {**fields, "text": f"{fields['text']}."}


def test_what_an_older_release_stored_stays_and_is_read_in_the_present_shape(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = places.new(SQLITE)
    with dateline.open(places.new(SQLITE)) as source:
        source.record(*sources("seoul"), framed(), asserted(id="s1"))
        newer = {
            **UPCASTERS,
            "SourceRegistered": (kind_given,),
            "ClaimFramed": (full_stop_added,),
        }
        monkeypatch.setattr(CODEC, "_upcasters", newer)
        source.record(*sources("tokyo"), framed("other"))
        source.rebuild()
        source.copy_to(target)
        with dateline.open(target, create=False) as copy:
            assert log_rows(copy) == log_rows(source)
            assert dump_rows(copy) == dump_rows(source)
            assert copy.source("seoul").kind == "outlet"
            assert copy.claim("troops", on=ON).text == f"{TROOPS}."


# --- stopped, and gone on with ------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_each_stop_leaves_a_ledger_as_of_an_earlier_position(
    places: Places, one: str, other: str
) -> None:
    target = places.new(other)
    heads: list[int] = []
    with tell(places.new(one)) as source:
        lines = lines_of(source)
        brought = 0
        while not heads or heads[-1] < source.position:
            with suppress(Halted):
                source.copy_to(target, progress=halt_after(0))
            with dateline.open(target, create=False) as copy:
                found = lines_of(copy)
                assert found == lines[: len(found)]
                assert len(found) - brought == min(3, len(lines) - brought)
                copy.verify()
                heads.append(copy.position)
                at: dict[str, Any] = {"on": ON, "recorded_by": copy.position}
                assert copy.knowledge(**at) == source.knowledge(**at)
                brought = len(found)
        assert source.copy_to(target).events == 0
    assert len(heads) > 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("one", "other"), [(SQLITE, SQLITE), (SQLITE, POSTGRESQL), (POSTGRESQL, SQLITE)]
)
def test_a_copy_that_is_killed_is_simply_run_again(
    places: Places, one: str, other: str
) -> None:
    origin, target = places.new(one), places.new(other)
    choose = random.Random(f"{one} {other}")
    with dateline.open(origin) as source:
        source.record(*registrations(), *(e for n in range(80) for e in batch(n, 20)))
        lines, kills, heads = lines_of(source), 0, [0]
        done = False
        while not done:
            with Child(children.copy, origin, target, 40) as child:
                told = list(islice(child.sent(), choose.randint(1, 7)))
                time.sleep(choose.uniform(0, 0.03))
                told += child.kill()
            done = any(isinstance(one, Copied) for one in told)
            kills += not done
            with suppress(dateline.DatelineError):  # nothing is there yet
                with dateline.open(target, create=False) as copy:
                    heads.append(copy.position)
                    assert lines_of(copy) == lines[: copy.position]
        assert kills >= 5
        assert heads == sorted(heads)
        assert len(set(heads)) > 5
        with dateline.open(target, create=False) as copy:
            assert lines_of(copy) == lines
            assert dump_rows(copy) == dump_rows(source)
            copy.verify()


@contextmanager
def cut_off(application: str) -> Iterator[None]:
    """End an application's connections to the server, at random."""
    is_over = threading.Event()
    choose = random.Random(application)

    def work() -> None:
        with administering() as connection:
            while not is_over.wait(choose.uniform(0, 0.2)):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE application_name = %s AND random() < 0.5",
                    (application,),
                )

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), WAYS[1:])
def test_a_copy_whose_connections_are_cut_is_run_again(
    places: Places, monkeypatch: pytest.MonkeyPatch, one: str, other: str
) -> None:
    monkeypatch.setattr(copying, "_BATCH", 20)
    origin = places.new(one)
    with dateline.open(origin) as source:
        source.record(*registrations(), *(e for n in range(80) for e in batch(n, 20)))
        lines = lines_of(source)
    mark = f"{one}-{other}-{os.getpid()}"

    def marked(place: str) -> str:
        return f"{place}&application_name={mark}" if "://" in place else place

    targets: list[str] = []
    failed = 0
    with cut_off(mark):
        while failed < 5:
            targets.append(places.new(other))
            position = 0
            while position < len(lines):
                with suppress(LedgerUnavailable):
                    failed += 1
                    with dateline.open(marked(origin), create=False) as source:
                        copied = source.copy_to(marked(targets[-1]), verify=False)
                    failed -= 1
                    position = copied.position
    for target in targets:
        with dateline.open(target, create=False) as copy:
            assert lines_of(copy) == lines
            copy.verify()


# --- others are at work -------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_what_is_recorded_in_the_source_meanwhile_is_brought_too(
    places: Places, one: str, other: str
) -> None:
    target = places.new(other)
    with tell(places.new(one)) as source:
        late = [framed(f"late-{number}") for number in range(5)]
        copied = source.copy_to(target, progress=once(lambda: source.record(*late)))
        with dateline.open(target, create=False) as copy:
            assert lines_of(copy) == lines_of(source)
        assert copied.position == copied.source_position == source.position


def test_a_copy_ends_though_the_source_grows_as_fast(places: Places) -> None:
    target = places.new(SQLITE)
    with tell(places.new(SQLITE)) as source:
        count = 0

        def grow(done: int, total: int) -> None:
            nonlocal count
            count += 1
            source.record(*(framed(f"{count}-{number}") for number in range(3)))

        copied = source.copy_to(target, verify=False, progress=grow)
        assert copied.position < copied.source_position == source.position
        with dateline.open(target, create=False) as copy:
            assert copy.position == copied.position
            assert lines_of(copy) == lines_of(source)[: copied.events]
        rest = source.copy_to(target)
        assert rest.position == rest.source_position == source.position
        assert rest.events + copied.events == len(lines_of(source))


@pytest.mark.slow
@pytest.mark.parametrize(("one", "other"), WAYS)
def test_a_copy_while_somebody_records_is_behind_and_never_wrong(
    places: Places, one: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_BATCH", 100)
    origin, target = places.new(one), places.new(other)
    with dateline.open(origin) as source:
        source.record(*registrations(), *(e for n in range(20) for e in batch(n, 20)))
        with Child(children.record_batches, origin, 20, 7) as child:
            while child.receive()[0] != "recorded":
                pass
            for _ in range(4):
                copied = source.copy_to(target)
                with dateline.open(target, create=False) as copy:
                    assert copy.position == copied.position <= copied.source_position
                    assert lines_of(copy) == lines_of(source)[: copied.position]
            child.kill()
        copied = source.copy_to(target)
        assert copied.position == copied.source_position == source.position
        with dateline.open(target, create=False) as copy:
            assert lines_of(copy) == lines_of(source)


@pytest.mark.parametrize("other", STORES)
def test_who_records_in_the_target_meanwhile_is_noticed_and_not_overwritten(
    places: Places, other: str
) -> None:
    target = places.new(other)

    def record() -> None:
        with dateline.open(target, create=False) as copy:
            copy.record(opened("intruder"))

    with tell(places.new(SQLITE)) as source:
        with refused("ledger_mismatch") as caught:
            source.copy_to(target, progress=once(record))
        with dateline.open(target, create=False) as copy:
            assert copy.topic("intruder")
            assert len(lines_of(copy)) == 4
            copy.verify()
            assert lines_of(source)[:3] == lines_of(copy)[:3]
    assert "part after position 12: each has events" in str(caught.value)


def test_who_records_in_the_target_at_the_very_end_is_noticed(places: Places) -> None:
    target = places.new(SQLITE)

    def record(done: int, total: int) -> None:
        if done == total:
            with dateline.open(target, create=False) as copy:
                copy.record(opened("intruder"))

    with tell(places.new(SQLITE)) as source:
        with refused("ledger_mismatch") as caught:
            source.copy_to(target, progress=record)
    assert "goes on after position 92" in str(caught.value)


@pytest.mark.parametrize("other", STORES)
def test_two_copies_at_once_bring_each_event_once(places: Places, other: str) -> None:
    target = places.new(other)
    inner: list[Copied] = []
    with tell(places.new(SQLITE)) as source:
        outer = source.copy_to(
            target, progress=once(lambda: inner.append(source.copy_to(target)))
        )
        with dateline.open(target, create=False) as copy:
            assert lines_of(copy) == lines_of(source)
        assert outer.events == 3
        assert outer.events + inner[0].events == len(lines_of(source))
        assert outer[1:] == inner[0][1:]


@pytest.mark.parametrize("other", STORES)
def test_copies_in_threads_bring_each_event_once(places: Places, other: str) -> None:
    target = places.new(other)
    copied: list[Copied] = []
    with dateline.open(places.new(SQLITE)) as source:
        source.record(*registrations(), *(e for n in range(10) for e in batch(n, 20)))
        source.copy_to(target, verify=False, progress=lambda *_: None)
        source.record(*(e for n in range(10, 30) for e in batch(n, 20)))
        threads = [
            threading.Thread(target=lambda: copied.append(source.copy_to(target)))
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(copied) == 3
        assert sum(one.events for one in copied) == 400
        with dateline.open(target, create=False) as copy:
            assert lines_of(copy) == lines_of(source)
            copy.verify()


def test_no_transaction_of_the_source_stays_open_between_batches(
    places: Places,
) -> None:
    origin = places.new(SQLITE)
    emptied: list[tuple[int, int, int]] = []

    def empty(done: int, total: int) -> None:
        source.record(framed(f"c{done}"))
        with closing(sqlite3.connect(origin)) as database:
            row = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            emptied.append(row)

    with tell(origin) as source:
        source.copy_to(places.new(SQLITE), verify=False, progress=empty)
    assert len(emptied) > 5
    assert set(emptied) == {(0, 0, 0)}


# --- what is refused ----------------------------------------------------------------


def refused_copy(source: Ledger, target: str) -> str:
    """Return why a copy is refused; it changes nothing in the target."""
    with dateline.open(target, create=False) as copy:
        before = lines_of(copy)
    with refused("ledger_mismatch") as caught:
        source.copy_to(target)
    assert not caught.value.fault
    with dateline.open(target, create=False) as copy:
        assert lines_of(copy) == before
    return str(caught.value)


@pytest.mark.parametrize("other", STORES)
def test_another_ledger_is_refused(places: Places, other: str) -> None:
    target = places.new(other)
    with dateline.open(target, title="War") as copy:
        copy.record(*story())
    with tell(places.new(SQLITE)) as source:
        assert refused_copy(source, target) == (
            f"{target!r} holds another ledger than {source.target!r}; copy to a place "
            "where nothing is"
        )


@pytest.mark.parametrize("other", STORES)
def test_a_target_that_is_ahead_is_refused(places: Places, other: str) -> None:
    target = places.new(other)
    with tell(places.new(SQLITE)) as source:
        source.copy_to(target)
        with dateline.open(target) as copy:
            copy.record(framed("more"))
            copy.record(framed("still-more"))
        assert refused_copy(source, target) == (
            f"{target!r} goes on after position {source.position}, where "
            f"{source.target!r} ends; copy the other way round, or to a place where "
            "nothing is"
        )
        with dateline.open(target) as copy:
            assert copy.copy_to(source.target).events == 2
            assert lines_of(copy) == lines_of(source)


@pytest.mark.parametrize("other", STORES)
def test_a_target_that_went_its_own_way_is_refused(places: Places, other: str) -> None:
    target = places.new(other)
    with tell(places.new(SQLITE)) as source:
        source.copy_to(target)
        with dateline.open(target) as copy:
            copy.record(framed("there"))
        parted = source.position
        source.record(framed("here"))
        source.record(framed("here-too"))
        assert refused_copy(source, target) == (
            f"{target!r} and {source.target!r} part after position {parted}: each has "
            "events that the other has not; copy to a place where nothing is, and "
            "record there what is missing"
        )


def test_a_source_that_was_put_back_to_a_backup_is_noticed(places: Places) -> None:
    target, backup = places.new(SQLITE), places.new(SQLITE)
    with tell(places.new(SQLITE)) as source:
        source.backup(backup)
        source.record(framed("lost"))
        source.copy_to(target)
    with dateline.open(backup) as restored:
        assert "goes on after position 92" in refused_copy(restored, target)
        restored.record(framed("instead"))
        assert "part after position 92" in refused_copy(restored, target)


@pytest.mark.parametrize("store", STORES)
def test_a_ledger_is_not_copied_onto_itself(places: Places, store: str) -> None:
    origin = places.new(store)
    if store == SQLITE:
        (link := places.folder / "link").symlink_to(origin)
        names = [origin, str(link), os.path.relpath(origin)]
    else:
        names = [origin, f"{origin}&application_name=another"]
    with tell(origin) as source:
        for name in names:
            with refused("invalid_argument") as caught:
                source.copy_to(name)
            assert "name another place" in str(caught.value)


def test_what_is_no_ledger_is_refused_and_left_alone(places: Places) -> None:
    (other := places.folder / "other").write_text("precious " * 500, encoding="utf-8")
    with tell(places.new(SQLITE)) as source:
        with refused("not_a_ledger"):
            source.copy_to(other)
        with refused("folder_not_found"):
            source.copy_to(places.folder / "missing" / "copy")
        with refused("unsupported_store"):
            source.copy_to("mysql://localhost/war")
    assert other.read_text(encoding="utf-8") == "precious " * 500


# --- what was changed by hand -------------------------------------------------------


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    "how",
    [
        "UPDATE stored_events SET hash = 'ff' || substr(hash, 3) WHERE {at}",
        "UPDATE stored_events SET topic = 'ClaimConfirmed' WHERE {at}",
        "UPDATE stored_events SET recorder = 'somebody' WHERE {at}",
        "UPDATE stored_events SET recorded_at = recorded_at + 1 WHERE {at}",
        "UPDATE stored_events SET event_id = 'another' WHERE {at}",
        "UPDATE stored_events SET originator_version = 7 WHERE {at}",
        "UPDATE stored_events SET topic = 'ClaimShouted' WHERE {at}",
        "DELETE FROM stored_events WHERE {at}",
    ],
)
def test_a_source_that_was_changed_is_noticed(
    places: Places, store: str, how: str
) -> None:
    origin, target = places.new(store), places.new(SQLITE)
    tell(origin).close()
    with dateline.open(origin, create=False) as source:
        lines = lines_of(source)
    change(origin, how.format(at=f"{position_column(origin)} = 52"))

    with dateline.open(origin, create=False) as source:
        with refused("ledger_damaged") as caught:
            source.copy_to(target)
    assert caught.value.fault
    assert caught.value.where == origin
    assert f"position {57 if 'DELETE' in how else 52} " in str(caught.value)
    with dateline.open(target, create=False) as copy:
        assert lines_of(copy) == lines[:9]
        copy.verify()


def test_a_source_that_lost_its_end_is_noticed(places: Places) -> None:
    origin, target = places.new(SQLITE), places.new(SQLITE)
    tell(origin).close()
    change(origin, "DELETE FROM stored_events WHERE rowid > 90")

    with dateline.open(origin, create=False) as source:
        with refused("ledger_damaged") as caught:
            source.copy_to(target)
    assert str(caught.value) == (
        f"{origin}: the log ends at position 87, but 92 was given; restore a backup"
    )


@pytest.mark.parametrize("other", STORES)
@pytest.mark.parametrize(
    "how",
    [
        "UPDATE stored_events SET recorder = 'somebody' WHERE {at}",
        "DELETE FROM stored_events WHERE {at}",
        "UPDATE steps SET status = 'floated' WHERE status = 'confirmed'",
        "DELETE FROM claims",
        "DELETE FROM moments WHERE {position} = 52",
    ],
)
def test_a_target_that_was_changed_is_noticed(
    places: Places, other: str, how: str
) -> None:
    target = places.new(other)
    with tell(places.new(SQLITE)) as source:
        source.copy_to(target)
        at = f"{position_column(target)} = 52"
        change(target, how.format(at=at, position="position"))

        assert source.copy_to(target, verify=False).events == 0
        with refused("ledger_damaged") as caught:
            source.copy_to(target)
        assert caught.value.where == target


def test_a_source_that_lost_an_event_that_was_copied_is_noticed(
    places: Places,
) -> None:
    origin, target = places.new(SQLITE), places.new(SQLITE)
    with tell(origin) as source:
        source.copy_to(target)
        change(origin, "DELETE FROM stored_events WHERE rowid = 52")

        with refused("ledger_damaged") as caught:
            source.copy_to(target)
    assert str(caught.value) == (
        f"{origin}: there are 18 events up to position 92, and 19 in the copy; verify "
        "names what is missing"
    )


# --- backups ------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "other"), WAYS)
def test_a_backup_is_of_one_moment_and_whole(
    places: Places, one: str, other: str
) -> None:
    target = places.new(other)
    with tell(places.new(one)) as source:
        lines = lines_of(source)

        def record() -> None:
            assert not invoke("verify", target).stdout
            source.record(framed("late"))

        source.backup(target, progress=once(record))
        with dateline.open(target, create=False) as copy:
            assert lines_of(copy) == lines
            assert dump_rows(copy) != dump_rows(source)
            copy.verify()
            assert source.copy_to(target).events == 1
        with refused("ledger_exists"):
            source.backup(target)


@pytest.mark.parametrize(("one", "other"), WAYS[1:])
def test_a_backup_that_fails_leaves_nothing(
    places: Places, one: str, other: str
) -> None:
    target = places.new(other)
    with tell(places.new(one)) as source:
        before = places.names()
        with pytest.raises(Halted):
            source.backup(target, progress=halt_after(2))
        assert places.names() == before
        with refused("ledger_not_found"):
            dateline.open(target, create=False)


def test_a_backup_needs_a_folder(places: Places) -> None:
    missing = str(places.folder / "missing" / "copy")
    for store in STORES:
        with tell(places.new(store)) as source, refused("folder_not_found") as caught:
            source.backup(missing)
        assert repr(missing) in str(caught.value)


# --- the command line ---------------------------------------------------------------


def test_the_command_says_how_far_it_came(places: Places) -> None:
    origin, target = places.new(SQLITE), places.new(SQLITE)
    with tell(origin) as source:
        end = f"up to position 92, hash {source.describe().hash}\n"

        assert invoked("copy", origin, target) == (
            f"{target}: 19 events from {origin}, verified {end}"
        )
        assert invoked("copy", origin, target, "--no-verify") == (
            f"{target}: 0 events from {origin}, copied {end}"
        )


def test_the_command_takes_any_store_and_prints_no_password(places: Places) -> None:
    origin, target = places.new(SQLITE), places.new(POSTGRESQL)
    tell(origin).close()
    secret = target.replace("postgres@", "postgres:sesame@")

    for words in (("copy", origin, secret), ("copy", secret, places.new(SQLITE))):
        printed = invoked(*words)
        assert "19 events" in printed
        assert target in printed
        assert "sesame" not in printed
    assert "sesame" not in invoke("copy", secret, secret).stderr


def test_the_command_notes_that_the_source_has_gone_on(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin, target = places.new(SQLITE), places.new(SQLITE)
    tell(origin).close()
    monkeypatch.setattr(
        Ledger, "copy_to", lambda *_, **__: Copied(3, 12, "00" * 32, 97)
    )

    result = invoke("copy", origin, target)

    assert result.exit_code == 0
    assert result.stderr == (
        f"dateline: note: {origin} has gone on to position 97; run it again for the "
        "rest\n"
    )


def test_the_command_ends_as_all_commands_do(places: Places) -> None:
    origin, target = places.new(SQLITE), places.new(SQLITE)
    missing = invoke("copy", origin, target)
    assert (missing.exit_code, missing.stdout) == (2, "")
    assert missing.stderr.startswith("dateline: ledger_not_found: ")
    assert not list(places.folder.iterdir())

    tell(origin).close()
    dateline.open(target).close()
    parted = invoke("copy", origin, target)
    assert (parted.exit_code, parted.stdout) == (2, "")
    assert parted.stderr.startswith("dateline: ledger_mismatch: ")

    change(origin, "DELETE FROM stored_events WHERE rowid = 52")
    damaged = invoke("copy", origin, places.new(SQLITE))
    assert (damaged.exit_code, damaged.stdout) == (1, "")
    assert damaged.stderr.startswith(f"dateline: ledger_damaged: {origin}: the hash ")


def test_the_command_shows_its_progress_on_a_terminal(places: Places) -> None:
    origin, target = places.new(SQLITE), places.new(SQLITE)
    tell(origin).close()

    assert "100%" in on_terminal("copy", origin, target)
