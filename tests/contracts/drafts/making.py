"""Drafts of lines and descriptions for tests, and what is left to do in them."""

from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from contracts.compiler.catalog import Complaints, load_catalog
from contracts.drafts.curl_draft import draft_lines
from contracts.drafts.draft import Draft, DraftInput
from contracts.drafts.openapi import Description
from contracts.text.todo import todos

SAID = DraftInput("low", "User=x", "Change one thing.", "", ("response.status == 200",))


READ = "curl https://d.example/api/users"


SECRET = "q7Zr4tYw9sKd2mLx"


TODOS = ("summary", "use_when", "risk", "resource.type", "resource.id", "says", "expect.0.that")


FILLED = DraftInput("low", "User=${inputs.user_id}", "Lock one user.", "", ("after.state.locked == true",))


def content(draft: Draft) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(draft.text(SAID))
    return loaded


def drafted(write: str, read: str = READ, fixed: Any = None) -> dict[str, Any]:
    return content(draft_lines(write, read, "do", "d", fixed or {})[0])


def left(draft: Draft) -> dict[str, str]:
    return {".".join(path): what for path, what in todos(content(draft))}


def faults(folder: Path, text: str) -> list[str]:
    (folder / "draft.yaml").write_text(text)
    with pytest.raises(Complaints) as found:
        load_catalog(folder)
    return [str(fault) for fault in found.value.faults]


def whole(**operation: Any) -> dict[str, Any]:
    return {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {"/users/{id}": operation}}


def load(folder: Path, content: dict[str, Any]) -> Description:
    (folder / "api.json").write_bytes(orjson.dumps(content))
    return Description.load(folder / "api.json")


def described(folder: Path, path: str, method: str = "post", extra: Any = None, **operation: Any) -> Description:
    whole = {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, **(extra or {})}
    own = {"operationId": "act", "responses": {"200": {}}, **operation}
    whole["paths"] = {path: {method: own}, "/look": {"get": {"operationId": "look", "responses": {}}}}
    (folder / "api.json").write_bytes(orjson.dumps(whole))
    return Description.load(folder / "api.json")


def act(folder: Path, path: str = "/x", without: tuple[str, ...] = (), **more: Any) -> Draft:
    return described(folder, path, **more).draft("act", "look", "d", {}, without)


def body(media: str, schema: Any = None, **more: Any) -> dict[str, Any]:
    shape = schema or {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}},
    }
    return {"required": True, "content": {media: {"schema": shape, **more}}}


def route(draft: Draft) -> dict[str, Any]:
    http: dict[str, Any] = content(draft)["execute"][0]["http"]
    return http


def param(name: str, where: str = "query", required: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": {"type": "string"}, **more}
