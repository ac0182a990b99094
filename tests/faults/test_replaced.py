"""A file whose place an older backup takes: under those who have it open, and between.

Who has the old file open writes nothing more to it. Who opens the new one gets what is
in it, and nothing of the other.
"""

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

import dateline
from dateline import Ledger
from dateline.client.server import EVENT_STREAM
from dateline.domain.events import Event
from dateline.projections.sqlite.store import SQLiteStore
from tests.builders import asserted, filed, framed, opened, refused, registered
from tests.faults import children
from tests.faults.children import Child, code

ON = "2024-10-22"
COMPANIONS = ("-wal", "-shm")


class Replaceable:
    """A ledger's file that lies beside an older backup of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "war.dateline"
        self._backup = folder / "older"
        with dateline.open(self.path) as ledger:
            ledger.record(registered("seoul"), framed(), asserted(id="kept"))
            ledger.backup(self._backup)
            self.head = ledger.position

    def restore(self, *, companions: bool = False) -> None:
        """Put the backup in the file's place; its companions had better go, too."""
        if not companions:
            for suffix in COMPANIONS:
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        shutil.copy(self._backup, f"{self.path}.new")
        os.replace(f"{self.path}.new", self.path)


@pytest.fixture
def files(tmp_path: Path) -> Replaceable:
    return Replaceable(tmp_path)


def lose(ledger: Ledger, events: int = 30) -> None:
    """Record what the backup lacks."""
    for number in range(events):
        ledger.record(opened(f"lost-{number}", description="x" * 900))


def test_who_has_the_old_file_open_is_told_and_writes_nothing_to_it(
    files: Replaceable, tmp_path: Path
) -> None:
    with dateline.open(files.path) as ledger:
        lose(ledger)
        following = ledger.subscribe(after=ledger.position)
        cursor = ledger.cursor(ledger.position)
        assert following.poll(0) is None
        os.link(files.path, tmp_path / "lost")
        before = (tmp_path / "lost").read_bytes()
        files.restore()
        attempts: list[Callable[[], object]] = [
            lambda: ledger.record(opened("never")),
            lambda: ledger.position,
            lambda: ledger.knowledge(on=ON),
            lambda: next(following),
            ledger.verify,
            ledger.rebuild,
            lambda: ledger.backup(tmp_path / "copy"),
        ]
        assert {code(attempt) for attempt in attempts} == {"ledger_replaced"}
        with dateline.open(files.path, create=False) as restored:
            assert restored.position == files.head
            with refused("invalid_cursor"):
                restored.subscribe(cursor)
            restored.record(asserted("troops", said_at="2024-10-21", id="new"))
        assert code(lambda: ledger.position) == "ledger_replaced"
    assert (tmp_path / "lost").read_bytes() == before
    with dateline.open(files.path, create=False) as ledger:
        assert [event.id for event in ledger.events(after=files.head)] == ["new"]
        ledger.verify()


def test_a_file_that_is_replaced_during_a_transaction_is_not_acknowledged(
    files: Replaceable,
) -> None:
    with dateline.open(files.path) as ledger:
        with refused("ledger_replaced"), ledger.recording() as batch:
            batch.add(opened("never"))
            files.restore()
    with dateline.open(files.path, create=False) as ledger:
        assert ledger.position == files.head
        ledger.verify()


def test_a_file_that_is_replaced_during_a_commit_is_not_acknowledged(
    files: Replaceable, monkeypatch: pytest.MonkeyPatch
) -> None:
    with dateline.open(files.path) as ledger:
        store = ledger._store
        assert isinstance(store, SQLiteStore)
        check = store._check_file

        def check_and_lose() -> None:
            check()
            if len(checks) == 1:  # the one before the commit
                files.restore()
            checks.append(None)

        checks: list[None] = []
        monkeypatch.setattr(store, "_check_file", check_and_lose)
        with refused("ledger_replaced"):
            ledger.record(opened("never"))
        assert len(checks) == 2
    with dateline.open(files.path, create=False) as ledger:
        assert ledger.position == files.head
        ledger.verify()


