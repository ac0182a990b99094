"""A client answers what the library answers, for random ledgers and points."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dateline
from dateline import Client, DatelineError, Ledger, Status
from tests.api.serving import serving
from tests.builders import asserted, filed, framed, opened, rated, reworded, sources
from tests.strategies import Script, ledgers, points, policies
from tests.test_docs import column
from tests.test_laws import log_of, policy_of, recorded

EVENT_TYPES = ("ClaimAsserted", "ClaimDenied", "RecordVoided", "LedgerOpened")
NOT_OFFERED = {
    *("backup", "copy_to", "export", "rebuild", "verify", "recording"),
    *("changes_cursors", "cursor", "event", "event_filter", "knowledge_cursors"),
    *("place", "register_cursors", "resolve", "retry_id"),
    *("arrivals", "calendar", "search"),
}
"""What a server does not offer: upkeep, and what it and its pages are made of."""


def outcome(ask: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Return an answer, or what was raised instead: its class, sentence and values."""
    try:
        return ask(*arguments, **named)
    except DatelineError as error:
        values = {n: v for n, v in error.values().items() if n != "parameter"}
        return type(error), str(error), values


def public(kind: type) -> dict[str, Any]:
    return {name: it for name, it in vars(kind).items() if not name.startswith("_")}


def test_a_client_has_the_methods_of_a_ledger() -> None:
    offered = public(Client).keys() - {"url"}
    attributes = {"title", "timezone", "identity"}

    assert offered == public(Ledger).keys() - NOT_OFFERED | attributes


@pytest.mark.parametrize(
    "name", sorted(public(Client).keys() & public(Ledger).keys() - {"position"})
)
def test_a_method_has_the_signature_of_the_ledgers(name: str) -> None:
    theirs = inspect.signature(getattr(Ledger, name))
    ours = inspect.signature(getattr(Client, name))

    assert ours.parameters == theirs.parameters
    kinds = ours.return_annotation, theirs.return_annotation
    assert kinds[0] == kinds[1] or issubclass(*kinds)


@contextmanager
def both(script: Script, **options: Any) -> Iterator[tuple[Ledger, Client]]:
    """Record a script, and serve it to a client."""
    with (
        recorded(script) as ledger,
        serving(ledger, **options) as url,
        Client(url) as client,
    ):
        yield ledger, client


class Asking:
    """Draws the arguments of questions about one ledger, good ones and others."""

    def __init__(self, data: st.DataObject, script: Script, ledger: Ledger) -> None:
        self._data = data
        self._events = log_of(ledger)
        self._on = points(script)

    def draw(self, strategy: st.SearchStrategy[Any]) -> Any:
        return self._data.draw(strategy)

    def recorded_by(self) -> Any:
        head = self._events[-1]["position"]
        moments = [event["recorded_at"] for event in self._events]
        return self.draw(
            st.none()
            | st.integers(0, head)
            | st.sampled_from([*moments, "2001-01-01", "nonsense", head + 1])
        )

    def name(self, kind: str, field: str) -> str:
        known = [e[field] for e in self._events if e["type"] == kind]
        return str(self.draw(st.sampled_from([*known, *known, "no/such", "nobody"])))

    def policy(self) -> Any:
        return self.draw(st.none() | policies().map(policy_of))

    def point(self) -> dict[str, Any]:
        """Draw a point, of which at most one part is none."""
        on = self.draw(st.one_of(self._on, self._on, self._on, st.just("today")))
        return {
            "on": on,
            "recorded_by": None if on == "today" else self.recorded_by(),
        }

    def judged(self) -> dict[str, Any]:
        return {**self.point(), "policy": self.policy()}

    def topic(self) -> str | None:
        return self.name("TopicOpened", "topic") if self.draw(st.booleans()) else None

    def first(self) -> int | None:
        first: int | None = self.draw(st.none() | st.integers(1, 4))
        return first

    def statuses(self) -> Any:
        some = st.sets(st.sampled_from([*Status, "floated", "hearsay"]), max_size=4)
        return self.draw(st.none() | some)

    def filters(self) -> dict[str, Any]:
        names = {
            "topic": ("TopicOpened", "topic"),
            "claim": ("ClaimFramed", "claim"),
            "source": ("SourceRegistered", "source"),
        }
        wanted = self.draw(st.sets(st.sampled_from([*names])))
        types = self.draw(st.none() | st.sets(st.sampled_from(EVENT_TYPES)))
        found = {name: self.name(*names[name]) for name in sorted(wanted)[:1]}
        return {**found, "types": types}


