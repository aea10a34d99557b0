"""A policy that names another tenant is not shown, however it is asked for."""

from pathlib import Path

from tests.console.visitor import visitor
from tests.world import Sandbox, gateway, make_workspace

FOREIGN = """
@id("globex-is-closed")
forbid (principal, action in Action::"write", resource)
when { principal.tenant == "globex" };
"""


async def test_a_policy_of_another_tenant_is_not_found(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    (workspace.root / "policies" / "foreign.cedar").write_text(FOREIGN)
    async with gateway(workspace, sandbox) as world, visitor(world, "lead") as lead:
        assert "globex-is-closed" in world.app.runner.release.decider.bundle.sources
        names = [row["name"] for row in (await lead.json("/policies.json"))["policies"]]
        assert "prod-high-needs-lead" in names
        assert "globex-is-closed" not in names
        await lead.get("/policies/globex-is-closed", 404)
