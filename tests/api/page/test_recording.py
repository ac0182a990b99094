"""Recording from a page: forms, refusals beside the field, and who may."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from starlette.testclient import TestClient

from dateline import Ledger
from dateline.api import keys
from tests.api.ops.asking import asking, bearer
from tests.api.page.markup import Element, fields, read
from tests.builders import asserted, captured, framed, opened, registered

HERE = {"Origin": "http://testserver"}


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    ledger.record(opened("war"), registered("seoul"), registered("nato"))
    ledger.record(framed("troops", topics=("war",)), captured("article"))
    return ledger


@pytest.fixture
def client(filled: Ledger) -> Iterator[TestClient]:
    with asking(filled) as found:
        yield found


def offered(client: TestClient, kind: str, query: str = "") -> dict[str, str]:
    """Return what a form sends as it is offered."""
    return fields(_form(read(client.get(f"/record{query}").text), kind))


def _form(page: Element, kind: str) -> Element:
    return page.one("section", id=kind).one("form")


def send(
    client: TestClient,
    kind: str,
    headers: dict[str, str] = HERE,
    /,
    **typed: str,
) -> Response:
    """Fill a form in, and send it."""
    form = {**offered(client, kind), **typed}
    return client.post("/record", data=form, headers=headers, follow_redirects=False)


def refusal(answer: Response, status: int, kind: str) -> dict[str, str]:
    """Return what a form says is wrong, by the field it is said beside."""
    assert answer.status_code == status, answer.text
    page = read(answer.text)
    assert "Nothing was recorded." in page.one("p", role="alert").text
    found = {}
    for name in ("input", "select", "textarea"):
        for one in _form(page, kind).every(name, **{"aria-invalid": "true"}):
            (place,) = re.findall(r"\S+-error", one["aria-describedby"])
            found[one["name"]] = page.one("p", id=place).text
    return found


STATEMENT = {
    "claim": "troops",
    "source": "seoul",
    "stance": "asserted",
    "said_at": "2024-10-22",
}


# --- what is recorded ---------------------------------------------------------------


def test_a_source_is_added_and_shown(client: TestClient, ledger: Ledger) -> None:
    answer = send(client, "source", source="rutte", name="Mark Rutte", principal="nato")

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/sources/rutte?recorded_by=7"
    found = ledger.source("rutte")
    assert (found.name, found.principal, found.kind) == ("Mark Rutte", "nato", None)


def test_a_claim_is_framed_and_shown(client: TestClient, ledger: Ledger) -> None:
    answer = send(
        client,
        "claim",
        claim="brigades",
        text="Two brigades are sent",
        topics="war",
        about="2024-10/..",
        kind="forecast",
    )

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/claims/brigades?recorded_by=7"
    found = ledger.claim("brigades", on="2024-10-22")
    assert (found.text, found.topics) == ("Two brigades are sent", ("war",))
    assert found.about == "2024-10/.."


def test_a_statement_is_recorded_with_all_that_is_said_of_it(
    client: TestClient, ledger: Ledger
) -> None:
    answer = send(
        client,
        "statement",
        **STATEMENT,
        strength="hedged",
        basis="nato, seoul",
        via="nato",
        document="article",
        quote="Line one\r\nLine <two>",
        url="https://example.org/?a=1&b=2",
        language="en",
        note="Overheard",
    )

    assert answer.status_code == 303
    assert answer.headers["Location"] == "/claims/troops?on=2024-10-22&recorded_by=7"
    assert client.get(answer.headers["Location"]).status_code == 200
    event = ledger.claim("troops", on="2024-10-22").statements[0]
    found = ledger.event(event).event.model_dump(mode="json", exclude_none=True)
    assert {k: v for k, v in found.items() if k not in ("id", "recorder")} == {
        "type": "ClaimAsserted",
        "claim": "troops",
        "source": "seoul",
        "said_at": "2024-10-22",
        "strength": "hedged",
        "basis": ["nato", "seoul"],
        "via": ["nato"],
        "document": "article",
        "quote": "Line one\nLine <two>",
        "url": "https://example.org/?a=1&b=2",
        "language": "en",
        "note": "Overheard",
    }


@pytest.mark.parametrize(
    ("stance", "type"),
    [
        *(("denied", "ClaimDenied"), ("confirmed", "ClaimConfirmed")),
        *(("refuted", "ClaimRefuted"), ("withheld", "ConfirmationWithheld")),
        ("retracted", "StatementRetracted"),
    ],
)
def test_each_stance_is_an_event_of_its_own(
    stance: str, type: str, client: TestClient, ledger: Ledger
) -> None:
    answer = send(client, "statement", **{**STATEMENT, "stance": stance})

    assert answer.status_code == 303
    assert [event.type for event in ledger.events()][-1] == type


def test_a_basis_may_be_a_word(client: TestClient, ledger: Ledger) -> None:
    send(client, "statement", **STATEMENT, basis=" own ")

    assert ledger.explain("troops", on="2024-10-22").standings[0].basis == "own"


def test_a_statement_dated_loosely_is_looked_at_when_it_counts(
    client: TestClient,
) -> None:
    answer = send(client, "statement", **{**STATEMENT, "said_at": "2024-10"})

    assert answer.headers["Location"] == "/claims/troops?on=2024-10-31&recorded_by=7"


# --- what is filled in already ------------------------------------------------------


def test_links_fill_in_the_claim_and_the_topic(client: TestClient) -> None:
    page = read(client.get("/record?claim=troops&topic=war&on=2024-10-22").text)

    assert fields(_form(page, "statement"))["claim"] == "troops"
    assert page.one("q", id="named-claim").text.startswith("North Korean troops")
    assert fields(_form(page, "claim"))["topics"] == "war"
    assert fields(_form(page, "claim"))["claim"] == ""
    assert offered(client, "statement", "?claim=nope")["claim"] == "nope"


def test_sources_and_topics_are_suggested(client: TestClient) -> None:
    page = read(client.get("/record").text)

    known = page.one("datalist", id="known-sources").every("option")
    assert [one["value"] for one in known] == ["nato", "seoul"]


# --- what is refused ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "status", "field", "code"),
    [
        ({"claim": ""}, 422, "claim", "missing_field"),
        ({"claim": "A B"}, 422, "claim", "invalid_id"),
        ({"claim": "nope"}, 422, "claim", "unknown_claim"),
        ({"source": "nope"}, 422, "source", "unknown_source"),
        ({"via": "seoul nope"}, 422, "via", "unknown_source"),
        ({"basis": "nato,nope"}, 422, "basis", "unknown_basis"),
        ({"document": "nope"}, 422, "document", "unknown_document"),
        ({"stance": ""}, 422, "stance", "missing_field"),
        ({"stance": "guessed"}, 422, "stance", "unknown_type"),
        ({"said_at": "yesterday"}, 422, "said_at", "invalid_time"),
        ({"said_at": "2024-02-30"}, 422, "said_at", "impossible_date"),
        ({"said_at": "2024-12-01"}, 422, "said_at", "said_in_future"),
        (
            {"stance": "confirmed", "strength": "hedged"},
            422,
            "strength",
            "invalid_value",
        ),
        ({"stance": "retracted", "basis": "own"}, 422, "basis", "unknown_field"),
        ({"language": "?"}, 422, "language", "invalid_value"),
        ({"quote": "x" * 20_001}, 422, "quote", "text_too_long"),
        ({"note": "a\0b"}, 422, "note", "nul_character"),
    ],
)
def test_what_is_refused_is_said_beside_the_field_as_over_rest(
    typed: dict[str, str],
    status: int,
    field: str,
    code: str,
    client: TestClient,
    ledger: Ledger,
) -> None:
    answer = send(client, "statement", **{**STATEMENT, "note": "Kept", **typed})

    found = refusal(answer, status, "statement")
    assert list(found) == [field]
    assert found[field].endswith(f" {code}")
    sent = fields(_form(read(answer.text), "statement"))
    for name, text in {**STATEMENT, "note": "Kept", **typed}.items():
        if text != "guessed":
            assert sent[name] == text, "nothing that was typed is lost"
    assert len(list(ledger.events())) == 6


def test_the_sentence_is_that_of_the_api(client: TestClient) -> None:
    event = {"type": "ClaimAsserted", "claim": "nope", "source": "seoul"}
    api = client.post("/v1/events", json={**event, "said_at": "2024-10-22"})
    answer = send(client, "statement", **{**STATEMENT, "claim": "nope"})

    problem = api.json()
    sentence = problem["detail"].removeprefix(f"{problem['where']}: ")
    found = refusal(answer, api.status_code, "statement")
    assert found["claim"] == f"{sentence} {problem['code']}"


def test_an_id_that_is_taken_is_said_beside_it(client: TestClient) -> None:
    answer = send(client, "source", source="nato", name="Another")

    assert "conflicting_event" in refusal(answer, 409, "source")["source"]
    answer = send(client, "claim", claim="new", text="New", topics="war peace")
    assert "unknown_topic" in refusal(answer, 422, "claim")["topics"]


def test_markup_that_was_typed_is_shown_as_text(client: TestClient) -> None:
    hostile = "</textarea><script>alert(1)</script>\"'>"
    answer = send(
        client, "statement", **{**STATEMENT, "quote": hostile, "claim": hostile}
    )

    page = read(answer.text)
    assert fields(_form(page, "statement"))["quote"] == hostile
    assert fields(_form(page, "statement"))["claim"] == hostile
    assert all("src" in one.attributes for one in page.every("script"))


# --- twice --------------------------------------------------------------------------


def test_a_form_that_is_sent_twice_records_once(
    client: TestClient, ledger: Ledger
) -> None:
    ledger.record(asserted(said_at="2024-10-22", id="before"))
    form = {**offered(client, "statement"), **STATEMENT, "stance": "denied"}

    sent = [
        client.post("/record", data=form, headers=HERE, follow_redirects=False)
        for _ in range(2)
    ]

    assert [one.status_code for one in sent] == [303, 303]
    assert len([e for e in ledger.events() if e.type == "ClaimDenied"]) == 1
    assert sent[1].headers["Location"] == "/claims/troops?on=2024-10-22"


def test_a_form_that_is_sent_again_changed_says_so(client: TestClient) -> None:
    form = {**offered(client, "statement"), **STATEMENT}
    client.post("/record", data=form, headers=HERE, follow_redirects=False)
    answer = client.post(
        "/record", data={**form, "note": "More"}, headers=HERE, follow_redirects=False
    )

    assert refusal(answer, 409, "statement") == {}
    page = read(answer.text)
    assert "sent before" in page.one("p", role="alert").text
    again = fields(_form(page, "statement"))
    assert again["key"] != form["key"]
    answer = client.post("/record", data=again, headers=HERE, follow_redirects=False)
    assert answer.status_code == 303


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "ключ"])
def test_a_key_that_no_page_gave_is_refused(key: str, client: TestClient) -> None:
    answer = send(client, "statement", **STATEMENT, key=key)

    assert answer.status_code == 400
    assert "key is one word" in answer.text


# --- who may ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "http://testserver:8000"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://testserver:8000"},
        {},
    ],
)
def test_a_form_of_another_page_is_refused(
    headers: dict[str, str], client: TestClient, ledger: Ledger
) -> None:
    answer = send(client, "statement", headers, **STATEMENT)

    assert answer.status_code == 403
    assert "Code: forbidden" in read(answer.text).text
    assert len(list(ledger.events())) == 6


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://testserver"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://desk.example"},
    ],
)
def test_a_server_in_front_changes_nothing(
    headers: dict[str, str], client: TestClient
) -> None:
    """It may end TLS, and call the server by another name."""
    assert send(client, "statement", headers, **STATEMENT).status_code == 303


def test_only_who_may_record_has_the_forms(filled: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    reader, writer = (keys.add(path, scope)[1] for scope in ("read", "record"))
    with asking(filled, keys=path) as client:
        refused = client.get("/record", headers=bearer(reader))
        sent = client.post(
            "/record", data={"form": "source"}, headers={**HERE, **bearer(reader)}
        )
        topics = read(client.get("/topics", headers=bearer(reader)).text)
        allowed = client.get("/record", headers=bearer(writer))

    assert refused.status_code == sent.status_code == 403
    assert "this needs the scope record" in read(refused.text).text
    assert "Record" not in [link.text for link in topics.every("a")]
    assert "Record" in [link.text for link in read(allowed.text).every("a")]


def test_the_recorder_is_who_signed_in(filled: Ledger, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    _, token = keys.add(path, "record", "desk")
    with asking(filled, keys=path) as client:
        client.headers.update(bearer(token))
        send(client, "statement", **STATEMENT)

    assert [event.recorder for event in filled.events()][-1] == "desk"


# --- what is no form ----------------------------------------------------------------


def test_other_bodies_are_refused(client: TestClient) -> None:
    def post(body: Any, type: str = "application/x-www-form-urlencoded") -> int:
        headers = {**HERE, "Content-Type": type}
        return client.post("/record", content=body, headers=headers).status_code

    assert post(b"{}", "application/json") == 415
    assert post(b"form=source", "text/plain") == 415
    assert post(b"form=nothing") == 400
    assert post(b"") == 400
    assert post(b"form=source&form=claim") == 400
    assert post(b"form=source&name=%FF") == 400
    assert post(b"form=source&name=\xff") == 400
    assert post(b"&".join(b"a%d=" % n for n in range(60))) == 400


def test_a_body_that_is_too_large_is_refused(filled: Ledger) -> None:
    with asking(filled, max_body_bytes=1_000) as client:
        answer = send(client, "source", source="rutte", name="x" * 2_000)

    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


@pytest.mark.parametrize("path", ["/", "/topics", "/compare", "/search", "/sign-in"])
def test_other_methods_are_told_which_there_are(path: str, client: TestClient) -> None:
    allow = "GET, HEAD, OPTIONS" + (", POST" if path == "/sign-in" else "")

    refused, options = client.delete(path), client.options(path)
    assert refused.status_code == 405 and refused.headers["Allow"] == allow
    assert "Code: method_not_allowed" in read(refused.text).text
    assert options.status_code == 204 and options.headers["Allow"] == allow
    assert client.head(path).status_code == 200
