"""JWTs: who signed them, whom they name, how long they hold, and their scopes."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from dateline.api.problems import Unauthorized, unheld
from dateline.api.settings import InvalidSetting, Settings
from dateline.domain.errors import MissingExtra

try:
    from joserfc import errors, jwa, jwk, jws, jwt
except ImportError:
    raise MissingExtra("jwt_key", "jwt") from None

LEEWAY_SECONDS = 30
"""How far the clocks of the issuer and ours may differ."""

MAX_BYTES = 8_192
SUBJECT_LIMIT = 128


class _Pinned(jws.JWSRegistry):
    """Takes the algorithms that are set and no other, whatever a token says."""

    max_header_length = 4_096

    def get_alg(self, name: str) -> jwa.JWSAlgModel:
        if name not in (self.allowed or ()) or name not in self.algorithms:
            raise errors.UnsupportedAlgorithmError
        return self.algorithms[name]


class Tokens:
    """Reads JWTs by the key of whoever issues them.

    Raises:
        InvalidSetting: the key or an algorithm cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.jwt_key is not None
        for name in settings.jwt_algorithms:
            if name not in jws.JWSRegistry.algorithms:
                raise InvalidSetting(f"there is no JWT algorithm {name!r}")
        self._key = _key(settings.jwt_key)
        self._pinned = _Pinned(
            algorithms=settings.jwt_algorithms, strict_check_header=False
        )
        required: dict[str, Any] = {
            "exp": {"essential": True},
            "sub": {"essential": True},
        }
        if settings.jwt_issuer is not None:
            required["iss"] = {"essential": True, "value": settings.jwt_issuer}
        if settings.jwt_audience is not None:
            required["aud"] = {"essential": True, "value": settings.jwt_audience}
        self._required = jwt.JWTClaimsRegistry(leeway=LEEWAY_SECONDS, **required)

    def read(self, token: str) -> tuple[str, Collection[str]]:
        """Return whom a token names and the words of its scope.

        Raises:
            Unauthorized: it does not hold.
        """
        try:
            if len(token) > MAX_BYTES:
                raise errors.ExceededSizeError
            claims = jwt.decode(token, self._key, registry=self._pinned).claims
            self._required.validate(claims)
        except errors.ExpiredTokenError:
            raise unheld("the token has expired; get a new one") from None
        except errors.ClaimError as error:
            raise unheld(f"the token's claim {error.claim!r} does not hold") from None
        except (errors.JoseError, ValueError, TypeError, KeyError):
            raise _unsigned() from None
        subject, scope = claims["sub"], claims.get("scope", "")
        if not 0 < len(subject) <= SUBJECT_LIMIT or not subject.isprintable():
            raise unheld(f"the token's 'sub' is not 1 to {SUBJECT_LIMIT} characters")
        return subject, scope.split() if isinstance(scope, str) else ()


def _unsigned() -> Unauthorized:
    return unheld("the token does not hold: malformed, or signed by somebody else")


def _key(path: Path) -> jwk.Key | jwk.KeySet:
    """Read a key or a set of keys; a bare secret would fit any algorithm."""
    try:
        read = path.read_bytes()
    except OSError as error:
        raise InvalidSetting(
            f"the JWT key {str(path)!r} cannot be read: {error.strerror}; check the "
            "path"
        ) from None
    try:
        if read.lstrip().startswith(b"{"):
            given = json.loads(read)
            if "keys" in given:
                return jwk.KeySet.import_key_set(given)
            return jwk.import_key(given)
        if b"-----BEGIN " in read:
            return _from_pem(read)
    except (errors.JoseError, ValueError, TypeError, KeyError):
        pass
    raise InvalidSetting(f"{str(path)!r} holds no PEM, JWK or JWK set")


def _from_pem(read: bytes) -> jwk.Key:
    for kind in (jwk.RSAKey, jwk.ECKey, jwk.OKPKey):
        try:
            return kind.import_key(read)
        except (errors.JoseError, ValueError, TypeError):
            continue
    raise ValueError
