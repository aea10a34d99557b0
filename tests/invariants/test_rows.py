"""A hostile administrator with SQL only, on both stores: nothing acts that no signed statement vouches for."""

import hashlib
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from policies.approval import SignedApproval, sign_binding
from policies.principal import Person, keyid_of
from receipts.journal.roles import HeldRoles
from server.approvals.keys import revoke_key
from server.operations.halts import NewHalt, halt, lift
from tests.console.people import in_doubt
from tests.free import free
from tests.hostile import attack, findings
from tests.receipts.making import journal_at
from tests.world import LEO, MARIA, Sandbox, World, gateway, make_workspace

pytestmark = pytest.mark.both_stores


class Forger:
    """A key of the attacker's own, and what it signs."""

    def __init__(self) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.public = self.key.public_key().public_bytes_raw()
        self.keyid = keyid_of(self.public)

    async def link(self, world: World, person: str) -> None:
        sql = f"INSERT INTO keys VALUES (?, x'{self.public.hex()}', ?, 'development', 0)"
        await attack(world.workspace, sql, self.keyid, person)

    async def signed(self, world: World, action: str) -> SignedApproval:
        binding, _ = await world.app.inbox.binding(action, "lead", "SecurityLead", "approve", "")
        return sign_binding(binding, self.key, self.keyid)


async def put(world: World, approval: SignedApproval) -> None:
    """An approval's row, and the action marked as ready to go on."""
    action = approval.binding.subject.action_id
    sql = f"INSERT INTO approvals VALUES (?, ?, 'lead', 'SecurityLead', x'{approval.model_dump_json().encode().hex()}', 1)"
    await attack(world.workspace, sql, approval.id, action)
    await attack(world.workspace, "UPDATE actions SET state = 'ready', updated_ms = 1 WHERE id = ?", action)
    await world.app.recovery.scan()


