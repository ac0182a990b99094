"""What callers get wrong is told with the right code, and changes nothing."""

import threading
from typing import Any

import orjson
import pytest

import dateline
from dateline import Ledger
from dateline.domain.errors import DiskFull, LedgerLocked
from tests.api.rest.asking import NDJSON, Rest, asking, refusal
from tests.api.rest.sockets import Caller
from tests.api.serving import serving
from tests.builders import flat, opened, stored

TOPIC = flat(opened("grain"))
JSON = "application/json"
AT = "on=2024-10-22"


@pytest.mark.parametrize(
    "path, code, named",
    [
        ("knowledge", "invalid_argument", {"parameter": "on"}),
        ("knowledge?on=", "invalid_time", {"field": "on"}),
        ("knowledge?on=tomorrow", "invalid_time", {"field": "on"}),
        ("knowledge?on=2024-02-30", "impossible_date", {"field": "on"}),
        ("knowledge?on=2024-10-22T10:00:00", "invalid_time", {"field": "on"}),
        (
            "knowledge?on=2024-10-22&on=2024-10-23",
            "invalid_argument",
            {"parameter": "on"},
        ),
        (f"knowledge?{AT}&recorded_by=-1", "invalid_time", {"field": "recorded_by"}),
        (f"knowledge?{AT}&recorded_by=x", "invalid_time", {"field": "recorded_by"}),
        (
            f"knowledge?{AT}&recorded_by=999",
            "not_yet_recorded",
            {"parameter": "recorded_by", "asked": "999"},
        ),
        (
            f"knowledge?{AT}&recorded_by=99999999999999999999999",
            "not_yet_recorded",
            {"parameter": "recorded_by"},
        ),
        (f"knowledge?{AT}&recorded_by=2100-01-01", "not_yet_recorded", {}),
        (f"knowledge?{AT}&policy=1", "invalid_policy", {"parameter": "policy"}),
        (f"knowledge?{AT}&policy={{", "invalid_policy", {"parameter": "policy"}),
        (f"knowledge?{AT}&policy=", "invalid_policy", {"parameter": "policy"}),
        (f'knowledge?{AT}&policy={{"n":1}}', "invalid_policy", {}),
        (f'knowledge?{AT}&policy={{"confirmations":0}}', "invalid_policy", {}),
        (f"knowledge?{AT}&status=maybe", "invalid_argument", {"parameter": "status"}),
        (f"knowledge?{AT}&status=", "invalid_argument", {"parameter": "status"}),
        (f"knowledge?{AT}&first=0", "invalid_argument", {"parameter": "first"}),
        (f"knowledge?{AT}&first=-1", "invalid_argument", {"parameter": "first"}),
        (f"knowledge?{AT}&first=1.5", "invalid_argument", {"parameter": "first"}),
        (f"knowledge?{AT}&first=%D9%A3", "invalid_argument", {"parameter": "first"}),
        (f"knowledge?{AT}&first=1001", "invalid_argument", {"parameter": "first"}),
        (f"knowledge?{AT}&after=x", "invalid_cursor", {"parameter": "after"}),
        (f"knowledge?{AT}&at_least=x", "invalid_argument", {"parameter": "at_least"}),
        (f"knowledge?{AT}&at_least=-1", "invalid_argument", {"parameter": "at_least"}),
        (f"knowledge?{AT}&limit=3", "invalid_argument", {"parameter": "limit"}),
        (
            f"knowledge?{AT}&recordedBy=3",
            "invalid_argument",
            {"parameter": "recordedBy"},
        ),
        (f"knowledge?{AT}&=", "invalid_argument", {"parameter": ""}),
        (f"knowledge?{AT}&topic=%FF", "invalid_argument", {"parameter": "query"}),
        (f"knowledge?{AT}" + "&x=" * 300, "invalid_argument", {"parameter": "query"}),
        ("changes?from=2024-10-20", "invalid_argument", {"parameter": "to"}),
        ("changes?to=2024-10-20", "invalid_argument", {"parameter": "from"}),
        (
            "changes?from=2024-10-20&to=2024-10-22&to_recorded_by=999",
            "not_yet_recorded",
            {"parameter": "to_recorded_by"},
        ),
        (
            "changes?from=2024-10-20&to=2024-10-22&from_recorded_by=99&to_recorded_by=3",
            "not_yet_recorded",
            {"parameter": "from_recorded_by"},
        ),
        (
            "changes?from=2024-10-20&to=2024-10-22&from_recorded_by=x",
            "invalid_time",
            {"field": "from_recorded_by"},
        ),
        ("changes?from=2024-10-20&to=x", "invalid_time", {}),
        ("topics?on=2024-10-22", "invalid_argument", {"parameter": "on"}),
        ("ledger?recorded_by=3", "invalid_argument", {"parameter": "recorded_by"}),
        ("openapi.json?x", "invalid_argument", {"parameter": "x"}),
    ],
)
def test_a_question_that_cannot_be_asked(
    story: Ledger, rest: Rest, path: str, code: str, named: dict[str, Any]
) -> None:
    problem = refusal(rest.get(f"/v1/{path}"), 400)
    assert problem["code"] == code
    assert named.items() <= problem.items()


