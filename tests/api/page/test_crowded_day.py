"""Days on which more changes than a page tells: nothing is left out of it."""

from itertools import chain

import pytest
from starlette.testclient import TestClient

import dateline
from dateline import Ledger
from dateline.api import Settings, create_app
from dateline.api.page import topic
from tests.builders import asserted, denied, framed, opened, promised, registered
from tests.stores import Places


def crowded(ledger: Ledger, count: int) -> list[str]:
    """Fill a topic with claims that are all reported on one day; return their ids."""
    names = [f"claim-{number:03}" for number in range(count)]
    ledger.record(opened("war"), registered("seoul"), registered("moscow"))
    ledger.record(*(framed(name, topics=("war",)) for name in names))
    ledger.record(*(asserted(name, by="seoul", said_at="2024-10-20") for name in names))
    return names


def rows(client: TestClient, on: str) -> dict[str, dict[str, str]]:
    """Return the table of a day, by claim."""
    text = client.get(f"/topics/war?on={on}&format=csv").content.decode("utf-8-sig")
    head, *lines = (line.split(",") for line in text.splitlines())
    found = (dict(zip(head, line, strict=False)) for line in lines)
    return {one["claim"]: one for one in found}


def test_every_change_is_marked_also_if_not_all_reasons_are_told(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = crowded(ledger, 9)
    ledger.record(denied("claim-008", by="moscow", said_at="2024-10-21"))
    ledger.record(denied("claim-004", by="moscow", said_at="2024-10-21"))
    with TestClient(create_app(ledger, Settings())) as client:
        whole = {
            day: client.get(f"/topics/war?on={day}").text
            for day in ("2024-10-20", "2024-10-21")
        }
        monkeypatch.setattr(topic, "CHANGES_AT_ONCE", 1)
        for day, changed in (("2024-10-20", 9), ("2024-10-21", 2)):
            text = client.get(f"/topics/war?on={day}").text
            assert text.count("<strong>Changed.</strong>") == changed
            assert whole[day].count("<strong>Changed.</strong>") == changed
            assert text.count("See what made it so") == changed - 1
            assert "See what made it so" not in whole[day]
        assert text.count("asserted the day before") == 2
        assert rows(client, "2024-10-21").keys() == set(names)


def test_claims_are_on_numbered_pages_each_on_one(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = crowded(ledger, 7)
    monkeypatch.setattr(topic, "CLAIMS_AT_ONCE", 3)
    with TestClient(create_app(ledger, Settings())) as client:
        pages = [
            client.get(f"/topics/war?on=2024-10-20&page={number}").text
            for number in (1, 2, 3)
        ]
        shown = [
            [name for name in names if f'id="claim-{name}"' in page] for page in pages
        ]
        assert [len(some) for some in shown] == [3, 3, 1]
        assert sorted(chain.from_iterable(shown)) == names
        assert "Page 2 of 3" in pages[1]
        assert client.get("/topics/war?on=2024-10-20&page=4").status_code == 400
        assert rows(client, "2024-10-20").keys() == set(names)


def test_a_promise_that_is_due_on_the_last_day_there_is_can_be_looked_at(
    places: Places,
) -> None:
    # East of UTC the day after would be of a year that there is not.
    ledger = dateline.open(places.new(), timezone="Europe/Kyiv")
    crowded(ledger, 1)
    ledger.record(promised("briefing", claims=("claim-000",), due="9999-12-31"))
    with TestClient(create_app(ledger, Settings())) as client:
        answer = client.get("/topics/war?on=2024-10-22")
        assert answer.status_code == 200
        assert "9999-12-31" in answer.text
    ledger.close()
