"""The OpenAPI 3.1 document of the HTTP API (https://spec.openapis.org/oas/v3.1.0)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from receipts.audit.bundle import BundleFile
from server.console.api.documents import ApiAction, ApiFault, ApiReceiptDetail, ApiReceiptPage
from server.console.api.queries import LIMIT, MAX_LIMIT, MAX_TEXT
from server.console.receipt_list import FILTERS

_TIMES: Final = "so long ago (`12h`), or a date and a time in UTC (`2026-11-30 22:00`)"
_WORDS: Final[Mapping[str, str]] = {
    "words": "words of the action's sentence",
    "record": "the id or the label of a record",
    "kind": "the kind of the statement, such as `outcome`",
    "action_kind": "`read` or `write`",
    "since": f"not before: {_TIMES}",
    "until": f"before: {_TIMES}",
}
_FAULTS: Final = {
    "400": "A filter or a number is not sound.",
    "401": "There is no token, or it is nobody's.",
    "403": "The token's agent, or its person, may not read this.",
    "404": "There is no such receipt or action in the token's tenant.",
    "429": "There were too many requests.",
}
_MODELS: Final[Sequence[type[BaseModel]]] = (ApiReceiptPage, ApiReceiptDetail, ApiAction, BundleFile, ApiFault)


def description(url: str, version: str) -> dict[str, Any]:
    """The whole document, for an API that is reached at this URL."""
    models = [(model, "serialization") for model in _MODELS]
    _, schemas = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    paging = [
        _parameter("before", "only receipts before this place in the log: `older` of a page", _whole()),
        _parameter("after", "only receipts after this place in the log: `newer` of a page", _whole()),
        _parameter("limit", "how many receipts", {**_whole(1), "maximum": MAX_LIMIT, "default": LIMIT}),
    ]
    text = {"type": "string", "maxLength": MAX_TEXT}
    filters = [_parameter(name, _WORDS.get(name, f"the {name}, exactly"), text) for name in FILTERS]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Receipts",
            "version": version,
            "description": "What agents did in your tenant, as signed statements. `policies/receipts.cedar` says which"
            " tokens may read.",
        },
        "servers": [{"url": url}],
        "security": [{"token": []}],
        "paths": {
            "/api/receipts": _get("Receipts, newest first", ApiReceiptPage, [*filters, *paging]),
            "/api/receipts/{id}": _get("One receipt", ApiReceiptDetail, [_id("receipt")]),
            "/api/receipts/{id}/bundle": _get("The file that proves it", BundleFile, [_id("receipt")]),
            "/api/actions/{id}": _get("One action", ApiAction, [_id("action")]),
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _get(summary: str, model: type[BaseModel], parameters: list[dict[str, Any]]) -> dict[str, Any]:
    faults = {status: _answer(words, ApiFault) for status, words in _FAULTS.items()}
    answers = {"200": _answer(summary, model), **faults}
    return {"get": {"summary": summary, "parameters": parameters, "responses": answers}}


def _answer(words: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, words: str, schema: Mapping[str, object]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": words, "schema": schema}


def _id(noun: str) -> dict[str, Any]:
    schema = {"type": "string", "maxLength": MAX_TEXT}
    return {"name": "id", "in": "path", "required": True, "description": f"the id of the {noun}", "schema": schema}


def _whole(least: int = 0) -> dict[str, object]:
    return {"type": "integer", "minimum": least}
