"""What a ledger has on its registers: topics, sources, documents, by slug.

Each is folded from its own stream, as it stands at a position. Positions are
inclusive. Claims are on no register here: :mod:`dateline.projections.asof` has them.
"""

from collections.abc import Iterator

from dateline.domain import errors
from dateline.domain.answers import (
    DocumentState,
    RatingHeld,
    SourceState,
    TopicState,
)
from dateline.domain.histories import Described
from dateline.domain.recorded import LogEntry
from dateline.projections import log
from dateline.projections.store import Cursor


def topic(cursor: Cursor, slug: str, *, recorded_by: int) -> TopicState:
    """Return one topic.

    Raises:
        UnknownTopic: not opened at the position.
    """
    state = _topic(log.stream(cursor, f"topic:{slug}"), recorded_by)
    if state is None:
        raise errors.UnknownTopic(slug, recorded_by)
    return state


def topics(cursor: Cursor, *, recorded_by: int, beyond: str) -> Iterator[TopicState]:
    """Iterate over the topics opened by a position, beyond a slug, by slug."""
    for entries in log.by_stream(cursor, "topic", beyond=beyond):
        state = _topic(entries, recorded_by)
        if state is not None:
            yield state


def source(cursor: Cursor, slug: str, *, recorded_by: int) -> SourceState:
    """Return one source, corrections and standing ratings included.

    Raises:
        UnknownSource: not registered at the position.
    """
    state = _source(log.stream(cursor, f"source:{slug}"), recorded_by)
    if state is None:
        raise errors.UnknownSource(slug, recorded_by)
    return state


def sources(cursor: Cursor, *, recorded_by: int, beyond: str) -> Iterator[SourceState]:
    """Iterate over the sources registered by a position, beyond a slug, by slug."""
    for entries in log.by_stream(cursor, "source", beyond=beyond):
        state = _source(entries, recorded_by)
        if state is not None:
            yield state


def document(cursor: Cursor, slug: str, *, recorded_by: int) -> DocumentState:
    """Return one document, corrections included.

    Raises:
        UnknownDocument: not captured at the position.
    """
    described = _described(log.stream(cursor, f"document:{slug}"))
    if not _is_open(described.opened, recorded_by):
        raise errors.UnknownDocument(slug, recorded_by)
    fields = described.at(recorded_by=recorded_by)
    return DocumentState(
        id=slug,
        title=fields["title"],
        publisher=fields.get("publisher"),
        url=fields.get("url"),
        published_at=fields.get("published_at"),
        retrieved_at=fields.get("retrieved_at"),
        sha256=fields.get("sha256"),
    )


def _topic(entries: list[LogEntry], recorded_by: int) -> TopicState | None:
    opened = next(iter(entries), None)
    if opened is None or not _is_open(opened, recorded_by):
        return None
    return TopicState(
        id=opened.fields["topic"],
        title=opened.fields["title"],
        description=opened.fields.get("description"),
    )


def _source(entries: list[LogEntry], recorded_by: int) -> SourceState | None:
    described = _described(entries)
    if not _is_open(described.opened, recorded_by):
        return None
    fields = described.at(recorded_by=recorded_by)
    return SourceState(
        id=fields["source"],
        name=fields["name"],
        kind=fields.get("kind"),
        principal=fields.get("principal", fields["source"]),
        country=fields.get("country"),
        url=fields.get("url"),
        ratings=tuple(
            RatingHeld(
                rater=rated.fields.get("rater"),
                reliability=rated.fields["reliability"],
                note=rated.fields.get("note"),
                event=rated.id,
            )
            for rated in described.ratings_at(recorded_by=recorded_by)
        ),
    )


def _described(entries: list[LogEntry]) -> Described:
    described = Described()
    for entry in entries:
        described.apply(entry)
    return described


def _is_open(opened: LogEntry | None, recorded_by: int) -> bool:
    return opened is not None and opened.position <= recorded_by
