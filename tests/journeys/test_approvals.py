"""Approvals: each refusal with its own code, one use, and no way around them."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from policies.approval import SignedApproval, sign_binding
from policies.principal import keyid_of
from policies.signed_release import document_of, sign_release
from receipts.log.signing import create_key, load_key
from receipts.store.transaction import Conflict
from server.app import App
from server.gateway_process import running
from server.operations.halts import NewHalt, halt
from server.workspace.releases import now_ms
from tests.free import free
from tests.world import FILE, LEO, MARIA, Sandbox, Workspace, World, gateway, make_workspace, nobody

pytestmark = pytest.mark.both_stores


def signed_anew(world: World, signed: SignedApproval, person: str = "lead", **change: Any) -> SignedApproval:
    """The same approval with changed fields, signed properly by somebody's key."""
    binding = signed.binding.model_copy(update=change)
    key = load_key(world.workspace.key_file(person))
    return sign_binding(binding, key, keyid_of(key.public_key().public_bytes_raw()))


async def refused(world: World, signed: SignedApproval) -> str:
    with pytest.raises(AilyusError) as caught:
        await world.app.inbox.decide(signed)
    assert world.sandbox.writes() == 0
    return caught.value.code


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("params", {"user_id": LEO["user_id"], "ticket": "4712"}, "params_changed"),
        ("resource_id", LEO["user_id"], "resource_changed"),
        ("person", "lead", "other_requester"),
        ("agent", "other-bot", "other_requester"),
        ("target_digest", "0" * 64, "target_changed"),
        ("routes", ("http:DELETE",), "target_changed"),
        ("slice_digest", "0" * 64, "policy_changed"),
        ("contract_digest", "0" * 64, "policy_changed"),
        ("pinned", {}, "state_changed"),
        ("needs", ((("SecurityLead", 2),),), "need_missing"),
        ("display_digest", "0" * 64, "state_changed"),
    ],
)
async def test_a_subject_that_is_not_what_is_asked(world: World, field: str, value: Any, code: str) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    signed = await world.sign(asked["action_id"])
    subject = signed.binding.subject.model_copy(update={field: value})
    assert await refused(world, signed_anew(world, signed, subject=subject)) == code


async def test_who_may_not(world: World, tmp_path: Path) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    action = asked["action_id"]
    signed = await world.sign(action)
    assert await refused(world, await world.sign(action, "requester")) == "self_approval"
    assert await refused(world, signed_anew(world, signed, role="Support")) == "wrong_role"
    assert await refused(world, signed_anew(world, signed, "requester")) == "unlinked_key"
    stranger = create_key(tmp_path / "stranger.pem")
    unknown = sign_binding(signed.binding, stranger, keyid_of(stranger.public_key().public_bytes_raw()))
    assert await refused(world, unknown) == "unlinked_key"
    assert await refused(world, signed.model_copy(update={"signature": "00" * 64})) == "bad_signature"
    assert await refused(world, signed_anew(world, signed, expires_ms=1)) == "expired"


