"""What a request says about all the events it brings: who sends them, as which try."""

import uuid
from typing import Any, NamedTuple

import orjson

from dateline.api.problems import InvalidParameter
from dateline.api.rest.call import Call
from dateline.domain.events import AnyEvent, parse_event

ID_NAMESPACE = uuid.UUID("4c5d1f0a-7d7e-5b8e-8a55-0f8f6a1f3c11")
"""The namespace of ids derived from idempotency keys (UUID version 5)."""

KEY_LIMIT = 255
"""Characters in an idempotency key."""

KEY_HEADER = "Idempotency-Key"


class Signature(NamedTuple):
    """Completes events with ids that a repeated request gives again, and a recorder.

    Attributes:
        identity: the ledger's.
        caller: the name of the caller's key; nothing while access is off.
        key: the request's idempotency key.
    """

    identity: str
    caller: str | None
    key: str | None

    @classmethod
    def of(cls, call: Call) -> "Signature":
        """Read the signature of a request.

        Raises:
            InvalidParameter: the idempotency key is none.
        """
        keys = call.headers(KEY_HEADER.lower().encode())
        for key in keys:
            is_word = key.isascii() and key.isprintable() and " " not in key
            if len(keys) > 1 or not is_word or not 1 <= len(key) <= KEY_LIMIT:
                raise InvalidParameter(
                    f"{KEY_HEADER} is one word of 1 to {KEY_LIMIT} printable ASCII "
                    "characters",
                    KEY_HEADER,
                )
        key_given = keys[0] if keys else None
        return cls(call.services.ledger.identity, call.caller.name, key_given)

    def event(self, fields: Any, index: int) -> AnyEvent:
        """Return the event at an index of the request, from 0.

        Raises:
            InvalidEvent: it is none.
        """
        if isinstance(fields, dict):
            if self.key is not None and fields.get("id") is None:
                fields["id"] = self._id(index)
            if self.caller is not None and fields.get("recorder") is None:
                fields["recorder"] = self.caller
        return parse_event(fields)

    def _id(self, index: int) -> str:
        name = orjson.dumps([self.identity, self.caller, self.key, index]).decode()
        return str(uuid.uuid5(ID_NAMESPACE, name))
