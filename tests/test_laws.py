"""Laws that hold for every ledger: what is stored answers as the plain rule does.

Random ledgers are recorded for real and asked for real. What should come out is said
by ``tests.oracle``, which transcribes the contract as simply as it can.
"""

import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import dateline
from dateline.domain.answers import as_json
from dateline.jsonl import import_file
from tests import oracle
from tests.laws import law
from tests.stores import SQLITE, some_places
from tests.strategies import Script, ledgers, points, policies

Event = dict[str, Any]


@contextmanager
def recorded(script: Script, store: str = SQLITE) -> Iterator[dateline.Ledger]:
    """Record a script into a ledger of its own, by two writers that take turns.

    Each is behind when its turn comes: what it kept from before must not mislead it.
    """
    with some_places(store) as places:
        target = places.new("random")
        with (
            dateline.open(target, timezone=script.zone) as ledger,
            dateline.open(target) as other,
        ):
            for turn, batch in enumerate(script.batches):
                writer = other if turn % 3 == 2 else ledger
                writer.record(*(dateline.parse_event(event) for event in batch))
            yield ledger


def log_of(ledger: dateline.Ledger) -> list[Event]:
    return [event.model_dump(mode="json") for event in ledger.events()]


def policy_of(policy: Event) -> dateline.Policy:
    return dateline.Policy.model_validate_json(json.dumps(policy))


def topics_of(events: list[Event]) -> list[str | None]:
    return [None, *(e["topic"] for e in events if e["type"] == "TopicOpened")]


def slugs(events: list[Event], kind: str, field: str, position: int) -> list[str]:
    return [
        event[field]
        for event in events
        if event["type"] == kind and event["position"] <= position
    ]


