"""The header of a curl line: kept if it is harmless, described at the connection if it is a credential."""

import re
from typing import Final

from contracts.drafts.credentials import IDEMPOTENCY, OF_THE_CLIENT, is_harmless, names_a_secret, scheme_of
from contracts.drafts.curl_line import CurlLine
from contracts.drafts.curl_value import shown
from contracts.errors import AilyusError
from contracts.text.todo import TODO

_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,100}")


class Headers:
    """Writes the headers of one line into it. `content_type` is how its body is to be read."""

    def __init__(self, line: CurlLine) -> None:
        self._line = line
        self.content_type = ""

    def take(self, value: str) -> None:
        """The value of one `-H`."""
        name, colon, text = value.partition(":")
        name, text = name.strip(), text.strip()
        lower = name.lower()
        if value.startswith("@") or not colon or not _HEADER_NAME.fullmatch(name):
            hint = "for example -H 'Prefer: return=minimal'"
            raise AilyusError("bad_curl", f"`-H {shown(value.split(':')[0])}` is no header with its value", hint=hint)
        # `-H 'Name:'` takes a header away
        if not text and lower != "accept":
            self._line.notes.append(f"the line takes the header {name} away; it is not sent here either")
        elif lower == "content-type":
            self.content_type = text.lower()
        elif lower in OF_THE_CLIENT:
            self._line.notes.append(f"the header {name} is the client's own and left out")
        elif lower in IDEMPOTENCY:
            self._line.idempotency_key = name
        elif lower == "if-match":
            self._line.if_match = text if text == "*" else _version()
        elif lower == "accept" and text in ("application/json", "*/*", ""):
            pass
        elif is_harmless(name, text):
            self._line.headers[name] = text
        elif _is_authentication(lower):
            self._authenticated(name, text)
        else:
            self.undone(name)

    def _authenticated(self, name: str, text: str) -> None:
        scheme = scheme_of(name, text)
        # its value is computed for each request, so no connection can hold it
        if scheme.lower() in ("digest", "oauth", "negotiate", "ntlm") or scheme.lower().startswith("aws4"):
            hint = 'an AWS system signs by `auth = "sigv4"`; else leave the header out'
            raise AilyusError("bad_curl", f"a credential of the scheme `{scheme}` signs one request", hint=hint)
        self.authorized(name, scheme)

    def authorized(self, name: str, scheme: str) -> None:
        """The line has a credential in this header; its value is dropped, since a connection holds it."""
        # a connection has one credential; which of two is meant only a person can say
        if self._line.credential not in (None, (name, scheme)):
            self.undone(name)
            return
        self._line.credential = (name, scheme)

    def undone(self, name: str) -> None:
        """A header whose value is not kept, since nobody can tell whether it is a credential."""
        self._line.headers[name] = (
            f"{TODO} the line has this header; its value was not kept. A credential belongs to the connection "
            "(`header`, `scheme`); write any other value here, or delete the line"
        )


def _is_authentication(name: str) -> bool:
    """A header that says who asks. One of a browser's session, or for a proxy, does not."""
    # such a value belongs to one browser session and is no account of its own
    elsewhere = any(word in name for word in ("csrf", "xsrf", "proxy", "cookie", "session"))
    return (name == "authorization" or names_a_secret(name)) and not elsewhere


def _version() -> str:
    return f'{TODO} the version as the read shows it, for example "${{before.state.version}}" with its quotes'
