"""The OpenAPI document says what there is, and everything that is there."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator, ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from dateline import Ledger
from dateline.api import Settings, create_app
from dateline.api.problems import STATUSES, RequestError
from dateline.api.rest.openapi import document
from dateline.api.rest.refusals import status_of
from dateline.api.rest.schemas import ref
from dateline.api.rest.table import OPERATIONS
from dateline.domain import errors
from dateline.domain.errors import DatelineError
from dateline.domain.events import parse_event
from tests.api.rest.asking import NDJSON, Rest, lines_of, ndjson
from tests.api.rest.test_methods import url_of
from tests.builders import flat, opened
from tests.services import require

HERE = Path(__file__).parent
NODE = HERE.parent / "node" / "node_modules" / ".bin"
GOLDEN = Path(__file__).parents[2] / "golden" / "events"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    """Return the document as it is served."""
    return _json(document(OPERATIONS, Settings()))


def _json(value: Any) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(orjson.dumps(value))
    return read


def _check(described: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Hold a value against a schema of the document."""
    whole = {**schema, "components": described["components"]}
    Draft202012Validator(whole).validate(value)


def test_it_is_openapi(described: dict[str, Any]) -> None:
    OpenAPIV31SpecValidator(described).validate()
    assert described["openapi"].startswith("3.1.")


def test_it_is_what_is_served(rest: Rest, described: dict[str, Any]) -> None:
    assert rest.json("/v1/openapi.json") == described


def test_it_describes_every_route_and_nothing_else(
    ledger: Ledger, described: dict[str, Any]
) -> None:
    app = create_app(ledger, Settings())
    routed = {
        route.path
        for route in app.routes
        if isinstance(route, Route) and route.path.startswith("/v1")
    }
    assert routed == set(described["paths"])
    for path, methods in described["paths"].items():
        table = {one.method.lower() for one in OPERATIONS if one.path == path}
        assert set(methods) == table


def test_everything_is_described(described: dict[str, Any]) -> None:
    ids = []
    for methods in described["paths"].values():
        for operation in methods.values():
            ids.append(operation["operationId"])
            assert operation["summary"] and operation["description"]
            for parameter in operation["parameters"]:
                assert parameter["description"], parameter
    assert len(set(ids)) == len(ids)
    components = described["components"]["schemas"]
    assert [
        name for name, one in components.items() if not one.get("description")
    ] == []


def test_parameters_are_those_that_are_read(described: dict[str, Any]) -> None:
    for operation in OPERATIONS:
        told = described["paths"][operation.path][operation.method.lower()]
        named = {one["name"] for one in told["parameters"] if one["in"] == "query"}
        read = {
            field.alias or name for name, field in operation.query.model_fields.items()
        }
        assert named == read


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
def test_answers_are_as_described(
    story: Ledger, rest: Rest, described: dict[str, Any], operation: Any
) -> None:
    responses = described["paths"][operation.path][operation.method.lower()][
        "responses"
    ]
    if operation.method == "POST":
        response = rest.post(flat(opened("grain")))
    else:
        response = rest.get(url_of(operation.path))
    told = responses[str(response.status_code)]
    content = told["content"][response.headers["content-type"]]
    _check(described, content["schema"], response.json())
    for name in told.get("headers", ()):
        assert name in response.headers


def test_lines_are_as_described(
    story: Ledger, rest: Rest, described: dict[str, Any]
) -> None:
    operations = described["paths"]["/v1/events"]
    listed = operations["get"]["responses"]["200"]["content"][NDJSON]["schema"]
    lines = lines_of(rest.get("/v1/events", {"Accept": NDJSON}))
    _check(described, listed, lines)
    body = ndjson(flat(opened("grain")), b"{")
    results = lines_of(rest.post(body, NDJSON, "?atomic=false"))
    recorded = operations["post"]["responses"]["200"]["content"][NDJSON]["schema"]
    _check(described, recorded, results)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda p: p.stem)
