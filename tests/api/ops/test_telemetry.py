"""Traces: a span for each request, named by its route."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dateline import Ledger
from tests.api.ops.asking import asking


@pytest.fixture(scope="module")
def provider() -> TracerProvider:
    """The provider of this process, which can be set only once."""
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    return provider


@pytest.fixture
def exported(provider: TracerProvider) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield exporter
    exporter.shutdown()


def test_a_span_is_named_by_the_route(
    ledger: Ledger, exported: InMemorySpanExporter
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with asking(ledger, telemetry=True) as client:
        client.get("/v1/claims/troops?on=2024-10-22", headers={"traceparent": parent})
        client.get("/nowhere")
        client.post("/graphql", json={"query": "{ ledger { title } }"})

    claim, nowhere, graphql = exported.get_finished_spans()
    assert [claim.name, nowhere.name, graphql.name] == [
        *("GET /v1/claims/{id}", "GET", "POST /graphql"),
    ]
    assert claim.attributes is not None
    assert claim.attributes["http.route"] == "/v1/claims/{id}"
    assert claim.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C


def test_nothing_is_traced_unless_it_is_asked_for(
    ledger: Ledger, exported: InMemorySpanExporter
) -> None:
    with asking(ledger) as client:
        client.get("/v1/ledger")

    assert exported.get_finished_spans() == ()
