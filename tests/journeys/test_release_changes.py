"""A wait for people outlives the release under which it was asked."""

from pathlib import Path

import pytest

from receipts.statement.gateway_facts import KeyFacts
from tests.until import until
from tests.world import FILE, MARIA, Sandbox, Workspace, World, gateway, make_workspace, nobody

CONTRACT = "contracts/okta/reset_user_mfa.yaml"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("contract gone", "policy_changed"),
        ("contract edited", "policy_changed"),
        ("connection edited", "target_changed"),
    ],
)
async def test_what_was_approved_under_another_release_is_not_done(
    tmp_path: Path, sandbox: Sandbox, change: str, code: str
) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        asked = await world.call("reset_user_mfa", MARIA)
        world.app.inbox._wake = nobody  # type: ignore[assignment]
        world.app.recovery.scan = nobody  # type: ignore[assignment, method-assign]  # nobody carries it on yet
        assert await world.approve(asked["action_id"]) == "ready"
    path, toml = workspace.root / CONTRACT, workspace.root / FILE
    if change == "contract gone":
        path.unlink()
        (path.parent / "restore_account_access.yaml").unlink()  # the plan that needs it
        tests = workspace.root / "policies"
        (tests / "support.cedar").write_text(
            '@id("support-may-help-accounts") permit (principal in Role::"Support", action, resource);'
        )
    elif change == "contract edited":
        path.write_text(path.read_text().replace("settle: 5s", "settle: 6s"))
    else:
        toml.write_text(toml.read_text().replace('principal = "ailyus-writer"', 'principal = "another"'))
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        answer = await world.get(asked["action_id"])
        assert (answer["status"], answer["error"]["code"]) == ("denied", code)
        assert world.sandbox.writes() == 0


@pytest.mark.parametrize("what", ["agent", "key"])
async def test_what_a_revoked_agent_asked_for_or_a_revoked_key_approved_is_not_done(world: World, what: str) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    wake = world.app.inbox._wake
    world.app.inbox._wake = nobody  # type: ignore[assignment]
    world.app.recovery.scan = nobody  # type: ignore[assignment, method-assign]  # nobody carries it on yet
    assert await world.approve(asked["action_id"]) == "ready"
    if what == "agent":
        await world.app.agents.change("support-bot", revoke=True)
    else:
        keyid = next(k.keyid for k in (await world.app.journal.registry.keys()).values() if k.person == "lead")
        facts = KeyFacts(event="revoked", keyid=keyid, last_good_size=0)
        sealed = world.app.journal.notary.sign_gateway_statement(facts, "rcp_x", "", {keyid: "0" * 64}, 1)
        await world.app.journal.registry.revoke_key(keyid, sealed)
    await wake(asked["action_id"])
    await until(lambda: world.rows("SELECT state FROM actions WHERE id = ?", asked["action_id"]) == [("ended",)])
    assert world.rows("SELECT status FROM actions WHERE id = ?", asked["action_id"]) == [("denied",)]
    assert world.sandbox.writes() == 0


async def test_policies_can_see_that_a_call_is_repeated(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    (workspace.root / "policies" / "once.cedar").write_text(
        '@id("only-once") forbid (principal, action == Action::"unlock_user", resource) when { context.repeat >= 1 };'
    )
    async with gateway(workspace, sandbox) as world:
        sandbox.fault("refuse", "unlock")
        arguments = {"user_id": "00u2leo000001", "reason": "locked out since this morning"}
        assert (await world.call("unlock_user", arguments))["status"] == "not_applied"
        assert (await world.call("unlock_user", arguments))["status"] == "denied"
