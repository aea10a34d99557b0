"""Secrets in requests: each in its handle's place, and whether an answer gives one back."""

import base64
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

import orjson

from contracts.action.dispatch import Dispatch, Gate
from contracts.errors import AilyusError


async def revealed(gate: Gate, dispatch: Dispatch) -> dict[str, str]:
    """The secrets of an order by their handles. They live in this process's memory only while it is carried out."""
    found: dict[str, str] = {}
    for handle, destination in dispatch.rendered.handles:
        secret = await gate.reveal(dispatch, handle, destination)
        if secret is None:
            raise AilyusError("bad_handle", "the handle gives no secret any more")
        found[handle] = secret
    return found


def placed(headers: Mapping[str, str], body: bytes, secrets: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """Headers and body with each secret in its handle's place: a whole header, JSON value or form value."""
    filled = {name: secrets.get(value, value) for name, value in headers.items()}
    json = "json" in headers.get("content-type", "")
    for handle, secret in secrets.items():
        name = orjson.dumps(handle) if json else handle.encode()
        body = body.replace(name, orjson.dumps(secret) if json else quote_plus(secret).encode())
    return filled, body


def echoes(secret: str, data: bytes) -> bool:
    """Does `data` hold the secret, in plain, base64, URL- or JSON-escaped?"""
    raw = secret.encode()
    forms = {raw, quote(secret, safe="").encode(), quote_plus(secret).encode(), orjson.dumps(secret)[1:-1]}
    forms |= {secret.replace("/", "\\/").encode()}
    for skip in range(3):  # base64 of a text that holds it somewhere: three alignments
        inner = base64.b64encode(b"\0" * skip + raw)
        start, end = (skip * 8 + 5) // 6, (len(raw) + skip) * 8 // 6
        forms |= {inner[start:end], base64.urlsafe_b64encode(b"\0" * skip + raw)[start:end]}
    return any(form in data for form in forms if len(form) >= 4)
