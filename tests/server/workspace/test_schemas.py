"""Schemas for editors: each file that people write names its own, which takes what the loader takes."""

import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema_rs import Draft202012Validator
from typer.testing import CliRunner

from contracts.drafts.draft import DraftInput
from contracts.errors import AilyusError
from contracts.schema.fields import as_duration, milliseconds
from contracts.text.document import read_document
from contracts.text.source import files_of
from server.cli.root_command import app
from server.workspace import contract_drafts as drafting
from server.workspace.own_systems import init_okta
from server.workspace.policy_drafts import PolicyRequest, write_policy
from server.workspace.schemas import KINDS, schema_of, with_line, without_line, write_schemas
from server.workspace.settings.file import FILE
from server.workspace.templates import TEMPLATES, init_sandbox
from server.workspace.workspace import Workspace
from tests.world import ROOT

EXAMPLES = {
    "contract": ROOT / "contracts" / "library" / "okta" / "unlock_user.yaml",
    "plan": ROOT / "contracts" / "library" / "crm" / "recover_sync.yaml",
    "flow": ROOT / "contracts" / "library" / "helpdesk" / "flow_login.yaml",
    "system": ROOT / "contracts" / "library" / "okta" / "_system.yaml",
    "policy-test": ROOT / "policies" / "library" / "base.test.yaml",
    "invariants": ROOT / "policies" / "library" / "invariants.yaml",
}


def workspace(folder: Path, template: str) -> Workspace:
    if template == "okta":
        init_okta(folder, "https://acme.okta.com", "OKTA_READ_TOKEN", "OKTA_WRITE_TOKEN")
    else:
        init_sandbox(folder, template)
    return Workspace.open(folder)


def sources(root: Path) -> list[Path]:
    return [*files_of(root / "contracts", "*.yaml"), *files_of(root / "policies", "*.yaml")]


def named(path: Path) -> Path:
    """The schema that a file's first line leads to, from the file's own folder."""
    first = path.read_text().split("\n")[0]
    begin = "#:schema " if path.name == FILE else "# yaml-language-server: $schema="
    assert first.startswith(begin), f"{path}: {first}"
    return (path.parent / first.removeprefix(begin)).resolve()


def complaints(path: Path, schema: bytes) -> list[str]:
    text = path.read_text()
    content = tomllib.loads(text) if path.suffix == ".toml" else read_document(text)[1]
    return [str(error) for error in Draft202012Validator(orjson.loads(schema)).iter_errors(content)]


@pytest.mark.parametrize("template", [*TEMPLATES, "okta"])
def test_every_file_of_a_template_leads_to_a_schema_that_takes_it(tmp_path: Path, template: str) -> None:
    root = workspace(tmp_path / "w", template).root
    kinds = {}
    for path in [root / FILE, *sources(root)]:
        schema = named(path)
        assert schema.parent == (root / ".ailyus" / "schema").resolve()
        assert complaints(path, schema.read_bytes()) == [], path
        kinds[schema.stem] = schema.read_bytes()
    assert kinds.keys() >= {"settings", "policy-test"}
    assert {kind: schema_of(kind) for kind in kinds} == kinds
    if template == "everything":
        assert kinds.keys() == {"settings", "policy-test", "contract", "plan", "system"}


def test_the_schemas_take_every_file_of_the_library() -> None:
    seen: dict[str, int] = {}
    library = [*files_of(ROOT / "contracts" / "library", "*.yaml"), *files_of(ROOT / "policies" / "library", "*.yaml")]
    others = [ROOT / "adapters" / "example", ROOT / "tests" / "vectors" / "records"]
    for path in [*library, *(path for folder in others for path in files_of(folder, "*.yaml"))]:
        kind = Path(with_line(ROOT, path, path.read_text()).split("\n")[0]).stem
        assert complaints(path, schema_of(kind)) == [], path
        seen[kind] = seen.get(kind, 0) + 1
    assert seen.keys() == EXAMPLES.keys()
    assert seen["contract"] >= 40


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_misspelt_key_is_refused(tmp_path: Path, kind: str) -> None:
    path, text = tmp_path / EXAMPLES[kind].name, EXAMPLES[kind].read_text()
    path.write_text(text)
    assert complaints(path, schema_of(kind)) == []
    path.write_text(text.rstrip("\n") + "\nevidense: {}\n")
    assert any("evidense" in said for said in complaints(path, schema_of(kind)))


