"""The ledger's questions and recordings, sent to a server.

Names, arguments, answers and errors are those of :class:`dateline.Ledger`: what is
written for the one works with the other.
"""

import re
import threading
import weakref
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from dateline.client.errors import RemoteError, StreamCutOff, error_of
from dateline.client.server import NDJSON, Server
from dateline.client.subscription import RemoteSubscription
from dateline.domain import errors
from dateline.domain.answers import (
    Changes,
    ClaimKnowledge,
    DocumentState,
    Expectations,
    Explanation,
    Knowledge,
    LedgerState,
    Positions,
    Receipt,
    Sources,
    SourceState,
    Timeline,
    Topics,
    TopicState,
)
from dateline.domain.events import SLUG_PATTERN, Event
from dateline.domain.recorded import LogEntry, Recorded
from dateline.domain.rule import Policy, Status
from dateline.ledger import BATCH_LIMIT, checked, status_named
from dateline.points import On, RecordedBy, point_text
from dateline.projections.codec import CODEC

PAGE = 1_000
"""Entries that are asked for at once, unless the server allows fewer."""

TIMEOUT_SECONDS = 60.0
SILENCE_SECONDS = 45.0
"""Three heartbeats of a server with default settings."""

_NEVER = "LedgerOpened"

Answered = TypeVar("Answered", bound=BaseModel)


