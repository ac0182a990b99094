"""Answers about whole topics, claims and sources that pages need again and again.

They are given at a fixed position of one history, so they never change.
"""

import threading
from collections.abc import Callable, Sized
from typing import Any, TypeVar, cast

from cachetools import LRUCache

Answered = TypeVar("Answered")

MOST_ENTRIES = 200_000
"""Statements, days and events in what is kept, at a kilobyte or two each."""


class Kept:
    """A few answers, by what was asked and the hash of the position it was asked at."""

    def __init__(self) -> None:
        self._answers: LRUCache[tuple[object, ...], Any] = LRUCache(
            MOST_ENTRIES, getsizeof=_entries
        )
        self._lock = threading.Lock()

    def get(self, answer: Callable[[], Answered], *question: object) -> Answered:
        """Return what is kept of a question, or the answer, kept from now on.

        An answer with more entries than are kept in all is given and forgotten.
        """
        with self._lock:
            if question in self._answers:
                return cast(Answered, self._answers[question])
        found = answer()
        if _entries(found) <= MOST_ENTRIES:
            with self._lock:
                self._answers[question] = found
        return found


def _entries(answer: object) -> int:
    """Return how many entries an answer has: those of its lists, and itself."""
    parts = [answer, *getattr(answer, "__dict__", {}).values()]
    return 1 + sum(len(part) for part in parts if isinstance(part, Sized))
