"""The arguments that several fields take, each with what it means."""

from typing import Annotated, Any

import strawberry
from strawberry import UNSET
from strawberry.types import get_object_definition

from dateline.api.graphql.inputs import PointInput, PolicyInput
from dateline.api.graphql.words import Status


def _argument(description: str, name: str | None = None) -> Any:
    return strawberry.argument(description=description, name=name)


On = Annotated[
    str,
    _argument(
        "Public time: a day counts to its end in the ledger's zone; or an instant with "
        "an offset. There is no default: “today” is the caller's decision."
    ),
]
RecordedBy = Annotated[
    str | None,
    _argument("Record time: a position, an instant or a day; default: the head."),
]
TopicId = Annotated[strawberry.ID | None, _argument("Only claims of this topic.")]
Statuses = Annotated[
    list[Status] | None,
    _argument("Only claims with one of these; counts are of all."),
]
Policy = Annotated[
    PolicyInput | None, _argument("What it takes to confirm; default: one source.")
]
First = Annotated[int | None, _argument("At most so many entries; default 50.")]
After = Annotated[
    str | None, _argument("The cursor of the entry that the page goes on after.")
]
ClaimId = Annotated[strawberry.ID, _argument("The claim's slug.")]
SourceId = Annotated[strawberry.ID, _argument("The source's slug.")]
NamedId = Annotated[strawberry.ID, _argument("Its slug.")]
From = Annotated[
    PointInput, _argument("The first point; it may be the later one.", "from")
]
To = Annotated[PointInput, _argument("The second point.")]


def without_null_defaults(root: type) -> None:
    """Let arguments that may be left out have no default in the schema, not null."""
    for field in get_object_definition(root, strict=True).fields:
        for argument in field.arguments:
            if argument.default is None:
                argument.default = UNSET
