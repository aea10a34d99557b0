"""Two curl lines, one that looks and one that acts, as the draft of a contract."""

import json
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from pydantic import JsonValue

from contracts.canonical import MAX_INTEGER
from contracts.drafts.credentials import looks_secret
from contracts.drafts.curl import parse_line
from contracts.drafts.curl_line import HOLE, CurlLine, Pairs
from contracts.drafts.draft import DECLINED, Draft, identifier, refuse_unused
from contracts.drafts.draft_inputs import Inputs
from contracts.errors import AilyusError
from contracts.text.todo import TODO

# only a value with a digit is told as the same record in both lines; words occur by chance
_ID: Final = re.compile(r"(?=.*[0-9])[A-Za-z0-9_.@-]+")
_VERSION: Final = re.compile(r"v[0-9]+(\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WORD: Final = re.compile(r"[A-Za-z._~$-]{1,40}")
_VERB: Final = re.compile(r"(.+)(:[A-Za-z]{2,30}|\.(?:json|xml|csv|pdf|txt))")


def draft_lines(
    write: str, read: str, name: str, target: str, fixed: dict[str, JsonValue], base_url: str = ""
) -> tuple[Draft, str]:
    """The draft, and the base URL that both lines share. What differs from call to call becomes an input."""
    act, look = parse_line(write, base_url) if write else None, parse_line(read, base_url)
    if look.method != "GET":
        raise AilyusError("bad_curl", "the line that reads back is no GET")
    if act is not None and act.method == "GET":
        raise AilyusError("bad_curl", "the line that changes something is a GET", hint="give it with --read alone")
    # a draft has one connection, and a credential belongs to one origin
    if act is not None and act.base_url != look.base_url:
        raise AilyusError("bad_curl", f"the lines go to `{act.base_url}` and `{look.base_url}`", hint="to one system")
    draft = Draft(identifier(name or _name_of(act or look)), target, f"curl lines, {look.base_url}", "http")
    _one_credential([line for line in (act, look) if line is not None], draft)
    values = _Values(fixed)
    if act is not None:
        ok = "response.status in [200, 201, 202, 204]"
        draft.route = {"http": _route(act, values), "ok": ok, "declined": DECLINED}
        draft.notes += act.notes
    seen: dict[str, JsonValue] = {"get": values.path("read", look.path)}
    if look.query:
        seen["query"] = values.pairs("read", look.query)
    if look.headers:
        seen["headers"] = dict(look.headers)
    if act is not None and act.method == "DELETE" and act.path == look.path:
        seen["may_be_absent"] = True
    draft.notes += [note for note in look.notes if note not in draft.notes]
    draft.observe["state"] = seen
    if act is None:
        draft.outputs = {"answer": "${before.state}"}
    values.inputs.fill(draft)
    refuse_unused([draft])
    return draft, look.base_url


def _one_credential(lines: Sequence[CurlLine], draft: Draft) -> None:
    """The header of the connection's credential; the second of two is named."""
    # names of headers have no case (RFC 9110 section 5.1)
    found = {(c[0].lower(), c[1]): c for line in lines if (c := line.credential)}
    draft.credential = next(iter(found.values()), None)
    for header, scheme in list(found.values())[1:]:
        draft.notes.append(
            f"a line carries its credential as `{f'{header}: {scheme}'.rstrip(': ')}`: a connection has one header"
        )


def _route(act: CurlLine, values: "_Values") -> dict[str, JsonValue]:
    route: dict[str, JsonValue] = {act.method.lower(): values.path("path", act.path)}
    if act.query:
        route["query"] = values.pairs("query", act.query)
    if act.headers:
        route["headers"] = dict(act.headers)
    if act.idempotency_key:
        route["idempotency_key"] = act.idempotency_key
    if act.if_match:
        route["if_match"] = act.if_match
    if act.undone:
        route["json"] = act.undone
    elif act.form is not None:
        route["form"] = values.pairs("body", act.form)
    elif act.body is not None:
        route["json"] = values.of(act.body, ("body",))
    return route


class _Values:
    """The values of both lines: what the reading line reads is what the other one writes, where it is the same."""

    def __init__(self, fixed: dict[str, JsonValue]) -> None:
        self.inputs = Inputs(fixed)
        self._keys: dict[str, list[object]] = {}

    def path(self, where: str, path: str) -> str:
        out, before, above = [], "item", ""
        for index, segment in enumerate(path.split("/")):
            name = f"{identifier(before).removesuffix('s')}_id"
            # the same segment below the same path is the same input in both lines
            key = ("path", above, index)
            found = _VERB.fullmatch(segment)
            if found and not _is_literal(found[1], index):
                out.append(self._segment(where, found[1], name, (key, "")) + found[2])
            elif segment and not _is_literal(segment, index):
                out.append(self._segment(where, segment, name, (key, "")))
            else:
                out.append(segment)
                before = segment or before
            above = f"{above}/{segment}"
        return "/".join(out)

    def _segment(self, where: str, segment: str, name: str, key: object) -> str:
        hole = HOLE.fullmatch(segment)
        value = segment if hole else unquote(segment)
        if looks_secret(value):
            hint = "a credential goes into a header of the connection (`header`, `scheme`)"
            raise AilyusError("bad_curl", "a segment of the path looks like a secret", hint=hint)
        # such a segment could not be sent: clients and servers disagree where it ends
        if set(value) & set("/\\?#%;") or value in (".", ".."):
            raise AilyusError(
                "bad_curl", "an encoded `/`, `?`, `#`, `%` or `;` stands in the path", hint="name it plainly"
            )
        place = (where, identifier(hole[1] or hole[2]) if hole else name)
        if fixed := self.inputs.fixed(place):
            return str(fixed[0])
        return self._taken(place, {"type": "string"}, value, key)

    def pairs(self, where: str, pairs: Pairs) -> dict[str, JsonValue]:
        """A query or a form: a name that is there twice is a list."""
        grouped: dict[str, list[str]] = {}
        for name, value in pairs:
            grouped.setdefault(name, []).append(value)
        out: dict[str, JsonValue] = {}
        for name, values in grouped.items():
            place = (where, name)
            if fixed := self.inputs.fixed(place):
                out[name] = _text(fixed[0])
            elif len(values) > 1:
                out[name] = self.inputs.take(place, {"type": "array", "items": {"type": "string"}})
            else:
                out[name] = self._taken(place, {"type": "string"}, values[0], None)
        return out

    def of(self, value: JsonValue, place: tuple[str, ...]) -> JsonValue:
        if fixed := self.inputs.fixed(place):
            return fixed[0]
        if isinstance(value, dict):
            return {name: self.of(one, (*place, name)) for name, one in value.items()}
        if isinstance(value, list):
            for kind, said in ((str, "string"), (int, "integer")):
                if value and all(type(one) is kind for one in value) and _is_sendable(value):
                    return self.inputs.take(place, {"type": "array", "items": {"type": said}})
            return [self.of(one, (*place[:-1], f"{place[-1]}_{n}")) for n, one in enumerate(value, start=1)]
        kinds = {bool: "boolean", int: "integer", str: "string"}
        # the canonical form has no floats, and 2^53 is where JSON readers stop to agree
        if type(value) is float or not _is_sendable([value]):
            return f"{TODO} a number with a fraction, or beyond 2^53, which no contract can say"
        if type(value) not in kinds:
            return value
        return self._taken(place, {"type": kinds[type(value)]}, value, None)

    def _taken(self, place: tuple[str, ...], field_: dict[str, JsonValue], value: JsonValue, key: object) -> str:
        """One input. A placeholder is the same wherever it stands; else what is read is what is written."""
        named = isinstance(value, str) and HOLE.fullmatch(value)
        if named:
            return self.inputs.take((place[0], identifier(named[1] or named[2])), field_, ("named", value))
        if isinstance(value, str) and _ID.fullmatch(value):
            known = self._keys.setdefault(value, [])
            # what is read back is the record that the other line wrote
            if place[0] == "read" and known:
                return self.inputs.take(place, field_, key if key in known else known[0])
            known.append(key or place)
        return self.inputs.take(place, field_, key)


def _is_sendable(values: Sequence[JsonValue]) -> bool:
    return all(not isinstance(one, int) or abs(one) <= MAX_INTEGER for one in values)


def _text(value: JsonValue) -> JsonValue:
    """A fixed value of a query or a form: text, or a list of texts."""
    if isinstance(value, list):
        return [_text(one) for one in value]
    return value if isinstance(value, str) else json.dumps(value)


def _is_literal(segment: str, index: int) -> bool:
    """A word of the API; whatever else stands in a path is a value, and is not written into a contract."""
    if _VERSION.fullmatch(segment):
        return index <= 2
    return _WORD.fullmatch(segment) is not None


def _name_of(line: CurlLine) -> str:
    words = [w for w in line.path.split("/") if w and _WORD.fullmatch(w) and w != "api"]
    verbs = {"GET": "get", "DELETE": "delete", "PUT": "set", "PATCH": "change", "POST": "post"}
    return f"{verbs.get(line.method, 'call')}_{'_'.join(words[-2:]) or 'item'}"
