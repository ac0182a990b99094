"""What can go wrong, each with a stable code, the values, and what to do.

One base class. ``fault`` tells a fault of the machine (exit status 1) from
something that the caller got wrong (exit status 2). No HTTP here: the edges map
classes to their own statuses.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Self, TypeVar

Kind = TypeVar("Kind", bound="DatelineError")


class DatelineError(Exception):
    """Base of every error that dateline raises on purpose."""

    code: ClassVar[str] = "dateline_error"
    fault: ClassVar[bool] = False

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.where: str | None = None
        self.item: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence}" if self.where else self.sentence

    def at(self, where: str, item: int) -> Self:
        """Name the item of a batch (from 0) or the line of a file (from 1)."""
        self.where, self.item = where, item
        return self

    def values(self) -> dict[str, Any]:
        """Return the values of the error, where it has them, as JSON."""
        return {
            name: value
            for name, value in vars(self).items()
            if name != "sentence" and isinstance(value, str | int)
        }

    @classmethod
    def told(cls, code: str, sentence: str, values: Mapping[str, Any]) -> Self | None:
        """Make the error that another process told of; nothing if there is no code."""
        for kind in _kinds(cls):
            if kind.code == code:
                error = kind.__new__(kind)
                where = values.get("where")
                DatelineError.__init__(error, sentence.removeprefix(f"{where}: "))
                vars(error).update(values)
                return error
        return None


def _kinds(base: type[Kind]) -> Iterator[type[Kind]]:
    """Iterate over an error class and all that derive from it."""
    yield base
    for kind in base.__subclasses__():
        yield from _kinds(kind)


# --- an event that cannot be taken ------------------------------------------


class InvalidEvent(DatelineError):
    """An event breaks the shape that its type prescribes."""

    code: ClassVar[str] = "invalid_event"
    field: str | None = None

    def __init__(self, sentence: str, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class MalformedJSON(InvalidEvent):
    """The text is not one JSON object."""

    code: ClassVar[str] = "malformed_json"


class InvalidEncoding(InvalidEvent):
    """The bytes are not UTF-8."""

    code: ClassVar[str] = "invalid_utf8"


class LineTooLong(InvalidEvent):
    """A line of a file is longer than any event can be."""

    code: ClassVar[str] = "line_too_long"


class UnknownEventType(InvalidEvent):
    """The set of event types is closed, and this one is not in it."""

    code: ClassVar[str] = "unknown_type"


class UnknownField(InvalidEvent):
    """The event type has no such field."""

    code: ClassVar[str] = "unknown_field"


class MissingField(InvalidEvent):
    """The event type requires a field that is not there."""

    code: ClassVar[str] = "missing_field"


class InvalidValue(InvalidEvent):
    """A field holds a value of the wrong type, or none of its words."""

    code: ClassVar[str] = "invalid_value"


class InvalidId(InvalidEvent):
    """A slug or an event id has characters or a length that it may not have."""

    code: ClassVar[str] = "invalid_id"


class EmptyText(InvalidEvent):
    """A text has no visible character."""

    code: ClassVar[str] = "empty_text"


class TextTooLong(InvalidEvent):
    """A text is longer than its field allows."""

    code: ClassVar[str] = "text_too_long"


class NulCharacter(InvalidEvent):
    """A text contains U+0000, which stores and terminals do not carry."""

    code: ClassVar[str] = "nul_character"


class ListTooLong(InvalidEvent):
    """A list has more entries than its field allows."""

    code: ClassVar[str] = "list_too_long"


class EmptyList(InvalidEvent):
    """A list that must name something is empty."""

    code: ClassVar[str] = "empty_list"


class InvalidTime(InvalidEvent):
    """A date, interval or instant is not written as EDTF level 0."""

    code: ClassVar[str] = "invalid_time"


class ImpossibleDate(InvalidTime):
    """The date or time of day does not exist in the calendar."""

    code: ClassVar[str] = "impossible_date"


class SkippedDay(InvalidTime):
    """The ledger's time zone skipped this day."""

    code: ClassVar[str] = "skipped_day"


class ReversedInterval(InvalidTime):
    """An interval ends before it begins."""

    code: ClassVar[str] = "reversed_interval"


class SaidInFuture(InvalidEvent):
    """A statement is dated after the moment of recording."""

    code: ClassVar[str] = "said_in_future"


class SelfLink(InvalidEvent):
    """A claim is linked to itself."""

    code: ClassVar[str] = "self_link"


class NotVoidable(InvalidEvent):
    """Only our record of a statement, rating, assessment or promise is voided."""

    code: ClassVar[str] = "not_voidable"


class MisplacedOpening(InvalidEvent):
    """LedgerOpened is the first event of a ledger, and only that."""

    code: ClassVar[str] = "misplaced_opening"


class BatchTooLarge(DatelineError):
    """One call records more events than a batch may hold."""

    code: ClassVar[str] = "batch_too_large"

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"a batch holds at most {limit:,} events and this one has {size:,}; "
            "record it in parts"
        )
        self.size, self.limit = size, limit


