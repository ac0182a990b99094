"""A ledger's stream: made if it is not there, checked if it is, and where it ends.

Its end is the relay's place. There is no second one that could say otherwise.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from logging import getLogger
from typing import Any, NamedTuple

import orjson
from nats.errors import Error
from nats.js import api
from nats.js.errors import APIError, BadRequestError, NotFoundError

from dateline.domain.errors import FeedUnavailable, InvalidFeed, LedgerMismatch
from dateline.projections.jetstream.connection import Connection
from dateline.projections.jetstream.messages import Carried, Unreadable, read
from dateline.projections.jetstream.subjects import Subjects

LAYOUT = 1
"""Which messages an event has; a stream of another layout is not gone on with."""

_DUPLICATES_SECONDS = 120
_TITLE_LENGTH = 200
_NAME_IN_USE = 10058
_NOT_CLUSTERED = 10074

log = getLogger(__name__)


class NewStream(NamedTuple):
    """How a stream is made if it is not there.

    Attributes:
        replicas: how many servers have all of it; default: 1.
        max_age_seconds: what is older is dropped; default: nothing.
        max_bytes: what is oldest is dropped beyond so many; default: nothing.
        after: the position after which the stream begins; default: 0.
    """

    replicas: int | None = None
    max_age_seconds: float | None = None
    max_bytes: int | None = None
    after: int | None = None


class Tip(NamedTuple):
    """The end of a stream.

    Attributes:
        sequence: the last one given; 0 before the first.
        subject: of the last message that a relay published.
        carried: its event; None if the stream has dropped all messages.
    """

    sequence: int
    subject: str = ""
    carried: Carried | None = None


@asynccontextmanager
async def translated(place: str) -> AsyncIterator[None]:
    """Turn what NATS says and what breaks under way into the feed's fault."""
    try:
        yield
    except APIError as error:
        raise FeedUnavailable(place, error.description or repr(error)) from None
    except (OSError, Error, TimeoutError) as error:
        raise FeedUnavailable(place, str(error) or "no answer in time") from None


class Stream:
    """One ledger's stream, over one connection.

    Args:
        place: of NATS, for sentences.
        title: the ledger's, for those who list streams.
        new: how it is made.
    """

    def __init__(
        self,
        connection: Connection,
        subjects: Subjects,
        *,
        place: str,
        title: str,
        new: NewStream,
    ) -> None:
        self._connection = connection
        self._subjects = subjects
        self._place = place
        self._title = title
        self._new = new

    async def prepare(self) -> int:
        """Make the stream, or check it; return the position it begins after.

        Raises:
            InvalidFeed: it cannot be made so, or would not keep what is published.
            LedgerMismatch: it is another ledger's. FeedUnavailable.
        """
        async with translated(self._place):
            config = (await self._found() or await self._made()).config
        described = self._described(config)
        self._check(config)
        self._compare(config, described["after"])
        after: int = described["after"]
        return after

    async def tip(self) -> Tip:
        """Return where the stream ends.

        Raises:
            FeedUnavailable.
        """
        name = self._subjects.stream
        async with translated(self._place):
            state = (await self._connection.jetstream.stream_info(name)).state
            if not state.messages:
                return Tip(state.last_seq)
            is_ours = True
            for sequence in range(state.last_seq, state.first_seq - 1, -1):
                try:
                    subject, carried = await self._message(sequence)
                    return Tip(state.last_seq, subject, carried)
                except NotFoundError:
                    log.warning("message %d of the stream %s is gone", sequence, name)
                except Unreadable as error:
                    is_ours = False
                    log.error(
                        "message %d of the stream %s is none of a relay's (%s); let "
                        "nobody else publish on its subjects",
                        *(sequence, name, error),
                    )
        if is_ours:
            return Tip(state.last_seq)
        raise InvalidFeed(
            f"no message of the stream {name!r} is a relay's; delete the stream, and "
            "let nobody else publish on its subjects"
        )

    async def _message(self, sequence: int) -> tuple[str, Carried]:
        message = await self._connection.jetstream.get_msg(
            self._subjects.stream, seq=sequence
        )
        return message.subject or "", read(message.headers, message.data or b"")

    async def _found(self) -> api.StreamInfo | None:
        try:
            return await self._connection.jetstream.stream_info(self._subjects.stream)
        except NotFoundError:
            return None

    async def _made(self) -> api.StreamInfo:
        new = self._new
        age = new.max_age_seconds or 0
        config = api.StreamConfig(
            name=self._subjects.stream,
            description=orjson.dumps(
                {
                    "dateline": LAYOUT,
                    "ledger": self._subjects.identity,
                    "after": new.after or 0,
                    "title": self._title[:_TITLE_LENGTH],
                }
            ).decode(),
            subjects=[self._subjects.events, self._subjects.topics],
            retention=api.RetentionPolicy.LIMITS,
            storage=api.StorageType.FILE,
            discard=api.DiscardPolicy.OLD,
            num_replicas=new.replicas or 1,
            max_age=age,
            max_bytes=new.max_bytes or -1,
            duplicate_window=min(age or _DUPLICATES_SECONDS, _DUPLICATES_SECONDS),
        )
        try:
            made = await self._connection.jetstream.add_stream(config)
        except APIError as error:
            if error.err_code == _NAME_IN_USE and (found := await self._found()):
                return found  # another relay was faster
            if isinstance(error, BadRequestError) or error.err_code == _NOT_CLUSTERED:
                raise InvalidFeed(
                    f"{self._place} does not make the stream {config.name!r}: "
                    f"{error.description}"
                ) from None
            raise
        log.info("made the stream %s at %s", config.name, self._place)
        return made

    def _described(self, config: api.StreamConfig) -> dict[str, Any]:
        """Return what the stream says of itself."""
        try:
            described = orjson.loads(config.description or "")
            is_ours = described["ledger"] == self._subjects.identity
            if is_ours and described["dateline"] == LAYOUT:
                described["after"] = int(described["after"])
                return dict(described)
        except (KeyError, ValueError, TypeError):
            pass
        raise LedgerMismatch(
            f"the stream {config.name!r} at {self._place} was not made for this "
            "ledger by this release; delete it, or give another server"
        )

    def _check(self, config: api.StreamConfig) -> None:
        """Refuse a stream that would lose what is published."""
        wrong = [
            sentence
            for sentence, is_so in (
                ("other subjects", set(config.subjects or ()) != self._all),
                ("another retention than by limits", config.retention != "limits"),
                ("a limit for each subject", (config.max_msgs_per_subject or -1) > 0),
                ("no acknowledgements", bool(config.no_ack)),
                ("been sealed", bool(config.sealed)),
            )
            if is_so
        ]
        if wrong:
            raise InvalidFeed(
                f"the stream {config.name!r} has {', '.join(wrong)}; edit it (nats "
                "stream edit), or delete it and let it be made anew"
            )

    @property
    def _all(self) -> set[str]:
        return {self._subjects.events, self._subjects.topics}

    def _compare(self, config: api.StreamConfig, after: int) -> None:
        """Tell of each option that the stream was not made with."""
        new = self._new
        for option, asked, found in (
            ("--replicas", new.replicas, config.num_replicas),
            ("--max-age", new.max_age_seconds, config.max_age),
            ("--max-bytes", new.max_bytes, config.max_bytes),
            ("--after", new.after, after),
        ):
            if asked not in (None, found):
                log.warning(
                    "the stream %s is there already: %s is %s and not %s",
                    *(config.name, option, found, asked),
                )