def test_a_cursor_is_good_for_its_own_question_only(story: Ledger, rest: Rest) -> None:
    first = rest.json("/v1/knowledge", on="2024-10-22", first=1)
    cursor = first["next"]
    others: tuple[dict[str, Any], ...] = (
        {"on": "2024-10-21"},
        {"on": "2024-10-22", "topic": "dprk-troops"},
        {"on": "2024-10-22", "status": "asserted"},
        {"on": "2024-10-22", "policy": '{"confirmations":2}'},
        {"on": "2024-10-22", "recorded_by": "12"},
    )
    for other in others:
        problem = refusal(rest.get("/v1/knowledge", after=cursor, **other), 400)
        assert problem["code"] == "invalid_cursor"
    assert rest.code("/v1/topics", 400, after=cursor) == "invalid_cursor"
    with dateline.open(":memory:") as ledger, asking(ledger) as elsewhere:
        code = elsewhere.code("/v1/knowledge", 400, on="2024-10-22", after=cursor)
        assert code == "invalid_cursor"


# --- bodies -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body, status, code",
    [
        (b"", 400, "malformed_json"),
        (b"   ", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b"nonsense", 400, "malformed_json"),
        (b"{'type': 'TopicOpened'}", 400, "malformed_json"),
        (b'{"type": NaN}', 400, "malformed_json"),
        (b'{"a": 1} {"b": 2}', 400, "malformed_json"),
        (b"\xef\xbb\xbf" + orjson.dumps(TOPIC), 400, "malformed_json"),
        (orjson.dumps(TOPIC).decode().encode("utf-16"), 400, "invalid_utf8"),
        (b'{"type": "TopicOpened", "title": "\xff"}', 400, "invalid_utf8"),
        (b'{"type": "TopicOpened", "title": "\\ud800"}', 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b'{"a":' * 100_000, 400, "malformed_json"),
        (b'"text"', 400, "malformed_json"),
        (b"null", 400, "malformed_json"),
        (b"7", 400, "malformed_json"),
        (b"{}", 422, "missing_field"),
        (b'{"type": "TopicOpened"}', 422, "missing_field"),
        (b'{"type": ["TopicOpened"]}', 422, "unknown_type"),
        (
            b'{"type": "TopicOpened", "topic": 1' + b"0" * 400 + b"}",
            400,
            "malformed_json",
        ),
        (b'{"type": "TopicOpened", "topic": 1e300, "title": ""}', 422, "invalid_value"),
        (
            orjson.dumps({**TOPIC, **{f"x{number}": 1 for number in range(5_000)}}),
            422,
            "unknown_field",
        ),
        (
            orjson.dumps({**TOPIC, "title": "a\0b"}),
            422,
            "nul_character",
        ),
        (orjson.dumps({**TOPIC, "title": "x" * 100_000}), 422, "text_too_long"),
        (orjson.dumps({**TOPIC, "id": "no spaces"}), 422, "invalid_id"),
        (orjson.dumps({**TOPIC, "position": 7}), 422, "unknown_field"),
    ],
)
def test_a_body_that_is_no_event(
    ledger: Ledger, rest: Rest, body: bytes, status: int, code: str
) -> None:
    problem = refusal(rest.post(body, JSON), status)
    assert problem["code"] == code
    assert len(stored(ledger)) == 1


@pytest.mark.parametrize(
    "type, headers",
    [
        (None, {}),
        ("", {}),
        ("text/plain", {}),
        ("text/json", {}),
        ("application/x-www-form-urlencoded", {}),
        ("multipart/form-data; boundary=x", {}),
        ("application/json; charset=latin-1", {}),
        ("application/json, application/json", {}),
        (JSON, {"content_encoding": "gzip"}),
        (JSON, {"content_encoding": "identity, br"}),
        (NDJSON, {"content_encoding": "zstd"}),
    ],
)
def test_a_body_of_another_type_is_told_which_are_taken(
    ledger: Ledger, rest: Rest, type: str | None, headers: dict[str, str]
) -> None:
    response = rest.post(orjson.dumps(TOPIC), type, **headers)
    assert refusal(response, 415)["code"] == "unsupported_media_type"
    if headers:
        assert response.headers["accept-encoding"] == "identity"
    else:
        assert response.headers["accept-post"].startswith(f"{JSON}, {NDJSON}")
    assert len(stored(ledger)) == 1


@pytest.mark.parametrize(
    "type, headers",
    [
        ("APPLICATION/JSON", {}),
        ("application/json; charset=UTF-8", {}),
        ("application/json", {"content_encoding": "identity"}),
    ],
)
def test_a_type_may_be_written_in_several_ways(
    ledger: Ledger, rest: Rest, type: str, headers: dict[str, str]
) -> None:
    assert rest.post(orjson.dumps(TOPIC), type, **headers).status_code == 201


