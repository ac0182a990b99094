"""What can be set about a server, in one table.

The same names serve the constructor, the environment (``DATELINE_`` and the name in
capitals) and the flags of ``dateline serve`` (``--name-with-hyphens``); flags win over
the environment. docs/reference/settings.md is generated from here.
"""

import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from dateline.domain.errors import DatelineError

ENVIRONMENT = "DATELINE_"


class InvalidSetting(DatelineError):
    """A server cannot be run as it is set."""

    code: ClassVar[str] = "invalid_setting"


def _split(given: object) -> object:
    """Read words from a text with commas between them."""
    if not isinstance(given, str):
        return given
    return tuple(word for word in map(str.strip, given.split(",")) if word)


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(gt=0)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]

_HOST = re.compile(r"\*|(\*\.)?[a-z0-9._-]+|\[[0-9a-f:.]+\]", re.IGNORECASE)
_ORIGIN = re.compile(r"\*|https?://[^/?#\s]+", re.IGNORECASE)
_RATE = re.compile(
    r"[1-9][0-9]{0,8} ?(/|per) ?([1-9][0-9]{0,4} )?(second|minute|hour|day)s?"
)


class Settings(BaseSettings):
    """Everything about a server but its ledger. Durations are in seconds.

    Raises:
        InvalidSetting: a value that its setting may not have, or no such setting.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, env_ignore_empty=True, frozen=True, extra="forbid"
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65_535, description="Port; 0 picks a free one.")
    insecure: bool = Field(
        False, description="Listen on an address that is not loopback without keys."
    )
    allowed_hosts: Words = Field(
        (),
        description="Names the server may be called by (Host header). Default: any "
        "when embedded or with keys, else the names of loopback.",
    )
    cors_origins: Words = Field(
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
    jwt_algorithms: Words = Field(
        ("RS256", "ES256", "EdDSA", "Ed25519"),
        description="Algorithms that JWTs may use.",
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
    send_seconds: Seconds = Field(
        60, description="Time for a client to take more of an answer."
    )
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

    feed: str | None = Field(
        None,
        repr=False,
        description="NATS to follow instead of the database, as `dateline relay` "
        "names it (extra `nats`). Default: none, the database.",
    )

    replica: str | None = Field(
        None,
        repr=False,
        description="Replica that questions are put to, named as a ledger is: a hot "
        "standby of PostgreSQL. Default: none, the ledger itself.",
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

    @field_validator("allowed_hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return _each(hosts, _HOST, "a host name without a port, or *.example.org")

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        return _each(origins, _ORIGIN, "an origin such as https://example.org")

    @field_validator("jwt_algorithms")
    @classmethod
    def _check_algorithms(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not names or "none" in map(str.lower, names):
            raise ValueError("name at least one algorithm, and never none")
        return names

    @field_validator("rate_limit")
    @classmethod
    def _check_rate(cls, rate: str | None) -> str | None:
        if rate is not None and not _RATE.fullmatch(rate):
            raise ValueError("a rate is like 100/second or 5000/hour")
        return rate

    @model_validator(mode="wrap")
    @classmethod
    def _say_what_is_wrong(
        cls, given: Any, handler: ModelWrapValidatorHandler[Self]
    ) -> Self:
        try:
            return handler(given)
        except ValidationError as error:
            raise InvalidSetting(_sentence(error)) from None


def flag_of(name: str) -> str:
    """Return the flag of ``dateline serve`` that gives a setting."""
    return f"--{name.replace('_', '-')}"


def variable_of(name: str) -> str:
    """Return the environment variable that gives a setting."""
    return f"{ENVIRONMENT}{name.upper()}"


def described(name: str) -> str:
    """Return what a setting is for, with its default."""
    field = Settings.model_fields[name]
    assert field.description is not None
    default = default_of(name)
    if "Default: " in field.description or default in ("", "false"):
        return field.description
    return f"{field.description} Default: {default}."


def default_of(name: str) -> str:
    """Return a setting's default as it would be given; nothing if there is none."""
    default = Settings.model_fields[name].default
    if isinstance(default, tuple):
        return ",".join(default)
    if isinstance(default, bool):
        return str(default).lower()
    return "" if default is None else str(default)


def _each(
    words: tuple[str, ...], pattern: re.Pattern[str], what: str
) -> tuple[str, ...]:
    for word in words:
        if not pattern.fullmatch(word):
            raise ValueError(f"{word[:100]!r} is not {what}")
    return words


def _sentence(error: ValidationError) -> str:
    """Say what is wrong with the first setting that is wrong."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "settings"
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name!r}; docs/reference/settings.md lists them"
    reason = first["msg"].removeprefix("Value error, ")
    given = f" (given: {str(first['input'])[:100]!r})"
    return (
        f"the setting {name!r} ({flag_of(name)}, {variable_of(name)}) is wrong: "
        f"{reason[:1].lower()}{reason[1:]}{given}"
    )
