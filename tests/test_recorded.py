"""The envelope and the hash chain of section 4, recomputed by other means."""

import json
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from dateline import Ledger, parse_event
from dateline.domain.events import FREE_TEXTS, AnyEvent
from dateline.domain.recorded import (
    ENVELOPE,
    LogEntry,
    canonical,
    chain_hash,
    content_of,
    fields_of,
)
from dateline.domain.times import read_instant
from dateline.projections.codec import CODEC
from tests.builders import asserted, framed, opened, sources, stored, voided
from tests.golden import rewrite

Json = dict[str, Any]

SALTED = ("text", "title", "description", "name", "quote", "note", "reason", "url")
"""Section 4's free texts."""

CHAIN: list[Json] = [
    json.loads(line) for line in rewrite.CHAIN.read_text(encoding="utf-8").splitlines()
]


def by_the_contract(previous: bytes, event: Mapping[str, Any]) -> bytes:
    """Return an exported event's hash, computed from section 4 and nothing of ours."""
    document = {
        name: value for name, value in event.items() if name not in ("salts", "hash")
    }
    for name in SALTED:
        if name in document:
            salt = bytes.fromhex(event["salts"][name])
            document[name] = sha256(salt + document[name].encode()).hexdigest()
    return sha256(previous + rfc8785.dumps(document)).digest()


def entry_of(event: Mapping[str, Any]) -> LogEntry:
    """Return an exported event as it stands in the log."""
    envelope: Json = {name: event[name] for name in ENVELOPE}
    envelope["recorded_at"] = read_instant(event["recorded_at"])
    fields = {
        name: value
        for name, value in event.items()
        if name not in envelope and name != "type"
    }
    return LogEntry(type=event["type"], fields=fields, **envelope)


def check_chain(events: list[Json]) -> None:
    previous = bytes(32)
    for event in events:
        previous = by_the_contract(previous, event)
        assert event["hash"] == previous.hex()


# --- golden files -----------------------------------------------------------------


def test_the_golden_files_are_what_the_code_stores() -> None:
    """If this fails, the stored shape has changed: add a schema version instead."""
    for path, content in rewrite.golden().items():
        assert path.read_bytes() == content, path.name


def test_there_is_a_golden_file_of_each_version_of_each_type() -> None:
    versions = [
        f"{type_}.v{version}.json"
        for type_ in CODEC.types
        for version in range(1, CODEC.schema_version(type_) + 1)
    ]

    assert {kind.__name__ for kind in get_args(get_args(AnyEvent)[0])} == CODEC.types
    assert sorted(path.name for path in rewrite.EVENTS.iterdir()) == sorted(versions)


@pytest.mark.parametrize(
    "path", sorted(rewrite.EVENTS.iterdir()), ids=lambda path: path.stem
)
def test_a_golden_file_is_read_as_the_event_that_it_was(path: Path) -> None:
    event = json.loads(path.read_text(encoding="utf-8"))
    wanted = next(one for one in rewrite.SCRIPT if one["type"] == event["type"])

    recorded = CODEC.decode(entry_of(event))

    assert recorded.model_dump(mode="json") == event
    assert recorded.model_dump() == event
    assert recorded.event == parse_event(
        {name: value for name, value in wanted.items() if name != "recorder"}
    )
    assert (recorded.id, recorded.position) == (event["id"], event["position"])
    assert (
        recorded.recorded_at.isoformat().replace("+00:00", "Z")
        == (event["recorded_at"])
    )
    assert recorded.type == event["type"]


def test_the_golden_chain_follows_from_the_contract() -> None:
    assert len(CHAIN) == len(rewrite.SCRIPT)
    check_chain(CHAIN)
    for path in rewrite.EVENTS.iterdir():
        assert json.loads(path.read_text(encoding="utf-8")) in CHAIN


# --- a chain of a ledger ----------------------------------------------------------


def test_a_ledgers_chain_follows_from_the_contract(ledger: Ledger) -> None:
    ledger.record(
        *sources("seoul", rutte="seoul"), opened(description="Über\n«quotes»\\ 🇰🇵")
    )
    ledger.record(
        framed(text='A "text"\u2028 of \u0001 all / sorts', topics=("dprk-troops",))
    )
    ledger.record(
        asserted(id="s1", quote="é", note="e\u0301", url="https://example.org/"),
        asserted(by="rutte", basis=("s1", "seoul"), via=("seoul",), recorder="desk"),
        voided("s1"),
    )

    events = stored(ledger)
    check_chain(events)
    assert [event["type"] for event in events[-3:]] == [
        "ClaimAsserted",
        "ClaimAsserted",
        "RecordVoided",
    ]
    assert [json.loads(line) for line in ledger.export()] == events
    assert ledger.verify().hash == events[-1]["hash"]


