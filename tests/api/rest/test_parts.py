"""NDJSON with ``atomic=false``: the good lines are kept, and each is told of."""

import threading
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dateline
from dateline import Ledger
from tests.api.rest.asking import NDJSON, Rest, asking, lines_of, ndjson, refusal
from tests.api.rest.sockets import Caller
from tests.api.serving import serving
from tests.builders import asserted, flat, framed, opened, registered, stored
from tests.strategies import Script, ledgers

APART = "?atomic=false"
TOPIC = flat(opened("grain"))
CONFLICT = flat(opened("grain", title="Something else"))
CHUNKED = ("Content-Type: application/x-ndjson", "Transfer-Encoding: chunked")


def topics(count: int, begin: int = 0) -> list[dict[str, Any]]:
    return [flat(opened(f"t{number}")) for number in range(begin, begin + count)]


def test_the_good_lines_are_kept(ledger: Ledger, rest: Rest) -> None:
    body = ndjson(
        TOPIC,
        b"{",
        CONFLICT,
        b"",
        flat(registered("seoul")),
        flat(asserted("troops")),
        b'{"type": "\xff"}',
        flat(framed("troops")),
        flat(asserted("troops")),
    )
    response = rest.post(body, NDJSON, APART)

    assert response.status_code == 200
    *results, end = lines_of(response)
    told = [
        (one["line"], one["error"]["code"] if "error" in one else one["new"])
        for one in results
    ]
    assert told == [
        (1, True),
        (2, "malformed_json"),
        (3, "conflicting_event"),
        (5, True),
        (6, "unknown_claim"),
        (7, "invalid_utf8"),
        (8, True),
        (9, True),
    ]
    refused = [one["error"] for one in results if "error" in one]
    assert [one["status"] for one in refused] == [400, 409, 422, 400]
    assert [one["where"] for one in refused] == ["line 2", "line 3", "line 6", "line 7"]
    assert end == {
        "end": True,
        "count": 8,
        "new": 4,
        "failed": 4,
        "position": ledger.position,
    }
    assert [event["type"] for event in stored(ledger)[1:]] == [
        "TopicOpened",
        "SourceRegistered",
        "ClaimFramed",
        "ClaimAsserted",
    ]
    ledger.verify()


def test_bad_lines_alone_record_nothing(ledger: Ledger, rest: Rest) -> None:
    before = stored(ledger)
    *results, end = lines_of(rest.post(ndjson(b"{", b"[]", b"1"), NDJSON, APART))
    assert [one["line"] for one in results] == [1, 2, 3]
    assert (end["failed"], end["new"], end["position"]) == (3, 0, ledger.position)
    refused = lines_of(rest.post(ndjson(flat(asserted("tanks"))), NDJSON, APART))
    assert refused[0]["error"]["code"] == "unknown_claim"
    assert stored(ledger) == before


def test_a_thousand_lines_are_a_transaction(ledger: Ledger, rest: Rest) -> None:
    lines = topics(2_500)
    lines[10] = lines[1_500] = {"type": "TopicOpened"}
    *results, end = lines_of(rest.post(ndjson(*lines), NDJSON, APART))

    assert [one["line"] for one in results] == list(range(1, 2_501))
    assert (end["count"], end["new"], end["failed"]) == (2_500, 2_498, 2)
    moments = [event["recorded_at"] for event in stored(ledger)[1:]]
    assert sorted(moments.count(one) for one in set(moments)) == [500, 999, 999]


def test_a_line_that_is_too_long_is_passed_over(ledger: Ledger) -> None:
    with asking(ledger, max_line_bytes=200) as rest:
        long = flat(opened("long", description="x" * 9_000))
        *results, end = lines_of(rest.post(ndjson(long, TOPIC, long), NDJSON, APART))
    assert [one.get("error", {}).get("code") for one in results] == [
        "line_too_long",
        None,
        "line_too_long",
    ]
    assert (end["new"], end["failed"]) == (1, 2)


