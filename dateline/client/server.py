"""One server, as HTTP is spoken with it: addresses, repeated requests, what went wrong.

A question may be asked again, and so may events be sent: all attempts bear one
idempotency key, by which the server knows what it has recorded already.
"""

import re
import time
import uuid
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
import orjson
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_before_delay,
    wait_exception,
    wait_random_exponential,
)
from tenacity.wait import wait_base

from dateline import __version__
from dateline.client.errors import (
    OutcomeUnknown,
    RemoteError,
    RemoteFault,
    ServerUnreachable,
    error_of,
)
from dateline.domain.errors import DatelineError, InvalidQuestion, LedgerClosed

JSON = "application/json"
NDJSON = "application/x-ndjson"
EVENT_STREAM = "text/event-stream"

ATTEMPTS = 4
"""How often a question is asked, or events are sent, before the client gives up."""

PASSING = frozenset((429, 502, 503, 504))
"""Statuses of what may pass by itself."""

_WORD = re.compile(r"[!-~]+")
_A_WORD = "one word of printable ASCII"
_FIRST_WINDOW_SECONDS = 0.1
_LAST_WINDOW_SECONDS = 10
_KEPT_CONNECTIONS = 20

Parameters = Mapping[str, object]
"""What a question asks; what is None is left out, what is a list is repeated."""

Got = TypeVar("Got")