class ConflictingEvent(DatelineError):
    """The id or slug is taken by an event with other content."""

    code: ClassVar[str] = "conflicting_event"

    def __init__(self, kind: str, name: str, position: int) -> None:
        super().__init__(
            f"{kind} {name!r} was recorded with other content at position {position}; "
            "pick another name, or record a correction"
        )
        self.kind, self.name, self.position = kind, name, position


# --- references ---------------------------------------------------------------


class UnknownReference(DatelineError):
    """Something is named that is not in the ledger at the given position."""

    code: ClassVar[str] = "unknown_reference"
    noun: ClassVar[str] = "reference"
    remedy: ClassVar[str] = "record it first"

    def __init__(self, name: str, position: int) -> None:
        super().__init__(
            f"{self.noun} {name!r} is not in the ledger at position {position}; "
            f"{self.remedy}"
        )
        self.name, self.position = name, position


class UnknownTopic(UnknownReference):
    """The topic is not in the ledger at the given position."""

    code: ClassVar[str] = "unknown_topic"
    noun: ClassVar[str] = "topic"
    remedy: ClassVar[str] = "open it first, or ask at a later position"


class UnknownClaim(UnknownReference):
    """The claim is not in the ledger at the given position."""

    code: ClassVar[str] = "unknown_claim"
    noun: ClassVar[str] = "claim"
    remedy: ClassVar[str] = "frame it first, or ask at a later position"


class UnknownSource(UnknownReference):
    """The source is not in the ledger at the given position."""

    code: ClassVar[str] = "unknown_source"
    noun: ClassVar[str] = "source"
    remedy: ClassVar[str] = "register it first, or ask at a later position"


class UnknownDocument(UnknownReference):
    """The document is not in the ledger at the given position."""

    code: ClassVar[str] = "unknown_document"
    noun: ClassVar[str] = "document"
    remedy: ClassVar[str] = "capture it first"


class UnknownExpectation(UnknownReference):
    """The expectation is not in the ledger at the given position."""

    code: ClassVar[str] = "unknown_expectation"
    noun: ClassVar[str] = "expectation"


class UnknownStatement(UnknownReference):
    """No statement with this id is in the ledger at the given position."""

    code: ClassVar[str] = "unknown_statement"
    noun: ClassVar[str] = "statement"


class UnknownEvent(UnknownReference):
    """No event with this id is in the ledger at the given position."""

    code: ClassVar[str] = "unknown_event"
    noun: ClassVar[str] = "event"


class UnknownBasis(UnknownReference):
    """A basis names neither a statement on the claim nor a source."""

    code: ClassVar[str] = "unknown_basis"
    noun: ClassVar[str] = "basis"
    remedy: ClassVar[str] = (
        "name an earlier statement on the same claim, or a registered source"
    )


# --- a question that cannot be answered -----------------------------------------


class InvalidQuestion(DatelineError):
    """A parameter of a question is not one of the values it may have."""

    code: ClassVar[str] = "invalid_argument"

    def __init__(self, sentence: str, parameter: str) -> None:
        super().__init__(sentence)
        self.parameter = parameter


class InvalidPolicy(InvalidQuestion):
    """A policy has an unknown field or a value that it may not have."""

    code: ClassVar[str] = "invalid_policy"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, "policy")


class NotYetRecorded(InvalidQuestion):
    """The answer could still change: the point lies beyond what is recorded."""

    code: ClassVar[str] = "not_yet_recorded"

    def __init__(self, asked: str, head: int) -> None:
        super().__init__(
            f"recorded_by {asked!r} lies ahead of the ledger, whose head is position "
            f"{head}; an answer there could still change, so leave it out to ask at "
            "the head",
            "recorded_by",
        )
        self.asked, self.head = asked, head


class InvalidCursor(InvalidQuestion):
    """The cursor is malformed, or was made for another question or ledger."""

    code: ClassVar[str] = "invalid_cursor"

    def __init__(self, reason: str) -> None:
        super().__init__(f"the cursor cannot be used: {reason}", "after")
        self.reason = reason


# --- a ledger that cannot be used -------------------------------------------------


class LedgerNotFound(DatelineError):
    """There is no ledger at this place."""

    code: ClassVar[str] = "ledger_not_found"

    def __init__(self, target: str) -> None:
        super().__init__(f"there is no ledger at {target!r}; make one with init")
        self.target = target


class UnsupportedStore(DatelineError):
    """The target names a kind of store that there is not."""

    code: ClassVar[str] = "unsupported_store"

    def __init__(self, target: str) -> None:
        kind = target.partition("://")[0]
        super().__init__(
            f"a ledger cannot be kept in {kind!r}; give the path of a SQLite file, or "
            "postgresql://host/database?ledger=NAME"
        )
        self.target = target


