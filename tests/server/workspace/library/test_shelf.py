"""What a contract of the library needs, as the shelf reads it, is what its program uses."""

from contracts.compiler.catalog import load_catalog
from contracts.compiler.flow_use import flows_of
from server.workspace.library.connection_text import connection_text
from server.workspace.library.shelf import Shelf
from server.workspace.settings.settings import Settings
from tests.project import ROOT

SHELF = Shelf.read()


def test_each_file_brings_all_that_its_program_names() -> None:
    catalog = load_catalog(ROOT / "contracts" / "library")
    by_key = {file.key: file for file in SHELF.files.values()}
    for name, program in catalog.programs.items():
        brought = {file.key for file in SHELF.with_needs([by_key[name]])}
        assert set(program.inputs.finders.values()) <= brought, name
        assert program.undo is None or program.undo.contract in brought, name
        assert {flow.flow.flow for flow in flows_of(program.reads, program.routes)} <= brought, name
    for name, plan in catalog.plans.items():
        brought = {file.key for file in SHELF.with_needs([by_key[name]])}
        assert {step.contract for block in plan.blocks for step in block.steps} <= brought, name
    assert catalog.programs.keys() | catalog.plans.keys() == {f.key for f in SHELF.files.values() if f.kind != "flow"}


def test_each_system_has_a_connection() -> None:
    settings = Settings.model_validate({"origin": "ailyus.local/w", "roles": ["Support"], "environments": ["prod"]})
    kinds = {target for file in SHELF.files.values() for target in file.targets}
    assert len(kinds) == 18
    for kind in sorted(kinds):
        assert connection_text(kind, settings, {}).to_do, kind


def test_a_search_finds_words_in_any_order() -> None:
    names = {file.name for file in SHELF.found(["MFA", "okta"])}
    assert "okta/reset_user_mfa" in names
    assert all("okta" in name or "intercom" in name or "incidents" in name for name in names)
    assert SHELF.found(["nosuchword"]) == []
