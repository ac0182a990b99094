"""What schemathesis has to be told: NDJSON, and what a valid request is refused for."""

from typing import Any

import orjson
import schemathesis

NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl")

NAMES = {
    "claims": ("troops", "brigades", "shells"),
    "sources": ("seoul", "moscow", "nato"),
    "topics": ("dprk-troops", "weapons"),
    "documents": ("article",),
}
HEAD = 16

ABOUT_THE_LEDGER = {
    400: {"not_yet_recorded", "invalid_cursor"},
    404: {
        "unknown_claim",
        "unknown_document",
        "unknown_source",
        "unknown_topic",
        "not_found",
    },
    409: {"conflicting_event"},
    503: {"position_not_reached"},
}
"""What a request that fits the schema may be refused for, by status."""

ABOUT_THE_EVENT = {
    "impossible_date",
    "invalid_time",
    "misplaced_opening",
    "not_voidable",
    "reversed_interval",
    "said_in_future",
    "self_link",
    "unknown_basis",
    "unknown_claim",
    "unknown_document",
    "unknown_event",
    "unknown_expectation",
    "unknown_source",
    "unknown_statement",
    "unknown_topic",
}
"""What an event that fits the schema may be refused for, with 422."""


@schemathesis.hook
def before_load_schema(_: Any, document: dict[str, Any]) -> None:
    """Leave out all names of NDJSON but one: they are taken alike, and take long."""
    events = document["paths"]["/v1/events"]
    for content in (
        events["post"]["requestBody"]["content"],
        events["get"]["responses"]["200"]["content"],
    ):
        for name in NDJSON[1:]:
            del content[name]


@schemathesis.hook
def map_query(_: Any, query: dict[str, Any]) -> dict[str, Any]:
    """Bring most positions down to where the ledger is, so that it is asked."""
    for name, value in (query or {}).items():
        is_position = name == "at_least" or name.endswith("recorded_by")
        if is_position and str(value).isdigit() and len(str(value)) % 8:
            query[name] = type(value)(int(value) % HEAD)
    return query


@schemathesis.hook
def map_path_parameters(context: Any, names: dict[str, Any]) -> dict[str, Any]:
    """Name what there is, every other time."""
    known = NAMES.get(context.operation.path.split("/")[2])
    drawn = str((names or {}).get("id", ""))
    if known and len(drawn) % 2:
        names["id"] = known[len(drawn) // 2 % len(known)]
    return names


@schemathesis.serializer(*NDJSON)
def lines(_: Any, value: Any) -> bytes:
    """Write a body, described as the array of its lines."""
    if isinstance(value, list):
        return b"\n".join(map(orjson.dumps, value))
    return value if isinstance(value, bytes) else orjson.dumps(value)


@schemathesis.deserializer(*NDJSON)
def lines_of(_: Any, response: Any) -> Any:
    """Read an answer as the array of its lines."""
    return [orjson.loads(line) for line in response.content.splitlines()]


@schemathesis.check
def refused_for_what_no_schema_says(ctx: Any, response: Any, case: Any) -> None:
    """Hold the refusals of valid requests against what they may be about."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if not is_valid or response.status_code < 400:
        return
    problem = orjson.loads(response.content)
    code, status = problem["code"], response.status_code
    if status == 422:
        assert code in ABOUT_THE_EVENT, problem
    elif not (case.operation.path == "/v1/changes" and _lacks_a_point(problem)):
        assert code in ABOUT_THE_LEDGER.get(status, ()), problem


def _lacks_a_point(problem: Any) -> bool:
    """Tell whether a point is missing, which a stream would not have."""
    detail: str = problem["detail"]
    return detail.endswith("is required, unless changes are streamed")
