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
_FUNCTION = re.compile(r"(scim\.string)\((.*)\)", re.DOTALL)
_BAD_IN_SEGMENT = frozenset("/\\?#%;")
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
            if result.type() == cel.Type.ERROR:
                return Fault(str(result.value()).split("\n")[0].lower())
            return _as_json(result.plain_value())
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            return Fault(str(error).split("\n")[0].lower())

    def holds(self, scope: Scope) -> bool:
        """True iff the value is the boolean true; an error, an absent value or any other type is false."""
        return self.value(scope) is True

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


@dataclass(frozen=True, slots=True)
class _Hole:
    expression: Expression
    function: str | None


@dataclass(frozen=True, slots=True)
class Template:
    """Text with `${CEL}` holes. What goes in cannot break out: see `segment_of`, `filled` and `text`."""

    source: str
    parts: tuple[str | _Hole, ...]

    @classmethod
    def compile(cls, source: str, names: Names) -> "Template":
        """Split at `${…}`, aware of CEL's strings and braces, and compile each hole."""
        parts: list[str | _Hole] = []
        for literal, hole in _split(source):
            if literal:
                parts.append(literal)
            if hole is not None:
                function = _FUNCTION.fullmatch(hole.strip())
                inner = function[2] if function else hole
                parts.append(_Hole(Expression.compile(inner.strip(), names), function[1] if function else None))
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
        return self._joined(scope, lambda value: value)

    def path(self, scope: Scope) -> str | Fault:
        """A URL path: each hole is one checked, percent-encoded segment (RFC 3986 section 3.3)."""
        return self._joined(scope, _segment)

    def _joined(self, scope: Scope, put: Callable[[str], str | Fault]) -> str | Fault:
        joined = []
        for part in self.parts:
            value = part if isinstance(part, str) else _hole_text(part, scope)
            if isinstance(part, _Hole) and isinstance(value, str):
                value = put(value)
            if isinstance(value, Fault):
                return value
            joined.append(value)
        return "".join(joined)


def _segment(value: str) -> str | Fault:
    return segment_fault(value) or quote(value, safe="@:+,=!$&'()*~")


def segment_fault(value: str) -> Fault | None:
    """Why a value may not stand in a path, whatever its origin, or None.

    INVARIANT: clients resolve `..` even after percent-encoding, so such a value is refused, never encoded.
    """
    if value in ("", ".", "..") or _BAD_IN_SEGMENT & set(value):
        return Fault("the value is no plain path segment")
    if len(value) > 512 or not unicodedata.is_normalized("NFC", value):
        return Fault("the value is too long for a path, or not in Unicode NFC")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in value):
        return Fault("the value holds control or invisible characters")
    return None


def _hole_text(hole: _Hole, scope: Scope) -> str | Fault:
    value = hole.expression.value(scope)
    if isinstance(value, Fault):
        return value
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        return Fault(f"`{hole.expression.text}` is neither text nor a whole number")
    return FUNCTIONS[hole.function](value) if hole.function else value


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
