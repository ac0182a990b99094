"""What names a ledger on a PostgreSQL server: a libpq URL, and the schema in it."""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from dateline.domain import errors

SCHEMES = ("postgresql", "postgres")
DEFAULT_LEDGER = "dateline"

_LEDGER = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_RESERVED = re.compile(r"pg_.*|information_schema|public")


class Target(NamedTuple):
    """A ledger's place.

    Attributes:
        conninfo: libpq's URL, without what is ours.
        ledger: the name of the schema.
        printed: the whole without a password, for messages.
    """

    conninfo: str
    ledger: str
    printed: str

    @classmethod
    def parse(cls, text: str) -> "Target":
        """Read ``postgresql://[user[:password]@][host][:port]/database?ledger=NAME``.

        All other parameters are libpq's.

        Raises:
            InvalidTarget: a name that a ledger cannot have, or no URL.
        """
        try:
            url = urlsplit(text)
            pairs = parse_qsl(url.query, keep_blank_values=True, strict_parsing=True)
        except ValueError as error:
            if "?" in text.rstrip("?"):
                raise errors.InvalidTarget(f"it is no URL ({error})") from None
            pairs = []
        names = [value for name, value in pairs if name == "ledger"]
        if len(names) > 1:
            raise errors.InvalidTarget("ledger is given twice")
        ledger = names[0] if names else DEFAULT_LEDGER
        if not _LEDGER.fullmatch(ledger) or _RESERVED.fullmatch(ledger):
            raise errors.InvalidTarget(
                f"{ledger!r} cannot name a ledger: up to 63 of a-z, 0-9, '.', '_' and "
                "'-', beginning with a letter or a digit; not pg_… and not public"
            )
        rest = [(name, value) for name, value in pairs if name != "ledger"]
        conninfo = url._replace(query=urlencode(rest, quote_via=quote)).geturl()
        shown = [(name, value) for name, value in pairs if name != "password"]
        printed = url._replace(
            netloc=_without_password(url), query=urlencode(shown, quote_via=quote)
        )
        return cls(conninfo, ledger, printed.geturl())

    def named(self, ledger: str) -> "Target":
        """Return the place of another ledger in the same database."""
        mark = f"ledger={quote(self.ledger, safe='')}"
        printed = self.printed.replace(mark, f"ledger={quote(ledger, safe='')}")
        return self._replace(ledger=ledger, printed=printed)

    @property
    def url(self) -> str:
        """The text that :meth:`parse` reads as this."""
        joint = "&" if "?" in self.conninfo else "?"
        return f"{self.conninfo}{joint}ledger={quote(self.ledger, safe='')}"


def _without_password(url: SplitResult) -> str:
    user, at, where = url.netloc.rpartition("@")
    return f"{user.partition(':')[0]}{at}{where}"


def is_postgres(target: str) -> bool:
    """Tell whether a target names a PostgreSQL server."""
    return target.partition("://")[0] in SCHEMES and "://" in target
