"""Answers that were given lately, kept in bounded memory.

An answer at a position never changes, so what is kept never goes stale, unless the
ledger loses events that were recorded. The tag of an answer names the ledger, the
release, the position and the question.
"""

import threading

from cachetools import LRUCache

KEPT_BYTES = 32 * 2**20
"""Bytes of answers that are kept."""

_LARGEST_PART = 8


class KeptAnswers:
    """Answers by tag; those asked for longest ago make room. Any thread may use it.

    Args:
        most_bytes: of all answers; one of more than an eighth of it is not kept.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._largest = most_bytes // _LARGEST_PART
        self._bodies: LRUCache[str, bytes] = LRUCache(most_bytes, getsizeof=len)
        self._lock = threading.Lock()

    def get(self, tag: str) -> bytes | None:
        """Return an answer, if it is kept."""
        with self._lock:
            return self._bodies.get(tag)

    def clear(self) -> None:
        """Forget all of them: the ledger lost the history that they are of."""
        with self._lock:
            self._bodies.clear()

    def put(self, tag: str, body: bytes) -> None:
        """Keep an answer."""
        if len(body) <= self._largest:
            with self._lock:
                self._bodies[tag] = body
