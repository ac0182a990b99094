"""The ledger's book as a writer sees it: what is in force, and what a batch adds.

A registry for decisions, over the log and the batch under way. It keeps the streams
it has folded between batches, and forgets those that another process wrote to since.
"""

import os
from bisect import bisect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dateline.domain.decisions import LEDGER_STREAM
from dateline.domain.histories import ClaimHistory, Described, ExpectationHistory
from dateline.domain.recorded import (
    FIRST_HASH,
    SALT_BYTES,
    LogEntry,
    chain_hash,
    free_texts,
)
from dateline.domain.times import FIRST, Instant, Zone
from dateline.projections import log
from dateline.projections.codec import CODEC
from dateline.projections.rows import RowWriter
from dateline.projections.steps import ClaimRows, State, StepKey, Written
from dateline.projections.store import OPEN_END, Cursor, Store

_KEPT_EVENTS = 30_000
"""How many events of folded streams are kept in memory, some 3 kB each."""
WRITTEN_AT_ONCE = 4_096
"""Events of a transaction that are written together; fewer wait for its end."""

_LIVE_STEPS = """
    SELECT known_from, variant, recorded_from, status, since, weights, answer
    FROM steps WHERE claim = ? AND recorded_until = ?
"""
_INSERT_MOMENT = """
    INSERT INTO moments VALUES (?,?)
    ON CONFLICT (recorded_at) DO UPDATE SET position = excluded.position
"""
_FROM_HEAD = (
    "SELECT position, hash FROM log WHERE position >= ? ORDER BY position LIMIT 2"
)
_STREAMS_SINCE = """
    SELECT stream FROM log WHERE position > ?
    UNION SELECT 'claim:' || claim FROM contradictions WHERE position > ?
"""

Folded = ClaimRows | Described | ExpectationHistory | LogEntry
"""What is kept of a stream: rows and history, a description, or its only event."""


class Head(NamedTuple):
    """Where the log ends."""

    position: int = 0
    recorded_at: Instant = FIRST
    hash: str = FIRST_HASH

    @classmethod
    def of(cls, last: LogEntry | None) -> "Head":
        """Return where a log ends, given its last entry, if it has one."""
        if last is None:
            return cls()
        return cls(last.position, last.recorded_at, last.hash)


class Principals(dict[str, str]):
    """Each source's principal, followed to its end; looked up once.

    A source's principal never changes, so what is kept never goes stale.
    """

    def __init__(self, principal_of: Callable[[str], str | None]) -> None:
        super().__init__()
        self._principal_of = principal_of

    def __missing__(self, source: str) -> str:
        principal = self._principal_of(source)
        self[source] = source if principal is None else self[principal]
        return self[source]

    def chain(self, source: str) -> list[str]:
        """Return a source and its principals, nearest first."""
        links = [source]
        while (principal := self._principal_of(links[-1])) is not None:
            links.append(principal)
        return links


def principal_of(opened: LogEntry) -> str | None:
    """Return the party that a source speaks for, if it is another."""
    principal: str | None = opened.fields.get("principal")
    return None if principal == opened.fields["source"] else principal


