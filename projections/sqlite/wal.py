"""The -wal beside a ledger's file: whether it continues what is in the file.

Who puts an older backup in a file's place must take the -wal of that file away, too.
Where it is left, SQLite lays its pages over the backup's: a mixture of two states that
lacks what had moved from the -wal to the file since the backup was made. SQLite cannot
tell. So transactions are counted, and a -wal has so many: the file must be no older.
"""

import os
import sqlite3
import uuid
from contextlib import closing
from typing import NamedTuple

from dateline.domain import errors
from dateline.projections.sqlite.connections import connect
from dateline.projections.sqlite.files import uri

_HEADER, _FRAME = 32, 24
"""Bytes of the headers of a -wal and of each page in it
(https://www.sqlite.org/fileformat2.html#walformat)."""

_NAMES = "name >= 'dateline:' AND name < 'dateline;'"
_COUNT = f"UPDATE sqlite_sequence SET seq = seq + 1 WHERE {_NAMES}"
_BEGIN = "INSERT INTO sqlite_sequence (name, seq) VALUES (?, 1)"
_FIND = f"SELECT name, seq FROM sqlite_sequence WHERE {_NAMES}"


class Count(NamedTuple):
    """How many transactions were committed to a file.

    Attributes:
        name: tells the file, and copies of its pages, from any other.
    """

    name: str
    transactions: int


def count(cursor: sqlite3.Cursor) -> None:
    """Count the transaction that is about to be committed.

    Beside the last position, on a page that it changes anyway.
    """
    if cursor.execute(_COUNT).rowcount == 0:
        cursor.execute(_BEGIN, (f"dateline:{uuid.uuid4().hex}",))


def check(target: str, timeout: float) -> None:
    """Check that a -wal, if there is one, is that of the file.

    Raises:
        LedgerDamaged: it is not.
    """
    wal = f"{target}-wal"
    if not os.path.exists(wal) or os.path.getsize(wal) == 0:
        return
    # What may only be read is not taken over into the file when it is closed.
    with closing(connect(uri(target, "mode=ro"), timeout)) as connection:
        # In this order, since others may write: while a -wal is read it is not begun
        # anew, and until then it grows; so does the count in the file.
        connection.execute("BEGIN")
        both = _found(connection)
        in_wal = _transactions(wal)
        alone = _alone(target)
    if both is None or alone is None:
        return
    is_known = alone.transactions == 0 or alone.name == both.name
    if not is_known or alone.transactions < both.transactions - in_wal:
        raise errors.LedgerDamaged(
            f"{wal!r} is not of the file that is at {target!r}; if an older backup was "
            "put there, close all who have the ledger open, move the -wal and the -shm "
            "away, and put the backup there again"
        )


def _found(connection: sqlite3.Connection) -> Count | None:
    row = connection.execute(_FIND).fetchone()
    return None if row is None else Count(*row)


def _alone(target: str) -> Count | None:
    """Return the count in the file without its -wal; nothing if it cannot be told.

    It may just be written to, or have been left half-written by a process that died.
    """
    try:
        with closing(connect(uri(target, "mode=ro", "immutable=1"), 0)) as connection:
            return _found(connection) or Count("", 0)
    except sqlite3.DatabaseError:
        return None


def _transactions(wal: str) -> int:
    """Return how many transactions a -wal holds; at least those that count."""
    found = 0
    with open(wal, "rb") as file:
        header = file.read(_HEADER)
        page_size, salts = int.from_bytes(header[8:12]), header[16:24]
        while len(frame := file.read(_FRAME)) == _FRAME and frame[8:16] == salts:
            found += frame[4:8] != bytes(4)  # the size after a commit
            file.seek(page_size, os.SEEK_CUR)
    return found
