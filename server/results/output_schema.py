"""The JSON schema of what an agent is told: it is made of `ActionResult`, and published with every tool."""

from collections.abc import Mapping

from pydantic import JsonValue, TypeAdapter

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
