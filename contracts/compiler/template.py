"""The `${…}` template: text with CEL expressions in it, whose values cannot break out of where they stand."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import orjson
from pydantic import JsonValue

from contracts.compiler.expressions import CEL_STRING, Expression, Fault, Names, Scope
from contracts.compiler.path_segment import is_joint, segment_of
from contracts.errors import AilyusError

# longer text, or text with blanks, could read as a sentence of ours
_ONE_WORD = re.compile(r"[\w@.+:/#-]{0,80}")
"""An id, an e-mail, a number: nothing that could be read as words of ours."""
_FUNCTION = re.compile(r"((?:scim|soql|odata)\.string|soql\.list|list\.(?:commas|pipes|spaces))\((.*)\)", re.DOTALL)
_INPUT = re.compile(r"\$\{inputs\.[a-z][a-z0-9_]*\}")


def scim_string(value: str) -> str:
    """A string literal of a SCIM filter (RFC 7644 section 3.4.2.2: JSON's string), quotes included."""
    return orjson.dumps(value).decode()


def soql_string(value: str) -> str:
    """A string literal of SOQL (Salesforce's "Quoted String Escape Sequences"), quotes included.

    QuickBooks' query language has the same: single quotes, and a backslash before what would end the string.
    """
    return "'" + re.sub(r"[\\'\n\r\t\f\b\"]", lambda found: _SOQL_ESCAPES[found[0]], value) + "'"


def odata_string(value: str) -> str:
    """A string literal of OData (4.01 ABNF, `string`): single quotes, and two for one in the text; quotes included."""
    return "'" + value.replace("'", "''") + "'"


_SOQL_ESCAPES = {"\\": r"\\", "'": r"\'", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\f": r"\f", "\b": r"\b"}
FUNCTIONS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"scim.string": scim_string, "soql.string": soql_string, "odata.string": odata_string}
)
"""Typed functions that put a value into a string of another grammar."""
JOINED: Mapping[str, str] = MappingProxyType({"list.commas": ",", "list.pipes": "|", "list.spaces": " "})
"""Typed functions that make one text of a list."""