def outcome(ask: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Return an answer, or the code of what was raised instead."""
    try:
        return ask(*arguments, **named)
    except dateline.DatelineError as error:
        return error.code
    except oracle.Unknown as error:
        return error.code


def answers(ask: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Return an answer of the library as JSON, without its basis."""
    document = as_json(ask(*arguments, **named))
    return {
        name: value
        for name, value in document.items()
        if name not in ("basis", "from", "to", "next")
    }


@law(150, data=st.data(), script=ledgers())
def test_knowledge_and_claims_equal_the_plain_rule(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        for _ in range(6):
            on = data.draw(points(script))
            position = data.draw(st.integers(0, events[-1]["position"]))
            policy = data.draw(policies())
            topic = data.draw(st.sampled_from(topics_of(events)))
            asked = {"on": on, "recorded_by": position, "policy": policy_of(policy)}
            plain = events, script.zone
            found = outcome(answers, ledger.knowledge, topic=topic, **asked)
            assert found == outcome(
                oracle.knowledge, *plain, on, position, topic=topic, policy=policy
            )
            for claim in slugs(events, "ClaimFramed", "claim", events[-1]["position"]):
                found = outcome(answers, ledger.claim, claim, **asked)
                assert found == outcome(
                    oracle.claim, *plain, claim, on, position, policy
                )


@law(100, data=st.data(), script=ledgers())
def test_timelines_equal_the_plain_rule(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        position = data.draw(st.integers(0, events[-1]["position"]))
        policy = data.draw(policies())
        for claim in slugs(events, "ClaimFramed", "claim", position):
            timeline = ledger.timeline(
                claim, recorded_by=position, policy=policy_of(policy)
            )
            assert as_json(timeline)["spans"] == oracle.timeline(
                events, script.zone, claim, position, policy
            )


@law(150, data=st.data(), script=ledgers())
def test_changes_and_their_causes_equal_the_plain_rule(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        head = events[-1]["position"]
        policy = data.draw(policies())
        for _ in range(4):
            topic = data.draw(st.sampled_from(topics_of(events)))
            before = data.draw(points(script)), data.draw(st.integers(0, head))
            after = (
                data.draw(st.just(before[0]) | points(script)),
                data.draw(st.just(min(before[1] + 1, head)) | st.integers(0, head)),
            )
            asked = {"topic": topic, "policy": policy_of(policy)}
            expected = outcome(
                oracle.changes,
                *(events, script.zone, before, after),
                topic=topic,
                policy=policy,
            )
            if isinstance(expected, list):
                expected = {"changes": expected}
            assert outcome(answers, ledger.changes, before, after, **asked) == expected


@law(100, data=st.data(), script=ledgers())
def test_explanations_equal_the_plain_rule(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        on = data.draw(points(script))
        position = data.draw(st.integers(0, events[-1]["position"]))
        policy = data.draw(policies())
        for claim in slugs(events, "ClaimFramed", "claim", position):
            found = answers(
                ledger.explain,
                claim,
                on=on,
                recorded_by=position,
                policy=policy_of(policy),
            )
            status = found.pop("claim")["status"]
            expected = oracle.explanation(
                events, script.zone, claim, on, position, policy
            )
            line = f"{status}: {expected['decided_by']}"
            assert found == {**expected, "decided_by": line}


@law(100, data=st.data(), script=ledgers())
def test_positions_and_expectations_equal_the_plain_rule(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        on = data.draw(points(script))
        position = data.draw(st.integers(0, events[-1]["position"]))
        for source in slugs(events, "SourceRegistered", "source", position):
            held = ledger.positions(source, on=on, recorded_by=position)
            assert as_json(held)["positions"] == oracle.positions(
                events, script.zone, source, on, position
            )
        promised = ledger.expectations(on=on, recorded_by=position)
        assert as_json(promised)["expectations"] == oracle.expectations(
            events, script.zone, on, position
        )


@law(60, data=st.data(), script=ledgers())
def test_later_news_never_changes_an_answer(
    store: str, data: st.DataObject, script: Script
) -> None:
    asked: list[tuple[str, int, bytes]] = []
    with (
        some_places(store) as places,
        dateline.open(places.new(), timezone=script.zone) as ledger,
    ):
        for batch in script.batches:
            ledger.record(*(dateline.parse_event(event) for event in batch))
            on, position = data.draw(points(script)), ledger.position
            answer = ledger.knowledge_json(on=on, recorded_by=position)
            asked.append((on, position, answer))
        for on, position, answer in asked:
            assert ledger.knowledge_json(on=on, recorded_by=position) == answer


@law(60, script=ledgers())
def test_rebuilding_changes_nothing_and_all_verifies(
    store: str, script: Script
) -> None:
    with recorded(script, store) as ledger:
        verified = ledger.verify()
        rows = dump_rows(ledger)
        assert ledger.rebuild() == verified.events
        assert dump_rows(ledger) == rows
        assert ledger.verify() == verified


def dump_rows(ledger: dateline.Ledger) -> dict[str, list[Any]]:
    from dateline.projections.rows import TABLES

    with ledger._store.reading() as cursor:
        return {
            table: sorted(map(repr, cursor.execute(f"SELECT * FROM {table}")))
            for table in TABLES
        }


@law(40, script=ledgers())
def test_export_and_import_reproduce_the_ledger(store: str, script: Script) -> None:
    with recorded(script, store) as ledger, some_places(store) as places:
        lines = list(ledger.export())
        target = places.new("copy")
        file = io.BytesIO(b"\n".join(lines) + b"\n")
        import_file(target, file, name="export.jsonl", keep_recorded_at=True)
        with dateline.open(target, create=False) as copy:
            assert list(copy.export()) == lines
            assert dump_rows(copy) == dump_rows(ledger)
            assert copy.verify() == ledger.verify()


@law(60, data=st.data(), script=ledgers())
def test_the_order_of_arrival_of_statements_does_not_matter_at_the_head(
    store: str, data: st.DataObject, script: Script
) -> None:
    """Position decides between statements of one latest instant, and what a basis
    may cite; so those that share an instant keep their order, and bases are left out.
    """
    said = [
        {**event, "basis": "own"} if "basis" in event else event
        for batch in script.batches
        for event in batch
        if "said_at" in event and "claim" in event
    ]
    openings = [
        event
        for batch in script.batches
        for event in batch
        if event["type"] in ("TopicOpened", "SourceRegistered", "ClaimFramed")
    ]
    latest = {
        event["id"]: oracle.period(event["said_at"], script.zone)[1] for event in said
    }
    shuffled = said[:]
    random.Random(data.draw(st.integers())).shuffle(shuffled)
    rank = {event["id"]: index for index, event in enumerate(said)}
    by_instant: dict[int, list[Event]] = {}
    for event in shuffled:
        by_instant.setdefault(latest[event["id"]], []).append(event)
    for tied in by_instant.values():
        tied.sort(key=lambda event: rank[event["id"]], reverse=True)
    arrived = [by_instant[latest[event["id"]]].pop() for event in shuffled]
    on = data.draw(points(script))
    found = []
    for order in (said, arrived):
        arriving = Script(script.zone, (tuple(openings), tuple(order)))
        with recorded(arriving, store) as ledger:
            known = answers(ledger.knowledge, on=on)
            found.append((known["counts"], known["claims"]))
    assert found[0] == found[1]


def test_the_example_is_read_as_the_contract_says(target: str) -> None:
    lines = Path("examples/dprk-troops-2024.jsonl").read_bytes()
    import_file(target, io.BytesIO(lines), name="example", keep_recorded_at=True)
    with dateline.open(target, create=False) as ledger:
        statuses = [
            ledger.claim("troops-deployed", on=f"2024-10-{day}").status
            for day in (19, 20, 21, 22)
        ]
    assert statuses == ["unreported", "raised", "disputed", "disputed"]