async def test_a_used_approval(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    signed = await world.sign(asked["action_id"])
    await world.app.inbox.decide(signed)
    assert (await world.get(asked["action_id"]))["status"] == "confirmed"
    with pytest.raises(AilyusError) as caught:
        await world.app.inbox.decide(signed)
    assert caught.value.code == "used"
    assert world.sandbox.effects() == 1


async def test_state_that_changed_after_it_was_shown(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    signed = await world.sign(asked["action_id"])
    state = world.sandbox.state()
    state["acme"]["okta"]["factors"][MARIA["user_id"]].pop()
    world.sandbox.put(state)
    assert await refused(world, signed) == "state_changed"
    await world.approve(asked["action_id"])
    assert (await world.get(asked["action_id"]))["status"] == "confirmed"


async def test_policy_and_connection_that_changed_after_it_was_shown(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox) as world:
        asked = await world.call("reset_user_mfa", MARIA)
        signed = await world.sign(asked["action_id"])
    policy = workspace.root / "policies" / "approvals.cedar"
    policy.write_text(policy.read_text().replace("<= 900", "<= 600"))
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        assert await refused(world, signed) == "policy_changed"
    toml = workspace.root / FILE
    toml.write_text(toml.read_text().replace('principal = "ailyus-writer"', 'principal = "another"'))
    async with gateway(Workspace.open(workspace.root), sandbox) as world:
        assert await refused(world, signed) == "target_changed"


async def test_drift_between_approval_and_use_is_denied_and_can_be_asked_anew(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    signed = await world.sign(asked["action_id"])
    wake = world.app.inbox._wake
    world.app.inbox._wake = nobody  # type: ignore[assignment]
    world.app.recovery.scan = nobody  # type: ignore[assignment, method-assign]  # nobody carries it on yet
    await world.app.inbox.decide(signed)
    state = world.sandbox.state()
    state["acme"]["okta"]["factors"][MARIA["user_id"]].pop()
    world.sandbox.put(state)
    await wake(asked["action_id"])
    drifted = await world.get(asked["action_id"])
    assert (drifted["status"], drifted["error"]["code"]) == ("denied", "state_changed")
    assert world.sandbox.writes() == 0
    again = await world.call("reset_user_mfa", MARIA)
    assert (again["status"], again["action_id"] == asked["action_id"]) == ("approval_required", False)


async def test_twenty_parallel_uses_have_one_effect(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    signed = await world.sign(asked["action_id"])
    uses = await asyncio.gather(*(world.app.inbox.decide(signed) for _ in range(20)), return_exceptions=True)
    codes = [u.code if isinstance(u, AilyusError) else u for u in uses]
    assert codes.count("ready") == 1
    assert set(codes) <= {"ready", "used", "not_waiting"}
    assert (await world.get(asked["action_id"]))["status"] == "confirmed"
    assert world.sandbox.effects() == 1
    assert world.rows("SELECT count(*) FROM intents") == [(1,)]


async def test_one_person_counts_once(world: World) -> None:
    asked = await world.call(
        "reset_user_mfa", {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone today"}
    )
    assert await world.approve(asked["action_id"]) == "waiting"
    with pytest.raises(AilyusError) as caught:
        await world.approve(asked["action_id"])
    assert caught.value.code == "used"
    assert world.sandbox.writes() == 0


async def test_keys_are_strong_enough_or_do_not_count(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    toml = workspace.root / FILE
    toml.write_text(toml.read_text().replace("development = true", "development = false"))
    workspace = Workspace.open(workspace.root)
    release, key = workspace.release("lead"), create_key(tmp_path / "lead.pem", b"correct horse battery")
    app = App(workspace, release, signed=sign_release(document_of(release, "lead", "", now_ms()), key))
    async with running(app, 0):
        assert {k.kind for k in (await app.journal.registry.keys()).values()} == {"file"}


async def test_a_no_holds_whatever_key_the_caller_gives(world: World) -> None:
    async def call(key: str | None) -> dict[str, Any]:
        async with world.client() as client:
            meta = {"dev.ailyus/caller-key": key} if key else None
            result = await client.call_tool("reset_user_mfa", dict(MARIA), meta=meta)  # type: ignore[arg-type]
            return dict(result.structured_content or {})

    asked = await call("k0")
    await world.app.inbox.decide(await world.sign(asked["action_id"], verdict="refuse"))
    for key in ("k0", "k1", "k2", None):
        said = await call(key)
        assert (said["status"], said["action_id"]) == ("refused", asked["action_id"]), (key, said)
    # another record is another question
    assert (await world.call("reset_user_mfa", LEO))["status"] == "approval_required"
    assert world.sandbox.writes() == 0


async def test_the_bytes_of_an_approval_that_was_taken_back_never_count_again(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    runner = world.app.runner
    await halt(runner, world.app.agents, NewHalt(scope="connection", name="okta", by="lead", reason="an incident"))
    signed = await world.sign(asked["action_id"])
    assert await world.app.inbox.decide(signed) == "ready"
    await world.app.inbox.withdraw(asked["action_id"], "lead")
    for _ in range(3):
        assert await refused(world, signed) == "used"
    # one that comes while it is taken back is compared in its own commit
    action = await world.app.journal.get(asked["action_id"])
    assert action is not None
    again = await world.sign(asked["action_id"])
    about = runner.executor.statements.about(action)
    sealed = runner.journal.notary.seal(
        free("decision"), "rcp_late", about, status="approved", changed=None, at_ms=runner.journal.store.now_ms(),
        evidence={},
    )  # fmt: skip
    with pytest.raises(Conflict):
        await runner.journal.approve(action, again, sealed, True, 0)
    assert await world.app.inbox.decide(again) == "ready"
