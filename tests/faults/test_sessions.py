"""Sessions on a PostgreSQL server: how roles set them, too few of them, lost hints."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import psycopg
import pytest

import dateline
from dateline import Ledger
from dateline.projections.postgres.store import PostgresStore
from tests.api.serving import serving as served
from tests.builders import asserted, framed, opened, refused, registered
from tests.faults.children import Child, code, hold_the_lock
from tests.faults.servers import PostgresServer, serving
from tests.services import require

pytestmark = pytest.mark.slow

ON = "2024-10-22"
TEXT = "Soldaten — 병력 'there' \\ \\x00 \U0001f600"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with serving() as found:
        found.execute("CREATE ROLE odd LOGIN")
        found.execute("GRANT CREATE ON DATABASE postgres TO odd")
        yield found


def use(target: str) -> None:
    """Do with a ledger what there is to do with one."""
    with dateline.open(target) as ledger, dateline.open(target) as other:
        ledger.record(registered("seoul"), framed(text=TEXT), asserted(id="one"))
        with other.subscribe(after=ledger.position) as coming:
            ledger.record(asserted(said_at="2024-10-21", id="two", note=TEXT))
            assert next(coming).id == "two"
        assert other.knowledge(on=ON).claims[0].text == TEXT
        assert other.event("two").stored["note"] == TEXT
        other.rebuild()
        assert ledger.verify().events == 5


@pytest.mark.parametrize(
    "settings",
    [
        {
            "array_nulls": "off",
            "bytea_output": "escape",
            "client_encoding": "latin1",
            "client_min_messages": "debug5",
            "DateStyle": "'SQL, DMY'",
            "IntervalStyle": "sql_standard",
            "quote_all_identifiers": "on",
            "standard_conforming_strings": "off",
            "TimeZone": "'<+07>-07'",
        },
        {
            "idle_in_transaction_session_timeout": "'1ms'",
            "idle_session_timeout": "'200ms'",
            "lock_timeout": "'1ms'",
            "statement_timeout": "'1ms'",
        },
        {
            "default_transaction_deferrable": "on",
            "default_transaction_isolation": "serializable",
            "plan_cache_mode": "force_generic_plan",
            "search_path": "'pg_catalog, public'",
            "synchronous_commit": "local",
        },
    ],
    ids=["texts", "timeouts", "transactions"],
)
def test_a_ledger_does_not_mind_what_a_role_has_set(
    server: PostgresServer, settings: dict[str, str]
) -> None:
    server.execute("ALTER ROLE odd RESET ALL")
    for name, value in settings.items():
        server.execute(f"ALTER ROLE odd SET {name} = {value}")
    target = server.target(f"odd-{len(settings)}").replace("postgres@", "odd@")

    use(target)

    with dateline.open(target) as ledger:
        time.sleep(0.5)
        assert ledger.record(opened("late")).position == 6


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGOPTIONS", "-c default_transaction_isolation=serializable -c search_path="),
        ("PGTZ", "Asia/Seoul"),
    ],
)
def test_a_ledger_does_not_mind_what_the_environment_says(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    use(server.target(f"env-{variable.lower()}"))


def test_a_role_that_may_only_read_reads(server: PostgresServer) -> None:
    target = server.target("read-only").replace("postgres@", "odd@")
    server.execute("ALTER ROLE odd RESET ALL")
    use(target)
    server.execute("ALTER ROLE odd SET default_transaction_read_only = on")
    with dateline.open(target, create=False) as ledger:
        assert len(ledger.knowledge(on=ON).claims) == 1
        with refused("ledger_read_only"):
            ledger.record(opened("more"))
        assert ledger.position == 5
    with refused("ledger_read_only"):
        dateline.open(server.target("new").replace("postgres@", "odd@"))


# --- servers that lose events, or cannot keep them ------------------------------------


@pytest.mark.parametrize(
    ("setting", "advice"),
    [
        ({"fsync": "off"}, "fsync is 'off'"),
        ({"full_page_writes": "off"}, "full_page_writes is 'off'"),
        ({"synchronous_commit": "off"}, "synchronous_commit is 'off'"),
    ],
)
def test_a_server_that_loses_events_is_refused(
    server: PostgresServer, setting: dict[str, str], advice: str
) -> None:
    """Also if it is set so while it runs."""
    (name,) = setting
    target = server.target(f"safe-{name.replace('_', '-')}")
    dateline.open(target).close()
    server.set(**setting)
    server.reload()
    try:
        with refused("unsuitable_server") as caught:
            dateline.open(target)
        assert advice in str(caught.value)
        assert "set 'on'" in str(caught.value)
    finally:
        server.set(**{name: "on"})
        server.reload()
    dateline.open(target, create=False).close()


def test_a_role_that_comes_to_commit_asynchronously_commits_synchronously(
    server: PostgresServer,
) -> None:
    """A session that began before is one thing, those that are opened since another."""
    target = server.target("asynchronous").replace("postgres@", "odd@")
    server.execute("ALTER ROLE odd RESET ALL")
    with dateline.open(target) as ledger:
        server.execute("ALTER ROLE odd SET synchronous_commit = off")
        with ExitStack() as stack:
            cursors = [stack.enter_context(ledger._store.reading()) for _ in range(3)]
            for cursor in cursors:
                cursor.execute("SELECT current_setting('synchronous_commit')")
                assert cursor.fetchone() == ("on",)
    with refused("unsuitable_server"):
        dateline.open(target)
    server.execute("ALTER ROLE odd RESET ALL")


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_that_cannot_hold_every_text_is_refused(
    server: PostgresServer, encoding: str
) -> None:
    name = encoding.lower()
    server.execute(
        f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
    )
    target = server.target().replace("/postgres?", f"/{name}?")
    with refused("unsuitable_server") as caught:
        dateline.open(target)
    assert "server_encoding" in str(caught.value)


def test_functions_in_the_database_are_refused(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "y")
    with refused("unsuitable_server") as caught:
        dateline.open(server.target("functions"))
    assert "unset it" in str(caught.value)


# --- too few sessions -----------------------------------------------------------------


def timed(attempt: Callable[[], object]) -> tuple[str, float]:
    """Return the code that an attempt ends with, and the seconds that it took."""
    begun = time.monotonic()
    return code(attempt), time.monotonic() - begun


def test_who_gets_no_session_of_the_pool_is_told_in_time(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dateline.projections.postgres.sessions.WAIT_SECONDS", 1)
    with dateline.open(server.target("pool")) as ledger:
        ledger.record(opened("before"))
        following = ledger.subscribe(after=ledger.position)
        with ExitStack() as busy:
            for _ in range(16):
                busy.enter_context(ledger._store.reading())
            outcomes: list[tuple[str, float]] = []
            attempts: list[Callable[[], object]] = [
                lambda: ledger.position,
                lambda: ledger.record(opened("never")),
                lambda: following.poll(0.1),
            ]
            threads = [
                threading.Thread(target=lambda one=one: outcomes.append(timed(one)))
                for one in attempts
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        codes = sorted(found for found, _ in outcomes)
        assert codes == ["", "ledger_unavailable", "ledger_unavailable"]
        assert max(seconds for _, seconds in outcomes) < 6
        assert ledger.record(opened("after")).position == 3
        recorded = following.poll(5)
        assert recorded is not None
        assert recorded.position == 3
        ledger.verify()


def test_a_server_that_has_no_session_left_is_told_of_in_time(
    server: PostgresServer,
) -> None:
    with dateline.open(server.target("crowded")) as ledger:
        ledger.record(opened("before"))
        following = ledger.subscribe(after=ledger.position)
        assert following.poll(0) is None
        with ExitStack() as crowd:
            with pytest.raises(psycopg.OperationalError, match="too many clients"):
                while True:
                    crowd.enter_context(psycopg.connect(server.url))
            found, seconds = timed(lambda: dateline.open(server.target("crowded")))
            assert found == "ledger_unavailable"
            assert seconds < 8
            assert ledger.record(opened("with-what-it-has")).position == 3
            assert following.poll(2) is not None
        dateline.open(server.target("crowded"), create=False).close()


def test_over_rest_too_few_sessions_are_a_503_that_says_when_to_come_back(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dateline.projections.postgres.sessions.WAIT_SECONDS", 1)
    with (
        dateline.open(server.target("busy")) as ledger,
        served(ledger) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        body = opened("topic").model_dump(mode="json")
        with ExitStack() as busy:
            for _ in range(16):
                busy.enter_context(ledger._store.reading())
            answers = client.get("/v1/topics"), client.post("/v1/events", json=body)
        for answer in answers:
            assert answer.status_code == 503
            assert answer.json()["code"] == "ledger_unavailable"
            assert "Retry-After" in answer.headers
        assert client.post("/v1/events", json=body).json()["position"] == 2
        assert client.get("/v1/topics").status_code == 200


# --- indexes --------------------------------------------------------------------------


def test_verify_finds_an_index_that_lacks_what_is_in_its_table(
    server: PostgresServer,
) -> None:
    """Where ``amcheck`` is installed, in whatever schema."""
    require_amcheck(server)
    server.execute("CREATE SCHEMA IF NOT EXISTS elsewhere")
    server.execute("CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA elsewhere")
    with dateline.open(server.target("war.checked")) as ledger:
        ledger.record(opened("one"), opened("two"))
        ledger.verify()
        server.execute(
            "UPDATE pg_index SET indisready = false "
            "WHERE indexrelid = '\"war.checked\".stored_events_id'::regclass"
        )
        ledger.record(opened("three"))
        server.execute(
            "UPDATE pg_index SET indisready = true "
            "WHERE indexrelid = '\"war.checked\".stored_events_id'::regclass"
        )
        with refused("ledger_damaged") as caught:
            ledger.verify()
        assert "reindex" in str(caught.value)


def require_amcheck(server: PostgresServer) -> None:
    found = server.execute(
        "SELECT name FROM pg_available_extensions WHERE name = 'amcheck'"
    )
    require("PostgreSQL's extension amcheck", bool(found))


# --- hints ----------------------------------------------------------------------------


class Follower:
    """A thread that follows a ledger; it notes when each event came."""

    def __init__(self, ledger: Ledger) -> None:
        self._came: dict[str, float] = {}
        self._coming = ledger.subscribe(after=ledger.position)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for recorded in self._coming:
            self._came[recorded.id] = time.monotonic()

    def lag(self, ledger: Ledger, name: str) -> float:
        """Record an event; return the seconds after which it came."""
        ledger.record(opened(name, id=name))
        recorded_at = time.monotonic()
        until = recorded_at + 20
        while name not in self._came:
            assert time.monotonic() < until, "it never came"
            time.sleep(0.001)
        return self._came[name] - recorded_at

    def close(self) -> None:
        self._coming.close()
        self._thread.join()


@pytest.fixture
def here_and_there(server: PostgresServer) -> Iterator[tuple[Ledger, Ledger, Follower]]:
    """Open a ledger twice, as two processes do, and follow the second."""
    target = server.target(f"hints-{os.urandom(4).hex()}")
    with dateline.open(target) as here, dateline.open(target) as there:
        follower = Follower(there)
        follower.lag(here, "warm")
        try:
            yield here, there, follower
        finally:
            follower.close()


def test_without_any_hint_events_come_all_the_same(
    here_and_there: tuple[Ledger, Ledger, Follower], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there, follower = here_and_there
    hinted = min(follower.lag(here, f"hinted-{number}") for number in range(10))
    assert isinstance(there._store, PostgresStore)
    monkeypatch.setattr(there._store._listener, "hint", lambda: None)
    lags = [follower.lag(here, f"lost-{number}") for number in range(6)]
    assert hinted < 0.2
    assert max(lags) > 0.3, "there was another hint"
    assert max(lags) < 5


def test_a_writer_that_dies_before_its_hint_keeps_nobody_waiting(
    here_and_there: tuple[Ledger, Ledger, Follower], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _, follower = here_and_there
    monkeypatch.setattr(here._store, "_notify", b"SELECT 1 / 0")
    assert max(follower.lag(here, f"mute-{number}") for number in range(3)) < 5


def test_a_listener_whose_session_is_ended_listens_anew(
    server: PostgresServer, here_and_there: tuple[Ledger, Ledger, Follower]
) -> None:
    here, _, follower = here_and_there
    for number in range(5):
        ended = server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE starts_with(query, 'LISTEN')"
        )
        assert ended
        assert follower.lag(here, f"ended-{number}") < 5
        until = time.monotonic() + 20
        while follower.lag(here, f"again-{number}-{time.monotonic_ns()}") > 0.2:
            assert time.monotonic() < until, "it does not listen any more"


# --- writers that are gone ------------------------------------------------------------


def test_a_writer_that_is_killed_in_its_transaction_keeps_nobody_waiting(
    server: PostgresServer,
) -> None:
    target = server.target("gone")
    with dateline.open(target) as ledger:
        for number in range(5):
            with Child(hold_the_lock, target) as holder:
                assert holder.receive() == "locked"
                holder.kill()
                begun = time.monotonic()
                assert ledger.record(opened(f"t{number}")).position == number + 2
                assert time.monotonic() - begun < 2
        ledger.verify()


def test_a_host_that_vanished_is_looked_for_often(server: PostgresServer) -> None:
    """Its write lock would be kept for two hours otherwise: that is what TCP takes."""
    with dateline.open(server.target("probed")) as ledger:
        with ledger._store.reading() as cursor:
            cursor.execute(
                "SELECT sum(setting::int * CASE name WHEN 'tcp_keepalives_interval' "
                "THEN current_setting('tcp_keepalives_count')::int ELSE 1 END) "
                "FROM pg_settings WHERE name IN "
                "('tcp_keepalives_idle', 'tcp_keepalives_interval')"
            )
            row = cursor.fetchone()
    assert row is not None
    assert 10 <= row[0] <= 60
