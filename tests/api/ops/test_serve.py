"""``dateline serve``: how it begins, what it refuses, and how it ends."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets.exceptions
from httpx_sse import connect_sse
from typer.testing import CliRunner
from websockets.sync.client import connect

import dateline
from dateline.api import keys
from dateline.cli.app import app
from tests.api.ops.asking import (
    PATIENCE_SECONDS,
    bearer,
    command,
    environment,
    received,
    run,
    served,
)

pytestmark = pytest.mark.slow

EVENT = {"type": "TopicOpened", "topic": "late", "title": "T"}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "war.dateline"
    dateline.open(path).close()
    return path


# --- how it begins ------------------------------------------------------------------


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_it_tells_where_it_listens_and_ends_when_told(
    target: Path, told: signal.Signals
) -> None:
    with served(target) as server:
        lines = server.logged().splitlines()
        assert f"dateline: serving '{target}' at {server.url}" in lines
        while not (tried := [line for line in lines if "dateline: try " in line]):
            lines = server.logged().splitlines()
        url = tried[0].removeprefix("dateline: try ")
        assert httpx.get(url, follow_redirects=True).status_code == 200
        server.tell(told)
        assert server.wait() == 0
        assert "Traceback" not in server.logged()


def test_it_logs_nothing_but_json_if_told_so(target: Path) -> None:
    with served(target, "--log-format", "json") as server:
        httpx.get(f"{server.url}/v1/ledger")
        server.stop()
        lines = [json.loads(line) for line in server.logged().splitlines()]
    assert {"level", "logger", "message", "request_id", "time"} <= lines[0].keys()
    assert "/v1/ledger" in [line.get("route") for line in lines]


def test_flags_win_over_the_environment(target: Path) -> None:
    with served(
        target, "--no-ide", DATELINE_PORT="1", DATELINE_MAX_FIRST="7"
    ) as server:
        assert server.port != 1
        listed = httpx.get(f"{server.url}/v1/events?first=8")
        assert listed.status_code == 400
        assert httpx.get(f"{server.url}/v1/events?first=7").status_code == 200


def test_a_page_that_is_led_here_by_its_name_gets_nothing(target: Path) -> None:
    with served(target) as server:
        for host, status in (("localhost", 200), ("evil.example", 421)):
            asked = httpx.get(f"{server.url}/v1/ledger", headers={"Host": host})
            assert asked.status_code == status


def refused(*words: object, **changes: str) -> str:
    """Return the code with which a server does not begin."""
    asked = ["serve", *map(str, words)]
    done = CliRunner().invoke(app, asked, env=changes)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    program, code, _ = done.stderr.split(": ", 2)
    assert program == "dateline"
    return code


def test_it_needs_a_ledger(tmp_path: Path) -> None:
    assert refused(tmp_path / "none.dateline") == "ledger_not_found"
    other = tmp_path / "diary"
    other.write_text("Dear diary")
    assert refused(other) == "not_a_ledger"
    assert [path.name for path in tmp_path.iterdir()] == ["diary"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_others_do_not_reach_it_without_keys(target: Path, host: str) -> None:
    assert refused(target, "--port", 0, "--host", host) == "insecure_address"


@pytest.mark.parametrize("is_insecure", [True, False])
def test_others_reach_it_with_keys_or_when_told_so(
    target: Path, is_insecure: bool
) -> None:
    path = target.with_name("keys.json")
    _, token = keys.add(path, "read")
    flags = ("--insecure",) if is_insecure else ("--keys", path)
    with served(target, "--host", "0.0.0.0", *flags) as server:
        headers = {"Host": "ledger.example"}
        asked = httpx.get(f"{server.url}/v1/ledger", headers=headers)
        assert asked.status_code == (200 if is_insecure else 401)
        headers |= bearer(token)
        asked = httpx.get(f"{server.url}/v1/ledger", headers=headers)
        assert asked.status_code == 200


def test_an_address_that_cannot_be_had_is_named(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refused(target, "--port", port) == "address_unavailable"
    assert refused(target, "--host", "no.such.invalid") == "address_unavailable"
    foreign = ("--host", "192.0.2.1", "--insecure")
    assert refused(target, *foreign) == "address_unavailable"


def test_a_setting_that_cannot_be_is_named(target: Path, tmp_path: Path) -> None:
    assert refused(target, "--port", "http") == "invalid_setting"
    assert refused(target, DATELINE_RATE_LIMIT="lots") == "invalid_setting"
    assert refused(target, "--keys", tmp_path / "none.json") == "invalid_setting"
    assert refused(target, "--jwt-key", target) == "invalid_setting"
    assert refused(target, "--prot", "1") == "usage_error"


def test_the_other_commands_do_not_load_the_server() -> None:
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, dateline.cli.app as cli, typer\n"
            "typer.main.get_command(cli.app)\n"
            "print(*sorted(sys.modules))",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert "typer" in loaded
    unwanted = ("starlette", "uvicorn", "strawberry", "graphql", "dateline.api")
    assert not [name for name in loaded if name.startswith(unwanted)]


def test_schema_prints_the_schema() -> None:
    done = run("schema")

    assert (done.returncode, done.stderr) == (0, "")
    assert "type Query {" in done.stdout.splitlines()


def test_a_revoked_key_is_refused_while_the_server_runs(target: Path) -> None:
    path = target.with_name("keys.json")
    key, token = keys.add(path, "read")
    with served(target, "--keys", path) as server:
        asked = httpx.get(f"{server.url}/v1/ledger", headers=bearer(token))
        assert asked.status_code == 200
        assert run("keys", "revoke", key.id, "--keys", path).returncode == 0
        asked = httpx.get(f"{server.url}/v1/ledger", headers=bearer(token))
        assert asked.status_code == 401
        other = run("keys", "add", "--scope", "read", "--keys", path).stdout.strip()
        asked = httpx.get(f"{server.url}/v1/ledger", headers=bearer(other))
        assert asked.status_code == 200


# --- how it ends --------------------------------------------------------------------


@contextmanager
def locked(target: Path) -> Iterator[sqlite3.Connection]:
    """Keep the ledger's write lock, so that recordings wait."""
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield connection


