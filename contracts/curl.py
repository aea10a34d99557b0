"""Drafts from two curl lines: the one that changes something, and the one that reads it back. Nothing is run."""

import re
import shlex
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import JsonValue

from contracts.draft import Draft, Inputs, identifier
from contracts.errors import AilyusError

_VALUED = {
    "-X": "method",
    "--request": "method",
    "-H": "header",
    "--header": "header",
    "-d": "data",
    "--data": "data",
    "--data-raw": "data",
    "--data-binary": "data",
    "--data-urlencode": "data",
    "--json": "json",
    "--url": "url",
    "-u": "user",
    "--user": "user",
    "-o": "",
    "--output": "",
    "-m": "",
    "--max-time": "",
    "-A": "",
    "--user-agent": "",
    "-b": "user",
    "--cookie": "user",
}
_PLAIN = re.compile(
    r"-[sSfgikLvG#]+|--(silent|show-error|fail|globoff|include|location|verbose|compressed|get|insecure)"
)
_HOLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?|<([A-Za-z_][A-Za-z0-9_]*)>")
_ID = re.compile(r"(?=.*[0-9])[A-Za-z0-9_.@-]+")
_VERSION = re.compile(r"v[0-9]+(\.[0-9]+)?")
_OWN_HEADERS = (
    "authorization",
    "cookie",
    "content-type",
    "accept",
    "x-api-key",
    "user-agent",
    "content-length",
    "host",
)


@dataclass(slots=True)
class Line:
    """One curl line, taken apart. Credentials in it are dropped: connections hold them, by reference."""

    base_url: str = ""
    method: str = ""
    path: str = ""
    query: dict[str, JsonValue] = field(default_factory=dict)
    body: JsonValue = None
    form: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    credential: bool = False

    @classmethod
    def parse(cls, text: str, base_url: str = "") -> "Line":
        """Take a line apart, below a base URL if it is known; raises `AilyusError` with what is not understood."""
        try:
            words = shlex.split(text.replace("\\\n", " "))
        except ValueError as error:
            raise AilyusError("bad_curl", f"the line is not quoted as a shell wants it: {error}") from None
        if words[:1] != ["curl"]:
            raise AilyusError("bad_curl", "the line does not begin with `curl`")
        line = cls(base_url)
        urls: list[str] = []
        data: list[str] = []
        rest = iter(words[1:])
        for word in rest:
            name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
            if not word.startswith("-"):
                urls.append(word)
            elif _PLAIN.fullmatch(word):
                continue
            elif name in _VALUED or word[:2] in _VALUED:
                kind = _VALUED.get(name, _VALUED.get(word[:2], ""))
                given = value if equals else word[2:] if name not in _VALUED else next(rest, None)
                if given is None:
                    raise AilyusError("bad_curl", f"`{word}` lacks its value")
                line._take(kind, given, urls, data)
            else:
                raise AilyusError(
                    "bad_curl", f"`{word[:60]}` is not understood", hint="leave it out, or write the contract"
                )
        if len(urls) != 1:
            raise AilyusError("bad_curl", f"the line has {len(urls)} URLs", hint="one, in quotes")
        line._place(urls[0])
        line._fill("".join(data) if len(data) == 1 else "&".join(data))
        line.method = line.method or ("POST" if data else "GET")
        return line

    def _take(self, kind: str, value: str, urls: list[str], data: list[str]) -> None:
        if kind == "url":
            urls.append(value)
        elif kind == "method":
            self.method = value.upper()
        elif kind in ("data", "json"):
            if value.startswith("@"):
                raise AilyusError("bad_curl", "no file is read for a body", hint="write the body into the line")
            data.append(value)
        elif kind == "user":
            self.credential = True
        elif kind == "header":
            name, _, text = value.partition(":")
            if name.strip().lower() in _OWN_HEADERS:
                self.credential = self.credential or name.strip().lower() in ("authorization", "cookie", "x-api-key")
            else:
                self.headers[name.strip()] = text.strip()

    def _place(self, url: str) -> None:
        parts = urlsplit(_HOLE.sub(lambda hole: f"{{{hole[1] or hole[2] or hole[3]}}}", url))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AilyusError("bad_curl", f"`{url[:100]}` is no http(s) URL")
        self.credential = self.credential or parts.username is not None
        host = parts.netloc.rpartition("@")[2]
        base = f"{self.base_url.rstrip('/')}/"
        if self.base_url and parts._replace(netloc=host).geturl().startswith(base):
            self.path = f"/{parts.path.removeprefix(urlsplit(base).path)}"
        else:
            self.base_url, self.path = f"{parts.scheme}://{host}", parts.path or "/"
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))

    def _fill(self, data: str) -> None:
        if not data:
            return
        try:
            self.body = orjson.loads(data)
        except orjson.JSONDecodeError:
            pairs = [] if data[0] in "{[" else parse_qsl(data, keep_blank_values=True)
            if not pairs:
                raise AilyusError("bad_curl", "the body is neither JSON nor a form") from None
            self.body, self.form = dict(pairs), True


