"""Commands that ask: what was known, by whom, on whose word, and what changed."""

from typing import Annotated

import typer

import dateline
from dateline.cli import output, parameters
from dateline.domain.answers import Answer
from dateline.ledger import Ledger, parse_policy


def known(
    ledger: parameters.LedgerPath,
    on: parameters.On,
    recorded_by: parameters.RecordedBy = None,
    topic: parameters.Topic = None,
    status: Annotated[
        list[str] | None,
        typer.Option(
            metavar="S", help="Only claims of this status; may be given repeatedly."
        ),
    ] = None,
    policy: parameters.PolicyJSON = None,
    json: parameters.AsJSON = False,
) -> None:
    """Show what was known of all claims, or of a topic's."""
    with dateline.open(ledger, create=False) as opened:
        answer = opened.knowledge_json(
            on=on,
            recorded_by=recorded_by,
            topic=topic,
            policy=parse_policy(policy),
            statuses=status or None,
        )
        if json:
            output.write_json(answer)
        else:
            _show(dateline.Knowledge.model_validate_json(answer), opened)


def claim(
    ledger: parameters.LedgerPath,
    claim: parameters.ClaimId,
    on: parameters.On,
    recorded_by: parameters.RecordedBy = None,
    policy: parameters.PolicyJSON = None,
    json: parameters.AsJSON = False,
) -> None:
    """Show what was known of one claim."""
    with dateline.open(ledger, create=False) as opened:
        answer = opened.claim(
            claim, on=on, recorded_by=recorded_by, policy=parse_policy(policy)
        )
        _answer(answer, opened, json)


def timeline(
    ledger: parameters.LedgerPath,
    claim: parameters.ClaimId,
    recorded_by: parameters.RecordedBy = None,
    policy: parameters.PolicyJSON = None,
    json: parameters.AsJSON = False,
) -> None:
    """Show how a claim stood over all of public time."""
    with dateline.open(ledger, create=False) as opened:
        answer = opened.timeline(
            claim, recorded_by=recorded_by, policy=parse_policy(policy)
        )
        _answer(answer, opened, json)


def changes(
    ledger: parameters.LedgerPath,
    from_: parameters.From,
    to: parameters.To,
    from_recorded_by: parameters.FromRecordedBy = None,
    to_recorded_by: parameters.ToRecordedBy = None,
    topic: parameters.Topic = None,
    policy: parameters.PolicyJSON = None,
    json: parameters.AsJSON = False,
) -> None:
    """Show what differs between two points.

    Each change names the events that made it so."""
    with dateline.open(ledger, create=False) as opened:
        answer = opened.changes(
            (from_, from_recorded_by),
            (to, to_recorded_by),
            topic=topic,
            policy=parse_policy(policy),
        )
        _answer(answer, opened, json)


def explain(
    ledger: parameters.LedgerPath,
    claim: parameters.ClaimId,
    on: parameters.On,
    recorded_by: parameters.RecordedBy = None,
    policy: parameters.PolicyJSON = None,
    json: parameters.AsJSON = False,
) -> None:
    """Show why a claim has its status.

    Where each source stands, whose knowledge it rests on, and the line of the rule
    that decided."""
    with dateline.open(ledger, create=False) as opened:
        answer = opened.explain(
            claim, on=on, recorded_by=recorded_by, policy=parse_policy(policy)
        )
        _answer(answer, opened, json)


def positions(
    ledger: parameters.LedgerPath,
    source: parameters.SourceId,
    on: parameters.On,
    recorded_by: parameters.RecordedBy = None,
    policy: parameters.PolicyJSON = None,
    json: parameters.AsJSON = False,
) -> None:
    """Show what a source held on each claim."""
    with dateline.open(ledger, create=False) as opened:
        answer = opened.positions(
            source, on=on, recorded_by=recorded_by, policy=parse_policy(policy)
        )
        _answer(answer, opened, json)


def expectations(
    ledger: parameters.LedgerPath,
    on: parameters.On,
    recorded_by: parameters.RecordedBy = None,
    json: parameters.AsJSON = False,
) -> None:
    """Show the updates that were promised.

    They are open, fulfilled or lapsed."""
    with dateline.open(ledger, create=False) as opened:
        answer = opened.expectations(on=on, recorded_by=recorded_by)
        _answer(answer, opened, json)


def _answer(answer: Answer, ledger: Ledger, as_json: bool) -> None:
    if as_json:
        output.write_json(answer.model_dump_json().encode())
    else:
        _show(answer, ledger)


def _show(answer: Answer, ledger: Ledger) -> None:
    # Here, because JSON need not wait for rich: a sixth of the time of a start.
    from dateline.cli.screen import Screen
    from dateline.cli.showing import show

    show(answer, ledger, Screen())
