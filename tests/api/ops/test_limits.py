"""What is refused before anybody looks at it, and what every answer brings."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Message, Receive, Scope, Send

from dateline import Ledger
from dateline.api.limits import Bodies, Faults, Hosts, Origins, Rates
from tests.api.ops.asking import asking


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Say hello to everybody."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close"})
    else:
        await PlainTextResponse("hello")(scope, receive, send)


def is_opened(client: TestClient, path: str = "/graphql", **headers: str) -> int:
    """Return 101 if a socket is opened, else the status of the refusal."""
    try:
        with client.websocket_connect(path, headers=headers):
            return 101
    except WebSocketDenialResponse as refused:
        assert refused.json()["status"] == refused.status_code
        return refused.status_code


# --- names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(("localhost", 200), ("localhost:8000", 200), ("LOCALHOST", 200)),
        *(("127.0.0.1:80", 200), ("[::1]:8000", 200), ("[::1]", 200)),
        *(("a.example.org", 200), ("A.B.example.org:1", 200), ("example.org", 421)),
        *(("evil.example", 421), ("localhost.evil.example", 421), ("", 421)),
        *(("evil.example:localhost", 421), ("notexample.org", 421), ("[::2]", 421)),
    ],
)
def test_a_server_answers_to_its_names_only(host: str, status: int) -> None:
    names = ("localhost", "127.0.0.1", "[::1]", "*.example.org")
    client = TestClient(Hosts(hello, names))

    answer = client.get("/v1/ledger", headers={"Host": host})
    assert answer.status_code == status
    assert is_opened(client, Host=host) == (101 if status == 200 else 421)
    if status != 200:
        assert answer.json()["code"] == "misdirected_request"
    assert client.get("/healthz", headers={"Host": host}).status_code == 200


def test_an_embedded_application_answers_to_any_name(ledger: Ledger) -> None:
    with asking(ledger) as client:
        answer = client.get("/v1/ledger", headers={"Host": "any.example"})
    assert answer.status_code == 200


# --- origins ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        *(("http://testserver", 101), ("https://testserver", 101)),
        *(("https://page.example", 101), ("HTTPS://PAGE.EXAMPLE", 101)),
        *(("https://evil.example", 403), ("https://page.example.evil", 403)),
        *(("http://testserver:8000", 403), ("null", 403), ("", 403)),
    ],
)
def test_a_page_opens_a_socket_from_an_allowed_origin_only(
    origin: str, status: int
) -> None:
    client = TestClient(Origins(hello, ("https://page.example",)))

    assert is_opened(client, Origin=origin) == status


def test_what_is_no_page_has_no_origin() -> None:
    assert is_opened(TestClient(Origins(hello, ()))) == 101
    assert is_opened(TestClient(Origins(hello, ("*",))), Origin="null") == 101


PREFLIGHT = {
    "Origin": "https://page.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
}


def test_pages_of_other_origins_may_not_read_unless_they_are_named(
    ledger: Ledger,
) -> None:
    with asking(ledger) as client:
        answer = client.get("/v1/ledger", headers={"Origin": "https://page.example"})
        asked = client.options("/v1/events", headers=PREFLIGHT)
    for headers in (answer.headers, asked.headers):
        assert not [name for name in headers if name.startswith("access-control-")]


def test_pages_of_named_origins_may_read(ledger: Ledger) -> None:
    with asking(ledger, cors_origins="https://page.example") as client:
        asked = client.options("/v1/events", headers=PREFLIGHT)
        other = client.options(
            "/v1/events", headers={**PREFLIGHT, "Origin": "https://evil.example"}
        )
        answer = client.get("/nowhere", headers={"Origin": "https://page.example"})
        evil = client.get("/v1/ledger", headers={"Origin": "https://evil.example"})

    assert asked.status_code == 200
    assert asked.headers["Access-Control-Allow-Origin"] == "https://page.example"
    assert "Access-Control-Allow-Credentials" not in asked.headers
    assert other.status_code == 400
    assert "Access-Control-Allow-Origin" not in other.headers
    assert answer.status_code == 404
    assert answer.headers["Access-Control-Allow-Origin"] == "https://page.example"
    exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
    assert {"ETag", "Link", "Retry-After", "X-Request-ID"} <= {*exposed}
    assert "Access-Control-Allow-Origin" not in evil.headers


# --- rates --------------------------------------------------------------------------


class Named:
    """Tells the caller by a header, as keys would."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from dateline.api.access import ANYONE

        name = dict(scope["headers"]).get(b"x-name")
        caller = ANYONE._replace(name=name.decode()) if name else ANYONE
        scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


def test_over_the_rate_nobody_is_answered() -> None:
    client = TestClient(Named(Rates(hello, "2/day")))

    first, second, third = (client.get("/v1/ledger") for _ in range(3))

    assert [first.status_code, second.status_code] == [200, 200]
    assert first.headers["RateLimit-Limit"] == "2"
    assert first.headers["RateLimit-Remaining"] == "1"
    assert third.status_code == 429
    assert third.json()["code"] == "rate_limited"
    assert third.headers["RateLimit-Remaining"] == "0"
    assert 1 <= int(third.headers["Retry-After"]) <= 86_400
    assert third.headers["Retry-After"] == third.headers["RateLimit-Reset"]
    assert client.get("/healthz").status_code == 200
    assert is_opened(client) == 429


