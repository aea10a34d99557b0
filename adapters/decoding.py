"""Bodies as values: JSON, CSV, and XML with declared lists. Whatever is not plainly one of them is no answer."""

import csv
import io
from collections.abc import Iterable
from xml.etree import ElementTree
from xml.parsers import expat

import orjson
from pydantic import JsonValue

from contracts.compiler.read_program import Decode

MAX_DEPTH = 32
MAX_ROWS = 50_000
"""Rows of one CSV answer."""
_NESTED = 254
"""Lists and objects within each other that `orjson` writes; it reads more."""


class Undecodable(Exception):
    """The body is not what the contract declares."""


def decode(raw: bytes, form: Decode, lists: Iterable[str] = ()) -> JsonValue:
    """The value of a body; raises `Undecodable`."""
    match form:
        case "json":
            return _json(raw)
        case "csv":
            return _csv(raw)
        case _:
            return _xml(raw, frozenset(lists))


def _json(raw: bytes) -> JsonValue:
    # INVARIANT: CEL cuts a string at NUL, so that `admin\\0x` would equal `admin`: such an answer is none
    if b"\\u0000" in raw:  # guard: NUL
        raise Undecodable
    try:
        value: JsonValue = orjson.loads(raw)
        # what cannot be written again would be an error of ours after the send that it answers
        if raw.count(b"[") + raw.count(b"{") > _NESTED:
            orjson.dumps(value)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        raise Undecodable from None
    return value


def _csv(raw: bytes) -> JsonValue:
    """Rows as objects of texts, by the names in the first line (RFC 4180). An empty answer has no rows."""
    if b"\x00" in raw:
        raise Undecodable
    try:
        lines = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True)
        names = next(lines, [])
        rows = [line for line in lines if line]
    except (UnicodeDecodeError, csv.Error):
        raise Undecodable from None
    # a row with other columns, or two columns of one name, would be read as something that nobody wrote
    if len(set(names)) < len(names) or any(len(row) != len(names) for row in rows) or len(rows) > MAX_ROWS:
        raise Undecodable
    return [dict(zip(names, row, strict=True)) for row in rows]


def _xml(raw: bytes, lists: frozenset[str]) -> JsonValue:
    """`<A><B>x</B></A>` is `{"A": {"B": "x"}}`; namespaces and attributes are left out.

    An element named in `lists` is the list of its children, also when it is empty. Any other element with children is
    an object; without children it is its text.
    """
    if b"<!" in raw.replace(b"<!--", b""):  # no DOCTYPE, so no entities
        raise Undecodable
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate(namespace_separator="}")
    # guard: a DOCTYPE in another encoding
    parser.StartDoctypeDeclHandler = _refused  # in UTF-16 it begins with other bytes
    parser.StartElementHandler = lambda name, _: builder.start(name, {})
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(raw, True)
        root = builder.close()
    except (expat.ExpatError, ValueError, LookupError, AssertionError):
        raise Undecodable from None
    return {_name(root): _element(root, lists, 0)}


def _refused(*_: object) -> None:
    raise Undecodable


def _element(element: ElementTree.Element, lists: frozenset[str], depth: int) -> JsonValue:
    if depth > MAX_DEPTH:
        raise Undecodable
    children = list(element)
    if _name(element) in lists:
        return [_element(child, lists, depth + 1) for child in children]
    if not children:
        return element.text or ""
    value: dict[str, JsonValue] = {}
    for child in children:
        if _name(child) in value:
            raise Undecodable  # a list that nobody declared
        value[_name(child)] = _element(child, lists, depth + 1)
    return value


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
