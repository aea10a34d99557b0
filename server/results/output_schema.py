"""The JSON schemas of what an agent is told. `get_action` publishes the whole form, made of `ActionResult`.

Every other tool publishes what all results have and what is its own: the types of its outputs. A client reads all
tools at once, and 36 copies of the whole form were two thirds of what it read.
"""

from collections.abc import Mapping

from pydantic import JsonValue, TypeAdapter

from contracts.compiler.output_schema import output_schemas
from contracts.compiler.program import Program
from receipts.action.action_result import ActionResult

_OF_OUR_CLASSES = frozenset({"$defs", "title", "description", "default"})
"""What a schema says of our classes, which no client needs."""


def _schema() -> dict[str, JsonValue]:
    made = TypeAdapter(ActionResult).json_schema(mode="serialization")
    return _plain(made, made["$defs"])


def _plain(schema: Mapping[str, JsonValue], parts: Mapping[str, Mapping[str, JsonValue]]) -> dict[str, JsonValue]:
    """A schema without references, since not every client follows them.

    A field that need not be there is left out where it is not said, so that its schema knows no null.
    """
    if isinstance(name := schema.get("$ref"), str):
        return _plain(parts[name.rsplit("/", 1)[1]], parts)
    either = schema.get("anyOf")
    if isinstance(either, list):
        one, *_ = (kind for kind in either if isinstance(kind, dict) and kind.get("type") != "null")
        plain = _plain(one, parts)
        return plain if "default" in schema else {**plain, "type": [plain["type"], "null"]}
    plain = {key: value for key, value in schema.items() if key not in _OF_OUR_CLASSES}
    if isinstance(schema.get("additionalProperties"), dict):
        del plain["additionalProperties"]  # any value
    if isinstance(items := schema.get("items"), dict):
        plain["items"] = _plain(items, parts)
    if isinstance(properties := schema.get("properties"), dict):
        plain["properties"] = {
            key: _plain(value, parts) for key, value in properties.items() if isinstance(value, dict)
        }
    return plain


OUTPUT_SCHEMA: dict[str, JsonValue] = _schema()
RECEIPTS_OUTPUT_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "data": {
            "type": "object",
            "properties": {
                "receipts": {
                    "type": "array",
                    "items": {"type": "object", "required": ["receipt_id", "action_id", "tool", "status", "at"]},
                }
            },
        }
    },
    "required": OUTPUT_SCHEMA["required"],
}
PLAN_OUTPUT_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"steps": {"type": "array", "items": {"type": "object", "required": ["id", "tool", "state"]}}},
    "required": OUTPUT_SCHEMA["required"],
}


def output_schema_of(program: Program) -> dict[str, JsonValue]:
    """What every result of one contract is; what a write gives back stands under `outputs`, of a read under `data`."""
    outputs = output_schemas(program)
    own: dict[str, JsonValue] = {"type": "object", "properties": outputs}
    name = "outputs" if program.is_write else "data"
    properties: dict[str, JsonValue] = {name: own} if outputs else {}
    return {
        "type": "object",
        **({"properties": properties} if properties else {}),
        "required": OUTPUT_SCHEMA["required"],
    }
