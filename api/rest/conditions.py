"""Conditional requests: entity tags, and what a cache may do with an answer.

An answer at a fixed position never changes, so its tag follows from the question and
is known before the question is asked. Tags of compressed answers are the business of
:mod:`dateline.api.coding`.
"""

import re
from collections.abc import Iterable
from hashlib import sha256

import orjson

_YEAR_SECONDS = 31_536_000

_TAGS = re.compile(r'(?:W/)?"([^"]*)"')
_TAG_LENGTH = 32
_ANY = "*"


def tag_of(*question: object) -> str:
    """Return the tag of the answer to a question, without quotes."""
    return sha256(orjson.dumps(question)).hexdigest()[:_TAG_LENGTH]


def tag_of_bytes(body: bytes) -> str:
    """Return the tag of an answer that only its bytes identify."""
    return sha256(body).hexdigest()[:_TAG_LENGTH]


def is_held(if_none_match: Iterable[str], tag: str) -> bool:
    """Tell whether the caller holds an answer already, by a weak comparison."""
    return tag in _TAGS.findall(",".join(if_none_match))


def is_any(if_none_match: Iterable[str]) -> bool:
    """Tell whether the caller holds an answer, whichever it is."""
    return any(_ANY in map(str.strip, one.split(",")) for one in if_none_match)


def cache_control(*, fixed: bool, private: bool) -> str:
    """Return what caches may do with an answer: keep it for good, or ask again."""
    if fixed:
        reach = "private" if private else "public"
        return f"{reach}, max-age={_YEAR_SECONDS}, immutable"
    return "private, no-cache" if private else "no-cache"