class Passing(Exception):
    """An attempt failed, and another one may not.

    Attributes:
        error: what to tell the caller if no other attempt is made.
        retry_after: seconds that the server asked to be spared.
        may_be_done: whether the server may have done what it was asked.
    """

    def __init__(
        self,
        error: DatelineError,
        *,
        retry_after: float = 0.0,
        may_be_done: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after
        self.may_be_done = may_be_done


def pauses() -> wait_base:
    """Pause as the server asks, and for a random part of a window that doubles."""
    return wait_exception(_spared) + wait_random_exponential(
        multiplier=_FIRST_WINDOW_SECONDS, max=_LAST_WINDOW_SECONDS
    )


def _spared(error: BaseException) -> float:
    assert isinstance(error, Passing)
    return error.retry_after


class Server:
    """The server at a URL. Any thread may use it.

    Args:
        url: where the application is mounted.
        key: an API key, or a JWT.
        timeout: seconds to connect, and to wait for each part of an answer; no
            attempt begins later than so long after the first.
        transport: carries requests in place of the network.

    Raises:
        InvalidQuestion: the URL or the key cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None,
        timeout: float,
        transport: httpx.BaseTransport | None,
    ) -> None:
        base = _base(url)
        if key is not None and not _WORD.fullmatch(key):
            raise InvalidQuestion(f"a key is {_A_WORD}", "key")
        self.url = str(base.copy_with(userinfo=b"")).rstrip("/")
        self._prefix = str(base).rstrip("/") + "/v1"
        self._timeout = timeout
        self._http = httpx.Client(
            headers={
                "User-Agent": f"dateline/{__version__}",
                **({} if key is None else {"Authorization": f"Bearer {key}"}),
            },
            timeout=timeout,
            transport=transport,
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=_KEPT_CONNECTIONS
            ),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, path: str, parameters: Parameters) -> bytes:
        """Return the JSON that answers a question.

        Raises:
            DatelineError: what the server says. ServerUnreachable.
        """
        return self._answered(lambda: self._send("GET", path, parameters).content)

    def begin(
        self, path: str, parameters: Parameters, media_type: str, **options: Any
    ) -> httpx.Response:
        """Return an answer that has begun, for the caller to read and to close.

        Raises:
            DatelineError: what the server says. ServerUnreachable.
        """
        return self._answered(
            lambda: self.begin_once(path, parameters, media_type, **options)
        )

    def begin_once(
        self,
        path: str,
        parameters: Parameters,
        media_type: str,
        *,
        last: str | None = None,
        silence: float | None = None,
    ) -> httpx.Response:
        """Return an answer that has begun, in a single attempt.

        Args:
            last: the cursor of what was read last.
            silence: seconds without a sign of life after which reading fails.

        Raises:
            Passing: another attempt may succeed. DatelineError: what the server says.
        """
        headers = {"Accept": media_type}
        if media_type == EVENT_STREAM:
            headers["Accept-Encoding"] = "identity"  # nothing waits in a compressor
        if last is not None:
            headers["Last-Event-ID"] = last
        timeout = httpx.Timeout(self._timeout, read=silence or self._timeout)
        return self._send(
            "GET", path, parameters, headers=headers, timeout=timeout, stream=True
        )

    def record(self, path: str, body: bytes, key: str | None) -> bytes:
        """Send events, once or more often; return the receipt of their recording.

        Args:
            key: names the call; default: one that no other call has.

        Raises:
            DatelineError: what the server says. ServerUnreachable: nothing was sent.
            OutcomeUnknown: something was, and was not answered.
        """
        if key is None:
            key = str(uuid.uuid4())
        elif not _WORD.fullmatch(key):
            raise InvalidQuestion(f"an idempotency key is {_A_WORD}", "idempotency_key")
        headers = {"Content-Type": JSON, "Idempotency-Key": key}
        may_be_done = False

        def send() -> bytes:
            nonlocal may_be_done
            try:
                return self._send("POST", path, headers=headers, content=body).content
            except Passing as passing:
                may_be_done = may_be_done or passing.may_be_done
                raise

        try:
            return self._persist(send)
        except Passing as passing:
            error = passing.error
            if may_be_done:
                reason = getattr(error, "reason", str(error))
                error = OutcomeUnknown(self.url, reason, key)
            raise error from passing.__cause__

    def _answered(self, send: Callable[[], Got]) -> Got:
        try:
            return self._persist(send)
        except Passing as passing:
            raise passing.error from passing.__cause__

    def _persist(self, send: Callable[[], Got]) -> Got:
        retrying = Retrying(
            retry=retry_if_exception_type(Passing),
            wait=pauses(),
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(self._timeout),
            reraise=True,
        )
        return retrying(send)

    def _send(
        self,
        method: str,
        path: str,
        parameters: Parameters | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        timeout: httpx.Timeout | None = None,
        stream: bool = False,
    ) -> httpx.Response:
        """Send one request; return an answer that is good and of the type asked for.

        Raises:
            Passing: another attempt may succeed. DatelineError: what the server says.
            LedgerClosed: the client is closed, by another thread perhaps.
        """
        headers = {"Accept": JSON, **(headers or {})}
        request = self._http.build_request(
            method,
            self._prefix + path + _query(parameters or {}),
            headers=headers,
            content=content,
            timeout=timeout or self._timeout,
        )
        try:
            response = self._http.send(request, stream=stream)
            if not response.is_success:
                response.read()
        except httpx.RequestError as error:
            raise self.lost(error) from error
        except RuntimeError as error:
            if self._http.is_closed:
                raise LedgerClosed from error
            raise
        if not response.is_success:
            raise self._refusal(response)
        if _media_type(response) != headers["Accept"]:
            response.close()
            raise RemoteError(
                f"{self.url} answered with {_media_type(response) or 'no type'} where "
                f"{headers['Accept']} was asked for; is it a dateline server?",
                status=response.status_code,
            )
        return response

    def lost(self, error: Exception | str) -> Passing:
        """Return what to raise when an answer did not arrive, or not to its end."""
        reason = str(error) or type(error).__name__
        never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
        return Passing(
            ServerUnreachable(self.url, reason.rstrip(".")),
            may_be_done=not isinstance(error, never_sent),
        )

    def _refusal(self, response: httpx.Response) -> Exception:
        """Return what to raise at an answer that is not good."""
        error = _error(response)
        if response.status_code not in PASSING:
            return error
        return Passing(
            error,
            retry_after=_retry_after(response.headers.get("Retry-After", "")),
            may_be_done=response.status_code in (502, 504),
        )


def _base(url: str) -> httpx.URL:
    try:
        base = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise InvalidQuestion(f"{url!r} is no URL: {error}", "url") from None
    if base.scheme not in ("http", "https") or not base.host:
        raise InvalidQuestion(
            f"{url!r} is not the URL of a server, such as http://127.0.0.1:8000", "url"
        )
    return base.copy_with(query=None, fragment=None)


def _query(parameters: Parameters) -> str:
    """Return a query string; what is not Unicode is sent for the server to refuse."""
    given = {name: value for name, value in parameters.items() if value is not None}
    if not given:
        return ""
    return "?" + urlencode(given, doseq=True, errors="surrogatepass")


def _media_type(response: httpx.Response) -> str:
    header: str = response.headers.get("Content-Type", "")
    return header.partition(";")[0].strip().lower()


def _error(response: httpx.Response) -> DatelineError:
    request_id = response.headers.get("X-Request-ID")
    try:
        return error_of(orjson.loads(response.content), request_id)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        kind = RemoteFault if response.is_server_error else RemoteError
        return kind(
            f"{response.url.host} answered {response.status_code} "
            f"{response.reason_phrase}, and is perhaps no dateline server",
            status=response.status_code,
            request_id=request_id,
        )


def _retry_after(header: str) -> float:
    """Return the seconds of a Retry-After header, which may name a moment instead."""
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header).timestamp()
    except ValueError:
        return 0.0
    return max(0.0, moment - time.time())
