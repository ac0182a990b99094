"""Who is asking, and how far they reach: API keys and JWTs, both as bearer tokens.

Access is off until keys or a key for JWTs are configured; then all but the probes
need a token. The middleware puts the caller into the request's state. A socket may
leave its token to ``connection_init``: until then it has no caller, and whatever asks
for one is refused.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from dateline.api.keys import Keyring
from dateline.api.problems import (
    Forbidden,
    RequestError,
    Unauthorized,
    refuse,
    unheld,
)
from dateline.api.settings import Settings

OPEN_PATHS = frozenset(("/healthz", "/readyz"))
"""What is answered without a token: it tells nothing of the ledger."""


class Scope(StrEnum):
    """What a key is good for; each scope takes in those before it."""

    READ = "read"
    RECORD = "record"
    ADMIN = "admin"


class Caller(NamedTuple):
    """Who sent a request.

    Attributes:
        name: of the key or the token's subject; nothing while access is off.
        scope: how far it reaches.
    """

    name: str | None
    scope: Scope

    def check(self, needed: Scope) -> None:
        """Refuse what goes beyond the caller's scope.

        Raises:
            Forbidden: the scope does not reach so far.
        """
        order = list(Scope)
        if order.index(self.scope) < order.index(needed):
            raise Forbidden(
                f"this needs the scope {needed}, and the key has {self.scope}"
            )


ANYONE = Caller(None, Scope.ADMIN)
"""Every caller, while access is off."""


class Access:
    """Tells callers by their tokens.

    Args:
        settings: say which keys there are; none: access is off.

    Raises:
        InvalidSetting: the keys cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self._keyring = None if settings.keys is None else Keyring(settings.keys)
        self._tokens = None
        if settings.jwt_key is not None:
            from dateline.api.tokens import Tokens

            self._tokens = Tokens(settings)

    @property
    def is_on(self) -> bool:
        return self._keyring is not None or self._tokens is not None

    def caller(self, authorization: str | None) -> Caller:
        """Return who sends an ``Authorization`` of this value; quick, no waiting.

        Raises:
            Unauthorized: no token, or one that does not hold.
        """
        if not self.is_on:
            return ANYONE
        if not authorization:
            raise Unauthorized(
                "this needs a key; send it as 'Authorization: Bearer KEY'"
            )
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise unheld("a key is sent as 'Authorization: Bearer KEY'")
        if self._keyring is not None and (key := self._keyring.find(token)):
            return Caller(key.name, Scope(key.scope))
        if self._tokens is not None and token.count(".") == 2:
            name, scopes = self._tokens.read(token)
            held = [scope for scope in Scope if scope in scopes]
            if not held:
                raise unheld(f"the token's scope names none of {', '.join(Scope)}")
            return Caller(name, held[-1])
        raise unheld("the key does not hold: unknown, or revoked")


def caller_of(scope: Mapping[str, Any]) -> Caller:
    """Return who sent the request of an ASGI scope.

    Raises:
        Unauthorized: access is on, and the caller has not said.
    """
    state = scope.get("state", {})
    if "caller" in state:
        caller: Caller = state["caller"]
        return caller
    access = access_of(scope)
    return ANYONE if access is None else access.caller(None)


def access_of(scope: Mapping[str, Any]) -> Access | None:
    """Return what tells callers by their tokens, as ``connection_init`` needs it."""
    access: Access | None = scope.get("state", {}).get("access")
    return access


def path_of(scope: Mapping[str, Any]) -> str:
    """Return the path below where the application is mounted."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


class Callers:
    """Middleware that puts the caller into the state, and refuses who has none.

    Args:
        ide: let browsers have the page at /graphql, which asks for the key itself.
    """

    def __init__(self, app: ASGIApp, access: Access, *, ide: bool = False) -> None:
        self._app, self._access, self._ide = app, access, ide

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["access"] = self._access
        state.pop("caller", None)
        authorization = Headers(scope=scope).get("authorization")
        if authorization is not None or not self._may_be_unknown(scope):
            try:
                state["caller"] = self._access.caller(authorization)
            except RequestError as error:
                if path_of(scope) not in OPEN_PATHS:
                    await refuse(error, scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _may_be_unknown(self, scope: Connection) -> bool:
        """Tell whether a request may come to say later who sends it."""
        if not self._access.is_on:
            return False
        if scope["type"] == "websocket":
            return True
        return (
            self._ide
            and scope["method"] == "GET"
            and path_of(scope) == "/graphql"
            and not scope["query_string"]
            and "text/html" in Headers(scope=scope).get("accept", "")
        )
