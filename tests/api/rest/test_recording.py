"""Recording over REST: whole batches, or none of them; a request sent twice is once."""

from pathlib import Path
from typing import Any

import pytest

import dateline
from dateline import Ledger
from dateline.api import keys
from tests.api.rest.asking import NDJSON, Rest, asking, lines_of, ndjson, refusal
from tests.builders import (
    asserted,
    flat,
    framed,
    opened,
    registered,
    stored,
    voided,
)

TOPIC = flat(opened("grain"))
OTHER = flat(opened("ports"))
CONFLICT = flat(opened("grain", title="Something else"))


def test_one_event_is_recorded(ledger: Ledger, rest: Rest) -> None:
    response = rest.post({**TOPIC, "id": "t1"})

    assert response.status_code == 201
    event = stored(ledger)[-1]
    assert (event["id"], event["topic"]) == ("t1", "grain")
    assert response.json() == {
        "position": event["position"],
        "recorded_at": event["recorded_at"],
        "events": [{"id": "t1", "position": event["position"], "new": True}],
    }


def test_an_array_is_one_transaction(ledger: Ledger, rest: Rest) -> None:
    statements = [registered("seoul"), framed("troops"), asserted("troops")]
    response = rest.post([flat(event) for event in statements])

    assert response.status_code == 201
    assert [event["new"] for event in response.json()["events"]] == [True] * 3
    assert len({event["recorded_at"] for event in stored(ledger)[1:]}) == 1


def test_what_is_in_force_already_is_answered_and_not_created(
    ledger: Ledger, rest: Rest
) -> None:
    first = rest.post(TOPIC).json()
    again = rest.post(TOPIC)
    assert again.status_code == 200
    assert again.json()["events"] == [{**first["events"][0], "new": False}]
    assert rest.post([TOPIC, OTHER]).status_code == 201


def test_an_empty_array_records_nothing(ledger: Ledger, rest: Rest) -> None:
    response = rest.post([])
    assert response.status_code == 200
    assert response.json()["events"] == []
    assert response.json()["position"] == ledger.position


@pytest.mark.parametrize(
    "bad, status, code",
    [
        (CONFLICT, 409, "conflicting_event"),
        (flat(asserted("tanks")), 422, "unknown_claim"),
        ({"type": "TopicOpened"}, 422, "missing_field"),
        (
            {"type": "TopicOpened", "topic": "x", "title": "X", "y": 1},
            422,
            "unknown_field",
        ),
        ({"type": "TopicClosed", "topic": "grain"}, 422, "unknown_type"),
        ({"topic": "grain"}, 422, "missing_field"),
        ({"type": "TopicOpened", "topic": "X", "title": "X"}, 422, "invalid_id"),
        ({"type": "TopicOpened", "topic": "x", "title": " "}, 422, "empty_text"),
        ({"type": "TopicOpened", "topic": "x", "title": 7}, 422, "invalid_value"),
        ({"type": "LedgerOpened", "title": "Mine"}, 422, "misplaced_opening"),
        ("TopicOpened", 422, "invalid_value"),
        (None, 422, "invalid_value"),
        ([TOPIC], 422, "invalid_value"),
    ],
)
def test_a_bad_item_is_named_and_nothing_is_recorded(
    ledger: Ledger, rest: Rest, bad: Any, status: int, code: str
) -> None:
    rest.post(TOPIC)
    before = stored(ledger)

    problem = refusal(rest.post([OTHER, bad, TOPIC]), status)

    assert (problem["code"], problem["item"]) == (code, 1)
    assert problem["where"] == "event 2 of 3"
    assert problem["detail"].startswith("event 2 of 3: ")
    assert stored(ledger) == before


def test_a_batch_is_bounded(ledger: Ledger, rest: Rest) -> None:
    problem = refusal(rest.post([TOPIC] * 10_001), 413)
    assert (problem["code"], problem["limit"]) == ("batch_too_large", 10_000)


# --- NDJSON -------------------------------------------------------------------------