class Client:
    """A ledger behind a server's URL; needs the extra ``client``.

    Connections are kept and used again. Any thread may use a client. It is a context
    manager. What it has recorded is in every later answer that it gets at the head.

    Args:
        url: where the server is, path prefix included.
        key: an API key, or a JWT.
        timeout: seconds to wait for a connection, and for each part of an answer.
            Attempts are repeated while this time lasts.
        silence: seconds without a sign of life after which a subscription connects
            again; a few of the server's heartbeats.
        transport: httpx's, to carry requests in place of the network.

    Raises:
        InvalidQuestion: the URL or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        silence: float = SILENCE_SECONDS,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._server = Server(url, key=key, timeout=timeout, transport=transport)
        self._silence = silence
        self._lock = threading.Lock()
        self._recorded = 0
        self._page = PAGE
        self._opened: LedgerState | None = None
        self._is_closed = False
        self._subscriptions = weakref.WeakSet[RemoteSubscription]()

    @property
    def url(self) -> str:
        """Where the server is."""
        return self._server.url

    def close(self) -> None:
        """Close the connections; subscriptions end."""
        with self._lock:
            self._is_closed = True
            following = list(self._subscriptions)
        for subscription in following:
            subscription.close()
        self._server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # --- recording ----------------------------------------------------------------

    def record(self, *events: Event, idempotency_key: str | None = None) -> Receipt:
        """Record events in one transaction: all of them, or none.

        If the connection is lost they are sent again, and recorded once; those that
        the lost attempt recorded are then not ``new``.

        Args:
            idempotency_key: names this call, if it may be made again: then it records
                nothing new. One word of printable ASCII.

        Raises:
            DatelineError: the first event that cannot be taken, named by ``item``.
            OutcomeUnknown: no attempt was answered; it has the key to go on with.
        """
        if len(events) > BATCH_LIMIT:
            raise errors.BatchTooLarge(len(events), BATCH_LIMIT)
        flat = [
            checked(event).model_dump(mode="json", exclude_none=True)
            for event in events
        ]
        self._check_open()
        body = self._server.record("/events", orjson.dumps(flat), idempotency_key)
        receipt = self._read(Receipt, body)
        with self._lock:
            self._recorded = max(self._recorded, receipt.position)
        return receipt

    # --- asking -------------------------------------------------------------------

    def knowledge(
        self,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        topic: str | None = None,
        policy: Policy | None = None,
        statuses: Collection[Status | str] | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Knowledge:
        """Return what was known of a topic's claims, or of all, at a point.

        See :meth:`dateline.Ledger.knowledge`; several pages are joined into one.
        """
        return self._read(
            Knowledge,
            self.knowledge_json(
                on=on,
                recorded_by=recorded_by,
                topic=topic,
                policy=policy,
                statuses=statuses,
                first=first,
                after=after,
            ),
        )

    def knowledge_json(
        self,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        topic: str | None = None,
        policy: Policy | None = None,
        statuses: Collection[Status | str] | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> bytes:
        """Return :meth:`knowledge` as the JSON of the contract."""
        asked = {
            **_point(on, recorded_by),
            "topic": topic,
            "policy": _policy(policy),
            "status": sorted({status_named(status) for status in statuses or ()}),
        }
        if statuses is None or statuses:
            return self._pages("/knowledge", "claims", asked, first, after)
        # No query string asks for no status at all: ask for one claim, and drop it.
        answer = orjson.loads(self._pages("/knowledge", "claims", asked, 1, after))
        return orjson.dumps({**answer, "claims": [], "next": None})

    def claim(
        self,
        claim: str,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> ClaimKnowledge:
        """Return one claim's state of knowledge, also while it is unreported.

        Raises:
            UnknownClaim: not framed by ``recorded_by``.
        """
        path = self._path(errors.UnknownClaim, claim, on, recorded_by)
        asked = {**_point(on, recorded_by), "policy": _policy(policy)}
        return self._read(ClaimKnowledge, self._ask(path, asked))

    def timeline(
        self,
        claim: str,
        *,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> Timeline:
        """Return a claim's spans of status over all of public time.

        Raises:
            UnknownClaim: not framed by ``recorded_by``.
        """
        path = self._path(errors.UnknownClaim, claim, None, recorded_by)
        asked = {**_record_point(recorded_by), "policy": _policy(policy)}
        return self._read(Timeline, self._ask(f"{path}/timeline", asked))

    def changes(
        self,
        before: tuple[On, RecordedBy],
        after: tuple[On, RecordedBy],
        *,
        topic: str | None = None,
        policy: Policy | None = None,
        first: int | None = None,
        cursor: str | None = None,
    ) -> Changes:
        """Return how claims differ between two points, and because of which events.

        See :meth:`dateline.Ledger.changes`; several pages are joined into one.
        """
        asked: dict[str, object] = {"topic": topic, "policy": _policy(policy)}
        for side, point in (("from", before), ("to", after)):
            named = _point(*point)
            asked[side] = named["on"]
            asked[f"{side}_recorded_by"] = named["recorded_by"]
        pages = self._pages("/changes", "changes", asked, first, cursor)
        return self._read(Changes, pages)

    def explain(
        self,
        claim: str,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> Explanation:
        """Return why a claim's status is what it is: standings, origins, the line.

        Raises:
            UnknownClaim: not framed by ``recorded_by``.
        """
        path = self._path(errors.UnknownClaim, claim, on, recorded_by)
        asked = {**_point(on, recorded_by), "policy": _policy(policy)}
        return self._read(Explanation, self._ask(f"{path}/explanation", asked))

    def positions(
        self,
        source: str,
        *,
        on: On,
        recorded_by: RecordedBy = None,
        policy: Policy | None = None,
    ) -> Positions:
        """Return what a source held on each claim at a point.

        Raises:
            UnknownSource: not registered by ``recorded_by``.
        """
        path = self._path(errors.UnknownSource, source, on, recorded_by)
        asked = {**_point(on, recorded_by), "policy": _policy(policy)}
        return self._read(Positions, self._ask(f"{path}/positions", asked))

    def expectations(self, *, on: On, recorded_by: RecordedBy = None) -> Expectations:
        """Return the promised updates at a point: open, fulfilled or lapsed."""
        asked = _point(on, recorded_by)
        return self._read(Expectations, self._ask("/expectations", asked))

    # --- the registers ------------------------------------------------------------

    def source(self, source: str, *, recorded_by: RecordedBy = None) -> SourceState:
        """Return a source as it stands at a position, corrections included.

        Raises:
            UnknownSource: not registered by ``recorded_by``.
        """
        path = self._path(errors.UnknownSource, source, None, recorded_by)
        return self._read(SourceState, self._ask(path, _record_point(recorded_by)))

    def sources(
        self,
        *,
        recorded_by: RecordedBy = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Sources:
        """Return the registered sources, by id; ``first`` and ``after`` make pages."""
        asked = _record_point(recorded_by)
        pages = self._pages("/sources", "sources", asked, first, after)
        return self._read(Sources, pages)

    def topic(self, topic: str, *, recorded_by: RecordedBy = None) -> TopicState:
        """Return a topic.

        Raises:
            UnknownTopic: not opened by ``recorded_by``.
        """
        path = self._path(errors.UnknownTopic, topic, None, recorded_by)
        return self._read(TopicState, self._ask(path, _record_point(recorded_by)))

    def topics(
        self,
        *,
        recorded_by: RecordedBy = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Topics:
        """Return the open topics, by id; ``first`` and ``after`` make pages."""
        asked = _record_point(recorded_by)
        return self._read(Topics, self._pages("/topics", "topics", asked, first, after))

    def document(
        self, document: str, *, recorded_by: RecordedBy = None
    ) -> DocumentState:
        """Return a document as it stands at a position, corrections included.

        Raises:
            UnknownDocument: not captured by ``recorded_by``.
        """
        path = self._path(errors.UnknownDocument, document, None, recorded_by)
        return self._read(DocumentState, self._ask(path, _record_point(recorded_by)))

    # --- the log ------------------------------------------------------------------

    def describe(self) -> LedgerState:
        """Return what is fixed at the opening, and where the log ends."""
        return self._read(LedgerState, self._ask("/ledger", {}))

    @property
    def title(self) -> str:
        """The ledger's title, fixed at creation."""
        return self._fixed.title

    @property
    def timezone(self) -> str:
        """The ledger's time zone, fixed at creation."""
        return self._fixed.timezone

    @property
    def identity(self) -> str:
        """Tells the ledger from any other, also of the same title."""
        return self._fixed.identity

    @property
    def position(self) -> int:
        """The head: the last position that the ledger gave."""
        return self.describe().position

    @property
    def _fixed(self) -> LedgerState:
        if self._opened is None:
            self._opened = self.describe()
        return self._opened

    def events(
        self,
        after: int | str = 0,
        *,
        topic: str | None = None,
        claim: str | None = None,
        source: str | None = None,
        types: Iterable[str] | None = None,
    ) -> Iterator[Recorded]:
        """Iterate over what is stored after a position, up to the present head.

        Args:
            after: a position, or a cursor of this ledger's.

        Raises:
            StreamCutOff: while iterating, before the end had come.
        """
        wanted = None if types is None else frozenset(types)
        asked = self._stream(after, topic, claim, source, wanted)
        self._check_open()
        response = self._server.begin("/events", asked, NDJSON)
        found = self._listed(response, wanted, after)
        weakref.finalize(found, response.close)
        return found

    def _listed(
        self,
        response: httpx.Response,
        wanted: Collection[str] | None,
        after: int | str,
    ) -> Iterator[Recorded]:
        reason = "there is no line that ends them"
        with closing(response):
            try:
                for line in _lines(response):
                    document = orjson.loads(line)
                    if "end" in document:
                        return
                    if "error" in document:
                        raise error_of(document["error"])
                    recorded = CODEC.decode(LogEntry.from_json(document))
                    after = recorded.position
                    if wanted is None or recorded.type in wanted:
                        yield recorded
            except httpx.RequestError as error:
                reason = str(error) or type(error).__name__
        raise StreamCutOff(self.url, reason, after)

    def subscribe(
        self,
        after: int | str = 0,
        *,
        topic: str | None = None,
        claim: str | None = None,
        source: str | None = None,
        types: Iterable[str] | None = None,
    ) -> RemoteSubscription:
        """Follow the log: what is stored after a position, then what comes.

        Iterate over it with ``for`` or ``async for``; close it to end. Whatever
        happens to the connection, each event comes once, in order.

        Raises:
            DatelineError: what the server refuses, here or later while iterating.
            ServerUnreachable: here only; later on it is tried again.
        """
        wanted = None if types is None else frozenset(types)
        asked = self._stream(after, topic, claim, source, wanted)
        self._check_open()
        subscription = RemoteSubscription(
            self._server,
            asked,
            types=wanted,
            identity=self.identity,
            silence=self._silence,
        )
        with self._lock:
            self._subscriptions.add(subscription)
            is_closed = self._is_closed
        if is_closed:  # by another thread, meanwhile
            subscription.close()
        return subscription

    # --- how it is asked ------------------------------------------------------------

    def _check_open(self) -> None:
        if self._is_closed:
            raise errors.LedgerClosed

    def _ask(self, path: str, asked: dict[str, object]) -> bytes:
        """Ask a question to a ledger that has at least what was recorded here."""
        self._check_open()
        return self._server.ask(path, {**asked, "at_least": self._recorded or None})

    def _pages(
        self,
        path: str,
        entries: str,
        asked: dict[str, object],
        first: int | None,
        after: str | None,
    ) -> bytes:
        """Ask for so many entries, or for all, and join the pages."""
        joined: dict[str, Any] | None = None
        left = first
        while True:
            size = self._page if left is None else min(left, self._page)
            try:
                body = self._ask(path, {**asked, "first": size, "after": after})
            except errors.InvalidQuestion as error:
                if error.parameter != "first" or size <= 1:
                    raise
                self._page = size // 2  # the server allows fewer on a page
                continue
            if joined is None and body.endswith(b'"next":null}'):
                return body
            page = orjson.loads(body)
            if joined is None:
                joined = page
            else:
                joined[entries] += page[entries]
                joined["next"] = page["next"]
            after = page["next"]
            if left is not None:
                left -= len(page[entries])
            if after is None or left == 0:
                return orjson.dumps(joined)

    def _path(
        self,
        unknown: type[errors.UnknownReference],
        name: str,
        on: On | None,
        recorded_by: RecordedBy,
    ) -> str:
        """Return the path of what has a name.

        Raises:
            UnknownReference: nothing can have it, and some such names are no part of
                a path; the point is asked about all the same.
        """
        if re.fullmatch(SLUG_PATTERN, name):
            return f"/{unknown.noun}s/{name}"
        if on is None:
            basis = self.sources(recorded_by=recorded_by, first=1).basis.position
        else:
            known = self.knowledge(on=on, recorded_by=recorded_by, first=1)
            basis = known.basis.position
        raise unknown(name, basis)

    def _stream(
        self,
        after: int | str,
        topic: str | None,
        claim: str | None,
        source: str | None,
        types: Collection[str] | None,
    ) -> dict[str, object]:
        """Return the parameters that ask for events."""
        # No query string asks for no type at all: ask for the rarest, and drop it.
        return {
            "after": str(after),
            "topic": topic,
            "claim": claim,
            "source": source,
            "type": None if types is None else sorted(types) or [_NEVER],
            "at_least": self._recorded or None,
        }

    def _read(self, model: type[Answered], body: bytes) -> Answered:
        try:
            return model.model_validate_json(body)
        except ValidationError as error:
            raise RemoteError(
                f"what {self.url} answers is no {model.__name__} of this release "
                f"({error.error_count()} differences); use the same one on both sides",
                status=200,
            ) from error


def _point(on: On, recorded_by: RecordedBy) -> dict[str, object]:
    return {"on": point_text(on, "on"), **_record_point(recorded_by)}


def _record_point(recorded_by: RecordedBy) -> dict[str, object]:
    if recorded_by is None:
        return {"recorded_by": None}
    return {"recorded_by": point_text(recorded_by, "recorded_by")}


def _policy(policy: Policy | None) -> str | None:
    return None if policy is None else policy.model_dump_json()


def _lines(response: httpx.Response) -> Iterator[bytes]:
    """Yield what line feeds end; httpx would cut at other characters too."""
    rest = b""
    for part in response.iter_bytes():
        *whole, rest = (rest + part).split(b"\n")
        yield from whole
