"""What names a ledger on a PostgreSQL server: a libpq URL, and the schema in it."""

import re
from typing import NamedTuple, Self
from urllib.parse import parse_qsl, quote, urlencode

from dateline.domain import errors

DEFAULT_LEDGER = "dateline"

_LEDGER = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_RESERVED = re.compile(r"pg_.*|information_schema|public")
_PASSWORD = re.compile(r"(://[^:/@]*):.*@")

Parameters = list[tuple[str, str]]


class Target(NamedTuple):
    """A ledger's place.

    Attributes:
        base: libpq's URL up to its parameters.
        parameters: libpq's.
        ledger: the name of the schema.
    """

    base: str
    parameters: Parameters
    ledger: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``postgresql://[user[:password]@][host][:port]/database?ledger=NAME``.

        All other parameters are libpq's.

        Raises:
            InvalidTarget: a name that a ledger cannot have, or no URL.
        """
        base, _, query = text.partition("?")
        try:
            pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
        except ValueError as error:
            raise errors.InvalidTarget(f"it is no URL ({error})") from None
        names = [value for name, value in pairs if name == "ledger"]
        if len(names) > 1:
            raise errors.InvalidTarget("ledger is given twice")
        ledger = names[0] if names else DEFAULT_LEDGER
        if not _LEDGER.fullmatch(ledger) or _RESERVED.fullmatch(ledger):
            raise errors.InvalidTarget(
                f"{ledger!r} cannot name a ledger: up to 63 of a-z, 0-9, '.', '_' and "
                "'-', beginning with a letter or a digit; not pg_… and not public"
            )
        return cls(base, [pair for pair in pairs if pair[0] != "ledger"], ledger)

    @property
    def conninfo(self) -> str:
        """The URL that libpq connects to."""
        return _url(self.base, self.parameters)

    @property
    def url(self) -> str:
        """The text that :meth:`parse` reads as this."""
        return _url(self.base, [*self.parameters, ("ledger", self.ledger)])

    @property
    def printed(self) -> str:
        """The same without a password, for messages."""
        shown = [pair for pair in self.parameters if pair[0] != "password"]
        base = _PASSWORD.sub(r"\1@", self.base)
        return _url(base, [*shown, ("ledger", self.ledger)])


def _url(base: str, parameters: Parameters) -> str:
    """Write a URL; libpq reads ``+`` as itself, so that a space is ``%20``."""
    query = urlencode(parameters, quote_via=quote, safe="/")
    return f"{base}?{query}" if query else base
