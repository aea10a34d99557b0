"""The check of one connection: its addresses are safe to send to, and what it fetches has a version."""

import re
from collections import Counter
from pathlib import Path

from contracts.action.http_request import check_base_url
from contracts.action.target import Mcp, Target
from contracts.errors import AilyusError
from server.workspace.settings.connection import McpPart

_LAUNCHERS = {"uvx": "==", "npx": "@"}
"""What fetches a package by itself, and what stands before a version."""

_MAX_HEADERS = 16
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,64}")
"""A token of RFC 9110 section 5.6.2, in lower case."""
_FIELD_VALUE = re.compile(r"[!-~](?:[ -~]{0,1022}[!-~])?")
_SECRET = re.compile(r"authori[sz]ation|cookie|credential|passw|secret|token|(^|-)(api-?)?key$")
_OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "expect",
        "host",
        "if-match",
        "te",
        "trailer",
    }
    | {"traceparent", "tracestate", "transfer-encoding", "upgrade"}
)
"""What belongs to one request (its body, its condition, its trace) or to the connection of RFC 9112."""


def check_connection(target: Target) -> None:
    """Raise `AilyusError` for a connection that must not be used as it is declared."""
    if target.mcp is not None:
        check_server(target.mcp)
    client = target.oauth2
    servers = (client.issuer, client.token_url, client.authorize_url, client.revoke_url) if client else ()
    for url in (
        *_own_url(target),
        *filter(None, servers),
        *((target.ui.base_url, *target.ui.origins) if target.ui else ()),
    ):
        check_base_url(url)
    _check_headers(target)


def _check_headers(target: Target) -> None:
    """The headers of a connection are few, well-formed, no secrets, and not those that the gateway itself writes."""
    if target.headers and not target.base_url.startswith(("http:", "https:")):
        raise AilyusError("bad_settings", "`headers` are for a connection with a `base_url` of HTTP")
    if len(target.headers) > _MAX_HEADERS:
        raise AilyusError("bad_settings", f"`headers` has more than {_MAX_HEADERS}")
    for name, times in Counter(name for name, _ in target.headers).items():
        if times > 1:
            raise AilyusError("bad_settings", f"the header `{name}` stands there twice", hint="names have no case")
    for name, value in target.headers:
        if not _FIELD_NAME.fullmatch(name):
            raise AilyusError("bad_settings", f"`{name}` is no name of a header")
        if not _FIELD_VALUE.fullmatch(value):
            hint = "write printable ASCII without spaces at its ends, at most 1,024 characters"
            raise AilyusError("bad_settings", f"the value of the header `{name}` cannot be sent", hint=hint)
        if name == target.header.lower() or _SECRET.search(name):  # guard: a header of the settings is no secret
            hint = "refer to it in `read` and `write`, and name its header in `header`"
            raise AilyusError("bad_settings", f"the header `{name}` is one for a credential", hint=hint)
        if name in _OURS:
            raise AilyusError("bad_settings", f"the gateway writes the header `{name}` itself")


def check_server(part: McpPart | Mcp) -> None:
    """An MCP server has one way in, and a package that a launcher fetches has a version."""
    if bool(part.url) is bool(part.command):
        raise AilyusError("bad_settings", "an MCP server has either `url` or `command`")
    if part.url:
        check_base_url(part.url)
        return
    mark = _LAUNCHERS.get(Path(part.command[0]).name)
    packages = [word for word in part.command[1:] if not word.startswith("-")]
    if mark and not any(mark in word[1:] for word in packages):  # guard: packages have versions
        hint = f"name its version, for example `package{mark}1.2.3`"
        raise AilyusError("bad_settings", f"`{' '.join(part.command)}` is not pinned by version", hint=hint)


def _own_url(target: Target) -> tuple[str, ...]:
    """The URL to check: an MCP server or an adapter needs none, and an adapter may speak another protocol."""
    if not target.base_url and (target.mcp is not None or target.plugin is not None):
        return ()
    of_another = target.plugin is not None and not target.base_url.startswith(("http:", "https:"))
    return () if of_another else (target.base_url,)
