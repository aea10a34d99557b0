"""AWS Signature Version 4 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html).

The signature is HMAC-SHA256 over `AWS4-HMAC-SHA256\\n<date>\\n<scope>\\n<SHA-256 of the canonical request>`, with a key
derived from secret, day, region and service. Host, content-type and every x-amz-* header are signed.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qsl, quote, urlsplit

from adapters.http.address import host_of
from contracts.errors import AilyusError

_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key as a credential file holds it: `ID:SECRET`, or `ID:SECRET:SESSION_TOKEN`."""

    id: str
    secret: str
    token: str | None

    @classmethod
    def parse(cls, text: str) -> "AccessKey":
        """Raises `no_credential` when the text has another form."""
        parts = text.split(":", 2)
        if len(parts) < 2 or not all(parts):
            raise AilyusError("no_credential", "the credential is no `ID:SECRET` of an access key")
        return cls(parts[0], parts[1], parts[2] if len(parts) == 3 else None)


def signed(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    key: AccessKey,
    scope: tuple[str, str],
    now: datetime,
) -> dict[str, str]:
    """The headers to add; `scope` is (region, service), `now` is UTC."""
    parts = urlsplit(url)
    stamp, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    added = {"x-amz-date": stamp} | ({"x-amz-security-token": key.token} if key.token else {})
    known = {"host": host_of(url), **{n.lower(): v for n, v in headers.items()}, **added}
    covered = {n: " ".join(v.split()) for n, v in sorted(known.items()) if n in _COVERED or n.startswith("x-amz-")}
    names = ";".join(covered)
    pairs = [(quote(n, safe="-_.~"), quote(v, safe="-_.~")) for n, v in parse_qsl(parts.query, keep_blank_values=True)]
    query = "&".join(f"{name}={value}" for name, value in sorted(pairs))  # sorted as they are written
    request = "\n".join(
        (
            method,
            quote(parts.path or "/", safe="/-_.~"),
            query,
            *(f"{n}:{v}" for n, v in covered.items()),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    where = f"{day}/{scope[0]}/{scope[1]}/aws4_request"
    text = "\n".join((_ALGORITHM, stamp, where, hashlib.sha256(request.encode()).hexdigest()))
    derived = b"AWS4" + key.secret.encode()
    for part in (day, *scope, "aws4_request"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    signature = hmac.digest(derived, text.encode(), "sha256").hex()
    return {
        **added,
        "authorization": f"{_ALGORITHM} Credential={key.id}/{where}, SignedHeaders={names}, Signature={signature}",
    }


_COVERED = frozenset({"host", "content-type"})
