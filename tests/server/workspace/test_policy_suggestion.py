"""What receipts show to be wider than needed is written tighter: tests pass, and nothing would have been decided anew."""

import asyncio
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.case import load_tests
from policies.testing import run_tests
from receipts.statement.recorded_decisions import deciding_policies, verdicts
from server.workspace import policy_suggestion
from server.workspace.policy_suggestion import SuggestedPolicies, suggest
from server.workspace.release_package import candidate_of
from tests.world import MARIA, World

LIMIT = '@id("far") forbid (principal, action == Action::"get_user", resource) when { context.plan.size > 20 };'
TIGHT = LIMIT.replace("> 20", "> 1")
TEST = """tests:
- {name: many, action: get_user, agent: {roles: [Support]}, person: {roles: [Support]}, plan_size: 30, expect: denied}
"""


async def suggested(world: World, folder: Path) -> SuggestedPolicies:
    return await asyncio.to_thread(suggest, world.workspace, 0, folder)


async def test_what_was_used_stays_and_what_was_not_goes_with_its_tests(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy_suggestion, "OFTEN", 1)
    policies = world.workspace.root / "policies"
    (policies / "far.cedar").write_text(f"// why\n{LIMIT}\n")
    (policies / "far.test.yaml").write_text(TEST)
    await world.call("get_user", {"user_id": MARIA["user_id"]})
    assert (await world.approved("reset_user_mfa", MARIA))["status"] == "confirmed"

    used = world._reading(lambda read: deciding_policies(read, 0))
    assert {"support-may-read", "support-may-help-accounts", "prod-high-needs-lead"} <= used
    assert world._reading(lambda read: verdicts(read, 0)) == {"reset_user_mfa": (1, 0)}

    folder = tmp_path / "tighter"
    found = await suggested(world, folder)
    kept = {one.suggestion.policy: one for one in found.tried if not one.kept_out}
    assert found.always_given == {"reset_user_mfa": 1}
    assert {"far", "support-may-change-groups"} <= set(kept)
    assert not {"support-may-read", "support-may-help-accounts"} & set(kept)
    assert "support may change a plain group" in kept["support-may-change-groups"].tests

    assert (folder / "policies" / "far.cedar").read_text() == f"// why\n{TIGHT}\n"
    release, _ = candidate_of(world.workspace, folder)
    cases = [case for _, case in load_tests(folder / "policies")]
    assert [one.failure for one in run_tests(release.decider, release.catalog.programs, cases) if one.failure] == []
    with pytest.raises(AilyusError, match="exists already"):
        await suggested(world, folder)


async def test_what_a_test_speaks_for_stays(world: World, tmp_path: Path) -> None:
    policies = world.workspace.root / "policies"
    (policies / "far.cedar").write_text(LIMIT)
    (policies / "far.test.yaml").write_text(TEST.replace("30", "20").replace("denied", "permitted"))
    await world.call("get_user", {"user_id": MARIA["user_id"]})
    found = await suggested(world, tmp_path / "tighter")
    (far,) = (one for one in found.tried if one.suggestion.policy == "far")
    assert far.kept_out == "a test speaks for it: `many`"
