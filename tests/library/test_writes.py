"""Each write of the library works on its twin, and a lost reply doubles nothing. `python -m tests.library` has all faults."""

from pathlib import Path

import pytest

from contracts.compiler.catalog import load_catalog
from tests.library.tables import faults_of, library_workspace, table_of
from tests.library.writes import Write, writes
from tests.world import ROOT

APART = frozenset({"aws_iam", "aws_secrets", "helpdesk", "scim"})
"""Tried on moto, a real helpdesk and a SCIM server instead, in tests/journeys and tests/helpdesk."""
SECOND = frozenset(
    {"check_integration_key_refused", "deactivate_api_key", "restart_sync", "revoke_api_key"}
    | {"revoke_replaced_key", "update_integration_credential"}
)
"""What another action has to come before: tried in tests/journeys."""


def test_every_write_is_tried() -> None:
    programs = load_catalog(ROOT / "contracts" / "library").programs.values()
    known = {p.name for p in programs if p.is_write and p.contract.target not in APART}
    assert known - {one.contract for one in writes()} == SECOND, "add them to tests/library/writes.py"


@pytest.mark.parametrize("write", writes(), ids=lambda one: one.contract)
async def test_a_write_on_its_twin(tmp_path: Path, write: Write) -> None:
    rows = await table_of(library_workspace(tmp_path / "w"), write, ("none", "lost reply"))
    assert faults_of(rows) == []
