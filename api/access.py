"""Who is asking, and how far they reach: API keys and JWTs, both as bearer tokens.

Access is off until keys or a key for JWTs are configured; then all but the probes and
the files of pages need a token. The middleware puts the caller into the request's
state. A socket may leave its token to ``connection_init``, and a page asks for it in a
form: until then there is no caller, and whatever asks for one is refused.
"""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from dateline.api.cookies import key_in
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

ASSETS = "/assets/"
"""Begins the paths of the files of pages, which tell nothing of it either."""

ICON = "/favicon.ico"
"""Where browsers look for a picture of a page that names none."""


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
        return self.holder(token)

    def holder(self, token: str) -> Caller:
        """Return whom a key, or a JWT, was given to.

        Raises:
            Unauthorized: it does not hold.
        """
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
    if "refusal" in state:
        refusal: RequestError = state["refusal"]
        raise refusal
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
        pages: first segments of the paths whose answers ask for it in a form.
    """

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        *,
        ide: bool = False,
        pages: Collection[str] = (),
    ) -> None:
        self._app, self._access, self._ide = app, access, ide
        self._pages = frozenset(pages)

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["access"] = self._access
        state.pop("caller", None)
        state.pop("refusal", None)
        authorization = Headers(scope=scope).get("authorization")
        if authorization is None and self._access.is_on:
            send = _varying_by_cookie(send)
        try:
            caller = self._caller(scope, authorization)
            if caller is not None:
                state["caller"] = caller
        except RequestError as error:
            if authorization is None and self._may_be_unknown(scope):
                state["refusal"] = error
            elif not _is_open(path_of(scope)):
                await refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _caller(self, scope: Connection, authorization: str | None) -> Caller | None:
        """Return who sends a request; nobody, if it may say so later.

        Raises:
            Unauthorized.
        """
        if authorization is None and self._access.is_on:
            key = key_in(scope)
            if key is not None:
                return self._access.holder(key)
            if self._may_be_unknown(scope):
                return None
        return self._access.caller(authorization)

    def _may_be_unknown(self, scope: Connection) -> bool:
        """Tell whether a request may come to say later who sends it."""
        if scope["type"] == "websocket":
            return True
        path = path_of(scope)
        if path.lstrip("/").partition("/")[0] in self._pages:
            return True
        return (
            self._ide
            and scope["method"] == "GET"
            and path == "/graphql"
            and not scope["query_string"]
            and "text/html" in Headers(scope=scope).get("accept", "")
        )


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or path == ICON or path.startswith(ASSETS)


def _varying_by_cookie(send: Send) -> Send:
    """Tell caches that an answer is only for who sends the same cookie."""

    async def varying(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if "Cookie" not in headers.get("vary", ""):
                headers.add_vary_header("Cookie")
        await send(message)

    return varying
