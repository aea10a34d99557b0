"""What speaks for a candidate is computed in a process beside the gateway, and shown where people approve."""

from pathlib import Path

import pytest

from server.operations import policy_assurance
from server.workspace.workspace import Workspace
from tests.console.visitor import visitor
from tests.journeys.candidates import candidates, package
from tests.journeys.releases import SECOND, edit, widen
from tests.world import FILE, Sandbox, gateway, make_workspace


async def test_a_candidate_is_examined_where_people_approve_it(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_assurance, "SECONDS", 0.3)
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    edit(workspace, FILE, 'tenant = "globex"', 'tenant = "acme"')
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        widen(world.workspace)
        digest = (await candidates(world).propose(package(world))).record.digest
        page = f"/releases/{digest}/impact"
        async with visitor(world, "lead") as lead:
            assert "examine it" in await lead.get(page)
            assert (await lead.json(f"{page}.json"))["assurance"] is None
            said = await lead.get(f"{page}?examine=yes")
    for words in ("conditions both true and false", "planted mistakes; there was no time for"):
        assert words in said, words
    # it permits more than what is live: whatever there was time for, that is not proven
    assert " this change permits nothing that was denied" in said
    assert "PROVEN this change" not in said
