"""The OpenAPI 3.1 document, made of the table that routes."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from starlette.responses import Response

from dateline import __version__
from dateline.api.problems import MEDIA_TYPE
from dateline.api.rest.asking import answered_with
from dateline.api.rest.call import Call
from dateline.api.rest.media import JSON
from dateline.api.rest.operations import Operation, Schema, Told
from dateline.api.rest.schemas import Moded, References, components, ref
from dateline.api.settings import Settings
from dateline.ledger import Ledger

TAGS = {
    "Claims": "What was known of claims at a point of public and of record time.",
    "Log": "The log itself: what was recorded, in order, and recording more.",
    "Registers": "Sources, topics and documents, as they stood at a position.",
    "Service": "The interface, described by itself.",
}
COMMON_ERRORS = (400, 406, 429, 500, 503, 504)
"""The statuses of problems that every operation may have."""

_ACCESS_ERRORS = (401, 403)
_SCHEME = "key"
_HEADERS = {
    "ETag": "Names the answer; send it back in If-None-Match.",
    "Cache-Control": "Immutable, if the request fixes the position it is answered at.",
    "Content-Location": "Where this answer stays, if the request does not fix it.",
    "Link": "The first page, and the next if there is one.",
}


async def describe_interface(call: Call) -> Response:
    """Answer with the document."""
    return await call.services.ask_primary(_described, call)


def _described(_: Ledger, call: Call) -> Response:
    root, kept = call.root, call.api.documents
    if root not in kept:
        settings = call.services.settings
        kept[root] = orjson.dumps(document(call.api.operations, settings, root))
    return answered_with(call, kept[root])


def document(
    operations: Sequence[Operation], settings: Settings, root: str = ""
) -> dict[str, Any]:
    """Return the document.

    Args:
        root: the path that the application is mounted at.
    """
    refs, found = components(_models(operations))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        described = _operation(operation, refs, found, settings)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described
    for query in {operation.query.__name__ for operation in operations}:
        found.pop(query, None)
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "dateline",
            "version": __version__,
            "summary": "What was known on a given date, by whom, and on whose word.",
            "description": "A ledger of claims and confirmations. Each answer names "
            "the two points it was given at: public time and record time. An answer "
            "at a fixed position never changes.",
            "contact": {"name": "dateline"},
            "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": root or "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {"schemas": dict(sorted(found.items()))},
    }
    if _has_access(settings):
        whole["components"]["securitySchemes"] = {
            _SCHEME: {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, or a JWT.",
            }
        }
    return whole


def _has_access(settings: Settings) -> bool:
    return settings.keys is not None or settings.jwt_key is not None


def _models(operations: Sequence[Operation]) -> list[Moded]:
    """Return the models that the operations take and give."""
    models: dict[Moded, None] = {}
    for operation in operations:
        models[operation.query, "validation"] = None
        for told in operation.told.values():
            for schema in told.content.values():
                if isinstance(schema, type):
                    models[schema, "serialization"] = None
    return list(models)


def _operation(
    operation: Operation,
    refs: References,
    found: Mapping[str, Mapping[str, Any]],
    settings: Settings,
) -> dict[str, Any]:
    errors = [*COMMON_ERRORS, *operation.errors]
    if _has_access(settings):
        errors += _ACCESS_ERRORS
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [
            *_names(operation),
            *_parameters(operation, refs, found, settings),
            *_headers(operation),
        ],
        "responses": {
            **_good(operation, refs),
            **{str(status): _problem(status) for status in sorted(errors)},
        },
    }
    if operation.bodies:
        described["requestBody"] = {
            "description": "An event, an array of events, or an event on each line.",
            "required": True,
            "content": _content(operation.bodies, refs),
        }
    if _has_access(settings):
        described["security"] = [{_SCHEME: [operation.scope.value]}]
    return described


# --- what is asked ------------------------------------------------------------------


def _names(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": description,
            "schema": {"type": "string", "minLength": 1},
        }
        for name, description in operation.names.items()
    ]


def _parameters(
    operation: Operation,
    refs: References,
    found: Mapping[str, Mapping[str, Any]],
    settings: Settings,
) -> list[dict[str, Any]]:
    name = refs[operation.query, "validation"]["$ref"].rpartition("/")[2]
    model = found[name]
    required = model.get("required", ())
    parameters = []
    for name, property in model.get("properties", {}).items():
        schema = _unpacked(property)
        if name == "first":
            schema["maximum"] = settings.max_first
        parameter = {
            "name": name,
            "in": "query",
            "required": name in required,
            "description": property["description"],
        }
        if "$ref" in schema:
            parameter["content"] = {JSON: {"schema": schema}}
        else:
            parameter["schema"] = schema
        parameters.append(parameter)
    return parameters


def _unpacked(property: Mapping[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema: nothing is said by leaving it out, never by null."""
    schema = dict(property)
    for name in ("title", "description"):
        schema.pop(name, None)
    if schema.get("default", ...) is None:
        del schema["default"]
    choices = [one for one in schema.pop("anyOf", ()) if one != {"type": "null"}]
    if len(choices) == 1:
        return {**choices[0], **schema}
    return {**schema, "anyOf": choices} if choices else schema


def _headers(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": header.name,
            "in": "header",
            "required": False,
            "description": header.description,
            "schema": dict(header.schema),
        }
        for header in operation.headers
    ]


# --- what is answered ---------------------------------------------------------------


def _good(operation: Operation, refs: References) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, told in operation.told.items():
        responses[str(status)] = {
            "description": told.description,
            "content": _content(told.content, refs),
        }
        headers = _told_headers(operation, told)
        if headers:
            responses[str(status)]["headers"] = headers
        if told.is_tagged:
            responses["304"] = {"description": "The caller has this answer already."}
    return responses


def _told_headers(operation: Operation, told: Told) -> dict[str, Any]:
    names = ["ETag", "Cache-Control"] if told.is_tagged else []
    if operation.points:
        names.append("Content-Location")
    if told.is_page:
        names.append("Link")
    return {
        name: {"description": _HEADERS[name], "schema": {"type": "string"}}
        for name in names
    }


def _content(content: Mapping[str, Schema], refs: References) -> dict[str, Any]:
    return {
        media_type: {
            "schema": refs[schema, "serialization"]
            if isinstance(schema, type)
            else schema
        }
        for media_type, schema in content.items()
    }


def _problem(status: int) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {MEDIA_TYPE: {"schema": ref("Problem")}},
    }
