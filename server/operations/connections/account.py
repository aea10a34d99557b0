"""The account that somebody connected, as the authorization server or the API names it."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

_USUAL: Final = ("email", "preferred_username", "sub")
"""The claims of an identity token that name an account, the most telling first (OpenID Connect Core 1.0, 5.1)."""
_LONGEST: Final = 300


def account_of(path: str, sources: Mapping[str, JsonValue]) -> str:
    """The account at a declared path (`id_token.email`, `token.team.id`, `redirect.realmId`, `check.0.name`).

    Without a path the identity token says it. Empty where no text or number stands at that place: it is not known then.
    """
    if path:
        return _text(_at(path, sources))
    claims = sources.get("id_token")
    found = [_text(claims.get(name)) for name in _USUAL] if isinstance(claims, dict) else []
    return next(filter(None, found), "")


def _at(path: str, sources: Mapping[str, JsonValue]) -> JsonValue:
    value: JsonValue = dict(sources)
    for part in path.split("."):
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value


def _text(value: JsonValue) -> str:
    is_name = isinstance(value, str | int) and not isinstance(value, bool)
    text = str(value) if is_name else ""
    return text if text.isprintable() and len(text) <= _LONGEST else ""
