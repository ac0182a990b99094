"""What a ledger's stream is called, and the subjects that its events go by.

``dateline.LEDGER.events.TYPE`` is the feed: each event once, in the order of the log.
``dateline.LEDGER.topics.TOPIC.TYPE`` has an event once for each topic it belongs to.
LEDGER is the ledger's identity, so that two ledgers never share a subject.

A topic is one token of a subject, where dots and no other character of a slug would
part it: they are percent-encoded, as in a URL (``war.kursk`` is ``war%2Ekursk``).
"""

from typing import NamedTuple

_DOT, _ENCODED = ".", "%2E"


class Subjects(NamedTuple):
    """The names of one ledger, in NATS."""

    identity: str

    @property
    def stream(self) -> str:
        return f"dateline_{self.identity}"

    @property
    def events(self) -> str:
        """The subjects of all events, each once."""
        return f"dateline.{self.identity}.events.*"

    @property
    def topics(self) -> str:
        """The subjects of all events of all topics."""
        return f"dateline.{self.identity}.topics.*.*"

    def event(self, type: str) -> str:
        """Return the subject that an event of a type is published on."""
        return f"dateline.{self.identity}.events.{type}"

    def of_topic(self, topic: str, type: str) -> str:
        """Return the subject that an event of a type and a topic is published on."""
        return f"dateline.{self.identity}.topics.{encoded(topic)}.{type}"


def encoded(topic: str) -> str:
    """Return a topic as one token of a subject."""
    return topic.replace(_DOT, _ENCODED)


def decoded(token: str) -> str:
    """Return the topic that a token of a subject stands for."""
    return token.replace(_ENCODED, _DOT)