def draft_lines(
    write: str, read: str, name: str, target: str, fixed: dict[str, JsonValue], base_url: str = ""
) -> tuple[Draft, str]:
    """The draft, and the base URL that both lines share. What differs from call to call becomes an input."""
    act, look = Line.parse(write, base_url) if write else None, Line.parse(read, base_url)
    if look.method != "GET":
        raise AilyusError("bad_curl", "the line that reads back is no GET")
    if act is not None and act.method == "GET":
        raise AilyusError("bad_curl", "the line that changes something is a GET", hint="give it with --read alone")
    if act is not None and act.base_url != look.base_url:
        raise AilyusError("bad_curl", f"the lines go to `{act.base_url}` and `{look.base_url}`", hint="to one system")
    values = _Values(fixed)
    draft = Draft(identifier(name or _name_of(act or look)), target, f"curl lines, {look.base_url}", "http")
    if act is not None:
        route: dict[str, JsonValue] = {act.method.lower(): values.path(act.path)}
        if act.query:
            route["query"] = values.object(act.query)
        if act.headers:
            route["headers"] = dict(act.headers)
        if act.body is not None:
            route["form" if act.form else "json"] = values.of(act.body, "value")
        draft.route = {"http": route, "ok": "response.status in [200, 201, 202, 204]"}
    seen: dict[str, JsonValue] = {"get": values.path(look.path)}
    if look.query:
        seen["query"] = values.object(look.query)
    if look.headers:
        seen["headers"] = dict(look.headers)
    if act is not None and act.method == "DELETE" and act.path == look.path:
        seen["may_be_absent"] = True
    draft.observe["state"] = seen
    if act is None:
        draft.outputs = {"answer": "${before.state}"}
    draft.inputs = values.fields
    return draft, look.base_url


class _Values:
    """The values of both lines: one that stands in both is one input."""

    def __init__(self, fixed: dict[str, JsonValue]) -> None:
        self.fields: dict[str, dict[str, JsonValue]] = {}
        self._fixed = fixed
        self._known: dict[str, str] = {}

    def path(self, path: str) -> str:
        out, before = [], "item"
        for segment in path.split("/"):
            hole = re.fullmatch(r"\{([A-Za-z_][A-Za-z0-9_]*)\}", segment)
            if hole:
                segment = self._input(identifier(hole[1]), "string", segment)
            elif _ID.fullmatch(segment) and not _VERSION.fullmatch(segment):
                segment = self._input(f"{identifier(before).removesuffix('s')}_id", "string", segment)
            elif segment:
                before = segment
            out.append(segment)
        return "/".join(out)

    def object(self, values: dict[str, JsonValue]) -> dict[str, JsonValue]:
        return {name: self.of(value, name) for name, value in values.items()}

    def of(self, value: JsonValue, name: str) -> JsonValue:
        if name in self._fixed:
            return self._fixed[name]
        if isinstance(value, dict):
            return self.object(value)
        if isinstance(value, list):
            if value and all(isinstance(one, str) for one in value):
                self.fields[identifier(name)] = {**Inputs.described(name), "type": "array", "items": {"type": "string"}}
                return f"${{inputs.{identifier(name)}}}"
            return [self.of(one, name) for one in value]
        kinds = {bool: "boolean", int: "integer", str: "string"}
        kind = kinds.get(type(value))
        return value if kind is None else self._input(identifier(name), kind, str(value))

    def _input(self, name: str, kind: str, value: str) -> str:
        if name in self._fixed and isinstance(self._fixed[name], str):
            return str(self._fixed[name])
        if kind == "string" and (_ID.fullmatch(value) or value.startswith("{")):
            name = self._known.setdefault(value, name)
        own = name
        self.fields.setdefault(own, {"type": kind, **Inputs.described(own)})
        return f"${{inputs.{own}}}"


def _name_of(line: Line) -> str:
    words = [w for w in line.path.split("/") if w and not _ID.fullmatch(w) and "{" not in w and w != "api"]
    verbs = {"GET": "get", "DELETE": "delete", "PUT": "set", "PATCH": "change", "POST": "post"}
    return f"{verbs.get(line.method, 'call')}_{'_'.join(words[-2:]) or 'item'}"
