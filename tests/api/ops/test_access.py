"""Who may do what: by keys, by JWTs, over HTTP and at the opening of sockets."""

import base64
import hmac
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jwt
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from dateline import Ledger
from dateline.api import keys
from dateline.api.access import (
    ANYONE,
    Access,
    Caller,
    Callers,
    Scope,
    access_of,
    caller_of,
)
from dateline.api.problems import Forbidden, RequestError, Unauthorized
from dateline.api.settings import InvalidSetting, Settings
from dateline.api.tokens import LEEWAY_SECONDS
from dateline.domain.errors import MissingExtra
from tests.api.ops.asking import asking, bearer

Claims = dict[str, Any]
Sign = Callable[..., str]


# --- scopes -------------------------------------------------------------------------


@pytest.mark.parametrize("held", list(Scope))
@pytest.mark.parametrize("needed", list(Scope))
def test_a_scope_takes_in_those_before_it(held: Scope, needed: Scope) -> None:
    order = ["read", "record", "admin"]
    caller = Caller("desk", held)

    if order.index(needed) <= order.index(held):
        caller.check(needed)
    else:
        with pytest.raises(Forbidden, match=f"needs the scope {needed}"):
            caller.check(needed)


def test_access_is_off_by_default() -> None:
    access = Access(Settings())

    assert not access.is_on
    assert access.caller(None) == access.caller("Bearer nonsense") == ANYONE


# --- JWTs ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key() -> jwk.ECKey:
    return jwk.ECKey.generate_key("P-256", {"kid": "one"})


@pytest.fixture
def sign(key: jwk.ECKey) -> Sign:
    """Sign a token that holds for an hour, with claims changed (None: left out)."""

    def signed(signer: Any = key, alg: str = "ES256", **changed: Any) -> str:
        claims = {
            "sub": "alice",
            "scope": "openid record",
            "exp": int(time.time()) + 3600,
            **changed,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": alg}, kept, signer, algorithms=[alg])

    return signed


@pytest.fixture
def jwt_key(key: jwk.ECKey, tmp_path: Path) -> Path:
    path = tmp_path / "issuer.pem"
    path.write_bytes(key.as_pem(private=False))
    return path


def test_a_token_names_its_caller_and_scope(sign: Sign, jwt_key: Path) -> None:
    access = Access(Settings(jwt_key=jwt_key))

    assert access.caller(f"Bearer {sign()}") == ("alice", "record")
    assert access.caller(f"Bearer {sign(scope='read admin')}").scope == "admin"


def now(seconds: float) -> int:
    return int(time.time() + seconds)


LONG_AGO, IN_YEARS = 1_000_000_000, 10_000_000_000
REFUSED: dict[str, Claims] = {
    "expired": {"exp": LONG_AGO},
    "without an end": {"exp": None},
    "an end that is no number": {"exp": "tomorrow"},
    "not yet": {"nbf": IN_YEARS, "exp": IN_YEARS + 3600},
    "nobody": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject of two lines": {"sub": "a\nb"},
    "a long subject": {"sub": "x" * 129},
    "a subject that is no text": {"sub": 7},
    "no scope": {"scope": None},
    "an empty scope": {"scope": ""},
    "another scope": {"scope": "openid readonly"},
    "a scope that is no text": {"scope": ["read"]},
    "another issuer": {"iss": "https://other.example"},
    "no issuer": {"iss": None},
    "another audience": {"aud": "other"},
    "no audience": {"aud": None},
}
ISSUED: Claims = {"iss": "https://issuer.example", "aud": ["dateline", "desk"]}


@pytest.fixture
def access(jwt_key: Path) -> Access:
    return Access(
        Settings(
            jwt_key=jwt_key,
            jwt_issuer="https://issuer.example",
            jwt_audience="dateline",
        )
    )


def test_issuer_and_audience_are_checked(sign: Sign, access: Access) -> None:
    assert access.caller(f"Bearer {sign(**ISSUED)}").name == "alice"
    assert access.caller(f"Bearer {sign(**{**ISSUED, 'aud': 'dateline'})}")


@pytest.mark.parametrize("case", REFUSED)
def test_a_token_that_does_not_hold_is_refused(
    case: str, sign: Sign, access: Access
) -> None:
    with pytest.raises(Unauthorized) as caught:
        access.caller(f"Bearer {sign(**{**ISSUED, **REFUSED[case]})}")
    assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]


def test_clocks_may_differ_a_little(sign: Sign, jwt_key: Path) -> None:
    access = Access(Settings(jwt_key=jwt_key))
    late = sign(exp=now(-LEEWAY_SECONDS / 3), nbf=now(LEEWAY_SECONDS / 3))

    assert access.caller(f"Bearer {late}").name == "alice"