class InvalidTarget(DatelineError):
    """The target is meant to name a ledger on a server, and does not."""

    code: ClassVar[str] = "invalid_target"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the ledger's target cannot be used: {reason}; it is like "
            "postgresql://user@host/database?ledger=NAME"
        )
        self.reason = reason


class MissingExtra(DatelineError):
    """What is asked for needs packages that are not installed."""

    code: ClassVar[str] = "missing_extra"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what!r} needs the extra {extra!r}; install 'dateline[{extra}]'"
        )
        self.what, self.extra = what, extra


class UnsuitableServer(DatelineError):
    """The database server is not one that a ledger is safe on."""

    code: ClassVar[str] = "unsuitable_server"

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(f"{target!r} cannot keep a ledger: {reason}")
        self.target, self.reason = target, reason


class FolderNotFound(DatelineError):
    """The folder that a ledger is to be made in does not exist."""

    code: ClassVar[str] = "folder_not_found"

    def __init__(self, target: str) -> None:
        super().__init__(f"the folder of {target!r} does not exist; make it first")
        self.target = target


class LedgerExists(DatelineError):
    """There is a ledger (or another file) at this place already."""

    code: ClassVar[str] = "ledger_exists"

    def __init__(self, target: str) -> None:
        super().__init__(f"{target!r} exists already; pick another name")
        self.target = target


class NotALedger(DatelineError):
    """The file is something else than a ledger."""

    code: ClassVar[str] = "not_a_ledger"

    def __init__(self, target: str) -> None:
        super().__init__(f"{target!r} is not a dateline ledger; check the path")
        self.target = target


class NewerSchema(DatelineError):
    """A later release wrote this ledger in a shape this one cannot read."""

    code: ClassVar[str] = "newer_schema"

    def __init__(self, target: str, found: int, supported: int) -> None:
        super().__init__(
            f"{target!r} has schema version {found} and this release reads up to "
            f"{supported}; upgrade dateline"
        )
        self.target, self.found, self.supported = target, found, supported


class LedgerMismatch(DatelineError):
    """Two descriptions of one ledger disagree."""

    code: ClassVar[str] = "ledger_mismatch"


class InvalidTimezone(InvalidEvent):
    """The name is not in the IANA time zone database."""

    code: ClassVar[str] = "invalid_timezone"


class LedgerFault(DatelineError):
    """The store could not do what it was asked; nothing was recorded."""

    code: ClassVar[str] = "ledger_fault"
    fault: ClassVar[bool] = True


class LedgerUnavailable(LedgerFault):
    """The database cannot be reached, or ended the session; nothing was recorded."""

    code: ClassVar[str] = "ledger_unavailable"

    def __init__(self, target: str, reason: str, advice: str = "try again") -> None:
        super().__init__(f"{target!r} cannot be reached: {reason}; {advice}")
        self.target, self.reason, self.advice = target, reason, advice


class LedgerReplaced(LedgerFault):
    """Another file has taken the place of the one that was opened."""

    code: ClassVar[str] = "ledger_replaced"

    def __init__(self, target: str) -> None:
        super().__init__(
            f"{target!r} was moved, deleted or replaced since it was opened; open it "
            "again (restart a server)"
        )
        self.target = target


class HistoryLost(LedgerFault):
    """The ledger no longer has what somebody who follows it has read."""

    code: ClassVar[str] = "history_lost"

    def __init__(self, position: int) -> None:
        super().__init__(
            f"the ledger no longer has the history that was read up to position "
            f"{position}: an older backup took its place, or its database lost what "
            "was committed last; follow it again from your cursor, which is refused if "
            "it is of that history"
        )
        self.position = position


class LedgerLocked(LedgerFault):
    """Another process held the write lock for too long."""

    code: ClassVar[str] = "ledger_locked"


class Overloaded(LedgerFault):
    """More is asked at once than is allowed; nothing was recorded."""

    code: ClassVar[str] = "overloaded"


class LedgerReadOnly(LedgerFault):
    """The file or its folder cannot be written."""

    code: ClassVar[str] = "ledger_read_only"


class DiskFull(LedgerFault):
    """The disk has no room left."""

    code: ClassVar[str] = "disk_full"


class LedgerDamaged(LedgerFault):
    """What is stored contradicts itself."""

    code: ClassVar[str] = "ledger_damaged"


class LedgerClosed(DatelineError):
    """The ledger was closed and is asked something."""

    code: ClassVar[str] = "ledger_closed"

    def __init__(self) -> None:
        super().__init__("the ledger is closed; open it again")


# --- a ledger's stream in NATS ----------------------------------------------------


class InvalidFeed(DatelineError):
    """NATS cannot be used as it is named or set; trying again does not help."""

    code: ClassVar[str] = "invalid_feed"


class FeedUnavailable(DatelineError):
    """NATS cannot be reached, or cannot take or give anything at present."""

    code: ClassVar[str] = "feed_unavailable"
    fault: ClassVar[bool] = True

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place} is of no use at present: {reason}; try again")
        self.place, self.reason = place, reason
