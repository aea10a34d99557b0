"""Drafts from two curl lines: the one that changes something, and the one that reads it back. Nothing is run."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

from pydantic import JsonValue

from contracts.drafts.credentials import (
    IDEMPOTENCY,
    OF_THE_CLIENT,
    is_harmless,
    looks_secret,
    names_a_secret,
    scheme_of,
)
from contracts.drafts.shell import words_of
from contracts.errors import AilyusError
from contracts.text.todo import TODO

Pairs = list[tuple[str, str]]
_VALUED: Final = {
    "-X": "method",
    "--request": "method",
    "-H": "header",
    "--header": "header",
    "-d": "data",
    "--data": "data",
    "--data-ascii": "data",
    "--data-raw": "raw",
    "--data-binary": "data",
    "--data-urlencode": "encoded",
    "--json": "json",
    "--url": "url",
    "--url-query": "query",
    "-u": "user",
    "--user": "user",
    "--oauth2-bearer": "bearer",
    "-b": "cookie",
    "--cookie": "cookie",
    "-e": "referer",
    "--referer": "referer",
    "-F": "part",
    "--form": "part",
    "--form-string": "part",
    "-A": "",
    "--user-agent": "",
    "-c": "",
    "--cookie-jar": "",
    "-m": "",
    "--max-time": "",
    "--connect-timeout": "",
    "--max-redirs": "",
    "-o": "",
    "--output": "",
    "--retry": "",
    "--retry-delay": "",
    "--retry-max-time": "",
    "-w": "",
    "--write-out": "",
}
_FLAGS: Final = {
    "-s": "",
    "--silent": "",
    "-S": "",
    "--show-error": "",
    "-f": "",
    "--fail": "",
    "--fail-with-body": "",
    "-g": "globoff",
    "--globoff": "globoff",
    "-i": "",
    "--include": "",
    "-k": "",
    "--insecure": "",
    "-L": "",
    "--location": "",
    "-v": "",
    "--verbose": "",
    "-G": "get",
    "--get": "get",
    "-#": "",
    "--progress-bar": "",
    "--no-progress-meter": "",
    "-N": "",
    "--no-buffer": "",
    "--compressed": "",
    "--http1.1": "",
    "--http2": "",
    "-4": "",
    "--ipv4": "",
    "-6": "",
    "--ipv6": "",
}
_FORM: Final = "application/x-www-form-urlencoded"
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
HOLE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|<([A-Za-z_][A-Za-z0-9_]*)>")
_GLOB: Final = re.compile(r"\{[^{}]*\}|\[(?:[0-9]+-[0-9]+|[A-Za-z]-[A-Za-z])(?::[0-9]+)?\]")
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_|~-]{1,100}")


@dataclass(slots=True)
class CurlLine:
    """One curl line, taken apart. Credentials in it are dropped: connections hold them, by reference."""

    base_url: str = ""
    method: str = ""
    path: str = ""
    query: Pairs = field(default_factory=list)
    body: JsonValue = None
    form: Pairs | None = None
    undone: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    idempotency_key: str = ""
    if_match: str = ""
    credential: tuple[str, str] | None = None
    notes: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str, base_url: str = "") -> "CurlLine":
        """Take a line apart, below a base URL if it is known; raises `AilyusError` with what is not understood."""
        words = words_of(text)
        if words[:1] != ["curl"]:
            raise AilyusError("bad_curl", "the line does not begin with `curl`")
        return _Parser(cls(base_url)).line(words[1:])


class _Parser:
    """Reads the options of one line as curl does."""

    def __init__(self, line: CurlLine) -> None:
        self._line = line
        self._urls: list[str] = []
        self._data: str | None = None
        self._queries: list[str] = []
        self._parts = False
        self._get = False
        self._glob = True
        self._type = ""

    def line(self, words: Sequence[str]) -> CurlLine:
        rest = iter(words)
        for word in rest:
            if word == "-" or not word.startswith("-"):
                self._urls.append(word)
            elif word.startswith("--"):
                self._option(word, rest)
            else:
                self._short(word, rest)
        if len(self._urls) != 1:
            raise AilyusError("bad_curl", f"the line has {len(self._urls)} URLs", hint="one, in quotes")
        self._finish()
        return self._line

    def _option(self, word: str, rest: Iterator[str]) -> None:
        name = word.partition("=")[0]
        if word in _FLAGS:
            self._flag(_FLAGS[word])
        elif word in _VALUED:
            self._take(word, self._value(word, rest))
        elif name != word and name in _VALUED:
            raise AilyusError("bad_curl", f"curl knows no `{name}=`", hint=f"write `{name}`, a blank and the value")
        else:
            raise _not_understood(word)

    def _short(self, word: str, rest: Iterator[str]) -> None:
        """A word such as `-sSXPUT`: flags, and at its end perhaps one option with its value."""
        for index, char in enumerate(word[1:], start=2):
            name = f"-{char}"
            if name in _FLAGS:
                self._flag(_FLAGS[name])
            elif name in _VALUED:
                self._take(name, word[index:] or self._value(name, rest))
                return
            else:
                raise _not_understood(name if len(word) == 2 else word)

    @staticmethod
    def _value(name: str, rest: Iterator[str]) -> str:
        value = next(rest, None)
        if value is None:
            raise AilyusError("bad_curl", f"`{name}` lacks its value")
        return value

    def _flag(self, kind: str) -> None:
        self._get = self._get or kind == "get"
        self._glob = self._glob and kind != "globoff"

    def _take(self, name: str, value: str) -> None:
        takers: dict[str, Callable[[str], None]] = {
            "url": self._urls.append,
            "method": self._method,
            "header": self._header,
            "data": self._literal,
            "raw": self._add,
            "json": self._json,
            "encoded": lambda text: self._add(_encoded(text)),
            "query": lambda text: self._queries.append(text[1:] if text.startswith("+") else _encoded(text)),
            "user": lambda text: self._authorized("Authorization", "Basic"),
            "bearer": lambda text: self._authorized("Authorization", "Bearer"),
            "cookie": lambda text: self._undone("Cookie"),
            "referer": lambda text: self._undone("Referer"),
            "part": self._part,
        }
        kind = _VALUED[name]
        if kind:
            takers[kind](value)

    # -- options ------------------------------------------------------------------------------

    def _method(self, value: str) -> None:
        if value not in _METHODS:
            raise AilyusError("bad_curl", f"`{value[:20]}` is no method of a contract", hint=", ".join(_METHODS))
        self._line.method = value

    def _literal(self, value: str) -> None:
        if value.startswith("@"):
            raise AilyusError("bad_curl", "no file is read for a body", hint="write the body into the line")
        self._add(value)

    def _json(self, value: str) -> None:
        if value.startswith("@"):
            raise AilyusError("bad_curl", "no file is read for a body", hint="write the body into the line")
        self._data = (self._data or "") + value  # curl joins these without `&`
        self._type = self._type or "application/json"

    def _add(self, value: str) -> None:
        self._data = value if self._data is None else f"{self._data}&{value}"

    def _part(self, value: str) -> None:
        self._parts = True

    def _header(self, value: str) -> None:
        name, colon, text = value.partition(":")
        name, text = name.strip(), text.strip()
        lower = name.lower()
        if value.startswith("@") or not colon or not _HEADER_NAME.fullmatch(name):
            hint = "for example -H 'Prefer: return=minimal'"
            raise AilyusError("bad_curl", f"`-H {_shown(value.split(':')[0])}` is no header with its value", hint=hint)
        if not text and lower != "accept":
            self._line.notes.append(f"the line takes the header {name} away; it is not sent here either")
        elif lower == "content-type":
            self._type = text.lower()
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
            self._undone(name)

    def _authenticated(self, name: str, text: str) -> None:
        scheme = scheme_of(name, text)
        if scheme.lower() in ("digest", "oauth", "negotiate", "ntlm") or scheme.lower().startswith("aws4"):
            hint = 'an AWS system signs by `auth = "sigv4"`; else leave the header out'
            raise AilyusError("bad_curl", f"a credential of the scheme `{scheme}` signs one request", hint=hint)
        self._authorized(name, scheme)

    def _authorized(self, name: str, scheme: str) -> None:
        if self._line.credential not in (None, (name, scheme)):
            self._undone(name)
            return
        self._line.credential = (name, scheme)

    def _undone(self, name: str) -> None:
        """A header whose value is not kept, since nobody can tell whether it is a credential."""
        self._line.headers[name] = (
            f"{TODO} the line has this header; its value was not kept. A credential belongs to the connection "
            "(`header`, `scheme`); write any other value here, or delete the line"
        )

    # -- the whole ------------------------------------------------------------------------------

    def _finish(self) -> None:
        line, data = self._line, self._data
        if self._get and data is not None and self._queries:
            hint = "give both by -d, or both by --url-query: curl leaves one of them out"
            raise AilyusError("bad_curl", "the line has `--url-query` beside the data of `-G`", hint=hint)
        query = "&".join([*self._queries, *([data] if self._get and data is not None else [])])
        self._place(self._urls[0], query)
        body = None if self._get else data
        if self._parts:
            line.undone = f"{TODO} the line sends multipart/form-data, which no contract can say"
        elif body:
            self._fill(body)
        line.method = line.method or ("POST" if body is not None or self._parts else "GET")
        if line.method == "GET" and (body is not None or self._parts):
            raise AilyusError(
                "bad_curl", "the line sends a body with a GET", hint="use -G for a query, or another method"
            )
        for name, value in (*line.query, *(line.form or ())):
            _refuse_secret(name, value, "query" if (name, value) in line.query else "body")
        _refuse_secrets(line.body, "")

    def _place(self, url: str, more: str) -> None:
        line = self._line
        if any(c <= " " or c == "\x7f" for c in url):
            raise AilyusError(
                "bad_curl", "the URL holds a blank", hint="write `%20`, or give the value by --data-urlencode"
            )
        for glob in _GLOB.findall(url) if self._glob else ():
            if not HOLE.fullmatch(glob):  # guard: several requests in one line
                sentence = f"curl makes several requests of `{_shown(glob)}`"
                raise AilyusError("bad_curl", sentence, hint="one action is about one record: name it, or write {name}")
        text = HOLE.sub(lambda hole: f"{{{hole[1] or hole[2]}}}", url)
        try:
            parts = urlsplit(text)
            _ = parts.port
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AilyusError("bad_curl", f"`{_shown(url.partition('?')[0])}` is no http(s) URL")
        if parts.username is not None:
            self._authorized("Authorization", "Basic")
        host = parts.netloc.rpartition("@")[2]
        base = f"{line.base_url.rstrip('/')}/"
        if line.base_url and parts._replace(netloc=host).geturl().startswith(base):
            line.path = f"/{parts.path.removeprefix(urlsplit(base).path)}"
        else:
            line.base_url, line.path = f"{parts.scheme}://{host}", parts.path or "/"
        if any(unquote(segment) in (".", "..") for segment in line.path.split("/")):
            raise AilyusError("bad_curl", "the path holds `.` or `..`", hint="write the path that is meant")
        line.query = _pairs("&".join(part for part in (parts.query, more) if part), "the query")

    def _fill(self, data: str) -> None:
        line = self._line
        kind = self._type.partition(";")[0].strip()
        is_json = kind == "application/json" or kind.endswith("+json")
        if is_json or (not kind and data.lstrip()[:1] in ("{", "[")):
            line.body = _json_of(data)
            if not is_json:
                line.notes.append("the body is sent as application/json; curl would say that it is a form")
            elif kind != "application/json":
                line.headers["content-type"] = kind
        elif kind in ("", _FORM):
            line.form = _pairs(data, "the body")
        else:
            line.undone = f"{TODO} the body is {re.sub('[^a-z0-9/+.-]', '?', kind)[:60]}, which no contract can say"


def _is_authentication(name: str) -> bool:
    """A header that says who asks. One of a browser's session, or for a proxy, does not."""
    elsewhere = any(word in name for word in ("csrf", "xsrf", "proxy", "cookie", "session"))
    return (name == "authorization" or names_a_secret(name)) and not elsewhere