def test_a_token_of_another_signer_is_refused(sign: Sign, jwt_key: Path) -> None:
    access = Access(Settings(jwt_key=jwt_key))
    other = jwk.ECKey.generate_key("P-256")

    with pytest.raises(Unauthorized, match="signed by somebody else"):
        access.caller(f"Bearer {sign(other)}")


def signed_by_secret(claims: str, secret: bytes) -> str:
    """Sign as HS256 does: what a library that trusts the header would verify."""
    head = b64url(b'{"alg":"HS256"}')
    signature = hmac.digest(secret, f"{head}.{claims}".encode(), "sha256")
    return f"{head}.{claims}.{b64url(signature)}"


def b64url(given: bytes) -> str:
    return base64.urlsafe_b64encode(given).decode().rstrip("=")


def test_a_token_picks_no_algorithm(sign: Sign, key: jwk.ECKey, jwt_key: Path) -> None:
    """Neither none, nor a secret that is the public key, nor one that is not set."""
    access = Access(Settings(jwt_key=jwt_key, jwt_algorithms=("ES256", "HS256")))
    header, claims, signature = sign().split(".")
    none = b64url(b'{"alg":"none"}')
    for token in (
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        f"{header}.{claims}.",
        f"{header}.{claims}.{signature[::-1]}",
        signed_by_secret(claims, key.as_pem(private=False)),
        sign(jwk.ECKey.generate_key("P-384"), "ES384"),
        "..",
        "a.b.c",
        "\udcff.b.c",
        f"{header}.{claims}{'x' * 10_000}.{signature}",
    ):
        with pytest.raises(Unauthorized):
            access.caller(f"Bearer {token}")


@pytest.mark.parametrize(
    ("kind", "made", "alg"),
    [
        ("RSA", 2048, "RS256"),
        ("EC", "P-256", "ES256"),
        ("OKP", "Ed25519", "EdDSA"),
        ("OKP", "Ed25519", "Ed25519"),
    ],
)
@pytest.mark.parametrize("form", ["pem", "jwk", "set"])
def test_keys_come_in_every_usual_form(
    kind: Any, made: Any, alg: str, form: str, sign: Sign, tmp_path: Path
) -> None:
    pair: Any = jwk.generate_key(kind, made, {"kid": "two"})
    path = tmp_path / "key"
    public = pair.as_dict(private=False)
    if form == "pem":
        path.write_bytes(pair.as_pem(private=False))
    else:
        path.write_text(json.dumps({"keys": [public]} if form == "set" else public))
    header = {"alg": alg, "kid": "two"}
    claims = {"sub": "alice", "scope": "read", "exp": now(3600)}
    token = jwt.encode(header, claims, pair, registry=_signing(alg))

    access = Access(Settings(jwt_key=path))
    assert access.caller(f"Bearer {token}").name == "alice"


def _signing(alg: str) -> Any:
    from dateline.api.tokens import _Pinned

    return _Pinned(algorithms=[alg])


@pytest.mark.parametrize("content", ["", "a secret", "{}", '{"keys": 3}', "{", "[]"])
def test_what_is_no_key_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(content)

    with pytest.raises(InvalidSetting):
        Access(Settings(jwt_key=path))


def test_without_the_extra_it_is_named(
    jwt_key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "joserfc", None)
    monkeypatch.delitem(sys.modules, "dateline.api.tokens")

    with pytest.raises(MissingExtra, match=r"install 'dateline\[jwt\]'"):
        Access(Settings(jwt_key=jwt_key))


def test_an_algorithm_that_there_is_not_is_refused(jwt_key: Path) -> None:
    with pytest.raises(InvalidSetting, match="no JWT algorithm 'RS7'"):
        Access(Settings(jwt_key=jwt_key, jwt_algorithms=("RS7",)))


# --- over HTTP ----------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


EVENT = {"type": "TopicOpened", "topic": "t", "title": "T"}


def test_without_a_key_only_the_probes_are_answered(ledger: Ledger, path: Path) -> None:
    keys.add(path, "admin")
    with asking(ledger, keys=path) as client:
        for probe in ("/healthz", "/readyz"):
            assert client.get(probe).status_code == 200
            assert client.get(probe, headers=bearer("x")).status_code == 200
        for asked in ("/v1/ledger", "/v1/events", "/metrics", "/nowhere", "/graphql"):
            refused = client.get(asked)
            assert refused.status_code == 401
            assert refused.json()["code"] == "unauthorized"
            assert refused.headers["WWW-Authenticate"] == 'Bearer realm="dateline"'
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert client.get(asked, headers=bearer("x")).status_code == 401
        assert client.post("/v1/events", json=EVENT).status_code == 401
    assert len(list(ledger.events())) == 1


