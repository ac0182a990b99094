"""The forms of the recording page: their fields, and the event that one asks for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dateline.domain.errors import ConflictingEvent, DatelineError, UnknownReference
from dateline.domain.events import (
    STANCES,
    AnyEvent,
    BasisWord,
    ClaimKind,
    SourceKind,
    Strength,
)

_BREAKS = re.compile(r"[\s,;]+")
_TYPES = {stance.value: name for name, stance in STANCES.items()}

DATE_HINT = (
    "2024, 2024-10, 2024-10-22, an instant with an offset, or two with / between"
)
SLUG_HINT = "lower case letters, digits, dots, hyphens and underscores"

STANCE_WORDS = {
    "asserted": "asserts it",
    "denied": "denies it",
    "confirmed": "confirms it, having checked",
    "refuted": "refutes it, having checked",
    "withheld": "cannot confirm it",
    "retracted": "takes back what it said",
}


@dataclass(frozen=True)
class Field:
    """A field of a form.

    Attributes:
        name: of the event's field; ``stance`` gives its type.
        choices: the words it may have, each as it is shown; none: any.
        is_long: whether it takes several lines.
        is_list: whether it takes several names.
        known: what it names, of which some are suggested.
    """

    name: str
    label: str
    hint: str = ""
    is_required: bool = False
    choices: Mapping[str, str] | None = None
    is_long: bool = False
    is_list: bool = False
    known: str | None = None


@dataclass(frozen=True)
class Form:
    """A form for one kind of event.

    Attributes:
        kind: tells it from the others; also of what its page is about.
        type: of the event; nothing if a field says so.
    """

    kind: str
    heading: str
    lead: str
    button: str
    type: str | None
    fields: Sequence[Field]

    def place_of(self, name: str) -> str:
        """Return the id of a field on the page."""
        return f"{self.kind}-{name}"


FORMS = {
    form.kind: form
    for form in (
        Form(
            "statement",
            "Record a statement",
            "What one source said about one claim, at one time.",
            "Record the statement",
            None,
            (
                Field("claim", "Claim", "its id", is_required=True),
                Field("source", "Source", "its id", is_required=True, known="sources"),
                Field(
                    "stance",
                    "Stance",
                    "what the source does",
                    is_required=True,
                    choices=STANCE_WORDS,
                ),
                Field(
                    "said_at",
                    "Said at",
                    f"when it was made public: {DATE_HINT}",
                    is_required=True,
                ),
                Field(
                    "strength",
                    "Strength",
                    "plain, if left open",
                    choices={one.value: one.value for one in Strength},
                ),
                Field(
                    "basis",
                    "Basis",
                    "what it rests on: own, unknown, or ids of statements on the claim "
                    "and of sources",
                    is_list=True,
                ),
                Field(
                    "via",
                    "Via",
                    "sources that relayed it, nearest first",
                    is_list=True,
                    known="sources",
                ),
                Field("document", "Document", "id of the document it was read in"),
                Field("quote", "Quote", "the words as they were said", is_long=True),
                Field("url", "Link"),
                Field("language", "Language", "of the quote, such as en or uk"),
                Field("note", "Note", "in our words", is_long=True),
            ),
        ),
        Form(
            "claim",
            "Frame a claim",
            "A proposition that can be true or false, in the ledger's words.",
            "Frame the claim",
            "ClaimFramed",
            (
                Field("claim", "Id", SLUG_HINT, is_required=True),
                Field("text", "Claim", "one sentence", is_required=True, is_long=True),
                Field(
                    "topics",
                    "Topics",
                    "ids of the topics it is filed under",
                    is_list=True,
                    known="topics",
                ),
                Field(
                    "about",
                    "About",
                    f"when it would be so: {DATE_HINT}; an open end is ..",
                ),
                Field(
                    "kind", "Kind", choices={one.value: one.value for one in ClaimKind}
                ),
                Field("language", "Language", "of the claim, such as en or uk"),
            ),
        ),
        Form(
            "source",
            "Add a source",
            "A person, office, organisation, outlet or sensor that takes positions.",
            "Add the source",
            "SourceRegistered",
            (
                Field("source", "Id", SLUG_HINT, is_required=True),
                Field("name", "Name", is_required=True),
                Field(
                    "kind", "Kind", choices={one.value: one.value for one in SourceKind}
                ),
                Field(
                    "principal",
                    "Speaks for",
                    "id of the source it speaks for, for good; itself, if left open",
                    known="sources",
                ),
                Field("country", "Country"),
                Field("url", "Link"),
            ),
        ),
    )
}
"""The forms, by kind, in the order of the page."""

_PLACES = {
    "claim": ("claim",),
    "source": ("source", "principal", "via", "basis"),
    "basis": ("basis",),
    "topic": ("topics",),
    "document": ("document",),
}
"""Where an event names what there is not, by what it is."""


def fields_of(form: Form, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the event's JSON that a form asks for; what is left empty is left out."""
    fields: dict[str, Any] = {} if form.type is None else {"type": form.type}
    for field in form.fields:
        text = typed.get(field.name, "").strip()
        if not text:
            continue
        if field.name == "stance":
            fields["type"] = _TYPES.get(text, text)
        elif field.is_list:
            fields[field.name] = _words(field.name, text)
        else:
            fields[field.name] = text
    return fields


def _words(name: str, text: str) -> str | list[str]:
    words = [word for word in _BREAKS.split(text) if word]
    if name == "basis" and len(words) == 1 and words[0] in list(BasisWord):
        return words[0]
    return words


def field_named(
    form: Form, fields: Mapping[str, Any], error: DatelineError
) -> str | None:
    """Return the field of a form that an error is about, if it is about one."""
    names = [field.name for field in form.fields]
    if isinstance(error, UnknownReference):
        return next(
            (
                name
                for name in _PLACES.get(error.noun, ())
                if name in names and _names(fields.get(name), error.name)
            ),
            None,
        )
    if isinstance(error, ConflictingEvent):
        return error.kind if error.kind in names else None
    name = getattr(error, "field", None)
    if name == "type":
        return "stance"
    return name if name in names else None


def _names(value: object, name: str) -> bool:
    return name == value or (isinstance(value, list) and name in value)


def subject_of(event: AnyEvent) -> tuple[str, str]:
    """Return the path of the page that shows what an event is about."""
    claim, source = getattr(event, "claim", None), getattr(event, "source", None)
    return ("claims", claim) if claim is not None else ("sources", str(source))
