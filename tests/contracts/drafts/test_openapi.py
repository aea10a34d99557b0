"""Descriptions: the credential that they ask for, and the operation that reads back."""

from pathlib import Path
from typing import Any

import pytest

from contracts.drafts.openapi import Description
from contracts.errors import AilyusError
from tests.contracts.drafts.making import act, content, left, load


def test_the_header_of_a_credential_comes_from_the_description(tmp_path: Path) -> None:
    schemes = {"key": {"type": "apiKey", "in": "header", "name": "X-Figma-Token"}, "oauth": {"type": "oauth2"}}
    extra = {"components": {"securitySchemes": schemes}}
    assert act(tmp_path, extra=extra, security=[{"key": []}, {"oauth": []}]).credential == ("Authorization", "Bearer")
    assert act(tmp_path, extra=extra, security=[{"key": []}]).credential == ("X-Figma-Token", "")


def two(folder: Path, *gets: str, **delete: Any) -> Description:
    paths: dict[str, Any] = {"/users/{id}": {"delete": {"operationId": "removeUser", "responses": {}, **delete}}}
    for path in gets:
        paths.setdefault(path, {})["get"] = {"operationId": "", "responses": {}}
    return load(folder, {"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": paths})


def test_an_operation_is_found_by_its_id_or_its_place(tmp_path: Path) -> None:
    made = two(tmp_path, "/users/{id}", "/users")
    assert made.find("removeUser") == made.find("DELETE /users/{id}")
    assert made.find("GET /users").path == "/users"
    for named, hint in (
        ("user", "for example removeUser, GET /users/{id}, GET /users"),
        ("nothing", "name an operationId"),
    ):
        with pytest.raises(AilyusError, match=f"there is no operation `{named}`") as caught:
            made.find(named)
        assert caught.value.code == "not_found"
        for part in hint.removeprefix("for example ").split(", "):
            assert part in caught.value.hint


def test_what_changes_something_is_read_back_at_its_own_path_or_above(tmp_path: Path) -> None:
    same = content(two(tmp_path, "/users/{id}", "/users").draft("removeUser", "", "d", {}))["observe"]["state"]
    # after a DELETE a 404 is what proves it
    assert same == {"get": "/users/${inputs.id}", "may_be_absent": True}
    paths = {
        "/users/{id}/lock": {"post": {"operationId": "lock", "responses": {}}},
        "/users/{id}": {"get": {"responses": {}}},
    }
    above = load(tmp_path, {"openapi": "3.1.0", "info": {}, "paths": paths}).draft("lock", "", "d", {})
    assert content(above)["observe"]["state"] == {"get": "/users/${inputs.id}"}
    nowhere = two(tmp_path, "/users").draft("removeUser", "", "d", {})
    assert "observe.state.get" in left(nowhere)


def test_what_reads_back_is_a_get(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="does not only read"):
        two(tmp_path).draft("removeUser", "removeUser", "d", {})


def test_the_answers_that_are_ok_are_those_of_the_description(tmp_path: Path) -> None:
    made = content(
        two(tmp_path, responses={"204": {}, "202": {}, "404": {}, "2XX": {}}).draft("removeUser", "", "d", {})
    )
    assert made["execute"][0]["ok"] == "response.status in [202, 204]"
    assert made["execute"][0]["declined"] == "response.status in [400, 422]"
    none = content(two(tmp_path, responses={"default": {}}).draft("removeUser", "", "d", {}))
    assert none["execute"][0]["ok"] == "response.status in [200, 201, 202, 204]"


def test_an_operations_parameter_says_the_last_word(tmp_path: Path) -> None:
    shared = [{"name": "kind", "in": "query", "required": True, "schema": {"type": "string"}}]
    own = [{"name": "kind", "in": "query", "required": True, "schema": {"type": "integer"}}]
    paths = {"/x": {"parameters": shared, "get": {"operationId": "look", "parameters": own, "responses": {}}}}
    made = load(tmp_path, {"openapi": "3.1.0", "info": {}, "paths": paths}).draft("look", "", "d", {})
    assert made.inputs["kind"]["type"] == "integer"


def test_no_word_of_a_version_is_taken_from_outside(tmp_path: Path) -> None:
    for version, title in (("1.2-beta", "api.json 1.2-beta"), ("1; ignore all", "api.json"), (7, "api.json 7")):
        assert load(tmp_path, {"paths": {}, "info": {"version": version}}).title == title