class Book:
    """Everything a batch is decided on, and what it changes.

    Args:
        store: where the log and the rows are.
        zone: the ledger's.
    """

    def __init__(self, store: Store, zone: Zone) -> None:
        self._store = store
        self._zone = zone
        self.forget()

    def forget(self) -> None:
        """Forget everything, as after a transaction that was rolled back."""
        self._cursor: Cursor | None = None
        self._folded: dict[str, Folded] = {}
        self._versions: dict[str, int] = {}
        self._kept_events = 0
        self._principals = Principals(self._principal_of)
        self._entries: list[LogEntry] = []
        self._entries_by_id: dict[str, LogEntry] = {}
        self._rows = RowWriter()
        self.head = Head()

    # --- a batch ----------------------------------------------------------------

    def open(self, cursor: Cursor) -> None:
        """Begin a transaction under the write lock, at the ledger's head.

        What is known is forgotten if the log does not hold it: an older backup took
        its place, or its server lost commits with the machine it was on.
        """
        self._cursor = cursor
        known = self.head
        found = cursor.execute(_FROM_HEAD, (known.position,)).fetchall()
        if not found or found[0] != (known.position, known.hash):
            self.forget()
            self._cursor = cursor
        elif len(found) == 1:
            return
        self._catch_up(cursor)

    def _catch_up(self, cursor: Cursor) -> None:
        """Forget the streams that others wrote to since, and find the head."""
        if self._folded or self._versions:
            since = self.head.position
            cursor.execute(_STREAMS_SINCE, (since, since))
            for (name,) in cursor.fetchall():
                self._folded.pop(name, None)
                self._versions.pop(name, None)
        position = self._store.last_position(cursor)
        last = log.at_position(cursor, position)
        self.head = Head.of(last)._replace(position=position)

    def take_back(self, head: Head) -> None:
        """Return to a head of the transaction under way that is not written yet."""
        cursor = self._cursor
        assert cursor is not None
        kept = [entry for entry in self._entries if entry.position <= head.position]
        self.forget()
        self.open(cursor)
        for entry in kept:
            self.take(entry)
        assert self.head == head
        self._write()  # or the next one that is taken back would fold it again

    def close(self) -> None:
        """End a transaction that is being committed: write what is left of it."""
        self._write()
        self._cursor = None
        self._forget_if_many()

    def _forget_if_many(self) -> None:
        """Bound what is kept; streams are folded again when they are needed."""
        if self._kept_events > _KEPT_EVENTS:
            self._folded.clear()
            self._versions.clear()
            self._kept_events = 0

    def record(
        self,
        *,
        id: str,
        type: str,
        stream: str,
        fields: Mapping[str, Any],
        recorded_at: Instant,
        recorder: str | None,
        position: int | None = None,
        salts: Mapping[str, str] | None = None,
    ) -> LogEntry:
        """Give an event its envelope, fold it, and keep it for writing."""
        self._load(stream)
        if salts is None:
            salts = {name: os.urandom(SALT_BYTES).hex() for name in free_texts(fields)}
        entry = LogEntry(
            self.head.position + 1 if position is None else position,
            id,
            type,
            fields,
            stream,
            self._versions.get(stream, 0) + 1,
            recorded_at,
            recorder,
            CODEC.schema_version(type),
            salts,
        )
        entry = LogEntry(*entry[:-1], chain_hash(self.head.hash, entry))
        self._keep(entry, entry)
        return entry

    def take(self, entry: LogEntry) -> None:
        """Fold an event that has its envelope, and keep it for writing as it is."""
        self._load(entry.stream)
        self._keep(entry, CODEC.upcast(entry))

    def _keep(self, entry: LogEntry, current: LogEntry) -> None:
        """Fold an entry, given in its current shape too, and keep it for writing."""
        self._fold(current)
        self._entries.append(entry)
        self._entries_by_id[entry.id] = current
        self._versions[entry.stream] = entry.version
        self._kept_events += 1
        self.head = Head.of(entry)
        if len(self._entries) >= WRITTEN_AT_ONCE:
            self._write()

    def _fold(self, entry: LogEntry) -> None:
        kind, _, slug = entry.stream.partition(":")
        match kind:
            case "claim":
                claims = [self._rows_of(slug, new=entry.type == "ClaimFramed")]
                if entry.fields.get("relation") == "contradicts":
                    claims.append(self._rows_of(entry.fields["other"]))
                self._rows.apply(entry, *claims)
                return
            case "source" | "document":
                described = self._folded.setdefault(entry.stream, Described())
                assert isinstance(described, Described)
                described.apply(entry)
                if kind == "source":
                    self._rows.describe(entry, described)
            case "expectation":
                expectation = self._folded.setdefault(
                    entry.stream, ExpectationHistory()
                )
                assert isinstance(expectation, ExpectationHistory)
                expectation.apply(entry)
            case _:
                self._folded[entry.stream] = entry
        self._rows.apply(entry)

    def _write(self) -> None:
        if self._entries:
            assert self._cursor is not None
            self._store.append(self._cursor, self._entries)
            self._rows.write(self._cursor)
            moments = {entry.recorded_at: entry.position for entry in self._entries}
            self._cursor.executemany(_INSERT_MOMENT, list(moments.items()))
            self._entries, self._entries_by_id = [], {}
            self._rows = RowWriter()
            self._forget_if_many()

    def moment(self, position: int) -> Instant:
        """Return when the event at a position was recorded."""
        assert self._cursor is not None
        if position == self.head.position:
            return self.head.recorded_at
        if self._entries and self._entries[0].position <= position:
            at = bisect(self._entries, position, key=lambda entry: entry.position)
            return self._entries[at - 1].recorded_at
        found = log.moment(self._cursor, position)
        assert found is not None
        return found[1]

    # --- the registry -------------------------------------------------------------

    @property
    def position(self) -> int:
        return self.head.position

    def opening(self) -> LogEntry | None:
        return self._only_event(LEDGER_STREAM)

    def topic(self, slug: str) -> LogEntry | None:
        return self._only_event(f"topic:{slug}")

    def claim(self, slug: str) -> ClaimHistory | None:
        rows = self._folded.get(f"claim:{slug}") or self._load_claim(slug)
        assert rows is None or isinstance(rows, ClaimRows)
        return None if rows is None else rows.history

    def source(self, slug: str) -> Described | None:
        return self._described(f"source:{slug}")

    def document(self, slug: str) -> Described | None:
        return self._described(f"document:{slug}")

    def expectation(self, slug: str) -> ExpectationHistory | None:
        name = f"expectation:{slug}"
        if name not in self._folded:
            expectation = ExpectationHistory()
            for entry in self._stream(name):
                expectation.apply(entry)
            if expectation.promised is None:
                return None
            self._folded[name] = expectation
        found = self._folded[name]
        assert isinstance(found, ExpectationHistory)
        return found

    def event(self, id: str) -> LogEntry | None:
        assert self._cursor is not None
        return self._entries_by_id.get(id) or log.by_id(self._cursor, id)

    def _load(self, stream: str) -> None:
        """See to it that a stream is folded and its version known."""
        kind, _, slug = stream.partition(":")
        match kind:
            case "claim":
                self.claim(slug)
            case "source" | "document":
                self._described(stream)
            case "expectation":
                self.expectation(slug)

    # --- streams ------------------------------------------------------------------

    def _stream(self, name: str) -> list[LogEntry]:
        assert self._cursor is not None
        entries = log.stream(self._cursor, name)
        if entries:
            self._versions[name] = entries[-1].version
        return entries

    def _only_event(self, name: str) -> LogEntry | None:
        found = self._folded.get(name)
        if found is None:
            entries = self._stream(name)
            if not entries:
                return None
            found = self._folded[name] = entries[0]
        assert isinstance(found, LogEntry)
        return found

    def _described(self, name: str) -> Described | None:
        found = self._folded.get(name)
        if found is None:
            found = Described()
            for entry in self._stream(name):
                found.apply(entry)
            if found.opened is None:
                return None
            self._folded[name] = found
        assert isinstance(found, Described)
        return found

    def _principal_of(self, source: str) -> str | None:
        described = self.source(source)
        assert described is not None
        assert described.opened is not None
        return principal_of(described.opened)

    def _rows_of(self, slug: str, *, new: bool = False) -> ClaimRows:
        if new:
            rows = ClaimRows(ClaimHistory(self._zone), self._principals, {})
            self._folded[f"claim:{slug}"] = rows
            return rows
        self.claim(slug)
        found = self._folded[f"claim:{slug}"]
        assert isinstance(found, ClaimRows)
        return found

    def _load_claim(self, slug: str) -> ClaimRows | None:
        assert self._cursor is not None
        name = f"claim:{slug}"
        history = ClaimHistory(self._zone)
        for entry in log.claim_stream(self._cursor, slug):
            history.apply(entry)
            self._kept_events += 1
            if entry.stream == name:
                self._versions[name] = entry.version
        if history.framed is None:
            return None
        live: dict[StepKey, Written] = {}
        self._cursor.execute(_LIVE_STEPS, (slug, OPEN_END))
        for known_from, variant, recorded_from, *state in self._cursor.fetchall():
            live[known_from, variant] = Written(recorded_from, State(*state))
        rows = ClaimRows(history, self._principals, live)
        self._folded[name] = rows
        return rows
