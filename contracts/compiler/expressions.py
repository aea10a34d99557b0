"""CEL expressions (https://github.com/google/cel-spec) and `${…}` templates, compiled once against declared names."""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

import orjson
from cel_expr_python import cel  # type: ignore[import-untyped]  # the library ships no py.typed; this module is its border
from pydantic import JsonValue

from contracts.errors import AilyusError

CelType = Literal["string", "int", "bool", "list", "dyn"]
Scope = Mapping[str, object]
"""Values by qualified name, for example `{"inputs.user_id": "00u1", "before.user": {…}}`."""

_TYPES: Mapping[str, object] = MappingProxyType(
    {
        "string": cel.Type.STRING,
        "int": cel.Type.INT,
        "bool": cel.Type.BOOL,
        "list": cel.Type.DYN,
        "dyn": cel.Type.DYN,
    }
)
_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_PATH = re.compile(r"\b(before|after)((?:\.[A-Za-z_]\w*)+)(\s*\()?")
_ONE_WORD = re.compile(r"[\w@.+:/#-]{0,80}")
"""An id, an e-mail, a number: nothing that could be read as words of ours."""
_FUNCTION = re.compile(r"(scim\.string|list\.commas|list\.pipes|list\.spaces)\((.*)\)", re.DOTALL)
_INPUT = re.compile(r"\$\{inputs\.[a-z][a-z0-9_]*\}")
_BAD_IN_SEGMENT = frozenset("/\\?#%;")
_FOLDED = _BAD_IN_SEGMENT | frozenset(".\u2044\u2215\u29f8\u2571\u2216\u29f5\u2572\u3033")
"""What a character may neither be nor become where compatible characters are folded (Unicode NFKC)."""
_MAX_TEXT = 4096
_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Fault:
    """An expression without a value: absent data, a wrong type, too much work. It never passes and never decides."""

    sentence: str


@dataclass(frozen=True, slots=True)
class Names:
    """The names an expression may use, each with its type; every other name is refused when it is compiled."""

    types: tuple[tuple[str, CelType], ...]

    @classmethod
    def of(cls, types: Mapping[str, CelType]) -> "Names":
        """Names in a fixed order, so that equal sets share one CEL environment."""
        return cls(tuple(sorted(types.items())))


@lru_cache(maxsize=512)
def _environment(names: Names) -> object:
    return cel.NewEnv(variables={name: _TYPES[kind] for name, kind in names.types})


@dataclass(frozen=True, slots=True)
class Expression:
    """One compiled CEL expression. About 2 to 12 µs per evaluation; the library bounds its work."""

    text: str
    _program: object

    @classmethod
    def compile(cls, text: str, names: Names) -> "Expression":
        """Compile against declared names; raises `AilyusError` `bad_expression` with CEL's own sentence."""
        if len(text) > _MAX_TEXT:
            raise AilyusError("bad_expression", f"the expression is longer than {_MAX_TEXT} characters")
        try:
            with _LOCK:
                program = _environment(names).compile(text)  # type: ignore[attr-defined]  # untyped library
        except RuntimeError as error:
            sentence = str(error).removeprefix("INVALID_ARGUMENT: ERROR: <input>:").split("\n")[0].lower()
            raise AilyusError("bad_expression", f"`{text}` does not compile: {sentence}") from None
        return cls(text, program)

    def value(self, scope: Scope) -> JsonValue | Fault:
        """The JSON value, or a `Fault`: CEL's errors are values and are kept as such."""
        try:
            result = self._program.eval(data=scope)  # type: ignore[attr-defined]  # untyped library
            # INVARIANT: an evaluation error is a value whose text is truthy; only its type tells it apart.
            if result.type() == cel.Type.ERROR:  # guard: errors never pass
                return Fault(str(result.value()).split("\n")[0].lower())
            return _as_json(result.plain_value())
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            return Fault(str(error).split("\n")[0].lower())

    def holds(self, scope: Scope) -> bool:
        """True iff the value is the boolean true; an error, an absent value or any other type is false."""
        return self.value(scope) is True

    @property
    def only_finds(self) -> bool:
        """Can more elements in a list never make it false? So when the text only asks whether some element exists."""
        text = _STRING.sub("''", self.text)
        return not re.search(r"!(?!=)|\?|\.(all|exists_one|filter|map|size)\s*\(|\bsize\s*\(", text)

    @property
    def asks_absence(self) -> bool:
        """Does the text ask whether a field of the record is there, or that a field is not?"""
        text = _STRING.sub("''", self.text)
        return bool(re.search(r"\bhas\s*\(\s*(before|after)\b|!\s*\(?\s*has\s*\(", text))

    @property
    def claims_absence(self) -> bool:
        """Does the text hold when a field is not there?"""
        text = _STRING.sub("''", self.text)
        return bool(re.search(r"!\s*\(?\s*has\s*\(|\bhas\s*\([^()]*\)\s*(\?|==\s*false)", text))

    @property
    def reads_answer(self) -> bool:
        """Does the text read the answer of the send (`response`)?"""
        return bool(re.search(r"(?<![.\w])response\.", _STRING.sub("''", self.text)))

    def paths(self) -> frozenset[str]:
        """The qualified paths below `before` and `after` that the text reads, for example `before.user.status`."""
        return frozenset(_paths(_STRING.sub("''", self.text)))


