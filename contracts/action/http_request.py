"""One rendered HTTP request: built before the intent, named by it, and sent exactly so."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

import orjson

from contracts.canonical import digest, sha256
from contracts.compiler.body import Body
from contracts.compiler.expressions import Fault, Scope
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram
from contracts.compiler.template import Template
from contracts.errors import AilyusError
from contracts.schema.idempotency_key import IdempotencyKey

Pairs = tuple[tuple[str, Template], ...]
_WHOLE = re.compile(r"\$\{(?:list\.[a-z]+\()?(inputs\.[a-z][a-z0-9_]*|page\.cursor)\)?\}")
MAX_BODY = 1024 * 1024
"""Bytes that a rendered body may have."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """Method, full URL, headers without credentials, body bytes. `digest` is what the intent names.

    Where a secret belongs stands its handle; `handles` are those with their destinations (`contract.input`). The value
    takes the handle's place only on the wire.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    handles: tuple[tuple[str, str], ...] = ()

    @property
    def digest(self) -> str:
        """Digest over method, URL, headers and the body's SHA-256."""
        headers = [[name, value] for name, value in self.headers]
        return digest([self.method, self.url, headers, sha256(self.body)])


def render_read(read: Read, base_url: str, scope: Scope) -> HttpRequest | Fault:
    """The request of one observation; of its first page, where the scope names no other."""
    scope = {**read.pages.first, **scope} if read.pages else scope
    content = (read.headers, read.body, read.form)
    return _rendered(read.method, base_url, (read.path, read.query), content, scope, _left_out(read, scope))


def render_route(
    route: HttpProgram, base_url: str, scope: Scope, absent: frozenset[str], handles: tuple[tuple[str, str], ...] = ()
) -> HttpRequest | Fault:
    """The request of one route, or the fault of the first template that has no safe value."""
    extra = (*route.headers, *((("if-match", route.if_match),) if route.if_match else ()))
    content = (extra, route.body, route.form)
    return _rendered(route.method, base_url, (route.path, route.query), content, scope, absent, handles)


def keyed(request: HttpRequest, key: IdempotencyKey | None, value: str) -> HttpRequest:
    """The request as it leaves: with our idempotency key in the header or the query that the target knows."""
    if key is None:
        return request
    if key.header is not None:
        return replace(request, headers=(*request.headers, (key.header.lower(), value)))
    mark = "&" if "?" in request.url else "?"
    return replace(request, url=f"{request.url}{mark}{urlencode({key.query or '': value})}")


def _rendered(
    method: str,
    base_url: str,
    place: tuple[Template, Pairs],
    content: tuple[Pairs, Body | None, Pairs | None],
    scope: Scope,
    absent: frozenset[str] = frozenset(),
    handles: tuple[tuple[str, str], ...] = (),
) -> HttpRequest | Fault:
    url = _url(base_url, *place, scope, absent)
    if isinstance(url, Fault):
        return url
    extra, tree, form = content
    headers = {"accept": "application/json"}
    body = b""
    if tree is not None:
        filled = tree.filled(scope, absent)
        if isinstance(filled, Fault):
            return filled
        body = orjson.dumps(filled)
        headers["content-type"] = "application/json"
    elif form is not None:
        pairs = _texts(form, scope, absent)
        if isinstance(pairs, Fault):
            return pairs
        body = urlencode(pairs).encode()
        headers["content-type"] = "application/x-www-form-urlencoded"
    for name, template in extra:
        if template.source in absent:
            continue
        value = template.text(scope)
        if isinstance(value, Fault):
            return value
        if not value.isascii() or not value.isprintable() or len(value) > 2000:
            return Fault(f"the header `{name}` has no safe value")
        headers[name.lower()] = value
    if len(body) > MAX_BODY:
        return Fault("the body is larger than 1 MiB")
    return HttpRequest(method, url, tuple(sorted(headers.items())), body, handles)


def _left_out(read: Read, scope: Scope) -> frozenset[str]:
    """Whole-value templates of optional inputs that the call left out."""
    own = {template.source for _, template in (*read.query, *read.headers, *(read.form or ()))}
    own |= read.body.templates.keys() if read.body else set()
    return frozenset(t for t in own if (found := _WHOLE.fullmatch(t)) and found[1] not in scope)


def _url(base_url: str, path: Template, query: Pairs, scope: Scope, absent: frozenset[str]) -> str | Fault:
    filled = path.path(scope)
    if isinstance(filled, Fault):
        return filled
    pairs = _texts(query, scope, absent)
    if isinstance(pairs, Fault):
        return pairs
    url = base_url.rstrip("/") + filled + (f"?{urlencode(pairs)}" if pairs else "")
    # INVARIANT: the final path has exactly the segments of the contract's own literal path, below the base URL.
    if urlsplit(url).path.count("/") != urlsplit(base_url.rstrip("/")).path.count("/") + path.source_slashes:
        return Fault("the path does not stay below the connection's base URL")
    return url


def _texts(pairs: Pairs, scope: Scope, absent: frozenset[str]) -> list[tuple[str, str]] | Fault:
    out = []
    for key, template in pairs:
        if template.source in absent:
            continue
        values = template.texts(scope)
        if isinstance(values, Fault):
            return values
        out += [(key, value) for value in values]
    return out


def check_base_url(url: str) -> None:
    """A base URL is http(s), has a host and no user, query or fragment; plain http only to this machine."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # looked at here, since a port that is none is told when it is first asked for
    except ValueError:
        raise AilyusError("bad_url", f"`{url}` is no base URL") from None
    local = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise AilyusError("bad_url", f"`{url}` is no base URL")
    if parts.scheme == "http" and not local:
        raise AilyusError("bad_url", f"`{url}` would send credentials in clear", hint="use https")


def same_place(url: str, base_url: str) -> bool:
    """Is this URL on the base URL's origin and below its path?"""
    here, base = urlsplit(url), urlsplit(base_url)
    prefix = base.path.rstrip("/") + "/"
    origin = (here.scheme, here.hostname, here.port) == (base.scheme, base.hostname, base.port)
    return origin and not here.username and here.path.startswith(prefix)