def test_our_hash_is_that_of_the_contract() -> None:
    previous = bytes(32)
    for event in CHAIN:
        expected = by_the_contract(previous, event)
        assert chain_hash(previous.hex(), entry_of(event)) == expected.hex()
        previous = expected


def changes_of(event: Json) -> Iterator[Json]:
    """Yield an event with each of its fields changed in turn, salts included."""
    for name, value in event.items():
        if name in ("salts", "hash"):
            continue
        other = {str: "x", int: 9_999, list: ["x"], type(None): "x"}[type(value)]
        if name == "recorded_at":
            other = "2024-11-01T00:00:00Z"
        yield {**event, name: other}
    for name in event["salts"]:
        yield {**event, "salts": {**event["salts"], name: "00" * 16}}


@pytest.mark.parametrize("event", CHAIN, ids=lambda event: event["id"])
def test_whatever_is_changed_in_an_event_changes_its_hash(event: Json) -> None:
    for other in changes_of(event):
        assert chain_hash("00" * 32, entry_of(other)) != (
            chain_hash("00" * 32, entry_of(event))
        )
    assert chain_hash("01" * 32, entry_of(event)) != (
        chain_hash("00" * 32, entry_of(event))
    )


def test_the_free_texts_and_only_these_are_salted() -> None:
    assert sorted(FREE_TEXTS) == sorted(SALTED)
    for event in CHAIN:
        assert sorted(event["salts"]) == sorted(set(SALTED) & event.keys())


def test_salts_are_16_random_bytes_for_each_text(ledger: Ledger) -> None:
    ledger.record(*sources("seoul"), framed(), framed("other"))
    ledger.record(
        asserted(quote="Same", note="Same", url="Same"),
        asserted("other", quote="Same", note="Same", url="Same"),
    )

    salts = [salt for event in stored(ledger) for salt in event["salts"].values()]
    assert len(salts) == 1 + 1 + 2 + 3 + 3
    assert len(set(salts)) == len(salts)
    assert all(len(bytes.fromhex(salt)) == 16 for salt in salts)
    assert all(salt == salt.lower() for salt in salts)


def test_an_erased_text_leaves_its_digest_and_the_chain(ledger: Ledger) -> None:
    """The digest stands for the text: nothing else of the text is in the chain."""
    ledger.record(*sources("seoul"), framed(), asserted(quote="To be erased"))
    event = stored(ledger)[-1]
    salt = bytes.fromhex(event["salts"]["quote"])
    digest = sha256(salt + b"To be erased").hexdigest()

    erased = {**event, "quote": digest, "salts": {}}

    document = {n: v for n, v in erased.items() if n not in ("salts", "hash")}
    previous = bytes.fromhex(stored(ledger)[-2]["hash"])
    assert sha256(previous + rfc8785.dumps(document)).hexdigest() == event["hash"]


def test_an_event_carries_the_whole_envelope(ledger: Ledger) -> None:
    ledger.record(*sources("seoul"), framed(), asserted(id="s1", recorder="desk"))

    event = stored(ledger)[-1]

    assert list(event) == [
        "type",
        *fields_of(asserted()),
        *ENVELOPE,
    ]
    del event["hash"]
    assert event == {
        "type": "ClaimAsserted",
        "claim": "troops",
        "source": "seoul",
        "said_at": "2024-10-20",
        "strength": "plain",
        "basis": "unknown",
        "id": "s1",
        "position": 4,
        "recorded_at": "2024-11-01T12:00:00.000001Z",
        "recorder": "desk",
        "stream": "claim:troops",
        "version": 2,
        "schema_version": 1,
        "salts": {},
    }


# --- canonical JSON ---------------------------------------------------------------

characters = st.characters(exclude_categories=["Cs"])
texts = st.text(characters, max_size=20)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
leaves = st.none() | st.booleans() | integers | texts
keys = st.text(st.characters(codec="ascii"), max_size=8)
documents = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
    ),
)


@given(documents)
@example("".join(map(chr, range(0x100))))
@example("\u2028\u2029\ufeff\uffff\U0001f1f0\U0010ffff")
@example({"b": 1, "a": 2, "B": 3, "A": 4, "": 5, "_": 6, "~": 7, "a_b": 8, "ab": 9})
@example([2**53 - 1, -(2**53) + 1, 0, -0])
def test_canonical_json_is_that_of_rfc_8785(document: object) -> None:
    dumps: Callable[[Any], bytes] = rfc8785.dumps
    assert canonical(document) == dumps(document)


def test_content_leaves_id_and_recorder_out() -> None:
    plain, named = asserted(), asserted(id="s1", recorder="desk")

    assert content_of("ClaimAsserted", fields_of(plain)) == content_of(
        "ClaimAsserted", fields_of(named)
    )
    assert content_of("ClaimDenied", fields_of(plain)) != content_of(
        "ClaimAsserted", fields_of(plain)
    )
