"""The parser of a curl line, which reads options as bash and curl do. Nothing is run and nothing is fetched."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from contracts.drafts.curl_header import Headers
from contracts.drafts.curl_line import CurlLine
from contracts.drafts.curl_options import FLAGS, VALUED
from contracts.drafts.curl_url import place
from contracts.drafts.curl_value import encoded, json_of, pairs_of, refuse_secret, refuse_secrets, shown
from contracts.drafts.shell import words_of
from contracts.errors import AilyusError
from contracts.text.todo import TODO

_FORM: Final = "application/x-www-form-urlencoded"
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


def parse_line(text: str, base_url: str = "") -> CurlLine:
    """Take a line apart, below a base URL if it is known; raises `AilyusError` with what is not understood."""
    words = words_of(text)
    if words[:1] != ["curl"]:
        raise AilyusError("bad_curl", "the line does not begin with `curl`")
    return _Parser(CurlLine(base_url)).line(words[1:])


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
        self._headers = Headers(line)

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
        if word in FLAGS:
            self._flag(FLAGS[word])
        elif word in VALUED:
            self._take(word, self._value(word, rest))
        # curl takes no `--name=value`; what looks like it would be read otherwise
        elif name != word and name in VALUED:
            raise AilyusError("bad_curl", f"curl knows no `{name}=`", hint=f"write `{name}`, a blank and the value")
        else:
            raise _not_understood(word)

    def _short(self, word: str, rest: Iterator[str]) -> None:
        """A word such as `-sSXPUT`: flags, and at its end perhaps one option with its value."""
        # curl reads `-XPUT` and `-sSX PUT` alike
        for index, char in enumerate(word[1:], start=2):
            name = f"-{char}"
            if name in FLAGS:
                self._flag(FLAGS[name])
            elif name in VALUED:
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
            "header": self._headers.take,
            "data": self._literal,
            "raw": self._add,
            "json": self._json,
            "encoded": lambda text: self._add(encoded(text)),
            "query": lambda text: self._queries.append(text[1:] if text.startswith("+") else encoded(text)),
            "user": lambda text: self._headers.authorized("Authorization", "Basic"),
            "bearer": lambda text: self._headers.authorized("Authorization", "Bearer"),
            "cookie": lambda text: self._headers.undone("Cookie"),
            "referer": lambda text: self._headers.undone("Referer"),
            "part": self._part,
        }
        kind = VALUED[name]
        if kind:
            takers[kind](value)

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
        self._headers.content_type = self._headers.content_type or "application/json"

    def _add(self, value: str) -> None:
        self._data = value if self._data is None else f"{self._data}&{value}"

    def _part(self, value: str) -> None:
        self._parts = True

    def _finish(self) -> None:
        line, data = self._line, self._data
        if self._get and data is not None and self._queries:
            hint = "give both by -d, or both by --url-query: curl leaves one of them out"
            raise AilyusError("bad_curl", "the line has `--url-query` beside the data of `-G`", hint=hint)
        query = "&".join([*self._queries, *([data] if self._get and data is not None else [])])
        if place(line, self._urls[0], query, glob=self._glob):
            self._headers.authorized("Authorization", "Basic")
        # `-G` makes a query of the data
        body = None if self._get else data
        if self._parts:
            line.undone = f"{TODO} the line sends multipart/form-data, which no contract can say"
        elif body:
            self._fill(body)
        # a body makes it a POST, unless `-X` says otherwise
        line.method = line.method or ("POST" if body is not None or self._parts else "GET")
        if line.method == "GET" and (body is not None or self._parts):
            raise AilyusError(
                "bad_curl", "the line sends a body with a GET", hint="use -G for a query, or another method"
            )
        for name, value in (*line.query, *(line.form or ())):
            refuse_secret(name, value, "query" if (name, value) in line.query else "body")
        # last, since only now it is known which parts are kept
        refuse_secrets(line.body, "")

    def _fill(self, data: str) -> None:
        line = self._line
        kind = self._headers.content_type.partition(";")[0].strip()
        is_json = kind == "application/json" or kind.endswith("+json")
        # curl sends data as a form by default; whoever writes JSON means JSON
        if is_json or (not kind and data.lstrip()[:1] in ("{", "[")):
            line.body = json_of(data)
            if not is_json:
                line.notes.append("the body is sent as application/json; curl would say that it is a form")
            elif kind != "application/json":
                line.headers["content-type"] = kind
        elif kind in ("", _FORM):
            line.form = pairs_of(data, "the body")
        else:
            line.undone = f"{TODO} the body is {re.sub('[^a-z0-9/+.-]', '?', kind)[:60]}, which no contract can say"


def _not_understood(word: str) -> AilyusError:
    return AilyusError("bad_curl", f"`{shown(word)}` is not understood", hint="leave it out, or write the contract")