@dataclass(frozen=True, slots=True)
class _Hole:
    """One `${…}`, compiled."""

    expression: Expression
    function: str | None
    around: str
    """The fixed text of the path segment that it stands in, with `\x00` for each hole of it."""


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `${CEL}` holes. What goes in cannot break out: see `segment_of`, `filled` and `text`."""

    source: str
    parts: tuple[str | _Hole, ...]

    @classmethod
    def compile(cls, source: str, names: Names) -> "Template":
        """Split at `${…}`, aware of CEL's strings and braces, and compile each hole."""
        pieces: list[str | None] = []
        holes: list[str] = []
        for literal, hole in _split(source):
            if literal:
                pieces.append(literal)
            if hole is not None:
                pieces.append(None)
                holes.append(hole)
        parts: list[str | _Hole] = []
        for index, piece in enumerate(pieces):
            if piece is not None:
                parts.append(piece)
                continue
            text = holes.pop(0)
            function = _FUNCTION.fullmatch(text.strip())
            inner = Expression.compile((function[2] if function else text).strip(), names)
            parts.append(_Hole(inner, function[1] if function else None, _around(pieces, index)))
        return cls(source, tuple(parts))

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions of all holes, in order."""
        return tuple(part.expression for part in self.parts if isinstance(part, _Hole))

    @property
    def source_slashes(self) -> int:
        """How many `/` the literal text has: the segments of a path template."""
        return sum(part.count("/") for part in self.parts if isinstance(part, str))

    def filled(self, scope: Scope) -> JsonValue | Fault:
        """A whole-value template (`${x}` alone) keeps its type; mixed text is joined from strings and integers."""
        # a whole value keeps its type: a number in a JSON body stays a number
        if len(self.parts) == 1 and isinstance(self.parts[0], _Hole) and self.parts[0].function is None:
            return self.parts[0].expression.value(scope)
        return self.text(scope)

    def text(self, scope: Scope) -> str | Fault:
        """The joined text; a hole must give a string, an integer or a boolean."""
        return self._joined(scope, lambda value, around: value)

    def texts(self, scope: Scope) -> list[str] | Fault:
        """The values of one name in a query or a form: an input that is a list gives each of its items."""
        # only an input that the contract declared as a list; a list of the record is no parameter
        value = self.filled(scope) if _INPUT.fullmatch(self.source) else None
        if not isinstance(value, list):
            text = self.text(scope)
            return text if isinstance(text, Fault) else [text]
        items = [_plain_text(one, self.source) for one in value]
        return next((one for one in items if isinstance(one, Fault)), None) or [str(one) for one in items]

    def told(self, scope: Scope) -> tuple[str, tuple[str, ...]] | Fault:
        """The text for people, and what it leaves apart: a value that could read as words of ours is `[1]`, `[2]`, …"""
        apart: list[str] = []

        def put(value: str, around: str) -> str:
            if _ONE_WORD.fullmatch(value):  # guard: words of a record in a sentence of ours
                return value
            apart.append(value)
            return f"[{len(apart)}]"

        text = self._joined(scope, put)
        return text if isinstance(text, Fault) else (text, tuple(apart))

    def path(self, scope: Scope) -> str | Fault:
        """A URL path: each hole is one checked, percent-encoded segment (RFC 3986 section 3.3), or a part of one."""
        return self._joined(scope, segment_of)

    @property
    def path_fault(self) -> str | None:
        """Why it is no path whose parts can be told apart, or None."""
        literal = "".join(part if isinstance(part, str) else "\x00" for part in self.parts)
        if set(literal) & set("?#%\\;"):
            return "a path holds no `?`, `#`, `%`, `\\` or `;`: a query stands in `query`"
        for segment in literal.split("/"):
            if segment in (".", "..") or any(is_joint(joint) for joint in segment.split("\x00")[1:-1]):
                return "between two `${…}` of one segment stands a mark such as `:` or `...`, and none is `.` or `..`"
        return None

    def _joined(self, scope: Scope, put: Callable[[str, str], str | Fault]) -> str | Fault:
        joined = []
        for part in self.parts:
            if isinstance(part, str):
                joined.append(part)
                continue
            value = _hole_text(part, scope)
            if isinstance(value, str):
                value = put(value, part.around)
            if isinstance(value, Fault):
                return value
            joined.append(value)
        return "".join(joined)


def _around(pieces: list[str | None], index: int) -> str:
    """The fixed text of the segment that the hole at `index` stands in, with `\x00` for each of its holes."""
    literal = [piece if piece is not None else "\x00" for piece in pieces]
    left, right = "".join(literal[:index]), "".join(literal[index + 1 :])
    return f"{left.rpartition('/')[2]}\x00{right.partition('/')[0]}"


def _hole_text(hole: _Hole, scope: Scope) -> str | Fault:
    value = hole.expression.value(scope)
    if isinstance(value, Fault):
        return value
    if hole.function == "soql.list":
        return _soql_list(value, hole.expression.text)
    if hole.function is not None and hole.function in JOINED:
        return _joined_list(value, JOINED[hole.function], hole.expression.text)
    text = _plain_text(value, hole.expression.text)
    return FUNCTIONS[hole.function](text) if hole.function and isinstance(text, str) else text


def _plain_text(value: JsonValue, source: str) -> str | Fault:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else Fault(f"`{source}` is neither text nor a whole number")


def _joined_list(value: JsonValue, mark: str, source: str) -> str | Fault:
    """A list as one text; an item that holds the mark would be read as two."""
    if not isinstance(value, list):
        return Fault(f"`{source}` is no list")
    items = [_plain_text(one, source) for one in value]
    for one in items:
        if isinstance(one, Fault):
            return one
        if mark in one or not one:
            return Fault(f"an item of `{source}` is empty or holds `{mark}`, which separates the items")
    return mark.join(str(one) for one in items)


def _soql_list(value: JsonValue, source: str) -> str | Fault:
    """The items between the brackets of SOQL's `IN (…)`, each a string literal; an empty list would be no SOQL."""
    if not isinstance(value, list) or not value:
        return Fault(f"`{source}` is no list, or an empty one")
    items = [_plain_text(one, source) for one in value]
    return next((one for one in items if isinstance(one, Fault)), None) or ",".join(soql_string(str(i)) for i in items)


def _split(source: str) -> Iterator[tuple[str, str | None]]:
    start = 0
    while (opening := source.find("${", start)) >= 0:
        end = _closing(source, opening + 2)
        yield source[start:opening], source[opening + 2 : end]
        start = end + 1
    yield source[start:], None


def _closing(source: str, position: int) -> int:
    depth = 1
    while position < len(source):
        char = source[position]
        if char in "'\"":
            string = CEL_STRING.match(source, position)
            if not string:
                break
            position = string.end()
            continue
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0:
            return position
        position += 1
    raise AilyusError("bad_expression", f"`{source}` has a `${{` without its `}}`")
