"""Signed, timestamped webhooks (Standard Webhooks 1.0.0, https://www.standardwebhooks.com).

`webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature: v1,<base64 HMAC-SHA-256 over "id.timestamp.body">`.
"""

import base64
import binascii
import hashlib
import hmac

import httpx2
import structlog

from adapters.credentials.cache import Credentials
from adapters.tls import trusted
from contracts.canonical import new_id
from contracts.errors import AilyusError
from server.workspace.settings.notification import EscalationPart

TIMEOUT = 5.0
"""Seconds for one delivery."""
CLAIM_MS = 30_000
"""How long whoever delivers has it for itself: longer than a delivery may take."""
log = structlog.get_logger()


def client() -> httpx2.AsyncClient:
    """A client that follows no redirect and takes no proxy from the environment."""
    return httpx2.AsyncClient(timeout=TIMEOUT, trust_env=False, follow_redirects=False, verify=trusted())


def signed_headers(secret: str, id_: str, at_ms: int, body: bytes) -> dict[str, str]:
    """The headers of one delivery; a retry has the same id and a new time."""
    seconds = str(at_ms // 1000)  # Standard Webhooks signs whole seconds
    signature = hmac.digest(_key(secret), f"{id_}.{seconds}.".encode() + body, hashlib.sha256)
    return {
        "content-type": "application/json",
        "webhook-id": id_,
        "webhook-timestamp": seconds,
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


async def delivered(http: httpx2.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> bool:
    """Was it taken (2xx)?"""
    # a redirect counts as not taken: it could lead a signed notice to an address that nobody named
    try:
        answer = await http.post(url, content=body, headers=headers)
    except httpx2.HTTPError:
        return False
    return 200 <= answer.status_code < 300


async def posted(
    http: httpx2.AsyncClient, credentials: Credentials, route: EscalationPart, body: bytes, at_ms: int
) -> bool:
    """Tell an escalation something that is about no action, signed where it has a secret; was it taken?"""
    headers = {"content-type": "application/json"}
    try:
        secret = await credentials.value(route.secret or "none")
    except AilyusError as error:
        log.warning("no_secret", reference=route.secret, hint=error.hint)
        return False
    if secret is not None:
        headers = signed_headers(secret, new_id("esc"), at_ms, body)
    return await delivered(http, route.webhook, body, headers)


def _key(secret: str) -> bytes:
    """A secret as the specification writes it (`whsec_` and base64), or any text as it stands."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret[6:], validate=True)
        except (binascii.Error, ValueError):  # a text that only looks like one: taken as it stands
            pass
    return secret.encode()
