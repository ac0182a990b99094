"""Claims, sources and quotes in which some words stand, as of a point."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple
from unicodedata import category

from dateline.api.page.pictures.counts import Bars, bars_of
from dateline.api.page.views import HTML, Scene, Shown
from dateline.domain.answers import ClaimKnowledge, SearchResult, as_json
from dateline.domain.errors import InvalidQuestion
from dateline.domain.recorded import Recorded
from dateline.projections.words import query_of, words_of

RESULTS_AT_ONCE = 50

MOST_TOPICS = 200
"""Topics that can be chosen; others can be given in the URL."""

_EXCERPT = 360
"""Characters of a long text that are shown, from a little before what was found."""

_LEAD_IN = 100

_WAYS = ("claim", "Claims found by their text"), ("quote", "Claims found by a quote")

Parts = Sequence[tuple[str, bool]]
"""A text in parts, each with whether it was looked for."""


class Found(NamedTuple):
    """A result as a page shows it.

    Attributes:
        claim: what was known of it, or of what a quote is about.
        said: the statement that quotes.
    """

    result: SearchResult
    parts: Parts
    claim: ClaimKnowledge | None
    said: Recorded | None


def show(scene: Scene) -> Shown:
    """Show what is found; a page also says why nothing can be looked for."""
    given = scene.visit.given
    words = given.get("q", "")
    try:
        if not words and given.get("format", HTML) == HTML:
            return _shown(scene, words)
        return _found(scene, words)
    except InvalidQuestion as error:
        if error.parameter != "words" or given.get("format", HTML) != HTML:
            raise
        return _shown(scene, words, error=error)


def _found(scene: Scene, words: str) -> Shown:
    given = scene.visit.given
    answer = scene.ledger.search(
        words,
        on=scene.on,
        recorded_by=scene.position,
        topic=given.get("topic"),
        policy=scene.policy,
        first=RESULTS_AT_ONCE,
        after=given.get("after"),
    )
    wanted = query_of(words)
    found = [_detailed(scene, result, wanted) for result in answer.results]
    return replace(
        _shown(scene, words, found=found, next=answer.next),
        picture="pictures/counts.svg",
        data=as_json(answer),
        rows=[_row(scene, one) for one in found],
    )


def _shown(
    scene: Scene,
    words: str,
    *,
    found: Sequence[Found] = (),
    next: str | None = None,
    error: InvalidQuestion | None = None,
) -> Shown:
    topics = scene.ledger.topics(recorded_by=scene.position, first=MOST_TOPICS).topics
    return Shown(
        title=f"Search: {words}" if words else "Search",
        name="search",
        template="search.html",
        values={
            "words": words,
            "found": found,
            "glance": _glance(found),
            "error": error,
            "next": next,
            "topics": [(topic.id, topic.title) for topic in topics],
        },
        data={},
    )


def _detailed(scene: Scene, result: SearchResult, wanted: Sequence[str]) -> Found:
    claim = said = None
    if result.claim is not None:
        claim = scene.ledger.claim(
            result.claim, on=scene.on, recorded_by=scene.position, policy=scene.policy
        )
    if result.statement is not None:
        said = next(iter(scene.names.events([result.statement])), None)
    return Found(result, excerpt(parts_of(result.text, wanted)), claim, said)


def _glance(found: Sequence[Found]) -> Bars:
    """Lay out the claims that results lead to, each once for a way that leads there."""
    kinds = []
    for kind, title in _WAYS:
        claims = {
            one.claim.id: one.claim.status
            for one in found
            if one.result.kind == kind and one.claim is not None
        }
        if claims:
            kinds.append((title, Counter(claims.values())))
    return bars_of("Claims that were found, by status", kinds)


def _row(scene: Scene, found: Found) -> dict[str, Any]:
    result = found.result
    return {
        "on": scene.on,
        "position": scene.position,
        "kind": result.kind,
        "claim": result.claim,
        "source": result.source,
        "statement": result.statement,
        "text": result.text,
        "status": found.claim.status if found.claim else None,
        "said_at": found.said.stored["said_at"] if found.said else None,
    }


# --- what is marked -----------------------------------------------------------------


def parts_of(text: str, wanted: Sequence[str]) -> Parts:
    """Return a text in parts, those that were looked for apart.

    Words are read as the search reads them: without case and accents, the last one
    wanted as a beginning, and each character a word where a script has no blanks.
    """
    found: list[tuple[str, bool]] = []
    for is_word, run in groupby(text, _is_of_word):
        word = "".join(run)
        if not is_word:
            found.append((word, False))
            continue
        read = words_of(word)
        if len(read) > 1:
            found += [(letter, _is_wanted(words_of(letter), wanted)) for letter in word]
        else:
            found.append((word, _is_wanted(read, wanted)))
    return [
        ("".join(part for part, _ in parts), is_found)
        for is_found, parts in groupby(found, lambda part: part[1])
    ]


def _is_of_word(character: str) -> bool:
    return (
        character.isalnum() or character == "_" or category(character).startswith("M")
    )


def _is_wanted(words: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(word in wanted or word.startswith(wanted[-1]) for word in words)


def excerpt(parts: Parts) -> Parts:
    """Cut a long text down to what is around the first part that was found."""
    if sum(len(part) for part, _ in parts) <= _EXCERPT:
        return parts
    begin = 0
    for part, is_found in parts:
        if is_found:
            break
        begin += len(part)
    begin = max(0, begin - _LEAD_IN)
    end = begin + _EXCERPT
    found: list[tuple[str, bool]] = [("… ", False)] if begin else []
    at = 0
    for part, is_found in parts:
        kept = part[max(0, begin - at) : max(0, end - at)]
        if kept:
            found.append((kept, is_found))
        at += len(part)
    return [*found, (" …", False)] if at > end else found
