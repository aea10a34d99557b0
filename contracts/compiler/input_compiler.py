"""The inputs of a contract or a plan, compiled to a closed JSON Schema and to names for expressions."""

import re
from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from contracts.compiler.agent_arguments import RESERVED
from contracts.compiler.expressions import CelType
from contracts.compiler.inputs import DEFAULT_MAX_LENGTH, InputSchema
from contracts.errors import AilyusError
from contracts.schema.input import Input

_WHOLE: Final = re.compile(r"\^[^|]*\$")
"""From the first character to the last; an alternative at the top could have no such end."""
_ESCAPED: Final = re.compile(r"\\.|\[(?:\\.|[^\]])*\]")
"""An escaped character or a class, each of which is one character."""
_ENDLESS: Final = re.compile(r"[*+]|\{\d*,\}")
_HANDLE: Final = "^sec_[0-9A-Z]{26}$"
_CEL_TYPES: Mapping[str, CelType] = {
    "string": "string",
    "integer": "int",
    "boolean": "bool",
    "array": "list",
    "secret": "string",
}


def compile_inputs(fields: Mapping[str, Input]) -> InputSchema:
    """The closed schema of declared inputs; raises `AilyusError` with the field that is wrong."""
    properties: dict[str, JsonValue] = {}
    for name, field in fields.items():
        if name in RESERVED:
            raise AilyusError("bad_contract", f"the input name `{name}` is reserved", field=f"inputs.{name}")
        # our own words are left out: the validator passes unknown keywords without a word
        schema = field.model_dump(
            mode="json",
            by_alias=True,
            exclude_none=True,
            exclude_defaults=True,
            exclude={"from_", "index", "optional", "secret", "late"},
        )
        if field.type == "secret":
            schema |= {"type": "string", "pattern": _HANDLE}
        if field.type == "string" and not field.enum and not (field.pattern and is_bounded(field.pattern)):
            schema.setdefault("maxLength", DEFAULT_MAX_LENGTH)
        if field.type == "array":
            if field.items is None:
                raise AilyusError("bad_contract", "a list needs `items`", field=f"inputs.{name}")
            # a list without a bound would be an action without one
            schema.setdefault("maxItems", 100)
        properties[name] = schema
    required: list[JsonValue] = [n for n, f in fields.items() if not f.optional and f.default is None]
    closed: dict[str, JsonValue] = {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,  # guard: closed schema
    }
    finders = {n: f.from_ for n, f in fields.items() if f.from_}
    try:
        return InputSchema.compile(closed, finders)
    except ValueError as error:
        raise AilyusError("bad_contract", f"the inputs are no JSON Schema: {error}", field="inputs") from None


def is_bounded(pattern: str) -> bool:
    """Can a text that matches the pattern have only so many characters? Told from the pattern's own text."""
    bare = _ESCAPED.sub("", pattern)
    return bool(_WHOLE.fullmatch(bare)) and not _ENDLESS.search(bare)


def input_names(fields: Mapping[str, Input]) -> dict[str, CelType]:
    """The inputs as names of expressions."""
    return {f"inputs.{name}": _CEL_TYPES[field.type] for name, field in fields.items()}