def _paths(text: str) -> Iterator[str]:
    for match in _PATH.finditer(text):
        parts = match[2].split(".")[1:]
        if match[3]:  # the last part is a method such as `all(`
            parts = parts[:-1]
        if parts:
            yield f"{match[1]}.{'.'.join(parts)}"


def _as_json(value: object) -> JsonValue:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    raise TypeError("the value has no JSON form")


def scim_string(value: str) -> str:
    """A string literal of a SCIM filter (RFC 7644 section 3.4.2.2: JSON's string), quotes included."""
    return orjson.dumps(value).decode()


FUNCTIONS: Mapping[str, Callable[[str], str]] = MappingProxyType({"scim.string": scim_string})
"""Typed functions that put a value into a string of another grammar."""


JOINED: Mapping[str, str] = MappingProxyType({"list.commas": ",", "list.pipes": "|", "list.spaces": " "})
"""Typed functions that make one text of a list."""


@dataclass(frozen=True, slots=True)
class _Hole:
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
        if len(self.parts) == 1 and isinstance(self.parts[0], _Hole) and self.parts[0].function is None:
            return self.parts[0].expression.value(scope)
        return self.text(scope)

    def text(self, scope: Scope) -> str | Fault:
        """The joined text; a hole must give a string, an integer or a boolean."""
        return self._joined(scope, lambda value, around: value)

    def texts(self, scope: Scope) -> list[str] | Fault:
        """The values of one name in a query or a form: an input that is a list gives each of its items."""
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
        return self._joined(scope, _segment)

    @property
    def path_fault(self) -> str | None:
        """Why it is no path whose parts can be told apart, or None."""
        literal = "".join(part if isinstance(part, str) else "\x00" for part in self.parts)
        if set(literal) & set("?#%\\;"):
            return "a path holds no `?`, `#`, `%`, `\\` or `;`: a query stands in `query`"
        for segment in literal.split("/"):
            if segment in (".", "..") or any(_is_joint(joint) for joint in segment.split("\x00")[1:-1]):
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


def _is_joint(text: str) -> bool:
    """Can a server not tell where one hole ends and the next begins?"""
    return not any(_is_mark(char) for char in text)


def _is_mark(char: str) -> bool:
    return not char.isalnum() and char != "\x00"


def _segment(value: str, around: str) -> str | Fault:
    fault = segment_fault(value)  # guard: path check
    if fault is not None or around == "\x00":
        return fault or quote(value, safe="@:+,=!$&'()*~")
    if not _stays_apart(value, around):  # guard: parts of a path segment
        return Fault("the value holds a mark that separates the parts of its path segment")
    return quote(value, safe="")


def _stays_apart(value: str, around: str) -> bool:
    """Is a value in a segment with fixed text read back as this value, and as no part of another?

    INVARIANT: it holds no reserved mark of that text (`:`, `'`, `(`), and nothing that parts two holes, nor touches it.
    """
    if any(_is_mark(char) and char not in "-._~" and char in value for char in around):
        return False
    joints = around.split("\x00")[1:-1]
    return not any(joint in value or value[0] in joint or value[-1] in joint for joint in joints)


def segment_fault(value: str) -> Fault | None:
    """Why a value may not stand in a path, whatever its origin, or None.

    INVARIANT: clients resolve `..` even after percent-encoding, so such a value is refused, never encoded.
    """
    if value in ("", ".", "..") or _BAD_IN_SEGMENT & set(value):
        return Fault("the value is no plain path segment")
    # a target that folds its paths would read a dot or a slash there
    # guard: characters that fold to a dot or a slash
    if any(not c.isascii() and _FOLDED & set(c + unicodedata.normalize("NFKC", c)) for c in value):
        return Fault("the value holds a character that looks like a dot or a slash")
    if len(value) > 512 or not unicodedata.is_normalized("NFC", value):
        return Fault("the value is too long for a path, or not in Unicode NFC")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in value):
        return Fault("the value holds control or invisible characters")
    return None


def _hole_text(hole: _Hole, scope: Scope) -> str | Fault:
    value = hole.expression.value(scope)
    if isinstance(value, Fault):
        return value
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
            string = _STRING.match(source, position)
            if not string:
                break
            position = string.end()
            continue
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 0:
            return position
        position += 1
    raise AilyusError("bad_expression", f"`{source}` has a `${{` without its `}}`")