def test_a_body_that_is_too_large_keeps_what_was_told(ledger: Ledger) -> None:
    body = ndjson(*topics(3_000))
    with serving(ledger, max_stream_bytes=len(body) - 1) as url, Caller(url) as caller:
        caller.begin("POST", f"/v1/events{APART}", *CHUNKED)
        for begin in range(0, len(body), 10_000):
            caller.chunk(body[begin : begin + 10_000])
        caller.chunk(b"")
        status, head = caller.status()
        *results, last = map(orjson.loads, caller.body(head).splitlines())
    assert status == 200
    assert last["error"]["code"] == "body_too_large"
    assert "end" not in last
    kept = [event["id"] for event in stored(ledger)[1:]]
    assert [one["id"] for one in results] == kept


def test_a_body_known_to_be_too_large_is_refused_at_once(ledger: Ledger) -> None:
    body = ndjson(*topics(10))
    with asking(ledger, max_stream_bytes=100, max_body_bytes=100) as rest:
        for query in ("", APART):
            problem = refusal(rest.post(body, NDJSON, query), 413)
            assert problem["code"] == "body_too_large"
    assert len(stored(ledger)) == 1


def test_results_come_before_the_body_ends(ledger: Ledger) -> None:
    with serving(ledger) as url, Caller(url) as caller:
        caller.begin("POST", f"/v1/events{APART}", *CHUNKED)
        caller.chunk(ndjson(TOPIC) + b"\n")
        status, _ = caller.status()
        assert status == 200
        (first,) = caller.line()
        assert (first["line"], first["new"]) == (1, True)
        assert stored(ledger)[-1]["topic"] == "grain"

        # Nobody holds the lock while the rest is waited for.
        with dateline.open(ledger.target) as other:
            other.record(opened("ports"))

        caller.chunk(ndjson(*topics(1)) + b"\n" + b'{"type"')
        (second,) = caller.line()
        assert second["line"] == 2
        caller.chunk(b': "TopicOpened", "topic": "t1", "title": "T"}')
        caller.chunk(b"")
        ((third,), (end,)) = caller.line(), caller.line()
        assert third["line"] == 3
        assert (end["end"], end["count"]) == (True, 3)


def test_a_body_that_stalls_ends_without_an_end(ledger: Ledger) -> None:
    with serving(ledger, body_seconds=0.3) as url, Caller(url) as caller:
        caller.begin("POST", f"/v1/events{APART}", *CHUNKED)
        caller.chunk(ndjson(TOPIC) + b"\n" + b'{"type"')
        status, head = caller.status()
        first, last = map(orjson.loads, caller.body(head).splitlines())
        assert (status, first["new"]) == (200, True)
        assert last["error"]["code"] == "request_timeout"
        assert last["error"]["status"] == 408
    assert [event["type"] for event in stored(ledger)[1:]] == ["TopicOpened"]


def test_a_body_that_never_begins_is_a_timeout(ledger: Ledger) -> None:
    with serving(ledger, body_seconds=0.2) as url, Caller(url) as caller:
        caller.begin("POST", f"/v1/events{APART}", *CHUNKED)
        caller.chunk(b'{"type"')
        status, head = caller.status()
        assert status == 408
        assert orjson.loads(caller.body(head))["code"] == "request_timeout"
        assert caller.is_closed()
    assert len(stored(ledger)) == 1


def test_a_caller_who_goes_away_leaves_whole_transactions(ledger: Ledger) -> None:
    with serving(ledger) as url:
        with Caller(url) as caller:
            caller.begin("POST", f"/v1/events{APART}", *CHUNKED)
            caller.chunk(ndjson(TOPIC) + b"\n")
            caller.status()
            caller.line()
            caller.chunk(ndjson(flat(opened("half")))[:20])
        with Caller(url) as caller:
            caller.begin("GET", "/v1/ledger")
            assert caller.status()[0] == 200
    assert [event["type"] for event in stored(ledger)[1:]] == ["TopicOpened"]
    ledger.verify()


