"""Requests of operations: every parameter at its place, or named."""

import re
from pathlib import Path

import pytest

from contracts.compiler.catalog import load_catalog
from tests.contracts.drafts.making import (
    SAID,
    act,
    left,
    param,
    route,
)


def test_headers_and_cookies(tmp_path: Path) -> None:
    given = [
        param("X-Tenant-Id", "header"),
        param("If-Match", "header"),
        param("Idempotency-Key", "header"),
        param("sid", "cookie"),
        param("X-Api-Token", "header"),
    ]
    draft = act(tmp_path, parameters=given)
    http = route(draft)
    assert http["headers"]["X-Tenant-Id"] == "${inputs.x_tenant_id}"
    assert http["idempotency_key"] == "Idempotency-Key"
    assert set(left(draft)) == {
        f"execute.0.http.{part}" for part in ("if_match", "headers.Cookie", "headers.X-Api-Token")
    }


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/v1/jobs/{jobId}:cancel", ["jobId"]),
        ("/compare/{base}...{head}", ["base", "head"]),
        ("/reports/{id}.{format}", ["id", "format"]),
        ("/Users('{key}')/x", ["key"]),
    ],
)
def test_fixed_text_and_several_holes_in_a_segment(tmp_path: Path, path: str, names: list[str]) -> None:
    draft = act(tmp_path, path, parameters=[param(name, "path") for name in names])
    assert re.sub(r"\$\{inputs\.[a-z_]+\}", "{}", route(draft)["post"]) == re.sub(r"\{[^}]+\}", "{}", path)
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts" / "act.yaml").write_text(draft.text(SAID))
    assert load_catalog(tmp_path / "contracts").programs["act"].routes


def test_a_parameter_that_is_declared_nowhere_is_named(tmp_path: Path) -> None:
    assert list(left(act(tmp_path, "/users/{ghost}"))) == ["inputs.ghost.description"]
