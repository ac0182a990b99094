"""Finding claims, sources and quotes by their words, as of a point."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, NamedTuple

import orjson

from dateline.domain.answers import SearchResult
from dateline.domain.errors import InvalidCursor
from dateline.domain.questions import Point
from dateline.domain.rule import Policy
from dateline.domain.times import Instant
from dateline.projections.said import CLAIM, QUOTE, SOURCE
from dateline.projections.steps import OTHER_VARIANT
from dateline.projections.store import OPEN_END, Cursor, Dialect, Row

# Texts by the words' own index, then by position; a look at steps_key for each claim.
# Claims and sources have one public time, quotes no id: so (kind, known_from, id,
# position) is the order of each kind.
_FIND = """
    SELECT kind, known_from, {id}, recorded_from,
           claim, source, statement, text
    FROM ({found}) AS found CROSS JOIN texts
    WHERE texts.recorded_from = found.position
      AND known_from <= ? AND recorded_from <= ? AND recorded_until > ?
      AND (kind <> {claim} OR EXISTS (
          SELECT 1 FROM steps
          WHERE steps.claim = texts.claim AND steps.known_from <= ?
            AND steps.recorded_from <= ? AND steps.recorded_until > ?
            AND steps.variant <> ?))
      AND (kind, known_from, {id}, recorded_from) > (?, ?, ?, ?)
      {of_topic}
    ORDER BY kind, known_from, {id}, recorded_from LIMIT ?
"""
_ID = "CASE kind WHEN {quote} THEN '' ELSE claim || source END"
# By the key of claims; for a source by those of speakers and arrivals, too.
_OF_TOPIC = """
      AND CASE kind WHEN {source} THEN EXISTS (
          SELECT 1 FROM speakers, claims, arrivals
          WHERE speakers.source = texts.source
            AND claims.topic = ? AND claims.claim = speakers.claim
            AND claims.recorded_from <= ? AND claims.recorded_until > ?
            AND arrivals.claim = speakers.claim
            AND arrivals.source = speakers.source AND arrivals.known_from <= ?
            AND arrivals.recorded_from <= ? AND arrivals.recorded_until > ?)
        ELSE EXISTS (
          SELECT 1 FROM claims
          WHERE claims.topic = ? AND claims.claim = texts.claim
            AND claims.recorded_from <= ? AND claims.recorded_until > ?) END
"""


@cache
def _find(dialect: Dialect, *, in_topic: bool) -> str:
    return _FIND.format(
        found=dialect.words.found,
        claim=CLAIM,
        id=_ID.format(quote=QUOTE),
        of_topic=_OF_TOPIC.format(source=SOURCE) if in_topic else "",
    )


class Place(NamedTuple):
    """Where a result stands in the order of results."""

    kind: int
    known_from: Instant
    id: str
    position: int

    def encode(self) -> str:
        """Return the text that a cursor carries."""
        return orjson.dumps(list(self)).decode()

    @classmethod
    def decode(cls, text: str) -> "Place":
        """Read what a cursor carried.

        Raises:
            InvalidCursor: it is something else.
        """
        try:
            place = cls(*orjson.loads(text))
        except (ValueError, TypeError):
            raise InvalidCursor("it is malformed") from None
        if [type(part) for part in place] != [int, int, str, int] or OPEN_END < max(
            place.kind, place.known_from, place.position
        ):
            raise InvalidCursor("it is malformed")
        return place


BEGINNING = Place(-1, 0, "", 0)


def find(
    cursor: Cursor,
    wanted: Sequence[str],
    point: Point,
    *,
    topic: str | None,
    policy: Policy,
    first: int | None,
    beyond: Place,
) -> tuple[tuple[SearchResult, ...], Place | None]:
    """Return what has all the words, and the place to go on after, if there is more.

    Args:
        wanted: see :func:`~dateline.projections.words.query_of`.
        policy: under which a claim is reported: implicit statements may not count.
        first: at most so many; None: all.
        beyond: the place after which to begin.
    """
    on, position = point
    recorded = position, position
    other_variant = OTHER_VARIANT[policy.implicit]
    parameters: list[object] = [
        cursor.dialect.words.question(wanted),
        *(on, *recorded, on, *recorded, other_variant, *beyond),
    ]
    if topic is not None:
        parameters += [topic, *recorded, on, *recorded, topic, *recorded]
    parameters.append(OPEN_END if first is None else first + 1)
    cursor.execute(_find(cursor.dialect, in_topic=topic is not None), parameters)
    rows = cursor.fetchall()
    page = rows if first is None else rows[:first]
    reached = None
    if len(page) < len(rows):
        kind, known_from, id, added, *_ = page[-1]
        reached = Place(kind, known_from, id, added)
    return tuple(map(_result, page)), reached


_KINDS: Mapping[int, Literal["claim", "source", "quote"]] = {
    CLAIM: "claim",
    SOURCE: "source",
    QUOTE: "quote",
}


def _result(row: Row) -> SearchResult:
    kind, _, _, _, claim, source, statement, text = row
    return SearchResult.model_construct(
        kind=_KINDS[kind],
        claim=claim or None,
        source=source or None,
        statement=statement or None,
        text=text,
    )