@pytest.mark.parametrize("type", [NDJSON, "application/ndjson", "application/jsonl"])
def test_each_line_has_its_result_and_the_last_says_it_is(
    ledger: Ledger, rest: Rest, type: str
) -> None:
    response = rest.post(ndjson(TOPIC, b"  ", OTHER, TOPIC), type)

    assert response.status_code == 201
    first, second, third, end = lines_of(response)
    positions = [event["position"] for event in stored(ledger)[1:]]
    assert (first["line"], first["position"], first["new"]) == (1, positions[0], True)
    assert (second["line"], second["position"]) == (3, positions[1])
    assert third == {**first, "line": 4, "new": False}
    assert end == {
        "end": True,
        "count": 3,
        "new": 2,
        "failed": 0,
        "position": positions[1],
    }
    assert rest.post(ndjson(TOPIC, b""), type).status_code == 200


def test_lines_may_end_as_on_windows(ledger: Ledger, rest: Rest) -> None:
    body = ndjson(TOPIC, OTHER).replace(b"\n", b"\r\n") + b"\r\n"
    assert len(lines_of(rest.post(body, NDJSON))) == 3


@pytest.mark.parametrize(
    "bad, status, code",
    [
        (CONFLICT, 409, "conflicting_event"),
        (flat(asserted("tanks")), 422, "unknown_claim"),
        (b"{", 400, "malformed_json"),
        (b"[]", 422, "invalid_value"),
        (b'{"type": "TopicOpened", "topic": "\xff"}', 400, "invalid_utf8"),
        ({"type": "TopicOpened", "topic": "x"}, 422, "missing_field"),
    ],
)
def test_a_bad_line_is_named_and_nothing_is_recorded(
    ledger: Ledger, rest: Rest, bad: Any, status: int, code: str
) -> None:
    rest.post(TOPIC)
    before = stored(ledger)

    problem = refusal(rest.post(ndjson(OTHER, b"", bad, TOPIC), NDJSON), status)

    assert (problem["code"], problem["item"]) == (code, 3)
    assert problem["where"] == "line 3"
    assert stored(ledger) == before


def test_a_line_is_bounded(ledger: Ledger) -> None:
    with asking(ledger, max_line_bytes=100) as rest:
        long = flat(opened("ports", description="x" * 100))
        problem = refusal(rest.post(ndjson(TOPIC, long), NDJSON), 413)
        assert (problem["code"], problem["where"]) == ("line_too_long", "line 2")
        assert len(stored(ledger)) == 1
        assert rest.post(long).status_code == 201


# --- the same request again ---------------------------------------------------------


def test_a_repeated_request_records_once(ledger: Ledger, rest: Rest) -> None:
    rest.post([flat(registered("seoul")), flat(framed("troops"))])
    said = [flat(asserted("troops")), {**flat(asserted("troops")), "id": "mine"}]
    first = rest.post(said, idempotency_key="monday-1")
    before = stored(ledger)

    again = rest.post(said, idempotency_key="monday-1")

    assert (first.status_code, again.status_code) == (201, 200)
    assert stored(ledger) == before
    assert again.json()["events"] == [
        {**event, "new": False} for event in first.json()["events"]
    ]
    assert again.json()["recorded_at"] == first.json()["recorded_at"]
    assert first.json()["events"][1]["id"] == "mine"


def test_a_repeated_request_records_once_through_another_process(
    ledger: Ledger, rest: Rest
) -> None:
    first = rest.post(TOPIC, idempotency_key="k").json()
    with dateline.open(ledger.target) as other, asking(other) as elsewhere:
        again = elsewhere.post(TOPIC, idempotency_key="k")
    assert again.json()["events"] == [{**first["events"][0], "new": False}]


def test_a_key_is_not_used_for_other_content(ledger: Ledger, rest: Rest) -> None:
    rest.post(TOPIC, idempotency_key="k")
    before = stored(ledger)
    problem = refusal(rest.post(OTHER, idempotency_key="k"), 409)
    assert problem["code"] == "conflicting_event"
    assert stored(ledger) == before


