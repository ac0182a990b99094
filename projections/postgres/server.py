"""Whether a server can keep a ledger: what it is, and how it is set."""

import os

import psycopg

from dateline.domain import errors
from dateline.projections.store import Row

OLDEST = 13
"""The oldest major version that is supported."""

_MUST_BE = {
    "server_encoding": ("UTF8", "texts could not be stored as they are"),
    "fsync": ("on", "a power cut would lose what was acknowledged"),
    "full_page_writes": ("on", "a power cut could tear pages of the log"),
}
# As the role has them, and not this session, in which they are mended.
_SETTINGS = "SELECT name, reset_val FROM pg_settings WHERE name = ANY(%s)"
_DB_FUNCTIONS = "POSTGRES_ENABLE_DB_FUNCTIONS"
_OFF = ("", "n", "no", "f", "false", "off", "0")


def check(connection: psycopg.Connection[Row], target: str) -> None:
    """Refuse a server that would lose events, or read them in another order.

    Raises:
        UnsuitableServer: names the setting and what it must be.
    """
    found = connection.info.server_version
    if found < OLDEST * 10_000:
        raise errors.UnsuitableServer(
            target, f"PostgreSQL {found // 10_000} is too old; {OLDEST} is the oldest"
        )
    names = [*_MUST_BE, "synchronous_commit"]
    settings: dict[str, str] = dict(connection.execute(_SETTINGS, (names,)).fetchall())
    for name, (wanted, reason) in _MUST_BE.items():
        if settings.get(name) != wanted:
            raise errors.UnsuitableServer(
                target, f"{name} is {settings.get(name)!r}, so {reason}; set {wanted!r}"
            )
    if settings["synchronous_commit"] == "off":
        raise errors.UnsuitableServer(
            target,
            "synchronous_commit is 'off', so a crash would lose what was "
            "acknowledged; set 'on' for this role or database",
        )
    _check_isolation(connection, target)
    if os.environ.get(_DB_FUNCTIONS, "").lower() not in _OFF:
        raise errors.UnsuitableServer(
            target,
            f"{_DB_FUNCTIONS} is set: under it the event store takes no lock, and "
            "readers that follow lose events; unset it",
        )


def _check_isolation(connection: psycopg.Connection[Row], target: str) -> None:
    """See to it that a snapshot is one: look-alikes of PostgreSQL have others."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        row = connection.execute("SHOW transaction_isolation").fetchone()
    if row != ("repeatable read",):
        raise errors.UnsuitableServer(
            target, "it has no transactions of isolation level repeatable read"
        )
