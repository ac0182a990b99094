"""Finding claims, sources and quotes by their words, as of a point."""

from collections.abc import Sequence
from typing import Any

from dateline.domain.answers import SearchResult
from dateline.domain.questions import Point
from dateline.domain.rule import Policy
from dateline.domain.times import Zone
from dateline.projections import registers
from dateline.projections.asof import AsOf
from dateline.projections.rows import EVERY_CLAIM
from dateline.projections.store import Cursor
from dateline.projections.words import words_of


def find(
    cursor: Cursor,
    zone: Zone,
    wanted: Sequence[str],
    point: Point,
    *,
    topic: str | None,
    policy: Policy,
    first: int | None,
    beyond: str,
) -> tuple[tuple[SearchResult, ...], str | None]:
    """Return what is found beyond a place, and the place that it goes on after."""
    answers = AsOf(cursor, zone, policy)
    found: list[tuple[str, Any, str | None, str | None, str | None, str]] = []
    filed = answers.filed(topic or EVERY_CLAIM, point.recorded_by)
    reported = {one.claim for one in answers.claims(point, topic=topic)}
    speakers = set()
    quotes = []
    for claim in filed:
        history = answers._history(claim)
        text = history.text(recorded_by=point.recorded_by)
        if claim in reported and _matches(wanted, text):
            found.append((f"claim {claim}", "claim", claim, None, None, text))
        contents = {e.id: e for said in history.contents.values() for e in said}
        for stated in history.counting(recorded_by=point.recorded_by, implicit=True):
            if stated.latest <= point.on:
                speakers.add(stated.source)
                quote = contents[stated.id].fields.get("quote")
                if quote is not None and _matches(wanted, quote):
                    key = f"quote {stated.latest + 2**62:020} {stated.position:020}"
                    quotes.append(
                        (key, "quote", claim, stated.source, stated.id, quote)
                    )
    for state in registers.sources(cursor, recorded_by=point.recorded_by, beyond=""):
        if (topic is None or state.id in speakers) and _matches(
            wanted, f"{state.name} {state.id}"
        ):
            found.append(
                (f"source {state.id}", "source", None, state.id, None, state.name)
            )
    order = {"claim": 0, "source": 1, "quote": 2}
    rows = found + sorted(quotes)
    if beyond:
        rank = order[beyond.split(" ")[0]], beyond
        rows = [row for row in rows if (order[row[1]], row[0]) > rank]
    page = rows if first is None else rows[:first]
    results = tuple(
        SearchResult(kind=kind, claim=claim, source=source, statement=said, text=text)
        for _, kind, claim, source, said, text in page
    )
    return results, page[-1][0] if len(page) < len(rows) else None


def _matches(wanted: Sequence[str], text: str) -> bool:
    words = set(words_of(text))
    *whole, last = wanted
    return words.issuperset(whole) and any(word.startswith(last) for word in words)
