"""A lost reply doubles no write of the library. `python -m tests.library` has all faults, `tests/vendors` has none."""

import shutil
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from contracts.compiler.catalog import load_catalog
from tests.library.writes import Write, writes
from tests.world import ROOT, Sandbox, gateway, make_workspace, unbounded

APART = frozenset({"aws_iam", "aws_secrets", "helpdesk", "scim"})
"""Tried on moto, a real helpdesk and a SCIM server instead, in tests/journeys and tests/helpdesk."""
SECOND = frozenset(
    {"check_integration_key_refused", "deactivate_api_key", "restart_sync", "revoke_api_key"}
    | {"revoke_replaced_key", "update_integration_credential"}
)
"""What another action has to come before: tried in tests/journeys."""


PROGRAMS = load_catalog(ROOT / "contracts" / "library").programs
BY_SYSTEM: dict[str, list[Write]] = defaultdict(list)
for one in writes():
    BY_SYSTEM[PROGRAMS[one.contract].contract.target].append(one)


def test_every_write_is_tried() -> None:
    known = {p.name for p in PROGRAMS.values() if p.is_write and p.contract.target not in APART}
    assert known - {one.contract for one in writes()} == SECOND, "add them to tests/library/writes.py"


@pytest.mark.parametrize("system", sorted(BY_SYSTEM))
async def test_each_write_on_its_twin(tmp_path: Path, sandbox: Sandbox, system: str) -> None:
    workspace = unbounded(make_workspace(tmp_path / "w", sandbox, template="library"))
    shutil.rmtree(workspace.root / "policies")
    (workspace.root / "policies").mkdir()
    (workspace.root / "policies" / "all.cedar").write_text('@id("all")\npermit (principal, action, resource);\n')
    wrong: list[str] = []
    async with gateway(workspace, sandbox) as world:
        for write in BY_SYSTEM[system]:
            sandbox.reset()
            sandbox.fault("lost_reply", "", system)
            why = {"reason": "the reply is lost"} if PROGRAMS[write.contract].needs_reason else {}
            answer = await world.approved(write.contract, {**write.inputs, **why})
            wrong += faults_of(write.contract, answer, sandbox)
    assert wrong == []


def faults_of(contract: str, answer: Mapping[str, Any], sandbox: Sandbox) -> list[str]:
    """What must not be after a lost reply: not done at all, done twice, or told wrongly."""
    effects = sum(entry["effect"] for entry in sandbox.log(""))
    if PROGRAMS[contract].made is not None:
        effects = min(effects, 1)  # what was made twice was taken back
    if effects == 1 and answer["status"] in ("confirmed", "unknown"):
        return []
    return [f"{contract}: `{answer['status']}` with {effects} effects: {answer.get('summary')}"]
