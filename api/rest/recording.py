"""POST events, all or nothing: one event, an array of them, or a line for each."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp

from dateline.api.rest.asking import encoded
from dateline.api.rest.bodies import Body, Line, body_type, decoded, lines_of
from dateline.api.rest.call import Call
from dateline.api.rest.media import JSON, NDJSON, accepted
from dateline.api.rest.parameters import RecordQuery
from dateline.api.rest.parts import record_in_parts
from dateline.api.rest.results import Tally, joined, named, result
from dateline.api.rest.signing import Signature
from dateline.domain.answers import Receipt
from dateline.domain.errors import DatelineError, MalformedJSON
from dateline.ledger import Ledger, command_of
from dateline.projections.commands import Command


async def record(call: Call) -> ASGIApp:
    """Record what a body brings, and answer with where it stands."""
    media_type = body_type(call)
    signature = Signature.of(call)
    services = call.services
    assert isinstance(call.query, RecordQuery)
    answer_type = JSON if media_type == JSON else NDJSON
    accepted(call.headers(b"accept"), (answer_type,))
    if media_type != JSON and not call.query.atomic:
        return await record_in_parts(call, signature)
    body = await Body(call, services.settings.max_body_bytes).whole()
    if media_type == JSON:
        command = await services.read(
            len(body), _command, services.ledger, body, signature
        )
        await services.record(command)
        receipt = command.receipt()
        return _answer(receipt, encoded(receipt), JSON)
    most_bytes = services.settings.max_line_bytes
    command, lines = await services.read(
        len(body), _command_of_lines, services.ledger, body, signature, most_bytes
    )
    await services.record(command)
    try:
        receipt = command.receipt()
    except DatelineError as error:
        if error.item is None:
            raise
        with named(lines[error.item]):
            raise
    return _answer(receipt, _told(receipt, lines), NDJSON)


def _answer(receipt: Receipt, body: bytes, media_type: str) -> Response:
    is_new = any(event.new for event in receipt.events)
    status = HTTPStatus.CREATED if is_new else HTTPStatus.OK
    headers = {"Cache-Control": "no-store"}
    return Response(body, status, headers, media_type=media_type)


def _command(ledger: Ledger, body: bytes, signature: Signature) -> Command:
    document = decoded(body)
    if not isinstance(document, dict | list):
        raise MalformedJSON("a body is an event's JSON object, or an array of them")
    items = document if isinstance(document, list) else [document]
    events = []
    for index, fields in enumerate(items):
        try:
            events.append(signature.event(fields))
        except DatelineError as error:
            raise error.at(f"event {index + 1} of {len(items)}", index) from None
    return command_of(ledger, events, signature.key)


def _command_of_lines(
    ledger: Ledger, body: bytes, signature: Signature, most_bytes: int
) -> tuple[Command, list[Line]]:
    lines = lines_of(body)
    events = []
    for line in lines:
        with named(line):
            line.check_length(most_bytes)
            events.append(signature.event(decoded(line.raw)))
    return command_of(ledger, events, signature.key), lines


def _told(receipt: Receipt, lines: Sequence[Line]) -> bytes:
    tally = Tally()
    results = [
        tally.count(result(line, event))
        for line, event in zip(lines, receipt.events, strict=True)
    ]
    return joined([*results, tally.end(receipt.position)])
