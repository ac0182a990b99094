"""What lets a client in: certificates, and the files of users that an operator made."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import nkeys  # type: ignore[import-untyped]  # it has no types
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_EVERYTHING = {
    name: -1
    for name in (
        *("subs", "data", "payload", "imports", "exports", "conn", "leaf"),
        *("mem_storage", "disk_storage", "streams", "consumer"),
    )
} | {"wildcards": True}


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Write an authority's certificate, and one of loopback with its key."""
    authority, authority_key = _certificate("authority", None)
    host, host_key = _certificate("host", (authority, authority_key))
    paths = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(host.public_bytes(serialization.Encoding.PEM))
    paths[2].write_bytes(
        host_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


_Signer = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def _certificate(name: str, by: _Signer | None) -> _Signer:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signing = (subject, key) if by is None else (by[0].subject, by[1])
    now = datetime.now(UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(by is None, None), critical=True)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(signing, hashes.SHA256())
    )
    return certificate, key


class Operated:
    """An operator with one account and one user, as NATS' own tools make them.

    Attributes:
        settings: of a server that lets the user in, and nobody else.
        credentials: the user's file.
    """

    def __init__(self, folder: Path) -> None:
        operator, system, account, user = (
            _key(prefix)
            for prefix in (nkeys.PREFIX_BYTE_OPERATOR,)
            + (nkeys.PREFIX_BYTE_ACCOUNT,) * 2
            + (nkeys.PREFIX_BYTE_USER,)
        )
        accounts = {
            key: _jwt(key, operator, "account", limits=limits)
            for key, limits in ((system, None), (account, _EVERYTHING))
        }
        preloaded = "\n".join(
            f"{_public(key)}: {token}" for key, token in accounts.items()
        )
        self.settings = (
            f"operator: {_jwt(operator, operator, 'operator')}\n"
            f"system_account: {_public(system)}\n"
            f"resolver: MEMORY\nresolver_preload: {{ {preloaded} }}"
        )
        self.credentials = folder / "user.creds"
        self.credentials.write_text(
            "-----BEGIN NATS USER JWT-----\n"
            f"{_jwt(user, account, 'user')}\n"
            "------END NATS USER JWT------\n\n"
            "-----BEGIN USER NKEY SEED-----\n"
            f"{bytes(user.seed).decode()}\n"
            "------END USER NKEY SEED------\n"
        )


def _key(prefix: int) -> nkeys.KeyPair:
    return nkeys.from_seed(nkeys.encode_seed(os.urandom(32), prefix))


def _public(key: nkeys.KeyPair) -> str:
    return bytes(key.public_key).decode()


def _jwt(of: nkeys.KeyPair, by: nkeys.KeyPair, kind: str, limits: Any = None) -> str:
    claims: dict[str, Any] = {"type": kind, "version": 2}
    if limits is not None:
        claims["limits"] = limits
    if kind == "user":
        claims |= {"subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}}
    body = {
        "jti": _public(of),
        "iat": int(datetime.now(UTC).timestamp()),
        "iss": _public(by),
        "name": kind,
        "sub": _public(of),
        "nats": claims,
    }
    head = {"typ": "JWT", "alg": "ed25519-nkey"}
    signed = b".".join(_encoded(json.dumps(part).encode()) for part in (head, body))
    return b".".join((signed, _encoded(bytes(by.sign(signed))))).decode()


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")
