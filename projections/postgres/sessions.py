"""Sessions on the server: how they are opened and set, and the pool of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.sql import SQL
from psycopg_pool import ConnectionPool, PoolClosed

from dateline.domain import errors
from dateline.projections.postgres.cursor import adapt
from dateline.projections.postgres.target import Target
from dateline.projections.store import Row

Session = psycopg.Connection[Row]

WAIT_SECONDS = 5
"""How long anybody waits for a session, and a session for the server."""

_MOST_SESSIONS = 16
"""Of one process: two questions, four readers that catch up, a writer, and room."""

_LOST_SECONDS = 25
_PROBES = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
"""When each side looks for the other if it says nothing, so that a host that vanished
is given up after 25 s, and a write lock that it held. One that is there answers the
probes however busy the program is."""

_DEFAULTS = {
    "connect_timeout": str(WAIT_SECONDS),
    "fallback_application_name": "dateline",
    "tcp_user_timeout": str(1_000 * _LOST_SECONDS),
    **_PROBES,
}
"""What libpq is told unless the URL says otherwise."""

_SETTINGS = {
    "array_nulls": "on",
    "default_transaction_isolation": "read committed",
    "standard_conforming_strings": "on",
    "transaction_timeout": "0",
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "tcp_user_timeout": str(1_000 * _LOST_SECONDS),
    **{f"tcp_{name}": value for name, value in _PROBES.items()},
}
"""Settings of each session, whatever its role has: strings and arrays are read as they
are sent, a rebuild takes its time, and so does an import whose lines come slowly."""

_SET = """
    SET statement_timeout TO 0;
    SELECT set_config(name, wanted, false)
    FROM unnest({names}::text[], {wanted}::text[]) AS settings (name, wanted)
    JOIN pg_settings USING (name);  -- older servers lack some
    SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'
"""
_ROLL_BACK = b"ROLLBACK"
_IN_TRANSACTION = (TransactionStatus.INTRANS, TransactionStatus.INERROR)


class Sessions:
    """Sessions in a ledger's schema, in autocommit mode.

    Args:
        lock_timeout: seconds to wait for another writer.

    Raises:
        psycopg.ProgrammingError: libpq cannot read the URL.
    """

    def __init__(self, target: Target, lock_timeout: int) -> None:
        given = {k: str(v) for k, v in conninfo_to_dict(target.conninfo).items()}
        self._conninfo = make_conninfo(
            **_DEFAULTS | given | {"client_encoding": "utf8"}
        )
        settings = _SETTINGS | {
            "search_path": f'"{target.ledger}"',
            "lock_timeout": f"{lock_timeout}s",
        }
        self._set = SQL(_SET).format(
            names=list(settings), wanted=list(settings.values())
        )
        self._is_closed = False
        self.pool: ConnectionPool[Session] = ConnectionPool(
            self._conninfo,
            min_size=1,
            max_size=_MOST_SESSIONS,
            name=f"dateline-{target.ledger}",
            kwargs={"autocommit": True},
            configure=self._configure,
            # Attempts come ever more rarely until this is over, and anew when asked.
            reconnect_timeout=WAIT_SECONDS,
            open=False,
        )

    def open(self) -> Session:
        """Open a session of one's own."""
        session: Session = psycopg.connect(self._conninfo, autocommit=True)
        try:
            self._configure(session)
        except BaseException:
            session.close()
            raise
        return session

    def start(self) -> None:
        """Begin to fill the pool."""
        self.pool.open()

    def _configure(self, session: Session) -> None:
        adapt(session)
        session.execute(self._set)

    @contextmanager
    def begun(self, statement: bytes) -> Iterator[tuple[Session, psycopg.Cursor[Row]]]:
        """Give a session of the pool after a first statement, and its outcome.

        A session that broke while nobody used it (a server that was started anew breaks
        all of them) is put aside for the next. A transaction that is left open is
        rolled back.

        Raises:
            LedgerClosed. PoolTimeout: no session was free in time.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            session = self._taken(max(0.1, deadline - time.monotonic()))
            try:
                try:
                    outcome = session.execute(statement)
                except psycopg.Error:
                    if session.closed and time.monotonic() < deadline:
                        continue
                    raise
                yield session, outcome
                return
            finally:
                self._give_back(session)

    def _taken(self, timeout: float) -> Session:
        if self._is_closed:
            raise errors.LedgerClosed
        try:
            return self.pool.getconn(timeout)
        except PoolClosed:
            raise errors.LedgerClosed from None

    def _give_back(self, session: Session) -> None:
        try:
            if session.info.transaction_status in _IN_TRANSACTION:
                with suppress(psycopg.Error):
                    session.execute(_ROLL_BACK)
        finally:
            self.pool.putconn(session)

    def close(self) -> None:
        """Give back all of the pool; who waits for one is told that it is closed."""
        self._is_closed = True
        self.pool.close()
