"""Answers about a whole topic that pages need again and again.

They are given at a fixed position of one history, so they never change.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

from cachetools import LRUCache

Answered = TypeVar("Answered")

MOST_ANSWERS = 64


class Kept:
    """A few answers, by what was asked and the hash of the position it was asked at."""

    def __init__(self) -> None:
        self._answers: LRUCache[tuple[object, ...], Any] = LRUCache(MOST_ANSWERS)
        self._lock = threading.Lock()

    def get(self, answer: Callable[[], Answered], *question: object) -> Answered:
        """Return what is kept of a question, or the answer, kept from now on."""
        with self._lock:
            if question in self._answers:
                return cast(Answered, self._answers[question])
        found = answer()
        with self._lock:
            self._answers[question] = found
        return found