def test_writers_take_turns_with_a_long_body(ledger: Ledger) -> None:
    with serving(ledger) as url, dateline.open(ledger.target) as other:
        done = threading.Event()
        recorded: list[int] = []

        def write() -> None:
            while not done.is_set():
                receipt = other.record(opened(f"other-{len(recorded)}"))
                recorded.append(receipt.position)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            with Caller(url) as caller:
                caller.begin("POST", f"/v1/events{APART}", *CHUNKED)
                for begin in range(0, 4_000, 500):
                    caller.chunk(ndjson(*topics(500, begin)) + b"\n")
                caller.chunk(b"")
                _, head = caller.status()
                *results, end = map(orjson.loads, caller.body(head).splitlines())
        finally:
            done.set()
            writer.join()
    assert (end["new"], end["failed"]) == (4_000, 0)
    assert len({*recorded, *(one["position"] for one in results)}) == (
        len(recorded) + 4_000
    )
    ledger.verify()


# --- what is passed over leaves no trace --------------------------------------------

BAD = st.sampled_from(
    [
        flat(asserted("tanks", by="nobody")),
        flat(opened("settled", title="Something else")),
        {"type": "RecordVoided", "event": "nothing", "reason": "A slip"},
        {"type": "ClaimFiled", "claim": "c0", "topic": "nowhere"},
        {"type": "ClaimsLinked", "claim": "c0", "other": "c0", "relation": "supports"},
        {
            "type": "ClaimAsserted",
            "claim": "c0",
            "source": "alpha",
            "said_at": "2124-10-20",
        },
        {
            "type": "ClaimAsserted",
            "claim": "c0",
            "source": "alpha",
            "said_at": "2011-12-20",
            "basis": ["nothing"],
        },
        {"type": "SourceRegistered", "source": "new", "name": "N", "principal": "who"},
        {"type": "UpdateReceived", "expectation": "nothing", "statement": "s1"},
        {"type": "LedgerOpened", "title": "Mine"},
    ]
)


def plain(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event without what is drawn or measured anew each time."""
    unlike = ("salts", "hash", "recorded_at")
    return {name: value for name, value in event.items() if name not in unlike}


@settings(max_examples=60)
@given(data=st.data(), script=ledgers())
def test_a_refused_event_leaves_its_batch_untouched(
    data: st.DataObject, script: Script
) -> None:
    good = [event for batch in script.batches for event in batch]
    named = [{**event, "id": event.get("id", f"e{n}")} for n, event in enumerate(good)]
    settled = flat(opened("settled", id="settled"))
    mixed: list[Any] = [settled]
    for event in named:
        mixed += data.draw(st.lists(BAD, max_size=1))
        mixed.append(event)
    with (
        dateline.open(":memory:", timezone=script.zone) as clean,
        dateline.open(":memory:", timezone=script.zone) as ledger,
        asking(ledger) as rest,
    ):
        clean.record(*(dateline.parse_event(event) for event in (settled, *named)))
        *results, end = lines_of(rest.post(ndjson(*mixed), NDJSON, APART))

        assert end["failed"] == len(mixed) - 1 - len(named)
        assert [one["line"] for one in results] == list(range(1, len(mixed) + 1))
        assert [plain(one) for one in stored(ledger)[1:]] == [
            plain(one) for one in stored(clean)[1:]
        ]
        ledger.verify()


@pytest.mark.parametrize("body", [b"", b"\n", b" \n \n"])
def test_nothing_is_not_taken_for_success(
    ledger: Ledger, rest: Rest, body: bytes
) -> None:
    for query in ("", APART):
        problem = refusal(rest.post(body, NDJSON, query), 400)
        assert problem["code"] == "malformed_json"
