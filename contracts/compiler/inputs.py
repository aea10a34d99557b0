"""Closed input schemas (JSON Schema 2020-12) and what is wrong with arguments that do not fit them."""

import unicodedata
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass

import jsonschema_rs
import orjson
from pydantic import JsonValue

from contracts.canonical import MAX_INTEGER
from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean

# a plan may have four times as much: see `MAX_PLAN`
MAX_ARGUMENTS = 64 * 1024
"""Bytes that the arguments of one call may take as JSON."""
MAX_FAULTS = 10
"""How many faults of one call are told."""
DEFAULT_MAX_LENGTH = 2000
"""Characters of a text whose contract names no bound."""

_CODES: Mapping[str, str] = {
    "required": "missing_field",
    "additionalProperties": "unknown_field",
    "type": "wrong_type",
    "pattern": "wrong_format",
    "format": "wrong_format",
    "enum": "not_allowed_value",
    "const": "not_allowed_value",
    "maxLength": "too_long",
    "minLength": "too_short",
    "maxItems": "too_long",
    "minItems": "too_short",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "uniqueItems": "not_allowed_value",
}


@dataclass(frozen=True, slots=True)
class InputSchema:
    """A closed JSON Schema with its compiled validator."""

    schema: Mapping[str, JsonValue]
    fields: Mapping[str, JsonValue]
    finders: Mapping[str, str]
    _validator: jsonschema_rs.Draft202012Validator

    @classmethod
    def compile(cls, schema: Mapping[str, JsonValue], finders: Mapping[str, str]) -> "InputSchema":
        """Compile offline, with formats checked, values masked and linear-time patterns."""
        validator = jsonschema_rs.Draft202012Validator(
            dict(schema),
            # by default the library fetches `$ref` over the network
            offline=True,
            validate_formats=True,
            # by default it repeats the value in the error, which may be a secret
            mask="***",
            # the default backtracks, so one text could hold the loop for minutes
            pattern_options=jsonschema_rs.RegexOptions(),
        )
        fields = schema["properties"]
        return cls(schema, fields if isinstance(fields, dict) else {}, finders, validator)

    def parse(self, arguments: object, limit: int = MAX_ARGUMENTS) -> dict[str, JsonValue]:
        """The arguments with declared defaults filled in, or `AilyusError` with code, JSON pointer and hint."""
        if not isinstance(arguments, Mapping):
            raise AilyusError("not_an_object", "the arguments are not an object", field="")
        # counted while walking, since measuring it as JSON would first build all of it
        budget = [limit]
        checked, faults, unread = dict[str, JsonValue](), list[AilyusError](), set[str]()
        for key, value in arguments.items():
            name = key if isinstance(key, str) else ""
            try:
                checked[_key(key, "")] = _checked(value, f"/{name}", budget)
            except AilyusError as fault:
                if fault.code == "too_large":
                    raise
                unread.add(name)
                faults.append(fault)
            if len(faults) >= MAX_FAULTS:
                break
        for name, field in self.fields.items():
            if name not in checked and name not in unread and isinstance(field, dict) and "default" in field:
                checked[name] = field["default"]
        # all at once: an agent that is told of one fault at a time needs a call for each
        for error in self._validator.iter_errors(checked):
            faults += (f for f in self._explained(error) if not _begins(f.field, unread))
            if len(faults) >= MAX_FAULTS:
                break
        if faults:
            # what is missing comes last: it is often what an unknown name was meant to be
            raise AilyusError.all_of(sorted(faults[:MAX_FAULTS], key=lambda fault: fault.code == "missing_field"))
        return checked

    def _explained(self, error: jsonschema_rs.ValidationError) -> Iterator[AilyusError]:
        keyword = str(error.schema_path[-1]) if error.schema_path else ""
        path = [str(part) for part in error.instance_path]
        if keyword == "additionalProperties":
            for name in sorted(error.kind.unexpected):  # type: ignore[attr-defined]  # this kind has it
                field = "".join(f"/{_escaped(part)}" for part in [*path, name])
                hint = None if path else f"no such field; {did_you_mean(name, self.fields)}"
                yield AilyusError("unknown_field", _sentence("unknown_field", field), hint=hint, field=field)
            return
        if keyword == "required":
            path.append(error.kind.property)  # type: ignore[attr-defined]  # this kind has it
        field = "".join(f"/{_escaped(part)}" for part in path)
        code = _CODES.get(keyword, "wrong_format")
        name = path[0] if path else ""
        yield AilyusError(
            code, _sentence(code, field), hint=_hint(self.fields.get(name), self.finders.get(name)), field=field
        )


