"""Importing JSONL: a file is one transaction, and running it again changes nothing.

A line is one event's JSON. Lines that name no id get one derived from their content
and from how many equal lines came before, so that the same file gives the same ids.
"""

import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from hashlib import sha256
from itertools import chain, islice
from typing import Any, BinaryIO, NamedTuple

import orjson

from dateline.domain import errors
from dateline.domain.events import AnyEvent, LedgerOpened, parse_event
from dateline.domain.recorded import ENVELOPE, content_of, fields_of
from dateline.domain.times import read_instant
from dateline.ledger import Ledger, opening_named
from dateline.projections.recording import Clock, Kept, Recording
from dateline.projections.sqlite.store import MEMORY
from dateline.projections.store import Progress
from dateline.projections.targets import draft, is_free

LINE_LIMIT = 16 * 2**20
"""Bytes in a line."""

POSITION_LIMIT = 2**53 - 1
"""The highest position that can be kept: beyond, JSON numbers are not exact."""

ID_NAMESPACE = uuid.UUID("6f0c3f3e-6d1b-5c0c-9a3b-2f5f6c1d7e42")
"""The namespace of ids derived from lines (UUID version 5)."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Imported(NamedTuple):
    """What an import did with a file's lines."""

    lines: int
    new: int
    existing: int
    notes: tuple[str, ...]


class _Line(NamedTuple):
    number: int
    event: AnyEvent
    kept: Kept | None


# --- derived ids ------------------------------------------------------------------


class _Derived:
    """Ids for lines without one; counts equal lines on disk, in bounded memory."""

    def __init__(self) -> None:
        self._seen = sqlite3.connect("", isolation_level=None)
        self._seen.execute("PRAGMA journal_mode = OFF")
        self._seen.execute(
            "CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER) WITHOUT ROWID"
        )

    def id_of(self, event: AnyEvent) -> str:
        digest = sha256(content_of(event.type, fields_of(event))).digest()
        (times,) = self._seen.execute(
            """INSERT INTO seen VALUES (?, 0)
               ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times""",
            (digest,),
        ).fetchone()
        return _derived_id(event, times)

    def close(self) -> None:
        self._seen.close()


def _derived_id(event: AnyEvent, equal_before: int) -> str:
    content = content_of(event.type, fields_of(event)).decode()
    return str(uuid.uuid5(ID_NAMESPACE, f"{equal_before}:{content}"))


# --- files --------------------------------------------------------------------------


def import_file(
    target: str,
    file: BinaryIO,
    *,
    name: str,
    keep_recorded_at: bool = False,
    batch: int | None = None,
    clock: Clock | None = None,
    progress: Progress | None = None,
) -> Imported:
    """Record a file's lines in a ledger, which is created if it is not there.

    Args:
        target: the ledger's, as :func:`open` takes it.
        file: opened for reading bytes.
        name: the file's, after which a new ledger is titled.
        keep_recorded_at: into a new ledger, keep ``recorded_at``, ``position`` and
            ``salts`` where the lines give them, and check the rest of the envelope.
        batch: commit after so many lines; default: the whole file at once.
        progress: told how many bytes are done, of how many (0 if unknown).

    Raises:
        DatelineError: the first bad line's error, with its number; nothing of the
            file is recorded (with ``batch``, nothing after the last full batch).
    """
    lines = _lines(file, keep=keep_recorded_at, progress=progress)
    first = next(lines, None)
    opens = first is not None and isinstance(first.event, LedgerOpened)
    ledger = _existing(target, clock)
    is_new = ledger is None
    is_draft = is_new and batch is None and is_free(target)
    with draft(target) if is_draft else nullcontext(target) as path:
        if ledger is None:
            ledger = _new_ledger(path, name, first, clock)
        with ledger:
            notes: list[str] = []
            if opens and not is_new:
                assert first is not None
                notes.append(_skip_opening(ledger, first, keep=keep_recorded_at))
            elif keep_recorded_at and not is_new:
                raise errors.LedgerMismatch(
                    f"{ledger.target!r} exists; recorded_at is kept only in a new "
                    "ledger"
                )
            count, new, existing = _record(ledger, first, lines, batch)
    opened = opens and is_new
    return Imported(count + opens, new + opened, existing, tuple(notes))


def _existing(target: str, clock: Clock | None) -> Ledger | None:
    """Open the ledger that is there; a file without an opening is none yet."""
    if target == MEMORY:
        return None
    try:
        return Ledger(target, clock=clock)
    except errors.LedgerNotFound:
        return None


def _new_ledger(
    target: str, name: str, first: _Line | None, clock: Clock | None
) -> Ledger:
    """Open a ledger with the first line, or no later than what it brings."""
    if first is None:
        return Ledger(target, opening=opening_named(name, None), clock=clock)
    kept = first.kept
    if isinstance(first.event, LedgerOpened):
        opening = first.event
        if opening.id is None:
            opening = opening.model_copy(update={"id": _derived_id(opening, 0)})
    else:
        opening = opening_named(name, None)
        kept = Kept(recorded_at=kept.recorded_at) if kept else None
    with _numbered(first.number):
        # An opening that cannot be is found out in memory, and leaves no file.
        Ledger(MEMORY, opening=opening, kept=kept, clock=clock).close()
        return Ledger(target, opening=opening, kept=kept, clock=clock)


