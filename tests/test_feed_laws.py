"""Laws of the feeds: what is told event by event is what the questions answer."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import strategies as st

from dateline import Ledger
from dateline.domain.answers import Change
from dateline.domain.errors import UnknownTopic
from dateline.domain.recorded import BEGINNING
from dateline.projections import log
from dateline.projections.feed import EVERYTHING
from tests.builders import asserted, framed, registered, voided
from tests.laws import law
from tests.strategies import Script, ledgers, policies
from tests.test_laws import log_of, policy_of, recorded, topics_of

FAR_END = "9999-12-31"


@law(60, data=st.data(), script=ledgers())
def test_what_an_event_changed_is_the_difference_to_the_position_before(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        topic = data.draw(st.sampled_from(topics_of(log_of(ledger))))
        policy = policy_of(data.draw(policies()))
        told, reached = ledger.feed.page(
            EVERYTHING, after=BEGINNING, upto=ledger.position, facets=True
        )
        changed = ledger.feed.changes(told, topic=topic, policy=policy)

        assert reached.position == ledger.position
        for (entry, _), changes in zip(told, changed, strict=True):
            expected: tuple[Change, ...] = ()
            with suppress(UnknownTopic):  # not open at either point
                before, after = (FAR_END, entry.position - 1), (FAR_END, entry.position)
                asked = ledger.changes(before, after, topic=topic, policy=policy)
                expected = asked.changes
            assert tuple(changes) == expected


@law(60, data=st.data(), script=ledgers())
def test_a_filter_admits_the_same_live_and_stored(
    store: str, data: st.DataObject, script: Script
) -> None:
    with recorded(script, store) as ledger:
        events = log_of(ledger)
        drawn = {
            name: data.draw(
                st.sampled_from([None, *(e[name] for e in events if e["type"] == kind)])
            )
            for name, kind in (
                ("topic", "TopicOpened"),
                ("claim", "ClaimFramed"),
                ("source", "SourceRegistered"),
            )
        }
        types = data.draw(
            st.none() | st.sets(st.sampled_from(sorted({e["type"] for e in events})))
        )
        wanted = ledger.event_filter(**drawn, types=types)
        told, _ = ledger.feed.page(
            EVERYTHING, after=BEGINNING, upto=ledger.position, facets=True
        )

        live = [
            entry.position for entry, facets in told if wanted.admits(entry, facets)
        ]
        stored = [event.position for event in ledger.events(**drawn, types=types)]
        assert live == stored


ASKED: dict[str, dict[str, Any]] = {
    "troops": {"claim": "troops"},
    "seoul": {"source": "seoul"},
    "tro": {"claim": "tro"},
}


def test_what_is_about_a_claim_or_a_source_is_found_over_many_pages(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.record(registered("seoul"), registered("moscow"), framed("troops"))
    ledger.record(framed("shells"), framed("tro"))
    for number in range(7):
        said = asserted("troops", by="seoul", said_at="2024-10-20", id=f"s{number}")
        ledger.record(said, asserted("shells", by="moscow", said_at="2024-10-20"))
        ledger.record(voided(f"s{number}"))
    everything = {
        name: [event.position for event in ledger.events(**asked)]
        for name, asked in ASKED.items()
    }
    monkeypatch.setattr(log, "PAGE", 2)
    for name, asked in ASKED.items():
        found = [event.position for event in ledger.events(**asked)]
        assert found == everything[name]
        assert len(found) == (15 if name in ("troops", "seoul") else 1)