class Posting(threading.Thread):
    """Posts an event, and keeps what came of it."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._url = url
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = httpx.post(
                f"{self._url}/v1/events", json=EVENT, timeout=PATIENCE_SECONDS
            ).status_code
        except httpx.HTTPError as error:
            self.outcome = error


def wait_for_recording(url: str) -> None:
    """Wait until the posted event is with the server."""
    while "dateline_requests_in_flight 2.0" not in httpx.get(f"{url}/metrics").text:
        pass


def topics(target: Path) -> list[str]:
    with dateline.open(target, create=False) as ledger:
        ledger.verify()
        return [event.stored["topic"] for event in ledger.events(types=["TopicOpened"])]


def test_feeds_end_at_once_and_a_slow_recording_is_finished(target: Path) -> None:
    with served(target) as server, locked(target) as lock, httpx.Client() as client:
        client.timeout = httpx.Timeout(PATIENCE_SECONDS)
        feed = f"{server.url}/v1/events?after=0"
        with connect_sse(client, "GET", feed) as source:
            told = source.iter_sse()
            assert "LedgerOpened" in (next(told).event, next(told).event)
            posting = Posting(server.url)
            wait_for_recording(server.url)
            server.tell()
            last = list(told)[-1]
        assert last.event == "end"
        assert json.loads(last.data)["reason"] == "shutting_down"
        assert posting.outcome is None
        assert server.process.poll() is None
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{server.url}/healthz")
        lock.execute("ROLLBACK")
        assert server.wait() == 0
        posting.join()
        assert posting.outcome == 201
        assert "Traceback" not in server.logged()
    assert topics(target) == ["late"]


def test_a_recording_outlasts_the_time_of_shutting_down(target: Path) -> None:
    with served(target, "--shutdown-seconds", 0.5) as server, locked(target) as lock:
        posting = Posting(server.url)
        wait_for_recording(server.url)
        server.tell()
        while "timeout graceful shutdown exceeded" not in server.logged():
            pass
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(1)
        lock.execute("ROLLBACK")
        assert server.wait() == 0
        posting.join()
        assert posting.outcome == 201
    assert topics(target) == ["late"]


def test_all_who_wait_to_record_are_answered(target: Path) -> None:
    with served(target) as server, locked(target) as lock:
        posting = [Posting(server.url) for _ in range(20)]
        while "dateline_requests_in_flight 21.0" not in (
            httpx.get(f"{server.url}/metrics").text
        ):
            pass
        server.tell()
        lock.execute("ROLLBACK")
        assert server.wait() == 0
        for one in posting:
            one.join()
        assert sorted(one.outcome for one in posting) == [200] * 19 + [201]
    assert topics(target) == ["late"]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_told_twice_it_ends_at_once(target: Path, told: signal.Signals) -> None:
    with served(target) as server, locked(target) as lock:
        posting = Posting(server.url)
        wait_for_recording(server.url)
        server.tell(told)
        while "Shutting down" not in server.logged():
            pass
        server.tell(told)
        assert server.wait() == -told
        posting.join()
        assert isinstance(posting.outcome, httpx.HTTPError)
        lock.execute("ROLLBACK")
    assert topics(target) == []


def test_a_killed_server_leaves_a_whole_ledger(target: Path) -> None:
    with served(target) as server:
        assert httpx.post(f"{server.url}/v1/events", json=EVENT).status_code == 201
        with locked(target) as lock:
            posting = Posting(server.url)
            wait_for_recording(server.url)
            server.process.kill()
            assert server.wait() == -signal.SIGKILL
            posting.join()
            lock.execute("ROLLBACK")
    assert topics(target) == ["late"]
    with served(target) as server:
        assert httpx.get(f"{server.url}/readyz").json()["position"] == 2


def test_a_half_sent_body_does_not_hold_it_up(target: Path) -> None:
    with served(target, "--shutdown-seconds", 1) as server:
        with server.connect() as connection:
            connection.sendall(
                b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
            )
            while "dateline_requests_in_flight 2.0" not in (
                httpx.get(f"{server.url}/metrics").text
            ):
                pass
            assert server.stop() == 0
            answer = received(connection)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b'"code":"shutting_down"' in answer
            assert "Traceback" not in server.logged()
    assert topics(target) == []


def test_a_socket_is_closed_so_that_its_client_comes_again(target: Path) -> None:
    with served(target) as server:
        url = server.url.replace("http:", "ws:") + "/graphql"
        protocols: Any = ["graphql-transport-ws"]
        with connect(url, subprotocols=protocols, proxy=None) as socket:
            socket.send('{"type": "connection_init"}')
            assert json.loads(socket.recv())["type"] == "connection_ack"
            query = 'subscription { events(after: "0") { cursor } }'
            asked = {"id": "1", "type": "subscribe", "payload": {"query": query}}
            socket.send(json.dumps(asked))
            assert json.loads(socket.recv())["type"] == "next"
            server.tell()
            with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
                while True:
                    socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert server.wait() == 0
        assert "Traceback" not in server.logged()


def test_it_may_be_started_by_a_shell_that_ignores_interrupts(target: Path) -> None:
    """As ``dateline serve … &`` in a script does; SIGTERM still ends it."""
    words = " ".join(command("serve", target, "--port", 0))
    started = subprocess.Popen(
        ["sh", "-c", f"trap '' INT; exec {words}"],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert started.stderr is not None
    for line in started.stderr:
        if "dateline: try" in line:
            break
    started.terminate()
    assert started.wait(PATIENCE_SECONDS) == 0
    started.stderr.close()
