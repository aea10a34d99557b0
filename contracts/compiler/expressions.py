"""The CEL expression (https://github.com/google/cel-spec), compiled once against declared names."""

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

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
CEL_STRING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_PATH = re.compile(r"\b(before|after)((?:\.[A-Za-z_]\w*)+)(\s*\()?")
_MAX_TEXT = 4096
# the library says nothing of threads, and a plan is compiled off the loop
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
        # a text of a person; a generated one could cost the compiler any time
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
    def kind(self) -> str:
        """The type of its value as far as it is known before anything is read, such as `INT`, `LIST<DYN>` or `DYN`."""
        return str(self._program.return_type())  # type: ignore[attr-defined]  # untyped library

    @property
    def asks_absence(self) -> bool:
        """Does the text ask whether a field of the record is there, or that a field is not?"""
        text = CEL_STRING.sub("''", self.text)
        return bool(re.search(r"\bhas\s*\(\s*(before|after)\b|!\s*\(?\s*has\s*\(", text))

    @property
    def claims_absence(self) -> bool:
        """Does the text hold when a field is not there?"""
        text = CEL_STRING.sub("''", self.text)
        return bool(re.search(r"!\s*\(?\s*has\s*\(|\bhas\s*\([^()]*\)\s*(\?|==\s*false)", text))

    @property
    def reads_answer(self) -> bool:
        """Does the text read the answer of the send (`response`)?"""
        return bool(re.search(r"(?<![.\w])response\.", CEL_STRING.sub("''", self.text)))

    def paths(self) -> frozenset[str]:
        """The qualified paths below `before` and `after` that the text reads, for example `before.user.status`."""
        return frozenset(_paths(CEL_STRING.sub("''", self.text)))


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
