"""Connections cost no more than is allowed; each refusal is a whole answer.

Bytes over sockets, as no client library would send them, to a server in a process of
its own.
"""

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import dateline
from tests.api.ops.asking import Server, received, served

pytestmark = pytest.mark.slow

LIMIT = 2_000
BODY_LIMIT = 10_000
GET = b"GET /v1/ledger HTTP/1.1\r\nHost: localhost\r\n"
LARGE = GET.replace(b"ledger", b"openapi.json")
CLOSE = b"Connection: close\r\n"
END = b"\r\n"


class Answer(NamedTuple):
    """One answer of HTTP/1.1 that says how long it is."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> Any:
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)["code"]


def answers(sent: bytes) -> list[Answer]:
    """Read whole answers; anything else is a mistake."""
    read = []
    while sent:
        head, _, sent = sent.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        pairs = (line.partition(": ") for line in lines)
        headers = {name.lower(): value for name, _, value in pairs}
        length = int(headers["content-length"])
        assert len(sent) >= length
        read.append(Answer(int(first.split()[1]), headers, sent[:length]))
        sent = sent[length:]
    return read


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    target = tmp_path_factory.mktemp("connections") / "war.dateline"
    dateline.open(target).close()
    flags = (
        *("--header-seconds", 0.5, "--body-seconds", 0.5, "--send-seconds", 0.5),
        *("--max-header-bytes", LIMIT, "--max-body-bytes", BODY_LIMIT),
    )
    with served(target, *flags) as server:
        yield server
        assert server.stop() == 0
        assert "Traceback" not in server.logged()


def ask(server: Server, *parts: bytes) -> list[Answer]:
    """Send parts one after the other; return all answers until it is closed."""
    with server.connect() as connection:
        for part in parts:
            connection.sendall(part)
        return answers(received(connection))


def the(found: list[Answer]) -> Answer:
    (answer,) = found
    return answer


def test_an_ordinary_request_is_answered(server: Server) -> None:
    answer = the(ask(server, GET + CLOSE + END))

    assert answer.status == 200
    assert json.loads(answer.body)["timezone"] == "UTC"


def test_requests_that_come_at_once_are_answered_in_order(server: Server) -> None:
    probe = GET.replace(b"/v1/ledger", b"/healthz")

    found = ask(server, GET + END + probe + END + GET + CLOSE + END)

    assert [answer.status for answer in found] == [200, 200, 200]
    assert json.loads(found[1].body) == {"status": "alive"}


@pytest.mark.parametrize(
    "head",
    [
        GET + b"X: " + b"x" * LIMIT + b"\r\n" + END,
        GET + b"".join(b"X-%d: x\r\n" % n for n in range(300)) + END,
        b"GET /" + b"x" * LIMIT + b" HTTP/1.1\r\nHost: localhost\r\n" + END,
        GET + b"X: " + b"x" * LIMIT * 1_000 + b"\r\n" + END,
        GET + b"x" * LIMIT * 2 + b": x\r\n" + END,
        b"GET /" + b"x" * 70_000,
    ],
)
def test_a_head_that_is_too_large_is_refused(server: Server, head: bytes) -> None:
    answer = the(ask(server, head))

    assert (answer.status, answer.code) == (431, "head_too_large")
    assert answer.headers["connection"] == "close"


def test_a_head_up_to_the_limit_is_taken(server: Server) -> None:
    room = LIMIT - len(GET + CLOSE + b"X: \r\n") + len(b"GET  HTTP/1.1\r\n")

    def padded(size: int) -> bytes:
        return GET + CLOSE + b"X: " + b"x" * size + b"\r\n" + END

    assert the(ask(server, padded(room))).status == 200
    assert the(ask(server, padded(room + 1))).status == 431


def trickle(connection: socket.socket, part: bytes) -> bytes:
    """Send the same part until the other side has had enough; return its answers."""
    connection.settimeout(0.02)
    told = b""
    with contextlib.suppress(ConnectionError):
        while True:
            connection.sendall(part)
            with contextlib.suppress(TimeoutError):
                if not (got := connection.recv(65_536)):
                    break
                told += got
    return told


def test_a_head_that_comes_in_drops_is_refused_in_time(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(GET)
        answer = the(answers(trickle(connection, b"X: x\r\n")))

    assert (answer.status, answer.code) == (408, "request_timeout")


def test_a_head_that_stops_is_refused_in_time(server: Server) -> None:
    answer = the(ask(server, b"GET /v1/led"))

    assert (answer.status, answer.code) == (408, "request_timeout")


def test_the_second_head_of_a_connection_has_its_time_too(server: Server) -> None:
    first, second = ask(server, GET + END + b"GET /v1/led")

    assert (first.status, second.status) == (200, 408)


@pytest.mark.parametrize("before", [b"", GET + END])
def test_a_connection_that_says_nothing_is_closed(
    server: Server, before: bytes
) -> None:
    with server.connect() as connection:
        connection.sendall(before)
        told = answers(received(connection))

    assert [answer.status for answer in told] == [200] * bool(before)


@pytest.mark.parametrize("before", [b"", GET + END])
def test_empty_lines_keep_no_connection_open(server: Server, before: bytes) -> None:
    with server.connect() as connection:
        connection.sendall(before)
        told = answers(trickle(connection, b"\r\n"))

    assert [answer.status for answer in told][: bool(before)] == [200] * bool(before)


@pytest.mark.parametrize("noise", [b"hello\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_what_is_not_http_is_refused(server: Server, noise: bytes) -> None:
    answer = the(ask(server, noise))

    assert (answer.status, answer.code) == (400, "bad_request")


def test_a_head_of_two_lengths_is_refused(server: Server) -> None:
    """What one server reads as a body, another would read as a request."""
    lengths = b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"

    answer = the(ask(server, GET.replace(b"GET", b"POST") + lengths + END))

    assert (answer.status, answer.code) == (400, "bad_request")


# --- bodies -------------------------------------------------------------------------


def post(path: bytes, length: int) -> bytes:
    return (
        b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % (path, length)
    )


PATHS = pytest.mark.parametrize("path", [b"/v1/events", b"/graphql"])


@PATHS
def test_a_body_that_stops_is_refused_in_time(server: Server, path: bytes) -> None:
    answer = the(ask(server, post(path, 100), b'{"type": '))

    assert (answer.status, answer.code) == (408, "request_timeout")


@PATHS
def test_a_body_that_is_too_large_is_refused_while_it_comes(
    server: Server, path: bytes
) -> None:
    """The client sends it all, and can still read why it was for nothing."""
    size = 1_000_000

    answer = the(ask(server, post(path, size), b"x" * size))

    assert (answer.status, answer.code) == (413, "body_too_large")


@PATHS
def test_a_body_in_chunks_that_is_too_large_is_refused(
    server: Server, path: bytes
) -> None:
    head = post(path, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"

    answer = the(ask(server, head, *[chunk] * 5))

    assert (answer.status, answer.code) == (413, "body_too_large")


@PATHS
def test_a_body_that_is_cut_off_leaves_nothing_behind(
    server: Server, path: bytes
) -> None:
    event = b'{"type": "TopicOpened", "topic": "cut", "title": "T"}'
    with server.connect() as connection:
        connection.sendall(post(path, len(event) + 1) + event)
        time.sleep(0.05)

    answer = the(ask(server, GET.replace(b"ledger", b"topics") + CLOSE + END))
    assert answer.status == 200
    assert b"cut" not in answer.body


def test_a_body_that_nobody_reads_has_its_time_too(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(GET + b"Content-Length: 1000000\r\n" + END)
        sent = trickle(connection, b"x")

    assert the(answers(sent)).status == 200


# --- clients that do not read -------------------------------------------------------


def test_who_takes_no_answer_is_cut_off(server: Server) -> None:
    document = the(ask(server, LARGE + CLOSE + END)).body
    count = 20_000_000 // len(document)
    with server.connect() as connection:
        connection.sendall((LARGE + END) * count)
        time.sleep(2)
        taken = 0
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65_536):
                taken += len(part)
    assert len(document) < taken < count * len(document)


def test_who_takes_an_answer_slowly_gets_it(server: Server) -> None:
    document = the(ask(server, LARGE + CLOSE + END)).body
    count = 8_000_000 // len(document)
    got = bytearray()
    with server.connect() as connection:
        connection.sendall((LARGE + END) * (count - 1) + LARGE + CLOSE + END)
        while part := connection.recv(200_000):
            got += part
            time.sleep(0.05)
    assert [answer.body for answer in answers(bytes(got))] == [document] * count


def test_who_takes_no_results_is_cut_off(server: Server) -> None:
    head = post(b"/v1/events?atomic=false", 0)
    head = head.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    head = head.replace(b"application/json", b"application/x-ndjson")
    lines = b"{\n" * 10_000
    chunk = b"%x\r\n%b\r\n" % (len(lines), lines)
    with server.connect() as connection:
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            while True:
                connection.sendall(chunk)
    assert the(ask(server, GET + CLOSE + END)).status == 200


# --- sockets ------------------------------------------------------------------------

UPGRADE = (
    b"GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n"
)


def test_a_socket_outlives_the_time_of_a_head(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(UPGRADE + END)
        assert connection.recv(12) == b"HTTP/1.1 101"
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            while connection.recv(65_536):
                pass


def test_a_page_of_another_origin_opens_no_socket(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(UPGRADE + b"Origin: https://evil.example\r\n" + END)
        assert connection.recv(12) == b"HTTP/1.1 403"


# --- how many -----------------------------------------------------------------------


def test_connections_over_the_number_are_answered_and_closed(tmp_path: Path) -> None:
    target = tmp_path / "war.dateline"
    dateline.open(target).close()
    with served(target, "--max-connections", 2) as server:
        first, second = server.connect(), server.connect()
        for connection in (first, second):
            connection.sendall(GET + END)
            assert connection.recv(12) == b"HTTP/1.1 200"

        answer = the(ask(server, GET + END))
        assert (answer.status, answer.code) == (503, "overloaded")
        assert answer.headers["retry-after"] == "1"
        upgrade = the(ask(server, UPGRADE + END))
        assert (upgrade.status, upgrade.code) == (503, "overloaded")
        probe = GET.replace(b"/v1/ledger", b"/readyz") + CLOSE + END
        assert the(ask(server, probe)).status == 200

        second.close()
        while (answer := the(ask(server, GET + CLOSE + END))).status == 503:
            pass
        assert answer.status == 200
        first.close()
        assert server.stop() == 0
