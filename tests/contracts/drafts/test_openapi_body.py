"""Bodies of operations: JSON or a form, and any other is named."""

from pathlib import Path

from tests.contracts.drafts.making import (
    act,
    body,
    left,
    route,
)


def test_bodies_of_every_kind(tmp_path: Path) -> None:
    both = {"name": "${inputs.name}", "tags": "${inputs.tags}"}
    assert route(act(tmp_path, requestBody=body("application/x-www-form-urlencoded")))["form"] == both
    merged = route(act(tmp_path, requestBody=body("application/merge-patch+json")))
    assert (merged["json"], merged["headers"]) == (both, {"content-type": "application/merge-patch+json"})
    for media in ("multipart/form-data", "text/plain", "application/xml"):
        assert list(left(act(tmp_path, requestBody=body(media)))) == ["execute.0.http.json"]
    fields = [{"name": "name", "in": "formData", "type": "string", "required": True}]
    assert route(act(tmp_path, parameters=fields))["form"] == {"name": "${inputs.name}"}
    file = [{"name": "file", "in": "formData", "type": "file"}]
    assert list(left(act(tmp_path, parameters=file, consumes=["multipart/form-data"]))) == ["execute.0.http.json"]
