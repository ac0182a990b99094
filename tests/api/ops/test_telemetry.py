"""Traces: a span for each request, named by its route."""

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import dateline
from dateline import Ledger
from dateline.domain.errors import MissingExtra
from tests.api.ops.asking import asking, served


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


def test_without_the_extra_it_is_named(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "dateline.api.telemetry", raising=False)

    with (
        pytest.raises(MissingExtra, match=r"install 'dateline\[otel\]'"),
        asking(ledger, telemetry=True),
    ):
        pass


class Collector(BaseHTTPRequestHandler):
    """Takes what is exported."""

    taken: ClassVar[list[bytes]]

    def do_POST(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.slow
def test_a_server_exports_its_spans_where_it_is_told(tmp_path: Path) -> None:
    class Taking(Collector):
        taken: ClassVar[list[bytes]] = []

    target = tmp_path / "war.dateline"
    dateline.open(target).close()
    with HTTPServer(("127.0.0.1", 0), Taking) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        told = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.server_port}",
            "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        }
        with served(target, "--telemetry", **told) as server:
            httpx.get(f"{server.url}/v1/ledger")
            assert server.stop() == 0
        collector.shutdown()
        thread.join()

    exported = b"".join(Taking.taken)
    assert b"GET /v1/ledger" in exported
    assert b"service.name" in exported
    assert b"dateline" in exported