@pytest.mark.slow
def test_a_server_whose_file_is_replaced_says_so_until_it_is_started_anew(
    files: Replaceable,
) -> None:
    with Child(children.serve, str(files.path)) as child:
        url = f"{child.receive()}/v1"
        with httpx.Client(timeout=30) as http:
            streaming = http.build_request(
                "GET", f"{url}/events?after=0", headers={"Accept": EVENT_STREAM}
            )
            stream = http.send(streaming, stream=True)
            lines = stream.iter_lines()
            while f'"position":{files.head}' not in next(lines):
                pass
            files.restore()
            answers = [
                http.post(f"{url}/events", json={"type": "TopicOpened", "topic": "t"}),
                http.get(f"{url}/knowledge", params={"on": ON}),
                http.get(f"{url}/events", params={"after": "0"}),
            ]
            rest = "\n".join(lines)
    for answer in answers[1:]:
        assert answer.status_code == 503, answer.text
        assert answer.json()["code"] == "ledger_replaced"
    assert "event: error" in rest
    assert "ledger_replaced" in rest
    with dateline.open(files.path, create=False) as ledger:
        assert ledger.position == files.head
        ledger.verify()


# --- a -wal that was left -------------------------------------------------------------


@pytest.mark.slow
def test_a_wal_that_is_left_beside_a_backup_is_refused(files: Replaceable) -> None:
    """SQLite would open the two, and what was in the file since would be missing."""
    with dateline.open(files.path) as ledger:
        lose(ledger)
    with Child(children.record_batches, str(files.path), 1, 1) as child:
        while child.receive()[0] != "recorded":
            pass
        cursor = _cursor(files.path)
        child.kill()
    files.restore(companions=True)
    before = Path(f"{files.path}-wal").read_bytes()
    assert before
    for _ in range(2):
        with refused("ledger_damaged") as error:
            dateline.open(files.path, create=False)
        assert "move the -wal and the -shm away" in str(error.value)
    assert Path(f"{files.path}-wal").read_bytes() == before

    files.restore()
    with dateline.open(files.path, create=False) as ledger:
        assert ledger.position == files.head
        with refused("invalid_cursor"):
            ledger.place(cursor)
        ledger.verify()


def _cursor(path: Path) -> str:
    with dateline.open(path, create=False) as ledger:
        return ledger.cursor(ledger.position)


@pytest.mark.parametrize("seed", range(20))
def test_a_wal_is_refused_if_the_file_is_older_than_its_beginning_and_only_then(
    tmp_path: Path, seed: int
) -> None:
    choose = random.Random(seed)
    path, wal = tmp_path / "war.dateline", tmp_path / "war.dateline-wal"
    topics = [f"t{number}" for number in range(5)]

    def record_some(ledger: Ledger, most: int) -> None:
        for _ in range(choose.randint(0, most)):
            ledger.record(_event(choose, topics))

    with dateline.open(path) as ledger:
        ledger.record(registered("seoul"), framed(), *map(opened, topics))
        record_some(ledger, 30)
        ledger.backup(tmp_path / "older")
        begun_at = older = ledger.position
        record_some(ledger, choose.choice((0, 1, 3, 30)))
        begun_at = ledger.position
    with dateline.open(path) as ledger:
        if choose.random() < 0.2:
            ledger.rebuild()
        record_some(ledger, 20)
        ledger.record(opened("last"))
        head = ledger.position
        for kept, name in ((path, "newer"), (wal, "newer-wal")):
            shutil.copy(kept, tmp_path / name)

    for file, is_of_wal in (("newer", True), ("older", begun_at == older)):
        for suffix in COMPANIONS:
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        shutil.copy(tmp_path / file, path)
        shutil.copy(tmp_path / "newer-wal", wal)
        if is_of_wal:
            with dateline.open(path, create=False) as ledger:
                assert ledger.position == head
                ledger.verify()
        else:
            with refused("ledger_damaged"):
                dateline.open(path, create=False)


def _event(choose: random.Random, topics: list[str]) -> Event:
    name = f"{choose.getrandbits(64):x}"
    day = f"2024-10-{choose.randint(1, 28):02}"
    makers: list[Callable[[], Event]] = [
        lambda: opened(name, description="x" * choose.choice((1, 500, 5_000))),
        lambda: framed(name),
        lambda: registered(name),
        lambda: filed("troops", choose.choice(topics), id=name),
        lambda: asserted(said_at=day, id=name),
    ]
    return choose.choice(makers)()


@pytest.mark.slow
def test_a_wal_that_others_write_to_meanwhile_is_never_taken_for_a_strange_one(
    tmp_path: Path,
) -> None:
    """It is begun anew again and again while the ledger is opened."""
    path = tmp_path / "war.dateline"
    dateline.open(path).close()
    with Child(children.record_batches, str(path), 1, 5) as writer:
        while writer.receive()[0] != "registered":
            pass
        until = time.monotonic() + 3
        opened_times = 0
        while time.monotonic() < until:
            dateline.open(path, create=False).close()
            opened_times += 1
    assert opened_times > 30
