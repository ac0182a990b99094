"""Signing in from a browser: a key in a cookie, for pages of this server alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient, WebSocketDenialResponse

from dateline import Ledger
from dateline.api import Settings, create_app, keys
from tests.api.ops.asking import asking, bearer
from tests.api.page.markup import Element, fields, read
from tests.api.serving import serving
from tests.builders import opened

HERE = {"Origin": "http://testserver"}
ELSEWHERE = {"Origin": "https://evil.example"}
NEXT_DOOR = {"Origin": "http://testserver:3000", "Sec-Fetch-Site": "same-site"}
EVENT = {"type": "TopicOpened", "topic": "new", "title": "New"}
QUERY = {"query": "{ ledger { title } }"}
PROTOCOL = "graphql-transport-ws"
PAGE = "/topics/war?on=2024-10-22&recorded_by=2"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def key(path: Path) -> str:
    """Make a key that may record."""
    return keys.add(path, "record", "desk")[1]


@pytest.fixture
def client(ledger: Ledger, path: Path, key: str) -> Iterator[TestClient]:
    """Serve a ledger with one topic to those who have a key."""
    ledger.record(opened("war"))
    with asking(ledger, keys=path, ide=True) as found:
        yield found


def sign_in(client: TestClient, key: str, following: str = "/", **headers: str) -> Any:
    return client.post(
        "/sign-in",
        data={"key": key, "next": following},
        headers={**HERE, **headers},
        follow_redirects=False,
    )


def is_asked(page: Element) -> bool:
    """Tell whether a page asks for a key."""
    return bool(page.every("input", name="key"))


# --- in and out ---------------------------------------------------------------------


def test_a_page_asks_for_a_key_and_leads_back(client: TestClient, key: str) -> None:
    asked = client.get(PAGE)

    assert asked.status_code == 401
    assert asked.headers["WWW-Authenticate"] == 'Bearer realm="dateline"'
    assert asked.headers["Cache-Control"] == "no-store"
    page = read(asked.text)
    assert is_asked(page) and not page.every("p", role="alert")
    (form,) = (one for one in page.every("form") if one["action"] == "/sign-in")
    assert fields(form)["next"] == PAGE

    answer = sign_in(client, key, fields(form)["next"])
    assert answer.status_code == 303 and answer.headers["Location"] == PAGE
    shown = client.get(PAGE)
    assert shown.status_code == 200 and "About war" in shown.text


def test_the_cookie_is_for_this_browser_and_no_script(
    client: TestClient, key: str
) -> None:
    plain = sign_in(client, key).headers["Set-Cookie"]
    secure = sign_in(client, key, Origin="https://testserver").headers["Set-Cookie"]

    assert plain == f"dateline-key={key}; HttpOnly; Path=/; SameSite=strict"
    assert secure == (
        f"__Host-dateline-key={key}; HttpOnly; Path=/; SameSite=strict; Secure"
    )


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ("dl_000000000000_x", 401, "the key does not hold"),
        ("", 401, "none was given"),
        ("x" * 4_000, 400, "at most 3,800 characters"),
    ],
)
def test_a_key_that_does_not_hold_is_refused_beside_the_field(
    given: str, status: int, said: str, client: TestClient
) -> None:
    answer = sign_in(client, given, PAGE)

    assert answer.status_code == status and "Set-Cookie" not in answer.headers
    page = read(answer.text)
    assert said in page.one("p", id="key-error").text
    field = page.one("input", name="key")
    assert field["aria-invalid"] == "true" and "value" not in field.attributes
    (form,) = (one for one in page.every("form") if one["action"] == "/sign-in")
    assert fields(form)["next"] == PAGE


@pytest.mark.parametrize(
    "following",
    [
        *("https://evil.example/", "//evil.example", "/\\evil.example", "\\/evil"),
        *("/\t/evil.example", "javascript:alert(1)", "", "evil", "/sign-in"),
        *("/sign-out", "/a\r\nSet-Cookie: b=c", "/topics?a=\\"),
    ],
)
def test_it_leads_to_a_path_of_this_server_only(
    following: str, client: TestClient, key: str
) -> None:
    assert sign_in(client, key, following).headers["Location"] == "/"
    asked = client.get("/sign-in", params={"next": following})
    (link,) = (one for one in read(asked.text).every("a") if one.text == "Go on")
    assert link["href"] == "/"


def test_signing_out_takes_the_key_away(client: TestClient, key: str) -> None:
    sign_in(client, key)
    page = read(client.get("/sign-in").text)
    assert "signed in as desk" in page.one("p", class_="lead").text

    answer = client.post(
        "/sign-out",
        data={},
        headers={**HERE, "Content-Type": "application/x-www-form-urlencoded"},
        follow_redirects=False,
    )

    assert answer.status_code == 303 and answer.headers["Location"] == "/sign-in"
    assert client.get(PAGE).status_code == 401
    assert client.get("/sign-out").status_code == 405


def test_a_revoked_key_is_asked_for_anew_and_forgotten(
    client: TestClient, key: str, path: Path
) -> None:
    sign_in(client, key)
    (kept,) = keys.read(path)
    keys.revoke(path, kept.id)

    asked = client.get(PAGE)

    assert asked.status_code == 401
    assert "does not hold" in read(asked.text).one("p", id="key-error").text
    assert "dateline-key" not in client.cookies
    assert client.get("/v1/ledger").json()["code"] == "unauthorized"


def test_the_entrance_and_recording_ask_too(client: TestClient, ledger: Ledger) -> None:
    for path in ("/", "/record", "/search?q=a", "/compare", "/sources"):
        assert client.get(path).status_code == 401
        assert is_asked(read(client.get(path).text))
    assert (
        client.post("/record", data={"form": "source"}, headers=HERE).status_code == 401
    )
    assert client.get("/sign-in").status_code == 200
    for form in ("json", "csv"):
        refused = client.get(f"{PAGE}&format={form}")
        assert refused.status_code == 401 and refused.json()["code"] == "unauthorized"


def test_files_of_pages_need_no_key_and_nothing_else_goes_without(
    client: TestClient,
) -> None:
    assert client.get("/assets/page.css").status_code == 200
    for path in ("/assets", "/assetsx", "/v1/ledger", "/nowhere", "/metrics"):
        assert client.get(path).json()["code"] == "unauthorized"
    for path in ("/assets/../v1/ledger", "/assets/..%2f..%2fkeys.py", "//v1/ledger"):
        assert client.get(path).status_code in (401, 404)


def test_a_page_says_who_is_signed_in(client: TestClient, key: str) -> None:
    sign_in(client, key)

    links = {one.text: one["href"] for one in read(client.get(PAGE).text).every("a")}

    assert links["Signed in as desk"] == "/sign-in"


def test_a_browser_that_follows_a_link_of_another_site_stays_signed_in(
    ledger: Ledger, path: Path, key: str, browser: Browser
) -> None:
    """The link itself brings no cookie; who has none is asked once more only."""
    ledger.record(opened("war"))
    elsewhere = "http://elsewhere.example/"
    with serving(ledger, keys=path) as url:
        context = browser.new_context()
        tab = context.new_page()
        link = f'<a href="{url}{PAGE}">go</a>'
        context.route(
            elsewhere, lambda route: route.fulfill(body=link, content_type="text/html")
        )
        asked: list[str] = []
        tab.on("request", lambda one: asked.append(one.url))

        tab.goto(elsewhere)
        with tab.expect_navigation():
            tab.click("a")
        expect(tab.get_by_label("Key or token")).to_be_focused()
        tab.wait_for_load_state("networkidle")
        assert asked.count(url + PAGE) == 2

        tab.get_by_label("Key or token").fill(key)
        tab.get_by_role("button", name="Sign in").click()
        expect(tab.get_by_role("heading", level=1)).to_have_text("About war")

        tab.goto(elsewhere)
        tab.click("a")
        expect(tab.get_by_role("heading", level=1)).to_have_text("About war")
        context.close()


def test_a_link_of_another_site_asks_again_by_itself(client: TestClient) -> None:
    """The browser leaves out a strict cookie then; and once more would be a loop."""

    def refreshes(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        page = read(client.get(PAGE, headers=named).text)
        return len(page.every("meta", **{"http-equiv": "refresh"}))

    assert refreshes(sec_fetch_site="cross-site") == 1
    assert refreshes(sec_fetch_site="same-origin") == refreshes() == 0
    assert refreshes(sec_fetch_site="cross-site", cookie="dateline-key=dl_x") == 0


def test_while_access_is_off_nobody_signs_in(ledger: Ledger) -> None:
    with asking(ledger) as client:
        page = read(client.get("/sign-in").text)
        answer = sign_in(client, "anything", "/topics")

    assert "asks nobody for a key" in page.text and not is_asked(page)
    assert answer.status_code == 303 and "Set-Cookie" not in answer.headers


def test_under_a_path_all_of_it_stays_there(
    ledger: Ledger, path: Path, key: str
) -> None:
    desk = Starlette(routes=[Mount("/desk", create_app(ledger, Settings(keys=path)))])
    client = TestClient(desk)
    asked = read(client.get("/desk/topics").text)
    (form,) = (one for one in asked.every("form") if one["action"] == "/desk/sign-in")
    assert fields(form)["next"] == "/desk/topics"
    sent = {"key": key, "next": "/topics"}
    answer = client.post(
        "/desk/sign-in", data=sent, headers=HERE, follow_redirects=False
    )
    assert answer.headers["Location"] == "/desk/"
    assert client.get("/desk/topics").status_code == 200


# --- what the cookie is good for ----------------------------------------------------


def test_the_api_takes_it_from_pages_of_this_server(
    client: TestClient, key: str, ledger: Ledger
) -> None:
    sign_in(client, key)
    ours = {"Sec-Fetch-Site": "same-origin"}

    assert client.get("/v1/ledger", headers=ours).status_code == 200
    assert client.post("/graphql", json=QUERY, headers=HERE).json()["data"]
    assert client.post("/v1/events", json=EVENT, headers=HERE).status_code == 201
    assert [event.recorder for event in ledger.events()][-1] == "desk"
    assert client.get("/metrics", headers=ours).status_code == 403


@pytest.mark.parametrize("headers", [ELSEWHERE, NEXT_DOOR, {"Origin": "null"}, {}])
def test_no_other_page_records_with_it(
    headers: dict[str, str], client: TestClient, key: str, ledger: Ledger
) -> None:
    """Also where nothing says which page it is: every browser says so of a POST."""
    sign_in(client, key)
    mutation = {
        "query": 'mutation { record(events: [{topicOpened: {topic: "t", title: "T"}}])'
        " { position } }"
    }

    posts = [
        client.post("/v1/events", json=EVENT, headers=headers),
        client.post("/graphql", json=mutation, headers=headers),
        client.post("/graphql", json=QUERY, headers=headers),
    ]
    form = client.post("/record", data={"form": "source"}, headers=headers)

    assert [one.status_code for one in posts] == [401] * 3
    assert form.status_code in (401, 403)
    assert len(list(ledger.events())) == 2
    assert client.cookies["dateline-key"] == key, "nobody else signs one out"


@pytest.mark.parametrize(
    "headers",
    [
        ELSEWHERE,
        NEXT_DOOR,
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "iframe"},
    ],
)
def test_no_other_page_reads_with_it(
    headers: dict[str, str], client: TestClient, key: str
) -> None:
    sign_in(client, key)

    for path in ("/v1/ledger", "/v1/events", "/graphql?query={ledger{title}}", PAGE):
        assert client.get(path, headers=headers).status_code == 401
    assert client.cookies["dateline-key"] == key


def test_links_from_elsewhere_find_one_signed_in(client: TestClient, key: str) -> None:
    sign_in(client, key)
    followed = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Dest": "document"}
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Dest": "document"}

    for headers in (followed, typed, {}):
        assert client.get(PAGE, headers=headers).status_code == 200


def test_pages_that_may_ask_do_not_ask_with_it(
    ledger: Ledger, path: Path, key: str
) -> None:
    """A page of a named origin brings a key of its own."""
    origin = {"Origin": "http://testserver:3000"}
    with asking(ledger, keys=path, cors_origins="http://testserver:3000") as client:
        sign_in(client, key)
        assert client.post("/v1/events", json=EVENT, headers=origin).status_code == 401
        assert client.get("/v1/ledger", headers=origin).status_code == 401
        named = {**origin, **bearer(key)}
        assert client.get("/v1/ledger", headers=named).status_code == 200


def test_no_other_page_signs_one_in_or_out(client: TestClient, key: str) -> None:
    for headers in (ELSEWHERE, NEXT_DOOR, {"Origin": ""}):
        assert sign_in(client, key, **headers).status_code == 403
        refused = client.post("/sign-out", data={"a": "b"}, headers=headers)
        assert refused.status_code == 403


def test_a_key_in_the_header_goes_first(
    client: TestClient, key: str, path: Path
) -> None:
    sign_in(client, key)
    reader = keys.add(path, "read", "reader")[1]

    sent = client.post("/v1/events", json=EVENT, headers={**HERE, **bearer(reader)})
    wrong = client.get("/v1/ledger", headers=bearer("x"))

    assert sent.status_code == 403 and wrong.status_code == 401


# --- sockets and caches -------------------------------------------------------------


def acknowledged(client: TestClient, payload: Any = None, **headers: str) -> bool:
    """Tell whether a socket is let in by what it brings."""
    message = {"type": "connection_init"} | ({"payload": payload} if payload else {})
    try:
        with client.websocket_connect("/graphql", [PROTOCOL], headers=headers) as one:
            one.send_json(message)
            text: str = one.receive().get("text", "")
            return "connection_ack" in text
    except WebSocketDenialResponse:
        return False


def test_a_socket_of_a_page_of_this_server_is_let_in(
    client: TestClient, key: str
) -> None:
    assert not acknowledged(client, **HERE)
    sign_in(client, key)
    assert acknowledged(client, **HERE)
    assert not acknowledged(client)
    assert not acknowledged(client, **ELSEWHERE)
    assert acknowledged(client, {"authorization": f"Bearer {key}"})
    assert not acknowledged(client, {"authorization": "Bearer x"}, **HERE)


def test_a_wrong_cookie_keeps_no_socket_from_bringing_its_key(
    client: TestClient, key: str
) -> None:
    client.cookies.set("dateline-key", "dl_wrong")

    assert not acknowledged(client, **HERE)
    assert acknowledged(client, {"authorization": f"Bearer {key}"}, **HERE)
    ide = client.get("/graphql", headers={"Accept": "text/html", **HERE})
    assert ide.status_code == 200


def test_caches_tell_cookies_apart(client: TestClient, key: str) -> None:
    """A browser that signed out must not find in its cache what it was shown."""
    fixed = "/v1/knowledge?on=2024-10-22&recorded_by=2"
    for path in (fixed, PAGE, "/graphql?query={ledger{title}}"):
        assert "Cookie" in client.get(path).headers["Vary"].split(", ")
    sign_in(client, key)
    for path in (fixed, PAGE, "/graphql?query={ledger{title}}"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["Vary"].split(", ").count("Cookie") == 1
        assert "public" not in answer.headers.get("Cache-Control", "")
    named = client.get(fixed, headers=bearer(key))
    assert "Cookie" not in named.headers["Vary"]
