"""What a request says about all the events it brings: who sends them, as which try."""

from typing import Any, NamedTuple

import orjson

from dateline.api.problems import InvalidParameter
from dateline.api.rest.call import Call
from dateline.domain.events import AnyEvent, parse_event

KEY_LIMIT = 255
"""Characters in an idempotency key."""

KEY_HEADER = "Idempotency-Key"


class Signature(NamedTuple):
    """Completes events with a recorder, and tells a request that is sent again.

    Attributes:
        caller: the name of the caller's key; nothing while access is off.
        key: the request's idempotency key; another caller's is another.
    """

    caller: str | None
    key: str | None

    @classmethod
    def of(cls, call: Call) -> "Signature":
        """Read the signature of a request.

        Raises:
            InvalidParameter: the idempotency key is none.
        """
        keys = call.headers(KEY_HEADER.lower().encode())
        if not keys:
            return cls(call.caller.name, None)
        return cls.under(" ".join(keys), call.caller.name, KEY_HEADER)

    @classmethod
    def under(cls, key: str, caller: str | None, parameter: str) -> "Signature":
        """Return the signature of a request under a key.

        Args:
            parameter: gives the key.

        Raises:
            InvalidParameter: the key is none.
        """
        is_word = key.isascii() and key.isprintable() and " " not in key
        if not is_word or not 1 <= len(key) <= KEY_LIMIT:
            raise InvalidParameter(
                f"{parameter} is one word of 1 to {KEY_LIMIT} printable ASCII "
                "characters",
                parameter,
            )
        return cls(caller, orjson.dumps([caller, key]).decode())

    def event(self, fields: Any) -> AnyEvent:
        """Return the event that an object of the request is.

        Raises:
            InvalidEvent: it is none.
        """
        is_unsigned = isinstance(fields, dict) and fields.get("recorder") is None
        if is_unsigned and self.caller is not None:
            fields["recorder"] = self.caller
        return parse_event(fields)