def _escaped(name: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _begins(field: str | None, names: Set[str]) -> bool:
    """Is the fault within one of these arguments?"""
    return (field or "").split("/")[1:2] in [[name] for name in names]


def _items(mapping: Mapping[object, object], pointer: str) -> Iterator[tuple[str, object]]:
    for key, value in mapping.items():
        yield _key(key, pointer), value


def _key(key: object, pointer: str) -> str:
    """The key, if it may be one; the error's pointer is escaped as RFC 6901 says and bounded."""
    name = key if isinstance(key, str) else ""
    where = pointer + "/" + _escaped(name)[:100].encode("ascii", "replace").decode()
    if name.startswith("__"):  # guard: reserved keys
        raise AilyusError("reserved_key", f"`{where}` is a reserved key", field=where)
    if not name.isascii() or len(name) > 100:
        raise AilyusError("unknown_field", f"`{where}` is not a field of this tool", field=where)
    return name


def _checked(value: object, pointer: str, budget: list[int], depth: int = 0) -> JsonValue:
    budget[0] -= 8
    if isinstance(value, str):
        budget[0] -= len(value)
        if budget[0] >= 0:
            _check_text(value, pointer)
    elif isinstance(value, float):
        raise AilyusError("wrong_type", f"`{pointer}` is not a whole number", field=pointer)
    elif isinstance(value, int) and not isinstance(value, bool):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise AilyusError("out_of_range", f"`{pointer}` is beyond 2^53 - 1", field=pointer)
    elif isinstance(value, Mapping):
        if depth < 16 and budget[0] >= 0:
            return {k: _checked(v, f"{pointer}/{k}", budget, depth + 1) for k, v in _items(value, pointer)}
        budget[0] = -1
    elif isinstance(value, list):
        if depth < 16 and budget[0] >= 0:
            return [_checked(item, f"{pointer}/{i}", budget, depth + 1) for i, item in enumerate(value)]
        budget[0] = -1
    elif value is not None and not isinstance(value, bool):
        raise AilyusError("wrong_type", f"`{pointer}` is no JSON value", field=pointer)
    if budget[0] < 0:
        raise AilyusError("too_large", "the arguments are too large, or nested too deep", field=pointer[:256])
    return value  # type: ignore[return-value]  # every JSON type was matched above


def _check_text(value: str, pointer: str) -> None:
    if value.isascii() and value.isprintable():
        return
    for char in value:
        category = unicodedata.category(char)
        if category in ("Cf", "Cs", "Co", "Cn", "Zl", "Zp") or (category == "Cc" and char not in "\n\t"):
            raise AilyusError("bad_text", f"`{pointer}` holds the character U+{ord(char):04X}", field=pointer)
    if not unicodedata.is_normalized("NFC", value):
        raise AilyusError("bad_text", f"`{pointer}` is not in Unicode NFC", field=pointer)


def _sentence(code: str, field: str) -> str:
    return {
        "missing_field": f"`{field}` is missing",
        "unknown_field": f"`{field}` is not a field of this tool",
        "wrong_type": f"`{field}` has the wrong type",
        "wrong_format": f"`{field}` does not have the expected form",
        "not_allowed_value": f"`{field}` is not one of the allowed values",
        "out_of_range": f"`{field}` is out of range",
        "too_long": f"`{field}` is too long",
        "too_short": f"`{field}` is too short",
    }[code]


def _hint(declared: JsonValue, finder: str | None) -> str | None:
    if not isinstance(declared, dict):
        return None
    facts = [f"expected: {declared.get('type')}"]
    for keyword in ("pattern", "enum", "format", "minLength", "maxLength", "minimum", "maximum"):
        if keyword in declared:
            facts.append(f"{keyword} {orjson.dumps(declared[keyword]).decode()}")
    if finder:
        facts.append(f"find it with {finder}")
    return ", ".join(facts)