def test_a_key_makes_no_second_event_of_what_is_in_force(
    ledger: Ledger, rest: Rest
) -> None:
    rest.post([flat(registered("seoul")), flat(framed("troops"))])
    said = flat(asserted("troops"))
    first = rest.post(said, idempotency_key="a").json()["events"]
    other = rest.post(said, idempotency_key="b").json()["events"]
    assert other == [{**first[0], "new": False}]


def test_a_repeated_request_does_not_mind_a_void_in_between(
    ledger: Ledger, rest: Rest
) -> None:
    rest.post([flat(registered("seoul")), flat(framed("troops"))])
    said = flat(asserted("troops"))
    (first,) = rest.post(said, idempotency_key="a").json()["events"]
    rest.post(flat(voided(first["id"])))
    (again,) = rest.post(said, idempotency_key="a").json()["events"]
    (anew,) = rest.post(said, idempotency_key="b").json()["events"]
    assert again == {**first, "new": False}
    assert anew["new"]
    assert anew["id"] != first["id"]


def test_lines_of_a_repeated_request_are_recorded_once(
    ledger: Ledger, rest: Rest
) -> None:
    rest.post([flat(registered("seoul")), flat(framed("troops"))])
    for day, query in ((20, ""), (22, "?atomic=false")):
        dates = f"2024-10-{day}", f"2024-10-{day + 1}"
        body = ndjson(*(flat(asserted("troops", said_at=date)) for date in dates))
        first = lines_of(rest.post(body, NDJSON, query, idempotency_key=f"k{query}"))
        again = lines_of(rest.post(body, NDJSON, query, idempotency_key=f"k{query}"))
        assert [line["new"] for line in first[:-1]] == [True, True]
        assert [line["id"] for line in again[:-1]] == [
            line["id"] for line in first[:-1]
        ]
        assert again[-1] == {**first[-1], "new": 0}


@pytest.mark.parametrize("key", ["", "x" * 256, "two words", "к", "tab\t"])
def test_a_key_is_one_printable_word(ledger: Ledger, rest: Rest, key: str) -> None:
    headers = [
        (b"Idempotency-Key", key.encode()),
        (b"Content-Type", b"application/json"),
    ]
    response = rest.client.post("/v1/events", json=TOPIC, headers=headers)
    problem = refusal(response, 400)
    assert problem["parameter"] == "Idempotency-Key"
    assert len(stored(ledger)) == 1


# --- who recorded it ----------------------------------------------------------------


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_the_recorder_is_the_caller_unless_told(ledger: Ledger, keyring: Path) -> None:
    _, token = keys.add(keyring, "record", "night desk")
    bearer = {"authorization": f"Bearer {token}"}
    with asking(ledger, keys=keyring) as rest:
        rest.post([TOPIC, {**OTHER, "recorder": "Kim"}], **bearer)
        rest.post(ndjson(flat(opened("rail"))), NDJSON, "?atomic=false", **bearer)
    recorders = [event["recorder"] for event in stored(ledger)]
    assert recorders == [None, "night desk", "Kim", "night desk"]


def test_two_callers_may_pick_the_same_key(ledger: Ledger, keyring: Path) -> None:
    tokens = [keys.add(keyring, "record", name)[1] for name in ("day", "night")]
    with asking(ledger, keys=keyring) as rest:
        statuses = [
            rest.post(
                event, idempotency_key="k", authorization=f"Bearer {token}"
            ).status_code
            for event, token in zip((TOPIC, OTHER), tokens, strict=True)
        ]
    assert statuses == [201, 201]


def test_recording_needs_its_scope(ledger: Ledger, keyring: Path) -> None:
    _, token = keys.add(keyring, "read", "reader")
    bearer = {"Authorization": f"Bearer {token}"}
    with asking(ledger, keys=keyring) as rest:
        assert rest.get("/v1/topics", bearer).status_code == 200
        problem = refusal(rest.post(TOPIC, **bearer), 403)
        assert refusal(rest.post(TOPIC), 401)["code"] == "unauthorized"
    assert problem["code"] == "forbidden"
    assert len(stored(ledger)) == 1
