"""Time stamps of an authority (RFC 3161): it signs a hash and the time; only that hash leaves the machine.

Needs the extra ``timestamp``; the library is loaded only where a stamp is asked for or checked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vpsbench.errors import FAILED, VpsbenchError
from vpsbench.integrity import hash_chain

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

_PATIENCE: Final = 10.0  # s; a run waits no longer for its stamp
_LARGEST: Final = 256 * 1024  # B; a response with its certificates has a few KiB


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a token says; ``trusted``: its signature was checked, up to a certificate that the user named."""

    time: datetime
    authority: str
    trusted: bool


def require(url: str) -> None:
    """Finds out before a run whether stamps could be asked for at all.

    Raises:
        VpsbenchError: the library is missing, or ``url`` is no address of the web.
    """
    require_library()
    if not re.match(r"https?://[^/]", url):
        hint = "It begins with http:// or https://; your authority's own pages tell it."
        raise VpsbenchError(f"{url} is no address of a time-stamp authority.", hint)


def require_library() -> None:
    """Finds out whether stamps can be handled.

    Raises:
        VpsbenchError: the library is missing.
    """
    try:
        import rfc3161_client  # noqa: F401, PLC0415  an extra: only who stamps or checks stamps needs it
    except ImportError as error:
        hint = "`pip install 'vpsbench[timestamp]'` brings it."
        raise VpsbenchError("Time stamps need the library rfc3161-client.", hint) from error


def request(url: str, data: bytes) -> bytes:
    """Asks an authority for a stamp over the SHA-256 of ``data``; returns its whole response (DER).

    Raises:
        VpsbenchError: it cannot be reached, refuses, or answers something else than was asked.
    """
    import urllib.request  # noqa: PLC0415  it loads all of TLS; only who stamps needs it

    import rfc3161_client as tsp  # noqa: PLC0415  likewise

    builder = tsp.TimestampRequestBuilder().data(data).hash_algorithm(tsp.HashAlgorithm.SHA256)
    asked = builder.cert_request(cert_request=True).build()
    headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
    question = urllib.request.Request(url, asked.as_bytes(), headers)  # noqa: S310  see require()
    try:
        with urllib.request.urlopen(question, timeout=_PATIENCE) as answer:  # noqa: S310  likewise
            token: bytes = answer.read(_LARGEST)
        _decoded(token, data, asked.nonce)
    except (OSError, ValueError) as error:  # urllib's errors are OSErrors
        raise VpsbenchError(f"No time stamp from {url}: {error}.", "", FAILED) from error
    return token


def check(token: bytes, data: bytes, roots: bytes | None = None) -> Stamp:
    """What a token over ``data`` says.

    Args:
        token: an authority's response, DER.
        data: what was stamped.
        roots: certificates of authorities that are trusted, PEM; None: none was named, and the authority's
            signature is not checked, as most tokens do not bring all certificates that it would take.

    Raises:
        ValueError: it is no such token, or its signature or certificates do not hold.
    """
    import rfc3161_client as tsp  # noqa: PLC0415  only who checks stamps needs it
    from cryptography import x509  # noqa: PLC0415  likewise

    response = _decoded(token, data)
    if roots is not None:
        builder = tsp.VerifierBuilder()
        for certificate in x509.load_pem_x509_certificates(roots):
            builder = builder.add_root_certificate(certificate)
        try:
            builder.build().verify(response, hash_chain.sha256(data))
        except tsp.VerificationError as error:
            raise ValueError(str(error)) from error
    [signer] = response.signed_data.signer_infos
    return Stamp(response.tst_info.gen_time, signer.issuer.rfc4514_string(), roots is not None)


def _decoded(token: bytes, data: bytes, nonce: int | None = None) -> TimeStampResponse:
    """A response that grants a stamp over ``data``, and answers the question with this nonce (None: any)."""
    from rfc3161_client import PKIStatus, decode_timestamp_response  # noqa: PLC0415  only who stamps needs it

    response = decode_timestamp_response(token)
    if response.status != PKIStatus.GRANTED:
        raise ValueError(f"it was refused, with status {response.status} {' '.join(response.status_string)}")
    if response.tst_info.message_imprint.message != hash_chain.sha256(data):
        raise ValueError("it is of another text")
    if nonce is not None and response.tst_info.nonce != nonce:
        raise ValueError("it answers another question")
    return response
