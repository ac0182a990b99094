"""API keys, kept in a file of their hashes; a key itself is shown once and forgotten.

A key is ``dl_ID_SECRET`` with 256 random bits: too many to try, so one SHA-256 is
enough. The file is replaced as a whole, under a lock on its folder. A server notices
when it changes.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from logging import getLogger
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from dateline.api.settings import InvalidSetting

PREFIX = "dl"
DEFAULT_FILE = "dateline-keys.json"

log = getLogger(__name__)


class UnknownKey(InvalidSetting):
    """No key has this id."""

    code: ClassVar[str] = "unknown_key"


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError
    return name


class Key(BaseModel):
    """What is kept of a key."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{12}$")]
    name: Annotated[
        str, Field(min_length=1, max_length=128), AfterValidator(_printable)
    ]
    scope: Literal["read", "record", "admin"]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    created_at: datetime


_KEYS = TypeAdapter(tuple[Key, ...])


class _Seen(NamedTuple):
    """By what a file is known to be the same."""

    inode: int
    size: int
    mtime_ns: int


class Keyring:
    """The keys of a file, read again when it has changed.

    Raises:
        InvalidSetting: there is no such file, or it holds something else.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _look(path)
        self._keys = {key.id: key for key in read(path)}

    def find(self, token: str) -> Key | None:
        """Return the key that a token is."""
        self._refresh()
        parts = token.split("_", 2)
        if len(parts) != 3 or parts[0] != PREFIX:
            return None
        key = self._keys.get(parts[1])
        held = key.sha256 if key else hash_of("")
        is_held = hmac.compare_digest(hash_of(token), held)
        return key if is_held else None

    def _refresh(self) -> None:
        """Read a changed file. One that cannot be read holds no key."""
        seen = _look(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._keys = {key.id: key for key in read(self._path)}
        except InvalidSetting as error:
            self._keys = {}
            log.error("no key holds now: %s", error)


def hash_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read(path: Path) -> Sequence[Key]:
    """Return the keys of a file.

    Raises:
        InvalidSetting: there is no such file, or it holds something else.
    """
    try:
        return _KEYS.validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidSetting(
            f"the file of keys {str(path)!r} cannot be read: {error.strerror}; make "
            "it with 'dateline keys add'"
        ) from None
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise InvalidSetting(
            f"{str(path)!r} is not a file of keys ({where or 'not JSON'}); restore it"
        ) from None


def add(path: Path, scope: str, name: str | None = None) -> tuple[Key, str]:
    """Make a key, and return it with its token, which is kept nowhere.

    Raises:
        InvalidSetting: the name is too long, or the file cannot be used.
    """
    id = secrets.token_hex(6)
    token = f"{PREFIX}_{id}_{secrets.token_urlsafe(32)}"
    try:
        key = Key(
            id=id,
            name=id if name is None else name.strip(),
            scope=scope,
            sha256=hash_of(token),
            created_at=datetime.now(UTC).replace(microsecond=0),
        )
    except ValidationError as error:
        raise InvalidSetting(
            f"a key cannot have this {error.errors()[0]['loc'][0]}; see "
            "'dateline keys add --help'"
        ) from None
    with _changing(path):
        _write(path, [*(read(path) if path.exists() else ()), key])
    return key, token


def revoke(path: Path, id: str) -> Key:
    """Take a key out of the file, and return what was kept of it.

    Raises:
        UnknownKey: no key has this id.
        InvalidSetting: the file cannot be used.
    """
    with _changing(path):
        keys = read(path)
        revoked = [key for key in keys if key.id == id]
        if not revoked:
            raise UnknownKey(f"no key in {str(path)!r} has the id {id!r}")
        _write(path, [key for key in keys if key.id != id])
    return revoked[0]


@contextmanager
def _changing(path: Path) -> Iterator[None]:
    """Be the only one to change files in this folder."""
    try:
        folder = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _write(path: Path, keys: Sequence[Key]) -> None:
    """Replace a file at once, readable by its owner only."""
    written = _KEYS.dump_json(tuple(keys), indent=1) + b"\n"
    path = path.resolve()  # a link stays one
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            try:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(file.name)
                raise
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> InvalidSetting:
    return InvalidSetting(
        f"the file of keys {str(path)!r} cannot be written: {error.strerror}; check "
        "the path"
    )


def _look(path: Path) -> _Seen | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return _Seen(found.st_ino, found.st_size, found.st_mtime_ns)
