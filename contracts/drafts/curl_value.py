"""The value of a curl option: pairs, JSON, percent-encoded text; one that looks like a secret is refused."""

import json
from urllib.parse import parse_qsl, quote, quote_plus

from pydantic import JsonValue

from contracts.drafts.credentials import looks_secret, names_a_secret
from contracts.drafts.curl_line import Pairs
from contracts.errors import AilyusError


def shown(text: str) -> str:
    """A part of the line as an error shows it."""
    return text[:60]


def encoded(text: str) -> str:
    """A value of --data-urlencode as curl writes it: `content`, `=content` or `name=content`."""
    name, equals, content = text.partition("=")
    if not equals:
        # `name@file` reads a file, and nothing is read here
        if "@" in text:
            raise AilyusError("bad_curl", "no file is read for a value", hint="write `name=value`")
        # curl encodes a blank as `%20` here and as `+` in `name=value`
        return quote(text, safe="")
    return f"{name}={quote_plus(content)}" if name else quote(content, safe="")


def pairs_of(text: str, what: str) -> Pairs:
    """The pairs of a query or a form; what is no pair is refused, since it could not be sent as it stands."""
    for part in text.split("&"):
        if part and "=" not in part:
            hint = "write `name=value`; a JSON body begins with `{` or `[`, and other bodies need their Content-Type"
            kind = "neither JSON nor a form" if what == "the body" else "no list of `name=value`"
            raise AilyusError("bad_curl", f"{what} is {kind}", hint=hint)
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise AilyusError("bad_curl", f"{what} is no UTF-8, or too long", hint="write it in UTF-8") from None


def json_of(data: str) -> JsonValue:
    """A JSON body; a name that is there twice is refused, since one of its values would be lost."""

    def once(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
        out: dict[str, JsonValue] = {}
        for name, value in pairs:
            if name in out:
                raise AilyusError("bad_curl", f"the body has `{shown(name)}` twice", hint="keep one of them")
            out[name] = value
        return out

    # `NaN` and `Infinity` are no JSON (RFC 8259), but Python reads them
    def no_number(text: str) -> JsonValue:
        raise ValueError(text)

    try:
        body: JsonValue = json.loads(data, object_pairs_hook=once, parse_constant=no_number)
        return body
    except (ValueError, RecursionError):
        hint = 'a placeholder stands inside of quotes: "{name}"'
        raise AilyusError("bad_curl", "the body is neither JSON nor a form", hint=hint) from None


def refuse_secret(name: str, value: JsonValue, where: str) -> None:
    """Refuse a value that looks like a secret: it would end up in a contract, which everybody reads."""
    if isinstance(value, str) and value and (names_a_secret(name) or looks_secret(value)):  # guard: secrets of a line
        sentence = f"`{shown(name)}` in the {where} looks like a secret"
        hint = "leave it out of the line: a connection's credential goes into a header (`header`, `scheme`); what "
        raise AilyusError(
            "bad_curl",
            sentence,
            hint=hint + "the action hands on is an input of `type: secret`, written by you",
        )


def refuse_secrets(body: JsonValue, name: str) -> None:
    """The same for every value of a JSON body."""
    if isinstance(body, dict):
        for key, value in body.items():
            refuse_secrets(value, key)
    elif isinstance(body, list):
        for one in body:
            refuse_secrets(one, name)
    else:
        refuse_secret(name, body, "body")
