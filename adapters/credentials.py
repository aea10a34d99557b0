"""Credentials by reference: `env:NAME`, `file:PATH` or `none`. Values never leave this module but as a header."""

import base64
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import orjson

from contracts.action.dispatch import Dispatch, Gate
from contracts.errors import AilyusError
from contracts.schema.output import MAX_SECRET


class Credentials:
    """Resolves references, files relative to the workspace. Values are read once per release."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._values: dict[str, str] = {}

    def value(self, reference: str) -> str | None:
        """The secret behind a reference, None for `none`; raises `no_credential` when there is none."""
        if reference == "none":
            return None
        if reference not in self._values:
            self._values[reference] = self._read(reference)
        return self._values[reference]

    def missing(self, reference: str) -> str:
        """Why a reference gives no value; empty where it gives one, or only a person's session will show it."""
        if "{person}" in reference:
            return ""
        try:
            self.value(reference)
        except AilyusError as error:
            return error.sentence
        return ""

    def _read(self, reference: str) -> str:
        kind, _, name = reference.partition(":")
        if kind == "env":
            value = os.environ.get(name, "")
        elif kind == "file":
            try:
                value = (self._root / name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                value = ""
        else:
            raise AilyusError("bad_settings", f"`{reference}` is no credential reference", hint="env:NAME or file:PATH")
        if not value or len(value) > MAX_SECRET or not value.isascii() or not value.isprintable():
            raise AilyusError("no_credential", f"there is no usable credential at `{reference}`")
        return value


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