def _not_understood(word: str) -> AilyusError:
    return AilyusError("bad_curl", f"`{_shown(word)}` is not understood", hint="leave it out, or write the contract")


def _shown(text: str) -> str:
    return text[:60]


def _version() -> str:
    return f'{TODO} the version as the read shows it, for example "${{before.state.version}}" with its quotes'


def _encoded(text: str) -> str:
    """A value of --data-urlencode as curl writes it: `content`, `=content` or `name=content`."""
    name, equals, content = text.partition("=")
    if not equals:
        if "@" in text:
            raise AilyusError("bad_curl", "no file is read for a value", hint="write `name=value`")
        return quote(text, safe="")
    return f"{name}={quote_plus(content)}" if name else quote(content, safe="")


def _pairs(text: str, what: str) -> Pairs:
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


def _json_of(data: str) -> JsonValue:
    def once(pairs: list[tuple[str, JsonValue]]) -> JsonValue:
        out: dict[str, JsonValue] = {}
        for name, value in pairs:
            if name in out:
                raise AilyusError("bad_curl", f"the body has `{_shown(name)}` twice", hint="keep one of them")
            out[name] = value
        return out

    def no_number(text: str) -> JsonValue:
        raise ValueError(text)

    try:
        body: JsonValue = json.loads(data, object_pairs_hook=once, parse_constant=no_number)
        return body
    except (ValueError, RecursionError):
        hint = 'a placeholder stands inside of quotes: "{name}"'
        raise AilyusError("bad_curl", "the body is neither JSON nor a form", hint=hint) from None


def _refuse_secret(name: str, value: JsonValue, where: str) -> None:
    if isinstance(value, str) and value and (names_a_secret(name) or looks_secret(value)):  # guard: secrets of a line
        sentence = f"`{_shown(name)}` in the {where} looks like a secret"
        hint = "leave it out of the line: a connection's credential goes into a header (`header`, `scheme`); what "
        raise AilyusError(
            "bad_curl",
            sentence,
            hint=hint + "the action hands on is an input of `type: secret`, written by you",
        )


def _refuse_secrets(body: JsonValue, name: str) -> None:
    if isinstance(body, dict):
        for key, value in body.items():
            _refuse_secrets(value, key)
    elif isinstance(body, list):
        for one in body:
            _refuse_secrets(one, name)
    else:
        _refuse_secret(name, body, "body")


# -- the draft ------------------------------------------------------------------------------
