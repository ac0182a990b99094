"""Where NATS is, and a connection to it that lasts as long as it lasts.

A connection that breaks is over: whoever uses it opens another. So nothing is sent
later that was written for one that is gone, and no state outlives it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from logging import getLogger
from typing import Any
from urllib.parse import parse_qsl, unquote

from dateline.domain.errors import FeedUnavailable, InvalidFeed, MissingExtra

try:
    from nats.aio.client import Client
    from nats.errors import Error
    from nats.js import JetStreamContext
except ImportError:
    raise MissingExtra("nats://", "nats") from None

API_SECONDS = 3
_CONNECT_SECONDS = 5
_CLOSE_SECONDS = 1
_PING_SECONDS = 5
_OPTIONS = frozenset(("credentials", "ca", "cert", "key"))
_DENIED = "authorization violation"

log = getLogger(__name__)


@dataclass(frozen=True)
class Address:
    """Where NATS is, and as whom to connect; read from a URL.

    ``nats://USER:PASSWORD@HOST:PORT,HOST:PORT?credentials=FILE&ca=FILE&cert=FILE&key=FILE``.
    All but one host may be left out. ``tls://`` insists on TLS.
    """

    scheme: str
    hosts: tuple[str, ...]
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    credentials: str | None = field(default=None, repr=False)
    ca: str | None = field(default=None, repr=False)
    cert: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a URL.

        Raises:
            InvalidFeed: it is none of NATS; the sentence shows no password.
        """
        scheme, is_url, rest = url.partition("://")
        place, _, query = rest.partition("?")
        userinfo, _, hosts = place.removesuffix("/").rpartition("@")
        user, has_password, password = userinfo.partition(":")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if not is_url or scheme not in ("nats", "tls"):
            raise InvalidFeed("the URL of NATS begins with nats:// or tls://")
        for name in options.keys() - _OPTIONS:
            raise InvalidFeed(
                f"the URL of NATS has no parameter {name!r}; there are "
                f"{', '.join(sorted(_OPTIONS))}"
            )
        found = tuple(host for host in hosts.split(",") if host)
        if not found or any(set(host) & set("/?# ") for host in found):
            raise InvalidFeed(
                "the URL of NATS names a host, or several with commas between them: "
                "nats://host:4222"
            )
        if "cert" in options and "key" not in options:
            raise InvalidFeed("the URL of NATS has a cert and no key")
        return cls(
            scheme,
            found,
            unquote(user) or None,
            unquote(password) if has_password else None,
            **options,
        )

    @property
    def printed(self) -> str:
        """The URL as it may be printed: without user, password and files."""
        return f"{self.scheme}://{','.join(self.hosts)}"

    @property
    def insists_on_tls(self) -> bool:
        return self.scheme == "tls" or bool(self.ca or self.cert)

    def login(self) -> dict[str, Any]:
        """Return what a client is told of who connects.

        Raises:
            InvalidFeed: a file that is named cannot be read.
        """
        found: dict[str, Any] = {}
        if self.password is not None:
            found |= {"user": self.user or "", "password": self.password}
        elif self.user is not None:
            found["token"] = self.user
        try:
            if self.credentials is not None:
                open(self.credentials, "rb").close()
                found["user_credentials"] = self.credentials
            if self.insists_on_tls:
                found["tls"] = context = ssl.create_default_context(cafile=self.ca)
                if self.cert is not None:
                    context.load_cert_chain(self.cert, self.key)
        except OSError as error:  # ssl's are of this kind, too
            raise InvalidFeed(f"a file of the URL of NATS: {error}") from None
        return found


@dataclass(frozen=True)
class Connection:
    """An open connection.

    Attributes:
        lost: set when it is over.
    """

    client: Client
    jetstream: JetStreamContext
    lost: asyncio.Event


class Connector:
    """Opens connections to one address, or to what its servers name besides.

    Args:
        address: of one or several servers of a cluster.
        name: what the connection is called in NATS.
    """

    def __init__(self, address: Address, name: str) -> None:
        self.address = address
        self._name = name
        self._discovered: list[str] = []

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """Open a connection, and close it at the end.

        Raises:
            FeedUnavailable: no server can be reached. InvalidFeed: the server does
                not let us in, or the files of the address cannot be read.
        """
        login = self.address.login()
        client, lost = Client(), asyncio.Event()
        said: list[str] = []

        async def on_closed() -> None:
            lost.set()

        async def on_error(error: Exception) -> None:
            said.append(str(error) or type(error).__name__)
            log.debug("%s: %s", self.address.printed, said[-1])
            if "permissions violation" in said[-1].lower():
                log.error("%s: %s", self.address.printed, said[-1])

        try:
            try:
                await self._open(
                    client, closed_cb=on_closed, error_cb=on_error, **login
                )
            except (OSError, Error, TimeoutError) as error:
                said.append(str(error) or type(error).__name__)
                raise self._refused(error, said) from None
            yield Connection(client, client.jetstream(timeout=API_SECONDS), lost)
        finally:
            found = [uri.netloc for uri in client.discovered_servers]
            self._discovered = found or self._discovered
            with suppress(OSError, Error, TimeoutError):  # TLS may never say goodbye
                await asyncio.wait_for(client.close(), _CLOSE_SECONDS)

    async def _open(self, client: Client, **options: Any) -> None:
        scheme = self.address.scheme
        hosts = dict.fromkeys((*self.address.hosts, *self._discovered))
        opening = client.connect(
            [f"{scheme}://{host}" for host in hosts],
            name=self._name,
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0,
            connect_timeout=_CONNECT_SECONDS,
            ping_interval=_PING_SECONDS,
            **options,
        )
        await asyncio.wait_for(opening, _CONNECT_SECONDS * len(hosts))
        if self.address.insists_on_tls and not client._server_info.get("tls_required"):
            raise InvalidFeed(f"{self.address.printed} does not speak TLS")

    def _refused(self, error: Exception, said: list[str]) -> Exception:
        if _DENIED in str(error).lower():
            return InvalidFeed(
                f"{self.address.printed} does not let us in; check user, password or "
                "credentials"
            )
        reason = next((words for words in said if "No servers" not in words), said[-1])
        return FeedUnavailable(self.address.printed, reason)