def test_each_key_and_each_address_has_a_rate_of_its_own() -> None:
    app = Named(Rates(hello, "1/day"))
    client = TestClient(app)
    other = TestClient(app, client=("192.0.2.7", 1))

    def statuses(client: TestClient, **headers: str) -> list[int]:
        return [client.get("/", headers=headers).status_code for _ in range(2)]

    assert statuses(client) == [200, 429]
    assert statuses(other) == [200, 429]
    assert statuses(client, **{"X-Name": "desk"}) == [200, 429]
    assert statuses(other, **{"X-Name": "desk"}) == [429, 429]
    assert statuses(client, **{"X-Name": "night desk"}) == [200, 429]


# --- bodies -------------------------------------------------------------------------


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Give a body back, and take any fault of receiving it for one of one's own."""
    body = b""
    is_whole = False
    try:
        while not is_whole:
            message = await receive()
            body += message.get("body", b"")
            is_whole = not message.get("more_body", False)
        response = Response(body)
    except Exception:
        response = Response(status_code=500)
    await response(scope, receive, send)


def post(app: Any, content: Any, path: str = "/graphql") -> httpx.Response:
    async def asked() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.post(f"http://testserver{path}", content=content)

    return anyio.run(asked)


async def parts(*given: bytes) -> AsyncIterator[bytes]:
    for part in given:
        yield part


async def endless() -> AsyncIterator[bytes]:
    yield b"x"
    await anyio.sleep_forever()


def test_a_body_up_to_the_limit_is_taken() -> None:
    app = Bodies(echo, 10, 30.0, "/v1/")

    assert post(app, b"x" * 10).content == b"x" * 10
    assert post(app, parts(b"xxxxx", b"yyyyy")).content == b"xxxxxyyyyy"
    assert post(app, b"").status_code == 200


@pytest.mark.parametrize("is_declared", [True, False])
def test_a_body_over_the_limit_is_refused(is_declared: bool) -> None:
    app = Bodies(echo, 10, 30.0, "/v1/")

    answer = post(app, b"x" * 11 if is_declared else parts(b"xxxxx", b"yyyyyy"))

    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"
    assert answer.headers["Connection"] == "close"


def test_a_body_that_stops_is_refused_in_time() -> None:
    app = Bodies(echo, 10, 0.05, "/v1/")

    answer = post(app, endless())

    assert answer.status_code == 408
    assert answer.json()["code"] == "request_timeout"


def test_what_limits_its_bodies_itself_is_left_to_it() -> None:
    app = Bodies(echo, 10, 30.0, "/v1/")

    assert post(app, b"x" * 11, "/v1/events").status_code == 200


def test_after_the_body_there_is_no_deadline() -> None:
    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        with anyio.move_on_after(0.2):
            await receive()
        await PlainTextResponse("waited")(scope, receive, send)

    async def asked() -> list[Message]:
        sent: list[Message] = []
        given = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> Message:
            for message in given:
                return message
            await anyio.sleep_forever()
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/graphql", "headers": []}
        await Bodies(waiting, 10, 0.05, "/v1/")(scope, receive, send)
        return sent

    assert anyio.run(asked)[0]["status"] == 200


# --- faults and ids -----------------------------------------------------------------


def test_a_fault_is_masked_and_logged_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("the secret is 42")

    answer = TestClient(Faults(failing)).get("/v1/ledger")

    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_error"
    assert "42" not in answer.text
    assert "the secret is 42" in caplog.text


def test_a_fault_after_the_beginning_cuts_the_answer_off() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("too late")

    with pytest.raises(RuntimeError, match="too late"):
        TestClient(Faults(failing)).get("/v1/ledger")


@pytest.fixture
def client(ledger: Ledger) -> Iterator[TestClient]:
    with asking(ledger) as client:
        yield client


@pytest.mark.parametrize(
    "given", ["desk-7", "Root=1-67891233-abcdef012345678912345678", "a" * 128]
)
def test_the_id_of_a_request_is_given_back(client: TestClient, given: str) -> None:
    answer = client.get("/v1/ledger", headers={"X-Request-ID": given})

    assert answer.headers.get_list("X-Request-ID") == [given]


@pytest.mark.parametrize("given", ["", "a b", "a" * 129, "<script>", "é", "a\tb"])
def test_an_id_that_could_do_harm_is_replaced(client: TestClient, given: str) -> None:
    answer = client.get("/v1/ledger", headers={b"X-Request-ID": given.encode()})

    assert len(answer.headers["X-Request-ID"]) == 32
    assert answer.headers["X-Request-ID"] != given


def test_each_request_has_an_id(client: TestClient) -> None:
    answers = [client.get(path) for path in ("/v1/ledger", "/nowhere", "/healthz")]
    ids = {answer.headers["X-Request-ID"] for answer in answers}

    assert len(ids) == 3
    assert json.loads(answers[1].text)["code"] == "not_found"