async def test_a_forged_key_approves_nothing(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    forger = Forger()
    await forger.link(world, "lead")
    with pytest.raises(AilyusError, match="unlinked key"):
        await world.app.inbox.decide(await forger.signed(world, asked["action_id"]))
    await put(world, await forger.signed(world, asked["action_id"]))
    answer = await world.get(asked["action_id"])
    assert answer["status"] == "denied"
    assert world.sandbox.writes() == 0
    assert f"the key `{forger.keyid}` has no statement" in findings(world.workspace)


async def test_a_linked_key_whose_row_names_somebody_else_counts_no_more(world: World) -> None:
    await attack(world.workspace, "UPDATE keys SET person = 'lead' WHERE person <> 'lead'")
    keys = await world.app.journal.registry.keys()
    assert {key.person for key in keys.values()} == {"lead"}
    assert len(keys) < len(world.rows("SELECT keyid FROM keys"))
    assert any("is not what its statement says" in found for found in findings(world.workspace))


async def test_a_revoked_key_stays_revoked_whatever_its_row_says(world: World) -> None:
    (keyid,) = [k.keyid for k in (await world.app.journal.registry.keys()).values() if k.person == "lead"]
    await revoke_key(world.app.runner, keyid)
    await attack(world.workspace, "UPDATE keys SET revoked = 0 WHERE keyid = ?", keyid)
    assert (await world.app.journal.registry.keys())[keyid].revoked
    asked = await world.call("reset_user_mfa", MARIA)
    with pytest.raises(AilyusError, match="unlinked key"):
        await world.approve(asked["action_id"])
    assert f"the key `{keyid}` is not what its statement says" in findings(world.workspace)


AGENT = "INSERT INTO agents VALUES ('intruder', 'acme', 'requester', 'requester', 'Support', 0, ?, 0)"


async def test_a_forged_agent_may_not_call(world: World) -> None:
    token = "ailyus_forged"
    await attack(world.workspace, AGENT, hashlib.sha256(token.encode()).hexdigest())
    assert await world.app.agents.caller(token) is None
    assert await world.app.agents.named("intruder") is None
    with pytest.raises(AilyusError, match="there is no agent"):
        await world.app.agents.change("intruder", revoke=False)
    assert "the agent `intruder` has no statement" in findings(world.workspace)


@pytest.mark.parametrize("change", ["token_hash = ?", "person = ?", "owner = ?", "roles = ?"])
async def test_an_agent_whose_row_was_changed_may_not_call(world: World, change: str) -> None:
    token = "ailyus_forged"
    value = hashlib.sha256(token.encode()).hexdigest() if change.startswith("token") else "lead"
    await attack(world.workspace, f"UPDATE agents SET {change} WHERE name = 'support-bot'", value)
    await attack(
        world.workspace, "UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE key = 'epoch'"
    )
    await world.app.journal.controls.look()
    assert await world.app.agents.caller(token) is None
    assert await world.app.agents.named("support-bot") is None
    assert "the agent `support-bot` is not what its statement says" in findings(world.workspace)


async def test_a_revoked_agent_stays_revoked_also_after_a_restart(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox) as world:
        await world.app.agents.change("support-bot", revoke=True)
        await attack(workspace, "UPDATE agents SET revoked = 0 WHERE name = 'support-bot'")
        assert await world.app.agents.caller(world.token) is None
        assert "the agent `support-bot` is not what its statement says" in findings(workspace)
    async with gateway(workspace, sandbox) as world:
        assert await world.app.agents.named("support-bot") is None


async def test_a_halt_holds_whatever_its_row_says(world: World) -> None:
    await halt(world.app.runner, world.app.agents, NewHalt(scope="all", by="lead", reason="an incident"))
    for change in ("UPDATE halts SET lifted_ms = 1", "DELETE FROM halts"):
        await attack(world.workspace, change)
        await attack(
            world.workspace, "UPDATE meta SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE key = 'epoch'"
        )
        await world.app.journal.controls.look()
        answer = await world.call("unlock_user", {"user_id": LEO["user_id"], "reason": "locked out since today"})
        assert answer["status"] == "denied", answer
        assert "the halt of `all` is not what its statement says" in findings(world.workspace)
    assert world.sandbox.writes() == 0
    await lift(world.app.runner, "all", "", "lead")
    assert world.app.journal.controls.halts == ()


async def test_a_forged_halt_stops_nothing_and_does_not_keep_a_true_one_out(world: World) -> None:
    await attack(world.workspace, "INSERT INTO halts VALUES ('hlt_x', 'all', '', 0, 'lead', 'because', 1, NULL)")
    await world.app.journal.controls.refresh()
    assert world.app.journal.controls.halts == ()
    assert "the halt of `all` has no statement" in findings(world.workspace)
    await halt(world.app.runner, world.app.agents, NewHalt(scope="all", by="lead", reason="an incident"))
    (live,) = world.app.journal.controls.halts
    assert (live.by, live.reason) == ("lead", "an incident")
    assert findings(world.workspace) == []


async def test_a_gateway_does_not_start_over_a_log_from_which_a_statement_is_gone(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    """The statement that revoked an agent is taken away, put elsewhere, or replaced by an earlier one about the agent."""
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox) as world:
        await world.app.agents.change("support-bot", revoke=True)
        await world.app.agents.add("other", "acme", "requester", None, frozenset({"Support"}), False)
        ((leaf, envelope),) = world.rows(
            "SELECT leaf_index, envelope FROM statements WHERE kind = 'agent' ORDER BY leaf_index LIMIT 1 OFFSET 1"
        )
        ((earlier,),) = world.rows("SELECT envelope FROM statements WHERE kind = 'agent' ORDER BY leaf_index LIMIT 1")
    await attack(workspace, "UPDATE agents SET revoked = 0 WHERE name = 'support-bot'")
    await attack(workspace, "UPDATE statements SET kind = 'access' WHERE leaf_index = ?", leaf)
    async with gateway(workspace, sandbox) as world:  # what it is says its body, not its column
        assert await world.app.agents.named("support-bot") is None
    await attack(workspace, f"UPDATE statements SET envelope = x'{bytes(earlier).hex()}' WHERE leaf_index = ?", leaf)
    with pytest.raises(AilyusError, match="the newest checkpoint was signed over"):
        async with gateway(workspace, sandbox):
            pass
    await attack(workspace, f"UPDATE statements SET envelope = x'{bytes(envelope).hex()}' WHERE leaf_index = ?", leaf)
    await attack(workspace, "DELETE FROM statements WHERE leaf_index = ?", leaf)
    with pytest.raises(AilyusError, match="the newest checkpoint was signed over"):
        async with gateway(workspace, sandbox):
            pass


async def test_what_an_earlier_start_read_is_believed_only_where_it_was_signed(
    tmp_path: Path, sandbox: Sandbox, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receipts.statement.ledger._REMEMBER_EVERY", 1)
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox) as world:
        await world.call("find_user", {"email": "leo@example.com"})
    async with gateway(workspace, sandbox) as world:
        ((known,),) = world.rows("SELECT value FROM meta WHERE key = 'ledger'")
        assert await world.app.agents.named("support-bot") is not None
        await world.app.agents.change("support-bot", revoke=True)
    await attack(workspace, "UPDATE agents SET revoked = 0 WHERE name = 'support-bot'")
    for note in (known, "\n".join(known.split("\n")[:2]) + "\n\n" + known.rpartition("\n\n")[2]):
        await attack(workspace, "UPDATE meta SET value = ? WHERE key = 'ledger'", note)
        async with gateway(workspace, sandbox) as world:
            assert await world.app.agents.named("support-bot") is None
            assert world.rows("SELECT count(*) FROM keys")[0][0] == len(await world.app.journal.registry.keys())


async def test_an_agent_of_an_earlier_version_is_logged_as_it_stands_at_the_next_start(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    """Its statement had no digest of its row; from there on a changed row counts no more."""
    workspace = make_workspace(tmp_path / "w", sandbox, database=database)
    async with gateway(workspace, sandbox) as world:
        journal = world.app.journal
        facts: dict[str, Any] = {"event": "added", "agent": "old", "observeOnly": False}
        sealed = journal.notary.sign_gateway_statement(
            free("agent", facts), "rcp_old", "acme", {"old": "0" * 64}, journal.store.now_ms()
        )
        await journal.store.write(sealed.insert)
        row = "INSERT INTO agents VALUES ('old', 'acme', 'requester', 'requester', 'Support', 0, ?, 0)"
        await attack(workspace, row, hashlib.sha256(b"ailyus_old").hexdigest())
        assert await world.app.agents.caller("ailyus_old") is None
    async with gateway(workspace, sandbox) as world:
        caller = await world.app.agents.caller("ailyus_old")
        assert caller is not None
        assert caller.agent == "old"
        assert findings(workspace) == []
        await attack(workspace, "UPDATE agents SET roles = 'Admin' WHERE name = 'old'")
        assert await world.app.agents.named("old") is None
    async with gateway(workspace, sandbox) as world:
        assert await world.app.agents.named("old") is None


async def test_a_statement_that_is_put_in_twice_says_nothing_again(world: World) -> None:
    """An earlier, truly signed statement about an agent as if it were the newest."""
    ((envelope,),) = world.rows("SELECT envelope FROM statements WHERE kind = 'agent' ORDER BY leaf_index LIMIT 1")
    await world.app.agents.change("support-bot", revoke=True)
    await attack(world.workspace, "UPDATE agents SET revoked = 0 WHERE name = 'support-bot'")
    await attack(
        world.workspace,
        f"INSERT INTO statements VALUES (1000, 'rcp_twice', 'agent', NULL, 'acme', '', '', '', NULL, 1,"
        f" x'{bytes(envelope).hex()}')",
    )
    await world.app.journal.controls.refresh()
    assert await world.app.agents.named("support-bot") is None
    assert "`rcp_twice` stands at leaf 1000, beyond the log" in findings(world.workspace)


async def test_an_approval_without_a_statement_does_not_count(world: World) -> None:
    """It is the approver's own signature, which they never handed in."""
    asked = await world.call("reset_user_mfa", MARIA)
    signed = await world.sign(asked["action_id"])
    await put(world, signed)
    assert (await world.get(asked["action_id"]))["status"] == "denied"
    assert world.sandbox.writes() == 0
    assert f"the approval `{signed.id}` has no statement" in findings(world.workspace)


async def test_an_approval_that_was_taken_back_counts_no_more(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    await halt(world.app.runner, world.app.agents, NewHalt(scope="all", by="lead", reason="an incident"))
    signed = await world.sign(asked["action_id"])
    assert await world.app.inbox.decide(signed) == "ready"
    await world.app.inbox.withdraw(asked["action_id"], "lead")
    await put(world, signed)
    assert f"the approval `{signed.id}` was taken back" in findings(world.workspace)
    await lift(world.app.runner, "all", "", "lead")
    await world.app.recovery.scan()
    assert (await world.get(asked["action_id"]))["status"] == "denied"
    assert world.sandbox.writes() == 0


async def test_an_action_that_no_agent_asked_for_does_not_go_on(world: World) -> None:
    """The row of an action that ended, as if it were another one that is ready; and the same one made ready again."""
    done = await world.call("unlock_user", {"user_id": LEO["user_id"], "reason": "locked out since today"})
    assert done["status"] == "confirmed", done
    writes = world.sandbox.writes()
    columns = (
        "call_key, tenant, agent, person, contract, status, release, request, caller, result, created_ms, updated_ms"
    )
    await attack(
        world.workspace,
        f"INSERT INTO actions (id, state, {columns}) SELECT 'act_forged', 'ready', 'x' || {columns} FROM actions"
        " WHERE id = ?",
        done["action_id"],
    )
    await attack(world.workspace, "UPDATE actions SET state = 'ready', call_key = 'y' WHERE id = ?", done["action_id"])
    await attack(world.workspace, "UPDATE actions SET updated_ms = 1")
    assert await world.app.recovery.scan() == []
    assert world.sandbox.writes() == writes
    assert "the action `act_forged` has no statement" in findings(world.workspace)


async def test_people_are_not_asked_about_a_request_that_was_changed(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    ((request,),) = world.rows("SELECT request FROM actions WHERE id = ?", asked["action_id"])
    changed = bytes(request).replace(MARIA["user_id"].encode(), LEO["user_id"].encode())
    await attack(world.workspace, f"UPDATE actions SET request = x'{changed.hex()}' WHERE id = ?", asked["action_id"])
    with pytest.raises(AilyusError, match="not the one that was signed"):
        await world.sign(asked["action_id"])
    assert f"the request of the action `{asked['action_id']}` is not what its statement says" in findings(
        world.workspace
    )


async def test_roles_count_only_as_they_were_told(tmp_path: Path, database: str) -> None:
    journal = await journal_at(tmp_path / "s.db", database=database)
    roles, ann = journal.roles, Person("ann", "https://idp.example", "s-1", "acme", frozenset())
    roles.issuer = ann.issuer
    await roles.store(ann, HeldRoles(frozenset({"Support"}), b""))
    assert await roles.fresh(ann) == await roles.last_known(ann) == {"Support"}
    for change in ("roles = 'SecurityLead'", "at_ms = at_ms + 1", "refresh = x'00'"):
        at = change.replace("x'00'", "'\\x00'::bytea") if database else change
        await journal.store.write(lambda txn, at=at: txn.write(f"UPDATE role_facts SET {at}"))  # type: ignore[misc]
        assert await roles.fresh(ann) == await roles.last_known(ann) == frozenset()
    await roles.store(ann, HeldRoles(frozenset({"Support"}), b""))
    assert await roles.fresh(ann) == {"Support"}
    await journal.store.aclose()


ROW_ATTACKS = {
    "an approval is moved to another person": "UPDATE approvals SET person = 'requester'",
    "an approval gets another role": "UPDATE approvals SET role = 'Support'",
    "an approval is taken away": "DELETE FROM approvals",
    "its use is taken away": "DELETE FROM approval_uses",
    "a use is made up": "INSERT INTO approval_uses VALUES ('forged', 'act', 1)",
    "a use is moved": "UPDATE approval_uses SET action_id = 'act_other'",
    "what was asked is changed": "UPDATE actions SET asked = x'7b7d' WHERE asked IS NOT NULL",
    "an action's status": "UPDATE actions SET status = 'denied' WHERE status = 'confirmed'",
    "an action's agent": "UPDATE actions SET agent = 'other'",
    "an action's result": "UPDATE actions SET result = x'7b7d' WHERE status = 'confirmed'",
    "a key is taken away": "DELETE FROM keys",
    "an agent is taken away": "DELETE FROM agents",
}


@pytest.mark.parametrize("sql", ROW_ATTACKS.values(), ids=ROW_ATTACKS.keys())
async def test_the_audit_finds_rows_that_a_statement_contradicts(world: World, sql: str) -> None:
    await world.reset()
    assert findings(world.workspace) == []
    await attack(world.workspace, sql)
    assert findings(world.workspace) != []


async def test_the_audit_finds_what_any_end_did_not_say(world: World) -> None:
    """Denied, already so, previewed, refused, unavailable, found later: each statement that ends an action says all."""
    denied = await world.call("reset_user_mfa", {**MARIA, "user_id": "00u9nobody0001"})
    read = await world.call("find_user", {"email": "leo@example.com"})
    previewed = await world.call("reset_user_mfa", {**MARIA, "preview": True})
    refused = await world.call("reset_user_mfa", MARIA)
    await world.app.inbox.decide(await world.sign(refused["action_id"], verdict="refuse"))
    world.sandbox.fault("503", "users", reads=True, times=2)
    unavailable = await world.call("reset_user_mfa", LEO)
    found = await in_doubt(world, LEO)
    state = world.sandbox.state()
    state["acme"]["okta"]["factors"][LEO["user_id"]] = []
    world.sandbox.put(state)
    await world.app.resolutions.recheck(found["action_id"])
    for answer in (denied, read, previewed, refused, unavailable, found):
        action = answer["action_id"]
        ((result,),) = world.rows("SELECT result FROM actions WHERE id = ?", action)
        assert findings(world.workspace) == [], answer
        other = orjson.dumps({**orjson.loads(bytes(result)), "summary": "All is well."}).hex()
        await attack(world.workspace, f"UPDATE actions SET result = x'{other}' WHERE id = '{action}'")
        assert findings(world.workspace) == [f"the result of the action `{action}` is not what its statement says"]
        await attack(world.workspace, f"UPDATE actions SET result = x'{bytes(result).hex()}' WHERE id = '{action}'")


async def test_a_forged_link_brings_no_passkey(world: World) -> None:
    """A row with the hash of a token of the attacker's own, and one whose person was changed."""
    introductions = world.app.console._introductions
    row = "INSERT INTO introductions VALUES ('int_x', 'lead', x'5b5d', ?, 99999999999999, NULL)"
    await attack(world.workspace, row, hashlib.sha256(b"mine").hexdigest())
    assert await introductions.of_token("mine") is None
    token = await introductions.by_terminal("requester")
    assert await introductions.of_token(token) is not None
    await attack(world.workspace, "UPDATE introductions SET person = 'lead' WHERE id <> 'int_x'")
    assert await introductions.of_token(token) is None


async def test_a_statement_at_the_wrong_place_hides_nothing_that_comes_later(world: World) -> None:
    """A truly signed outcome as if it were a key far beyond the log's end: what is said from then on is still read."""
    await world.call("find_user", {"email": "leo@example.com"})
    ((envelope,),) = world.rows("SELECT envelope FROM statements WHERE kind = 'outcome' LIMIT 1")
    await attack(
        world.workspace,
        "INSERT INTO statements VALUES (1000000, 'rcp_far', 'key', NULL, 'acme', '', '', '', NULL, 1,"
        f" x'{bytes(envelope).hex()}')",
    )
    await world.app.journal.controls.refresh()
    await world.app.agents.change("support-bot", revoke=True)
    await attack(world.workspace, "UPDATE agents SET revoked = 0 WHERE name = 'support-bot'")
    assert await world.app.agents.named("support-bot") is None