def test_every_event_is_described_as_it_is_taken_and_given(
    described: dict[str, Any], path: Path
) -> None:
    stored = orjson.loads(path.read_bytes())
    components = described["components"]["schemas"]
    taken = components[stored["type"]]["properties"]
    event = {name: value for name, value in stored.items() if name in taken}
    assert parse_event(dict(event)).type == stored["type"]
    _check(described, ref("Event"), event)
    _check(described, ref("StoredEvent"), stored)
    for name, one in (("Event", event), ("StoredEvent", stored)):
        for wrong in ({**one, "nonsense": 1}, {**one, "type": None}):
            with pytest.raises(ValidationError):
                _check(described, ref(name), wrong)
    with pytest.raises(ValidationError):
        _check(described, ref("StoredEvent"), event)


def _kinds(base: type[DatelineError]) -> list[type[DatelineError]]:
    return [base, *(one for kind in base.__subclasses__() for one in _kinds(kind))]


OPENING = (
    errors.LedgerNotFound,
    errors.FolderNotFound,
    errors.LedgerExists,
    errors.LedgerMismatch,
    errors.NotALedger,
    errors.NewerSchema,
    errors.UnsupportedStore,
)
"""What a ledger that is served got past already."""
WRITING = (
    errors.ConflictingEvent,
    errors.BatchTooLarge,
    errors.DiskFull,
)
"""What no question meets."""


def test_every_status_of_an_error_is_described(described: dict[str, Any]) -> None:
    for kind in [one for known in STATUSES for one in _kinds(known)]:
        if issubclass(kind, (RequestError, *OPENING)):
            continue
        for operation in OPERATIONS:
            method = operation.method
            is_asked_for = operation.names or "topic" in operation.query.model_fields
            if method == "GET" and (
                issubclass(kind, WRITING)
                or (issubclass(kind, errors.UnknownReference) and not is_asked_for)
            ):
                continue
            told = described["paths"][operation.path][method.lower()]["responses"]
            assert str(status_of(kind.__new__(kind), method)) in told, (kind, method)


def test_keys_are_described_where_there_are_any(tmp_path: Path) -> None:
    described = document(OPERATIONS, Settings(keys=tmp_path / "keys"))
    OpenAPIV31SpecValidator(_json(described)).validate()
    scheme = described["components"]["securitySchemes"]
    assert scheme["key"]["scheme"] == "bearer"
    for operation in OPERATIONS:
        told = described["paths"][operation.path][operation.method.lower()]
        assert told["security"] == [{"key": [operation.scope]}]
        assert {"401", "403"} <= set(told["responses"])
    assert "security" not in str(document(OPERATIONS, Settings())["paths"])


def test_limits_are_those_that_are_set() -> None:
    described = document(OPERATIONS, Settings(max_first=7))
    for path in ("/v1/knowledge", "/v1/events"):
        (first,) = (
            one
            for one in described["paths"][path]["get"]["parameters"]
            if one["name"] == "first"
        )
        assert (first["schema"]["minimum"], first["schema"]["maximum"]) == (1, 7)


def test_patterns_are_read_everywhere(described: dict[str, Any]) -> None:
    """JSON Schema has the regular expressions of ECMA-262: no flags in front."""
    patterns = re.findall(rb'"pattern":"((?:[^"\\]|\\.)*)"', orjson.dumps(described))
    assert patterns
    assert [one for one in patterns if one.startswith(b"(?")] == []


def test_spectral_finds_nothing(tmp_path: Path, described: dict[str, Any]) -> None:
    spectral = shutil.which("spectral", path=f"{NODE}:{os.environ.get('PATH', '')}")
    require("spectral (make node)", spectral is not None)
    assert spectral is not None
    path = tmp_path / "openapi.json"
    path.write_bytes(orjson.dumps(described))
    linted = subprocess.run(
        [
            *(spectral, "lint", path, "--ruleset", HERE / "spectral.yaml"),
            *("--fail-severity", "hint", "--quiet"),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
