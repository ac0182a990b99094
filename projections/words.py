"""What counts as a word, when texts are searched.

One reading for every store, in Python, so that all find the same. Case, accents and
the width of letters do not count. Scripts that are written without blanks between
words have each of their characters for a word.
"""

import re
from functools import cache
from unicodedata import category, combining, normalize

from dateline.domain.errors import InvalidQuestion

MOST_WORDS = 32
"""Different words in one question."""

_LONGEST = 64
"""Characters of a word that count: PostgreSQL keeps 2,046 bytes of one at most."""

_FIRST_ACCENT = 10
"""Marks of this combining class and above are left out. Those below are letters'
parts: viramas, nuktas, what makes ga of ka in kana."""

# Thai, Lao, Myanmar, Khmer; kana, bopomofo and ideographs.
_ALONE = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
    "\u3005-\u3007\u3041-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua9e0-\ua9ff\uaa60-\uaa7f\uf900-\ufaff\U00020000-\U0003ffff"
)
_ASCII_WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """Return the words of a text, in order."""
    if text.isascii():
        found = _ASCII_WORD.findall(text.lower())
    else:
        found = _any_word().findall(_folded(text))
    return [word[:_LONGEST] for word in found]


def query_of(text: str) -> list[str]:
    """Return the words of a question, none twice but the last: it may be a beginning.

    Raises:
        InvalidQuestion: no word is in it, or too many.
    """
    found = words_of(text)
    wanted = [*dict.fromkeys(found[:-1]), *found[-1:]]
    if not wanted:
        raise InvalidQuestion(
            f"there is no word in {text[:100]!r}; look for at least one", "words"
        )
    if len(set(wanted)) > MOST_WORDS:
        raise InvalidQuestion(
            f"{len(set(wanted))} words are looked for; take at most {MOST_WORDS}",
            "words",
        )
    return wanted


def _folded(text: str) -> str:
    """Return a text without the differences of letters that do not count."""
    apart = normalize("NFKD", normalize("NFKD", text).casefold())
    return normalize("NFC", "".join(c for c in apart if combining(c) < _FIRST_ACCENT))


@cache
def _any_word() -> re.Pattern[str]:
    """Return what a word is in any script: marks belong to the letter before them."""
    marks = "".join(
        re.escape(chr(code))
        for code in range(0x300, 0x20000)
        if category(chr(code)).startswith("M")
    )
    return re.compile(f"[{_ALONE}]|(?:(?![{_ALONE}])[\\w{marks}])+")
