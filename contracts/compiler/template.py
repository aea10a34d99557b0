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
_FUNCTION = re.compile(
    r"((?:scim|soql|odata)\.string|soql\.list|list\.(?:commas|pipes|spaces)|plural)\((.*)\)", re.DOTALL
)
_COUNTED = re.compile(
    rf"(?P<count>.+?),\s*(?P<one>{CEL_STRING.pattern})\s*(?:,\s*(?P<many>{CEL_STRING.pattern})\s*)?", re.DOTALL
)
"""The inside of `plural(…)`: a count, what one is called, and what several are, where an `s` does not do."""
_INPUT = re.compile(r"\$\{inputs\.[a-z][a-z0-9_]*\}")


def is_one_word(value: str) -> bool:
    """May a value stand in a sentence of ours: an id, an e-mail address, a number?"""
    return _ONE_WORD.fullmatch(value) is not None


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
    nouns: tuple[str, str] | None = None
    """Of `plural`: what one is called, and what several are."""


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
            inside, nouns = (function[2] if function else text).strip(), None
            if function and function[1] == "plural":
                inside, nouns = _counted(source, inside)
            inner = Expression.compile(inside, names)
            parts.append(_Hole(inner, function[1] if function else None, _around(pieces, index), nouns))
        return cls(source, tuple(parts))

    @property
    def whole(self) -> Expression | None:
        """The expression of a whole-value template (`${x}` alone), whose value keeps its type; None for mixed text."""
        part = self.parts[0] if len(self.parts) == 1 else None
        return part.expression if isinstance(part, _Hole) and part.function is None else None

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
        return self.whole.value(scope) if self.whole is not None else self.text(scope)

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
        return _item_texts(value, self.source)

    def told(self, scope: Scope) -> tuple[str, tuple[str, ...]] | Fault:
        """The text for people, and what it leaves apart: a value that could read as words of ours is `[1]`, `[2]`, …"""
        apart: list[str] = []

        def put(value: str, around: str) -> str:
            if is_one_word(value):  # guard: words of a record in a sentence of ours
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
            # of what is counted only the number is a value: the words are the contract's
            if isinstance(value, str) and part.nouns is None:
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
    if hole.nouns is not None:
        return _count_text(value, hole.nouns, hole.expression.text)
    if hole.function == "soql.list":
        return _soql_list(value, hole.expression.text)
    if hole.function is not None and hole.function in JOINED:
        return _joined_list(value, JOINED[hole.function], hole.expression.text)
    text = _plain_text(value, hole.expression.text)
    return FUNCTIONS[hole.function](text) if hole.function and isinstance(text, str) else text


def _counted(source: str, inside: str) -> tuple[str, tuple[str, str]]:
    """The count of `plural(…)`, and the words for one and for several."""
    found = _COUNTED.fullmatch(inside)
    if found is None:
        hint = "write plural(size(before.factors), 'MFA factor'), or plural(COUNT, 'entry', 'entries')"
        raise AilyusError("bad_expression", f"`{source}` does not say what is counted", hint=hint)
    one = found["one"][1:-1]
    return found["count"].strip(), (one, found["many"][1:-1] if found["many"] else f"{one}s")


def _count_text(value: JsonValue, nouns: tuple[str, str], source: str) -> str | Fault:
    if isinstance(value, bool) or not isinstance(value, int):
        return Fault(f"`{source}` is no whole number")
    return f"{value} {nouns[0] if value == 1 else nouns[1]}"


def _plain_text(value: JsonValue, source: str) -> str | Fault:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return value if isinstance(value, str) else Fault(f"`{source}` is neither text nor a whole number")


def _item_texts(value: JsonValue, source: str, put: Callable[[str], str | Fault] = str) -> list[str] | Fault:
    """Each item of a list as text, as `put` writes it, which may refuse one."""
    if not isinstance(value, list):
        return Fault(f"`{source}` is no list")
    texts = []
    for item in value:
        text = _plain_text(item, source)
        if isinstance(text, str):
            text = put(text)
        if isinstance(text, Fault):
            return text
        texts.append(text)
    return texts


def _joined_list(value: JsonValue, mark: str, source: str) -> str | Fault:
    """A list as one text; an item that holds the mark would be read as two."""

    def put(item: str) -> str | Fault:
        if mark in item or not item:
            return Fault(f"an item of `{source}` is empty or holds `{mark}`, which separates the items")
        return item

    items = _item_texts(value, source, put)
    return items if isinstance(items, Fault) else mark.join(items)


def _soql_list(value: JsonValue, source: str) -> str | Fault:
    """The items between the brackets of SOQL's `IN (…)`, each a string literal; an empty list would be no SOQL."""
    items = _item_texts(value, source, soql_string)
    return items if isinstance(items, Fault) else ",".join(items) or Fault(f"`{source}` is an empty list")


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
