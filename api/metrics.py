"""What is measured, for Prometheus: each application has a registry of its own."""

from math import nan

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder

from dateline.api.services import Services, head_of

METHODS = frozenset(("GET", "HEAD", "POST", "OPTIONS"))
"""Methods that are told apart; a caller could make up any number."""

BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0),
)


class Metrics:
    """What one application counts."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._registry = registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        self._requests = Counter(
            "dateline_requests",
            "Requests answered, by route; feeds count when they begin.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "dateline_request_duration_seconds",
            "Time from a request's head to the end of its answer (a feed's: to its "
            "beginning).",
            ("method", "route"),
            registry=registry,
            buckets=BUCKETS,
        )
        self._by_kind: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.in_flight = Gauge(
            "dateline_requests_in_flight",
            "Requests under way, feeds left out.",
            registry=registry,
        )
        self.sockets = Gauge(
            "dateline_websockets", "WebSockets that are open.", registry=registry
        )
        Gauge(
            "dateline_feed_readers",
            "Feeds that are being read, over any transport.",
            registry=registry,
        ).set_function(lambda: services.hub.readers)
        Gauge(
            "dateline_feed_lag_positions",
            "Positions recorded that the tail of the feeds has yet to take in.",
            registry=registry,
        ).set_function(lambda: services.hub.lag)
        if (feed := services.feed) is not None:
            Gauge(
                "dateline_nats_connected",
                "Whether there is a connection to NATS.",
                registry=registry,
            ).set_function(lambda: feed.is_connected)
            Gauge(
                "dateline_nats_leading",
                "Whether the feeds come from NATS; not while nobody reads one, and not "
                "while the ledger is read in its stead.",
                registry=registry,
            ).set_function(lambda: feed.is_leading)
        if (replica := services.replica) is not None:
            Gauge(
                "dateline_replica_up",
                "Whether the replica answers; if not, the ledger itself is asked.",
                registry=registry,
            ).set_function(lambda: replica.ledger is not None)
            self._behind = Gauge(
                "dateline_replica_behind_positions",
                "Positions that the replica has yet to take in; not a number while it "
                "does not answer.",
                registry=registry,
            )
            passed_on = Counter(
                "dateline_replica_passed_on",
                "Questions that the replica did not answer and the ledger did: it was "
                "behind, away, or could not be read this once (fault).",
                ("reason",),
                registry=registry,
            )
            services.passed_on = lambda reason: passed_on.labels(reason).inc()
        self._head = Gauge(
            "dateline_head_position",
            "The last position of the ledger; its rate is that of events.",
            registry=registry,
        )
        self._append_seconds = Histogram(
            "dateline_append_duration_seconds",
            "Time to record what one request brought, or to refuse it, waiting for "
            "the lock included.",
            registry=registry,
            buckets=BUCKETS,
        )
        services.recorded = self._append_seconds.observe

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        kind = (method if method in METHODS else "other"), route, status
        found = self._by_kind.get(kind)
        if found is None:
            method, _, _ = kind
            found = self._by_kind[kind] = (
                self._requests.labels(method, route, str(status)),
                self._seconds.labels(method, route),
            )
        requests, duration = found
        requests.inc()
        duration.observe(seconds)

    async def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return what there is in the form that is asked for, and its media type."""
        head = await self._services.ask_primary(head_of)
        self._head.set(head)
        if self._services.replica is not None:
            replica = await self._services.replica_position()
            self._behind.set(nan if replica is None else max(0, head - replica))
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type