@settings(max_examples=40)
@given(data=st.data(), script=ledgers(), most=st.sampled_from([1, 3, 1_000]))
def test_each_question_has_the_librarys_answer(
    data: st.DataObject, script: Script, most: int
) -> None:
    with both(script, max_first=most) as (ledger, client):
        ask = Asking(data, script, ledger)
        claim = ask.name("ClaimFramed", "claim")
        source = ask.name("SourceRegistered", "source")
        point, judged, recorded_by = ask.point(), ask.judged(), ask.recorded_by()
        topic, first = ask.topic(), ask.first()
        known = {**judged, "topic": topic, "first": first, "statuses": ask.statuses()}
        sides = [
            (point["on"], point["recorded_by"]),
            (ask.draw(points(script)), ask.draw(st.sampled_from([None, 0, 1]))),
        ]
        if ask.draw(st.booleans()):
            sides.reverse()
        between = {"topic": topic, "policy": ask.policy(), "first": first}
        registered = {"recorded_by": recorded_by, "first": first}

        questions: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
            ("knowledge", (), known),
            ("knowledge_json", (), known),
            ("claim", (claim,), judged),
            ("explain", (claim,), judged),
            (
                "timeline",
                (claim,),
                {"recorded_by": recorded_by, "policy": ask.policy()},
            ),
            ("changes", tuple(sides), between),
            ("positions", (source,), judged),
            ("expectations", (), point),
            ("source", (source,), {"recorded_by": recorded_by}),
            ("sources", (), registered),
            ("topic", (topic or "t0",), {"recorded_by": recorded_by}),
            ("topics", (), registered),
            ("document", ("nowhere",), {"recorded_by": recorded_by}),
            ("describe", (), {}),
        ]
        for name, arguments, named in questions:
            theirs = outcome(getattr(ledger, name), *arguments, **named)
            ours = outcome(getattr(client, name), *arguments, **named)
            assert ours == theirs, name
        for name in ("title", "timezone", "identity", "position"):
            assert getattr(client, name) == getattr(ledger, name)


@settings(max_examples=30)
@given(data=st.data(), script=ledgers(), most=st.sampled_from([1, 2, 1_000]))
def test_pages_go_on_where_those_of_the_library_do(
    data: st.DataObject, script: Script, most: int
) -> None:
    with both(script, max_first=most) as (ledger, client):
        ask = Asking(data, script, ledger)
        on, first = ask.draw(points(script)), ask.draw(st.integers(1, 3))
        ours = theirs = ledger.knowledge(on=on, first=first)
        while theirs.next is not None:
            assert ours.next is not None
            theirs = ledger.knowledge(on=on, first=first, after=theirs.next)
            ours = client.knowledge(on=on, first=first, after=ours.next)
            assert ours == theirs
        assert ours.next is None
        after = ask.draw(st.sampled_from(["", "nonsense", ledger.cursor(1)]))
        assert outcome(client.sources, after=after) == outcome(
            ledger.sources, after=after
        )


@settings(max_examples=40)
@given(data=st.data(), script=ledgers())
def test_events_are_those_of_the_library(data: st.DataObject, script: Script) -> None:
    with both(script) as (ledger, client):
        ask = Asking(data, script, ledger)
        filters = ask.filters()
        after = ask.draw(
            st.integers(0, ledger.position)
            | st.sampled_from([ledger.cursor(2), ledger.position + 1, "nonsense"])
        )

        def listed(of: Ledger | Client) -> list[dateline.Recorded]:
            return list(of.events(after, **filters))

        def followed(of: Ledger | Client) -> list[dateline.Recorded]:
            count = len(list(ledger.events(after, **filters)))
            with of.subscribe(after, **filters) as subscription:
                return [next(subscription) for _ in range(count)]

        assert outcome(listed, client) == outcome(listed, ledger)
        assert outcome(followed, client) == outcome(followed, ledger)


@settings(max_examples=30)
@given(script=ledgers())
def test_what_a_client_records_is_what_the_library_records(script: Script) -> None:
    with (
        dateline.open(":memory:", timezone=script.zone) as local,
        dateline.open(":memory:", timezone=script.zone) as remote,
        serving(remote) as url,
        Client(url) as client,
    ):
        for batch in script.batches:
            events = [dateline.parse_event(event) for event in batch]
            theirs, ours = local.record(*events), client.record(*events)

            assert ours.position == theirs.position
            assert [(e.position, e.new) for e in ours.events] == [
                (e.position, e.new) for e in theirs.events
            ]
        assert [told(event) for event in client.events()] == [
            told(event) for event in local.events()
        ]


def told(recorded: dateline.Recorded) -> dict[str, Any]:
    """Return what does not depend on the clock and on chance."""
    chance = {"id", "recorded_at", "salts", "hash"}
    return {k: v for k, v in recorded.stored.items() if k not in chance}


def test_each_method_is_documented() -> None:
    page = Path(__file__).parents[3] / "docs" / "reference" / "python.md"
    named = {name.partition("(")[0] for name in column(page.read_text("utf-8"), 0)}
    attributes = {"url", "title", "timezone", "identity"}

    assert {f"Client.{name}" for name in public(Client).keys() - attributes} <= named


def test_what_is_in_force_is_not_recorded_again(client: Client) -> None:
    client.record(*sources("seoul"), framed(), opened("t"))
    events = asserted(), filed(topic="t"), reworded("Otherwise"), rated("A")
    first = client.record(*events)
    again = client.record(*events)

    assert [event.new for event in first.events] == [True] * 4
    assert [event.new for event in again.events] == [False] * 4
    assert again.position == first.position == client.position