def test_a_misspelt_setting_and_a_duration_without_a_unit_are_refused(tmp_path: Path) -> None:
    root = workspace(tmp_path / "w", "back-office").root
    text = (root / FILE).read_text()
    for wrong in (text.replace("tenant =", "tennant =", 1), text.replace("[server]\n", "[server]\npatience = 10\n")):
        assert wrong != text
        (root / FILE).write_text(wrong)
        assert complaints(root / FILE, schema_of("settings"))
    (root / FILE).write_text(text.replace("[server]\n", '[server]\npatience = "10s"\n'))
    assert complaints(root / FILE, schema_of("settings")) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_an_editor_offers_as_a_default_is_itself_allowed(kind: str) -> None:
    schema = orjson.loads(schema_of(kind))
    found = list(_defaults(schema))
    assert found
    for part in found:
        assert Draft202012Validator({**part, "$defs": schema.get("$defs", {})}).is_valid(part["default"]), part


def _defaults(node: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, dict):
        if "default" in node:
            yield node
        for key, child in node.items():
            for part in child.values() if key in ("properties", "$defs") else [child]:
                yield from _defaults(part)
    elif isinstance(node, list):
        for child in node:
            yield from _defaults(child)


@pytest.mark.parametrize("ms", [0, 1, 500, 1_000, 90_000, 600_000, 86_400_000])
def test_a_duration_is_written_as_it_is_read(ms: int) -> None:
    assert milliseconds(as_duration(ms)) == ms


def test_a_draft_leads_to_its_schema(tmp_path: Path) -> None:
    space = workspace(tmp_path / "w", "back-office")
    base = "http://127.0.0.1:8421/acme/backoffice/api/users/u-2"
    said = DraftInput("medium", "User=${inputs.user_id}", "Lock one user.", "", ("after.state.status == 'locked'",))
    drafting.draft_curl(
        space, f"curl -X POST {base}/lock", f"curl {base}", "lock_user", drafting.ApiConnection("backoffice"), {}, said
    )
    path = space.root / "contracts" / "backoffice" / "lock_user.yaml"
    assert named(path) == (space.root / ".ailyus" / "schema" / "contract.json").resolve()
    assert complaints(path, named(path).read_bytes()) == []
    assert without_line(path.read_text()).startswith("# A draft.")


def test_a_policy_test_leads_to_its_schema_and_is_still_repaired(tmp_path: Path) -> None:
    space = workspace(tmp_path / "w", "everything")
    assert write_policy(space, PolicyRequest("permit", "get_ticket", "Operations"))
    path = space.root / "policies" / "get-ticket-permit.test.yaml"
    assert named(path) == (space.root / ".ailyus" / "schema" / "policy-test.json").resolve()
    assert "expect: permitted" in path.read_text()
    said = write_policy(space, PolicyRequest("require-approval", "get_ticket", "SecurityLead", "Operations"))
    assert "repaired policies/get-ticket-permit.test.yaml" in "\n".join(said)
    assert "expect: approval_required" in path.read_text()
    for file in files_of(space.root / "policies", "*.yaml"):
        assert complaints(file, named(file).read_bytes()) == []


def test_after_a_clone_one_command_writes_the_schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git leaves `.ailyus/` out: a clone has the files without the schemas, and no store and no keys."""
    root = workspace(tmp_path / "w", "accounting-sync").root
    assert (root / ".gitignore").read_text() == ".ailyus/\n"
    shutil.rmtree(root / ".ailyus")
    monkeypatch.chdir(root)
    ran = CliRunner().invoke(app, ["contract", "schema", "--write"])
    assert ran.exit_code == 0, ran.output
    assert "wrote .ailyus/schema/: contract.json" in ran.output
    assert (root / ".ailyus").stat().st_mode & 0o077 == 0
    for path in [root / FILE, *sources(root)]:
        assert complaints(path, named(path).read_bytes()) == []
    refused = CliRunner().invoke(app, ["contract", "schema", "--write", "-w", str(tmp_path)])
    assert refused.exit_code == 1
    assert "hint:" in refused.output
    assert CliRunner().invoke(app, ["contract", "schema", "--write", "--plan"]).exit_code == 1


def test_schemas_that_cannot_be_written_are_told_and_stop_no_draft(tmp_path: Path) -> None:
    (tmp_path / ".ailyus").write_text("a file where a folder should be")
    with pytest.raises(AilyusError, match="cannot be written"):
        write_schemas(tmp_path)
