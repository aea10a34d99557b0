"""The URI of a key in a token (RFC 7512): `pkcs11:token=LABEL;object=LABEL?module-path=/path/of/the/driver.so`."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from contracts.errors import AilyusError

_KNOWN: Final = ("token", "serial", "object", "id", "type", "module-path")
_HINT: Final = "write `pkcs11:token=LABEL;object=LABEL?module-path=/path/of/the/driver.so`"


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """Which driver, which token, and which private key in it; an empty attribute is not asked."""

    module: str
    token: str = ""
    serial: str = ""
    label: str = ""
    id: bytes = b""

    @classmethod
    def parse(cls, text: str) -> "Pkcs11Uri":
        """Parse a URI. Raises `bad_settings` for one that names no driver, token or key, or an attribute not known."""
        scheme, _, rest = text.partition(":")
        path, _, query = rest.partition("?")
        found: dict[str, str] = {}
        for part in [one for one in (*path.split(";"), *query.split("&")) if one]:
            name, equals, value = part.partition("=")
            if name in ("pin-value", "pin-source"):
                hint = 'name the PIN by reference: `pin = "env:NAME"`'
                raise AilyusError("bad_settings", "a PIN does not stand in the URI of a key", hint=hint)
            # an attribute that we leave out would choose another key than the one that is meant (RFC 7512, 2.3)
            if name not in _KNOWN or not equals or name in found or re.search(r"%(?![0-9A-Fa-f]{2})", value):
                raise AilyusError("bad_settings", f"`{name[:40]}` cannot stand in the URI of a key", hint=_HINT)
            found[name] = value
        if scheme != "pkcs11" or found.get("type", "private") != "private":
            raise AilyusError("bad_settings", "this is no URI of a private key in a token", hint=_HINT)
        said = {name: unquote(value) for name, value in found.items()}
        uri = cls(
            said.get("module-path", ""),
            said.get("token", ""),
            said.get("serial", ""),
            said.get("object", ""),
            unquote_to_bytes(found.get("id", "")),
        )
        if not uri.module.startswith("/") or not (uri.token or uri.serial) or not (uri.label or uri.id):
            raise AilyusError("bad_settings", "the URI of a key names no driver, no token or no key", hint=_HINT)
        return uri