def test_each_key_reaches_as_far_as_its_scope(ledger: Ledger, path: Path) -> None:
    tokens = {scope: keys.add(path, scope, scope)[1] for scope in Scope}
    reached: dict[str, list[int]] = {}
    with asking(ledger, keys=path) as client:
        for scope, token in tokens.items():
            headers = bearer(token)
            reached[scope] = [
                client.get("/v1/ledger", headers=headers).status_code,
                client.post("/v1/events", json=EVENT, headers=headers).status_code,
                client.get("/metrics", headers=headers).status_code,
            ]
    assert reached == {
        "read": [200, 403, 403],
        "record": [200, 201, 403],
        "admin": [200, 200, 200],
    }
    assert [event.recorder for event in ledger.events()][1:] == ["record"]


def test_without_access_everybody_may_do_everything(ledger: Ledger) -> None:
    with asking(ledger) as client:
        assert client.get("/metrics").status_code == 200
        assert client.post("/v1/events", json=EVENT).status_code == 201
        assert client.get("/v1/ledger", headers=bearer("x")).status_code == 200


# --- what goes on to the application ------------------------------------------------


async def telling(scope: Connection, receive: Receive, send: Send) -> None:
    """Tell who asks, or why that is not known."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        try:
            told = caller_of(scope).name or "anyone"
        except RequestError as error:
            told = error.code
        await send({"type": "websocket.send", "text": told})
        await send({"type": "websocket.close"})
        return
    request = Request(scope)
    access = access_of(scope)
    assert access is not None
    try:
        told = caller_of(scope).name or "anyone"
    except RequestError as error:
        told = error.code
    await JSONResponse([told, access.is_on, request.url.path])(scope, receive, send)


def test_a_socket_may_bring_its_key_later(path: Path) -> None:
    _, token = keys.add(path, "read", "desk")
    client = TestClient(Callers(telling, Access(Settings(keys=path))))

    with client.websocket_connect("/graphql") as socket:
        assert socket.receive_text() == "unauthorized"
    with client.websocket_connect("/graphql", headers=bearer(token)) as socket:
        assert socket.receive_text() == "desk"


def test_a_socket_with_a_wrong_key_is_not_opened(path: Path) -> None:
    keys.add(path, "read")
    client = TestClient(Callers(telling, Access(Settings(keys=path))))

    with (
        pytest.raises(WebSocketDenialResponse) as caught,
        client.websocket_connect("/graphql", headers=bearer("x")),
    ):
        pass
    assert caught.value.status_code == 401
    assert caught.value.json()["code"] == "unauthorized"


def test_without_access_a_socket_is_opened_by_anybody() -> None:
    client = TestClient(Callers(telling, Access(Settings())))

    with client.websocket_connect("/graphql") as socket:
        assert socket.receive_text() == "anyone"


PAGE = {"Accept": "text/html,application/xhtml+xml"}


def test_the_page_of_the_ide_asks_for_the_key_itself(path: Path) -> None:
    """And nobody is anybody there: whatever needs a caller is refused."""
    keys.add(path, "read")
    access = Access(Settings(keys=path))
    client = TestClient(Callers(telling, access, ide=True))

    assert client.get("/graphql", headers=PAGE).json()[0] == "unauthorized"
    assert client.get("/graphql").status_code == 401
    assert client.get("/graphql?query={a}", headers=PAGE).status_code == 401
    assert client.post("/graphql", headers=PAGE).status_code == 401
    assert client.get("/v1/ledger", headers=PAGE).status_code == 401
    without = TestClient(Callers(telling, access))
    assert without.get("/graphql", headers=PAGE).status_code == 401


def test_no_caller_is_taken_from_the_state_of_whoever_embeds_it(path: Path) -> None:
    keys.add(path, "read")
    callers = Callers(telling, Access(Settings(keys=path)))

    async def embedding(scope: Connection, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["caller"] = ANYONE
        await callers(scope, receive, send)

    assert TestClient(embedding).get("/v1/ledger").status_code == 401
    with TestClient(embedding).websocket_connect("/graphql") as socket:
        assert socket.receive_text() == "unauthorized"


def test_under_a_path_the_probes_are_open_too(path: Path) -> None:
    keys.add(path, "read")
    client = TestClient(
        Callers(telling, Access(Settings(keys=path))), root_path="/ledger"
    )

    assert client.get("/ledger/healthz").status_code == 200
    assert client.get("/ledger/v1/ledger").status_code == 401
