"""Hints that something was recorded: one LISTEN connection for each process.

A hint says only that it is worth looking. Whoever waits looks at the head after each
one, and once a second without any, so that a lost hint costs time and no event.
"""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from logging import getLogger
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_when_event_set,
    wait_random_exponential,
)

_LOOK_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5

log = getLogger(__name__)


class Listener:
    """Listens in a thread that begins with the first who waits.

    Args:
        connect: opens a connection in autocommit mode.
        channel: what is listened to.
        target: the ledger's, for the log.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        channel: str,
        target: str,
    ) -> None:
        self._connect = connect
        self._channel = channel
        self._target = target
        self._heard = threading.Condition()
        self._hints = 0
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def hints(self) -> int:
        """Return how many hints there were; ask before looking at the head."""
        if self._thread is None:
            with self._heard:
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._listen, name="dateline-listener", daemon=True
                    )
                    self._thread.start()
        return self._hints

    def wait(self, hints: int, timeout: float) -> None:
        """Wait for one more hint than there were, for a while."""
        with self._heard:
            self._heard.wait_for(
                lambda: self._hints > hints or self._closed.is_set(), timeout
            )

    def hint(self) -> None:
        """Wake all who wait."""
        with self._heard:
            self._hints += 1
            self._heard.notify_all()

    def close(self) -> None:
        """End the thread, and the waiting."""
        self._closed.set()
        self.hint()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _listen(self) -> None:
        """Listen until the end; connect again, with growing pauses, when it breaks."""
        attempts = Retrying(
            retry=retry_if_exception_type(psycopg.Error),
            wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE_SECONDS),
            stop=stop_when_event_set(self._closed),
            sleep=sleep_using_event(self._closed),
        )
        while not self._closed.is_set():
            with suppress(RetryError):
                connection = attempts(self._connected)
                with closing(connection):
                    self._hear(connection)

    def _connected(self) -> psycopg.Connection[Any]:
        connection = self._connect()
        try:
            connection.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
        except BaseException:
            connection.close()
            raise
        return connection

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        """Pass hints on until the connection breaks; what came before it is one too."""
        self.hint()
        try:
            while not self._closed.is_set():
                for _ in connection.notifies(timeout=_LOOK_SECONDS, stop_after=1):
                    self.hint()
        except psycopg.Error as error:
            if not self._closed.is_set():
                log.warning("%s: listening anew: %s", self._target, error)