@pytest.mark.parametrize("type, accept", [(JSON, NDJSON), (NDJSON, JSON)])
def test_an_answer_nobody_accepts_is_not_begun(
    ledger: Ledger, rest: Rest, type: str, accept: str
) -> None:
    response = rest.post(orjson.dumps(TOPIC), type, accept=accept)
    assert refusal(response, 406)["code"] == "not_acceptable"
    assert len(stored(ledger)) == 1


@pytest.mark.parametrize("value", ["", "no", "1", "TRUE", "False"])
def test_atomic_is_true_or_false(ledger: Ledger, rest: Rest, value: str) -> None:
    response = rest.post(TOPIC, query=f"?atomic={value}")
    assert refusal(response, 400)["parameter"] == "atomic"
    assert len(stored(ledger)) == 1


def test_a_body_over_the_limit_is_refused(ledger: Ledger) -> None:
    large = flat(opened("grain", description="x" * 1_000))
    with asking(ledger, max_body_bytes=500) as rest:
        problem = refusal(rest.post(large), 413)
        assert problem["code"] == "body_too_large"
        assert rest.post(TOPIC).status_code == 201


def test_a_body_that_grows_over_the_limit_is_refused(ledger: Ledger) -> None:
    with serving(ledger, max_body_bytes=500) as url, Caller(url) as caller:
        head = ("Content-Type: application/json", "Transfer-Encoding: chunked")
        caller.begin("POST", "/v1/events", *head)
        caller.chunk(b" " * 400)
        caller.chunk(b" " * 400)
        status, rest = caller.status()
        assert status == 413
        assert orjson.loads(caller.body(rest))["code"] == "body_too_large"
        assert "connection: close" in rest
        assert caller.is_closed()


@pytest.mark.parametrize("query", ["", "?atomic=false"])
@pytest.mark.parametrize("type", [JSON, NDJSON])
def test_a_body_that_is_half_sent_is_given_up(
    ledger: Ledger, type: str, query: str
) -> None:
    body = orjson.dumps(TOPIC)
    with serving(ledger, body_seconds=0.2) as url, Caller(url) as caller:
        head = (f"Content-Type: {type}", f"Content-Length: {len(body)}")
        caller.begin("POST", f"/v1/events{query}", *head)
        caller.send(body[:-1])
        status, rest = caller.status()
        assert status == 408
        assert orjson.loads(caller.body(rest))["code"] == "request_timeout"
        assert caller.is_closed()
    assert len(stored(ledger)) == 1


@pytest.mark.parametrize("query", ["", "?atomic=false"])
@pytest.mark.parametrize("type", [JSON, NDJSON])
def test_a_caller_who_leaves_amid_a_body_records_nothing(
    ledger: Ledger, type: str, query: str
) -> None:
    body = orjson.dumps(TOPIC)
    with serving(ledger) as url:
        with Caller(url) as caller:
            head = (f"Content-Type: {type}", f"Content-Length: {len(body)}")
            caller.begin("POST", f"/v1/events{query}", *head)
            caller.send(body[:-1])
        with Caller(url) as caller:
            caller.begin("GET", "/v1/ledger")
            assert caller.status()[0] == 200
    assert len(stored(ledger)) == 1


def test_a_body_in_another_coding_is_refused_before_it_is_sent(
    ledger: Ledger,
) -> None:
    with serving(ledger) as url, Caller(url) as caller:
        caller.begin(
            "POST",
            "/v1/events",
            "Content-Type: application/json",
            "Content-Encoding: gzip",
            "Content-Length: 1000000",
            "Expect: 100-continue",
        )
        assert caller.status()[0] == 415


def test_a_ledger_that_cannot_be_written_is_not_the_callers_fault(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, status in ((DiskFull("full"), 507), (LedgerLocked("busy"), 503)):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        with asking(ledger) as rest, monkeypatch.context() as patch:
            patch.setattr(ledger._store, "writing", fail)
            for type, query in ((JSON, ""), (NDJSON, ""), (NDJSON, "?atomic=false")):
                response = rest.post(orjson.dumps(TOPIC), type, query)
                problem = refusal(response, status)
                assert "item" not in problem
                assert ("retry-after" in response.headers) == (status == 503)


def test_a_question_that_takes_too_long_is_given_up(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(
        ledger, "knowledge_json", lambda **_: release.wait(30) and b"{}"
    )
    with asking(ledger, request_seconds=0.05) as rest:
        try:
            assert rest.code("/v1/knowledge", 504, on="2024-10-22") == "timeout"
        finally:
            release.set()


def test_a_closed_ledger_is_unavailable(ledger: Ledger, rest: Rest) -> None:
    ledger.close()
    response = rest.get("/v1/knowledge?on=2024-10-22")
    assert refusal(response, 503)["code"] == "ledger_closed"
    assert "retry-after" in response.headers
