"""Swagger 2.0 as OpenAPI 3: where the two name the same thing in another place."""

from typing import Any

_SCHEMA = ("type", "format", "enum", "items", "default", "minimum", "maximum", "pattern")
_METHODS = ("get", "post", "put", "patch", "delete")


def as_openapi3(spec: dict[str, Any]) -> dict[str, Any]:
    """Forms become request bodies, answers get a content type, definitions become components."""
    paths = {path: {m: _operation(o) for m, o in item.items() if m in _METHODS} for path, item in spec["paths"].items()}
    made = {
        "openapi": "3.0.3",
        "info": spec["info"],
        "servers": [{"url": f"https://{spec.get('host', '')}{spec.get('basePath', '')}"}],
        "paths": paths,
        "components": {"schemas": spec.get("definitions", {})},
    }
    moved = _moved(made)
    assert isinstance(moved, dict)
    return moved


def _operation(operation: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {"parameters": [], "responses": {}}
    fields: dict[str, Any] = {}
    required = []
    for parameter in operation.get("parameters", ()):
        schema = {key: parameter[key] for key in _SCHEMA if key in parameter}
        if parameter["in"] == "formData":
            fields[parameter["name"]] = schema
            required += [parameter["name"]] if parameter.get("required") else []
        elif parameter["in"] == "body":
            out["requestBody"] = {"content": {"application/json": {"schema": parameter["schema"]}}}
        else:
            kept = {key: parameter[key] for key in ("name", "in", "required") if key in parameter}
            out["parameters"].append(kept | {"schema": schema})
    if fields:
        schema = {"type": "object", "properties": fields, **({"required": required} if required else {})}
        kinds = operation.get("consumes", ["application/x-www-form-urlencoded"])
        out["requestBody"] = {"content": {kind: {"schema": schema} for kind in kinds}}
    for status, answer in operation["responses"].items():
        content = {"application/json": {"schema": answer["schema"]}} if "schema" in answer else {}
        out["responses"][status] = {"description": "", **({"content": content} if content else {})}
    return out


def _with_alternatives(node: dict[str, Any]) -> dict[str, Any]:
    """Swagger 2.0 has neither `anyOf` nor null: Slack lists alternatives as `items`, and types as a list."""
    if node.get("type") == "null":
        return {"nullable": True, "enum": [None]}
    if isinstance(node.get("items"), list):
        rest, several = {k: v for k, v in node.items() if k != "items"}, {"anyOf": node["items"]}
        node = rest | ({"items": several} if rest.get("type") == "array" else several)
    if isinstance(node.get("type"), list):
        known = {"null": {"nullable": True, "enum": [None]}, "array": {"type": "array", "items": {}}}
        types = [known.get(one, {"type": one}) for one in node["type"]]
        node = {k: v for k, v in node.items() if k not in ("type", "format")} | {"anyOf": types}
    return node


def _moved(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            return {"$ref": node["$ref"].replace("#/definitions/", "#/components/schemas/")}
        return _with_alternatives({key: _moved(value) for key, value in node.items()})
    return [_moved(one) for one in node] if isinstance(node, list) else node
