"""The JSON Schema of a contract's outputs: as much of their form as is known before anything was read.

It holds for every value that the outputs can have: what only the target knows (`DYN` of CEL) is left open.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from pydantic import JsonValue

from contracts.compiler.expressions import CEL_STRING, Expression
from contracts.compiler.program import Program
from contracts.schema.output import Output

_TYPES: Mapping[str, str] = {
    "STRING": "string",
    "INT": "integer",
    "UINT": "integer",
    "DOUBLE": "number",
    "BOOL": "boolean",
}
_KEY = re.compile(r"\s*(?:'(\w+)'|\"(\w+)\")\s*:")


def output_schemas(program: Program) -> dict[str, JsonValue]:
    """The schema of each output by its name."""
    schemas: dict[str, JsonValue] = {}
    for name, template in program.outputs:
        declared = program.contract.outputs[name]
        if isinstance(declared, Output) and declared.secret is not None:
            schemas[name] = {"type": "string", "description": "A handle; the secret itself stays sealed."}
        elif isinstance(declared, Output) and declared.enum is not None:
            schemas[name] = {"enum": list(declared.enum)}
        elif template.whole is None or (isinstance(declared, Output) and declared.pattern is not None):
            schemas[name] = {"type": "string"}
        else:
            schemas[name] = _schema_of(template.whole)
    return schemas


def _schema_of(expression: Expression) -> dict[str, JsonValue]:
    kind = expression.kind
    if kind in _TYPES:
        return {"type": _TYPES[kind]}
    if kind.startswith("LIST<MAP"):
        return {"type": "array", "items": _object(expression.text)}
    if kind.startswith("LIST"):
        return {"type": "array"}
    return _object(expression.text) if kind.startswith("MAP") else {}


def _object(text: str) -> dict[str, JsonValue]:
    """An object with the keys that the outermost literals of an expression have; no one of them need be there."""
    properties: dict[str, JsonValue] = {key: {} for key in _keys(text)}
    return {"type": "object", "properties": properties} if properties else {"type": "object"}


@lru_cache(maxsize=1024)
def _keys(text: str) -> tuple[str, ...]:
    """The keys of map literals that stand in no other one."""
    keys, depth, position = dict[str, None](), 0, 0
    while position < len(text):
        char = text[position]
        depth += {"{": 1, "}": -1}.get(char, 0)
        if depth == 1 and char in "{," and (key := _KEY.match(text, position + 1)):
            keys[key[1] or key[2]] = None
        string = CEL_STRING.match(text, position) if char in "'\"" else None
        position = string.end() if string else position + 1
    return tuple(keys)