def _skip_opening(ledger: Ledger, first: _Line, *, keep: bool) -> str:
    """Check an opening against the ledger that is there; say that it is skipped."""
    assert isinstance(first.event, LedgerOpened)
    opening = first.event
    differs = opening.timezone != ledger.timezone or (
        keep and opening.title != ledger.title
    )
    if differs:
        raise errors.LedgerMismatch(
            f"the file opens a ledger {opening.title!r} in {opening.timezone}, and "
            f"this one is {ledger.title!r} in {ledger.timezone}; import into another"
        ).at(f"line {first.number}", first.number)
    return f"line {first.number}: LedgerOpened skipped; the ledger is open"


def _record(
    ledger: Ledger, first: _Line | None, lines: Iterator[_Line], batch: int | None
) -> tuple[int, int, int]:
    """Record lines, a transaction for each ``batch`` of them or one for all."""
    count = new = existing = 0
    rest = lines
    if first is not None and not isinstance(first.event, LedgerOpened):
        rest = chain((first,), lines)
    with closing(_Derived()) as derived:
        while True:
            part = 0
            with ledger.recording() as recording:
                for line in islice(rest, batch):
                    part += 1
                    with _numbered(line.number):
                        if _add(recording, line, derived):
                            new += 1
                        else:
                            existing += 1
            count += part
            if batch is None or part < batch:
                return count, new, existing


def _add(recording: Recording, line: _Line, derived: _Derived) -> bool:
    event = line.event
    if isinstance(event, LedgerOpened):
        raise errors.MisplacedOpening(
            "LedgerOpened is the first line of a file, and only that", "type"
        )
    id = derived.id_of(event) if event.id is None else None
    recorded = recording.add(event, id=id, kept=line.kept)
    kept = line.kept
    if (
        kept is not None
        and kept.position is not None
        and recorded.position != kept.position
    ):
        raise errors.LedgerMismatch(
            f"position {kept.position} is to be kept, but the ledger has this event at "
            f"{recorded.position}; keep only into a new ledger"
        )
    return recorded.new


# --- lines ------------------------------------------------------------------------


def _lines(file: BinaryIO, *, keep: bool, progress: Progress | None) -> Iterator[_Line]:
    """Read lines as events; blank ones are passed over, but counted."""
    size = _size(file)
    done = number = 0
    while raw := file.readline(LINE_LIMIT + 1):
        number += 1
        done += len(raw)
        if progress is not None and number % 1_000 == 0:
            progress(done, size)
        if number == 1:
            raw = raw.removeprefix(_BYTE_ORDER_MARK)
        if raw.strip():
            with _numbered(number):
                yield _line(raw, number, keep=keep)
    if progress is not None:
        progress(done, size)


def _size(file: BinaryIO) -> int:
    """Return a file's bytes; 0 for a pipe, and for what is no file."""
    try:
        return os.fstat(file.fileno()).st_size
    except OSError:
        return 0


def _line(raw: bytes, number: int, *, keep: bool) -> _Line:
    if len(raw) > LINE_LIMIT:
        raise errors.LineTooLong(f"a line has at most {LINE_LIMIT:,} bytes")
    try:
        fields: Any = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            raw.decode()
        except UnicodeDecodeError as malformed:
            raise errors.InvalidEncoding(
                f"byte {malformed.start + 1} is not UTF-8; convert the file"
            ) from None
        raise errors.MalformedJSON(
            f"not a JSON object ({error.msg} at character {error.pos + 1})"
        ) from None
    if not isinstance(fields, dict):
        raise errors.MalformedJSON("not a JSON object")
    envelope = {name: fields.pop(name) for name in _ADDED if name in fields}
    kept = _kept(envelope) if keep else None
    return _Line(number, parse_event(fields), kept)


_ADDED = tuple(name for name in ENVELOPE if name not in ("id", "recorder"))


def _kept(envelope: dict[str, Any]) -> Kept:
    """Read the envelope that a line brings."""
    _check_type(envelope, "position", int)
    _check_type(envelope, "version", int)
    _check_type(envelope, "schema_version", int)
    for name in ("recorded_at", "stream", "hash"):
        _check_type(envelope, name, str)
    _check_type(envelope, "salts", dict)
    position = envelope.get("position")
    if position is not None and not 1 <= position <= POSITION_LIMIT:
        raise errors.InvalidValue(
            f"position {position} is not between 1 and {POSITION_LIMIT}", "position"
        )
    recorded_at = envelope.get("recorded_at")
    instant = None if recorded_at is None else read_instant(recorded_at)
    return Kept(**{**envelope, "recorded_at": instant})


def _check_type(envelope: dict[str, Any], name: str, kind: type) -> None:
    value = envelope.get(name)
    if value is not None and type(value) is not kind:
        raise errors.InvalidValue(f"{name} is not of type {kind.__name__}", name)


@contextmanager
def _numbered(number: int) -> Iterator[None]:
    """Name the line in errors that come up about it."""
    try:
        yield
    except errors.DatelineError as error:
        if error.where is None and not error.fault:
            error.at(f"line {number}", number)
        raise
