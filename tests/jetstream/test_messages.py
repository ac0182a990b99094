"""Subjects and messages: what is written is read, and nothing else is taken for one."""

import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dateline import Ledger
from dateline.domain.events import SLUG_PATTERN
from dateline.domain.recorded import BEGINNING
from dateline.projections.feed import EVERYTHING, Facets, Told
from dateline.projections.jetstream.messages import (
    Message,
    Unreadable,
    messages_of,
    read,
)
from dateline.projections.jetstream.subjects import Subjects, decoded, encoded
from tests.builders import asserted, framed, opened, registered
from tests.strategies import Script, ledgers
from tests.test_laws import recorded

SLUGS = st.from_regex(SLUG_PATTERN, fullmatch=True)
SUBJECTS = Subjects("f" * 32)


def written(told: Told, previous: int = 0) -> list[Message]:
    return list(
        messages_of(
            told, previous=previous, subjects=SUBJECTS, cursor=lambda entry: entry.id
        )
    )


@pytest.fixture
def told(ledger: Ledger) -> Told:
    """Return a statement about a claim of two topics."""
    ledger.record(opened("war"), opened("war.kursk"), registered("seoul"))
    ledger.record(framed(topics=("war", "war.kursk")), asserted(quote="„so“"))
    found = ledger.feed.page(
        EVERYTHING, after=BEGINNING, upto=ledger.position, facets=True
    )
    return found.told[-1]


@given(topic=SLUGS, other=SLUGS)
def test_a_topic_is_one_token_that_stands_for_it_alone(topic: str, other: str) -> None:
    token = encoded(topic)

    assert re.fullmatch(r"[^.*>\s]+", token)
    assert decoded(token) == topic
    assert (encoded(other) == token) == (other == topic)


def test_an_event_goes_by_its_type_and_by_each_topic(told: Told) -> None:
    prefix = f"dateline.{'f' * 32}"

    assert [message.subject for message in written(told)] == [
        f"{prefix}.events.ClaimAsserted",
        f"{prefix}.topics.war.ClaimAsserted",
        f"{prefix}.topics.war%2Ekursk.ClaimAsserted",
    ]


@settings(max_examples=40)
@given(script=ledgers())
def test_what_is_written_is_read(script: Script) -> None:
    with recorded(script) as ledger:
        page = ledger.feed.page(
            EVERYTHING, after=BEGINNING, upto=ledger.position, facets=True
        )
        previous = 0
        for told in page.told:
            messages = written(told, previous)
            assert len(messages) == 1 + len(told.facets.topics)
            for _, headers, body in messages:
                assert read(headers, body) == (previous, *told)
                assert orjson.loads(body) == told.entry.to_json()
                assert all(value.isascii() for value in headers.values())
            previous = told.entry.position


def test_facets_that_are_too_many_are_not_taken_for_none(told: Told) -> None:
    many = Facets(topics=frozenset(f"t{number:0>100}" for number in range(400)))
    messages = written(Told(told.entry, many))

    assert len(messages) == 401
    for _, headers, body in messages:
        assert sum(len(name) + len(value) for name, value in headers.items()) < 1_000
        assert read(headers, body).facets is None


WRONG: list[dict[str, Any]] = [
    {"headers": None},
    {"headers": {}},
    {"headers": {"Dateline-Position": "6"}},
    {"headers": {"Dateline-Position": "6", "Dateline-Previous": "x"}},
    {"headers": {"Dateline-Position": "6", "Dateline-Previous": "6"}},
    {"headers": {"Dateline-Position": "6", "Dateline-Previous": "-1"}},
    {"headers": {"Dateline-Position": "7", "Dateline-Previous": "4"}},
    {"body": b""},
    {"body": b"[]"},
    {"body": b"3"},
    {"body": b"\xff"},
    {"without": "salts"},
    {"without": "type"},
    {"recorded_at": "yesterday"},
    {"recorded_at": 7},
    {"position": "6"},
    {"position": None},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_is_none_of_a_relays_is_not_read(
    told: Told, wrong: dict[str, Any]
) -> None:
    (_, headers, body), *_ = written(told, 5)
    flat = orjson.loads(body)
    flat.update((name, value) for name, value in wrong.items() if name in flat)
    flat.pop(wrong.get("without"), None)
    body = wrong.get("body", orjson.dumps(flat))

    with pytest.raises(Unreadable):
        read(wrong.get("headers", headers), body)
