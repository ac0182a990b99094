"""What can be set about a server, in one table.

The same names serve the constructor, the environment (``DATELINE_`` and the name in
capitals) and the flags of ``dateline serve`` (``--name-with-hyphens``); flags win over
the environment. docs/reference/settings.md is generated from here.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class Settings(BaseSettings):
    """Everything about a server but its ledger. Durations are in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="DATELINE_", frozen=True, extra="forbid"
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port; 0 picks a free one.")
    insecure: bool = Field(
        False, description="Listen on an address that is not loopback without keys."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (),
        description="Names the server may be called by (Host header). Default: any "
        "when embedded or with keys, else the names of loopback.",
    )
    cors_origins: tuple[str, ...] = Field(
        (),
        description="Origins whose pages may ask, also over sockets; * is any. "
        "Default: only the server's own.",
    )

    keys: Path | None = Field(
        None, description="File of API keys (`dateline keys add`). Default: no keys."
    )
    jwt_key: Path | None = Field(
        None, description="File with the key (PEM, JWK or JWK set) that JWTs verify by."
    )
    jwt_algorithms: tuple[str, ...] = Field(
        ("RS256", "ES256", "EdDSA"), description="Algorithms that JWTs may use."
    )
    jwt_issuer: str | None = Field(None, description="The `iss` that JWTs must have.")
    jwt_audience: str | None = Field(None, description="The `aud` they must have.")
    rate_limit: str | None = Field(
        None,
        description="Requests by key, or by address without keys, such as "
        "`100/second`. Default: no limit.",
    )

    max_body_bytes: Count = Field(
        10 * 2**20, description="Bytes in a body that is taken whole."
    )
    max_stream_bytes: Count = Field(
        1024 * 2**20, description="Bytes in an NDJSON body that is taken in parts."
    )
    max_line_bytes: Count = Field(2**20, description="Bytes in a line of NDJSON.")
    max_header_bytes: Count = Field(65_536, description="Bytes in a request's head.")
    max_connections: Count = Field(4_096, description="Connections at once.")
    max_first: Count = Field(1_000, description="Entries on a page, at most.")
    header_seconds: Seconds = Field(10, description="Time for a request's head.")
    body_seconds: Seconds = Field(30, description="Time for a request's body.")
    request_seconds: Seconds = Field(30, description="Time to answer a question.")
    at_least_seconds: Seconds = Field(
        5, description="Time to wait for the position `at_least`."
    )
    shutdown_seconds: Seconds = Field(
        10, description="Time for requests under way when the server is told to stop."
    )

    heartbeat_seconds: Seconds = Field(
        15, description="Pause after which a silent feed says where the head is."
    )
    ring_events: Count = Field(
        4_096, description="Recent events kept in memory for the readers of feeds."
    )

    graphql_max_depth: Count = Field(12, description="Levels in an operation.")
    graphql_max_aliases: Count = Field(30, description="Aliases in a document.")
    graphql_max_tokens: Count = Field(2_000, description="Tokens in a document.")
    graphql_max_cost: Count = Field(
        50_000, description="Objects an operation may ask for (`first` multiplied)."
    )
    ide: bool = Field(
        False, description="Serve GraphiQL to browsers at /graphql, from this server."
    )

    log_format: Literal["text", "json"] = Field("text", description="Form of the log.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged."
    )
    telemetry: bool = Field(
        False,
        description="Trace requests with OpenTelemetry (extra `otel`; its own OTEL_ "
        "variables say where to).",
    )
