"""AWS through its real protocols (SigV4, IAM's XML) on moto's server with authentication on."""

import asyncio
from pathlib import Path

import pytest

from tests.aws import Aws, aws_workspace
from tests.journeys.rotation import states
from tests.leaks import places
from tests.wire import wire_to
from tests.world import Sandbox, gateway

REASON = "the key is due for its rotation"


async def test_rotation_and_the_old_key_is_refused_afterwards(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    assert aws.works(*aws.old)
    async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, aws.port), sandbox) as world:
        found = await world.call("list_access_keys", {"user_name": "ci"})
        assert [k["key_id"] for k in found["data"]["keys"]] == [aws.old[0]]
        arguments = {"user_name": "ci", "old_key_id": aws.old[0], "secret_name": "ci/deploy", "reason": REASON}
        answer = await world.approved("rotate_access_key", arguments)
        assert answer["status"] == "confirmed", answer
        (new,) = (k for k, status in aws.keys().items() if status == "Active")
        assert new != aws.old[0]
        assert aws.works(new, aws.stored())
        assert places(world, aws.stored(), [answer]) == []
        used = await world.call("get_access_key_last_used", {"user_name": "ci", "key_id": new})
        assert used["data"]["last_used"] != "never"
        gone = await world.approved(
            "delete_access_key", {"user_name": "ci", "key_id": aws.old[0], "reason": "nobody missed it"}
        )
        assert gone["status"] == "confirmed"
        assert not aws.works(*aws.old)


async def test_a_lost_reply_leaves_one_new_key_and_no_orphan(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port), sandbox) as world:
            wire.add("Action=CreateAccessKey", "lost_reply")
            answer = await world.approved("create_access_key", {"user_name": "ci", "reason": REASON})
            assert answer["status"] == "confirmed", answer
            assert answer["outputs"]["secret"].startswith("sec_")
            assert len(aws.keys()) == 2
            assert answer["outputs"]["key_id"] in list(aws.keys())
            assert wire.sent("Action=CreateAccessKey") == 2
            assert wire.sent("Action=DeleteAccessKey") == 1
            undone = world.rows("SELECT status FROM actions WHERE undoes IS NOT NULL")
            assert undone == [("confirmed",)]


async def test_every_reply_lost_is_never_confirmed_and_the_limit_is_free(
    tmp_path: Path, sandbox: Sandbox, aws: Aws
) -> None:
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port), sandbox) as world:
            wire.add("Action=CreateAccessKey", "lost_reply", times=9)
            answer = await world.approved("create_access_key", {"user_name": "ci", "reason": REASON})
            assert answer["status"] == "not_applied", answer
            assert set(aws.keys()) == {aws.old[0]}


@pytest.mark.parametrize("old", [True, False])
async def test_a_key_of_somebody_else_in_the_window_is_left_alone(
    tmp_path: Path, sandbox: Sandbox, aws: Aws, old: bool
) -> None:
    """Theirs is alone there (the limit kept ours out), or beside ours: either way a person looks."""
    if not old:
        aws.iam.delete_access_key(UserName="ci", AccessKeyId=aws.old[0])
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port, exclusive=not old), sandbox) as world:
            asked = await world.call("create_access_key", {"user_name": "ci", "reason": REASON})
            signed = await world.sign(asked["action_id"])
            theirs_is_made = asyncio.Event()
            wire.add("Action=CreateAccessKey", "late_effect", until=theirs_is_made)
            await world.app.inbox.decide(signed)
            while not wire.sent("Action=CreateAccessKey"):
                await world.get(asked["action_id"], 0)
            theirs = aws.iam.create_access_key(UserName="ci")["AccessKey"]["AccessKeyId"]
            theirs_is_made.set()
            answer = await world.get(asked["action_id"], 45)
            assert theirs in list(aws.keys())
            assert answer["status"] == "unknown", answer
            assert answer["escalated_to"] == "security-oncall"
            assert wire.sent("Action=DeleteAccessKey") == 0


@pytest.mark.parametrize("fault", ["lost_reply", "lost_request", "late_effect"])
async def test_switching_off_happens_once_whatever_the_wire_does(
    tmp_path: Path, sandbox: Sandbox, aws: Aws, fault: str
) -> None:
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port), sandbox) as world:
            wire.add("Action=UpdateAccessKey", fault)
            arguments = {"user_name": "ci", "key_id": aws.old[0], "reason": "it may be known to somebody"}
            answer = await world.approved("deactivate_access_key", arguments)
            assert answer["status"] == "confirmed", answer
            assert aws.keys() == {aws.old[0]: "Inactive"}


@pytest.mark.parametrize("fault", ["none", "lost_reply", "lost_request"])
async def test_a_lost_device_is_deactivated_once(tmp_path: Path, sandbox: Sandbox, aws: Aws, fault: str) -> None:
    serial = aws.enabled_device()
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port), sandbox) as world:
            found = await world.call("list_mfa_devices", {"user_name": "ci"})
            assert [one["serial_number"] for one in found["data"]["devices"]] == [serial]
            if fault != "none":
                wire.add("Action=DeactivateMFADevice", fault)
            arguments = {"user_name": "ci", "serial_number": serial, "reason": "the phone was lost"}
            answer = await world.approved("deactivate_mfa_device", arguments)
            assert answer["status"] == "confirmed", answer
            assert aws.iam.list_mfa_devices(UserName="ci")["MFADevices"] == []


async def test_an_undo_that_would_give_a_right_back_is_escalated(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    """Switched off by the plan, and meanwhile meant to stay so: no undo switches a key on again."""
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port), sandbox) as world:
            wire.add("secretsmanager.PutSecretValue", "lost_request", times=9)
            made = await world.approved("create_access_key", {"user_name": "ci", "reason": REASON})
            steps = [
                {
                    "id": "off",
                    "contract": "deactivate_access_key",
                    "inputs": {"user_name": "ci", "key_id": aws.old[0]},
                },
                {
                    "id": "store",
                    "contract": "put_secret_value",
                    "inputs": {"secret_name": "ci/deploy", "value": made["outputs"]["secret"]},
                },
            ]
            answer = await world.approved("run_plan", {"steps": steps, "reason": REASON})
            assert answer["status"] == "partial", answer
            assert states(answer) == {"off": "done", "store": "not_applied"}
            assert "right back" in next(s["kept"] for s in answer["steps"] if s["id"] == "off")
            assert aws.keys()[aws.old[0]] == "Inactive"
            assert answer["escalated_to"] == "security-oncall"


async def test_a_handle_goes_only_where_its_contract_says(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, aws.port), sandbox) as world:
        made = await world.approved("create_access_key", {"user_name": "ci", "reason": REASON})
        handle = made["outputs"]["secret"]
        put = {"secret_name": "ci/deploy", "reason": REASON}
        for value in ("sec_" + "0" * 26, "plain text"):
            wrong = await world.call("put_secret_value", {**put, "value": value})
            assert wrong["status"] == "invalid", wrong
        slack = {"integration_name": "alerts", "account_name": "slack-alerts", "key_id": "key_old00001"}
        other = await world.call("update_integration_credential", {**slack, "credential": handle, "reason": REASON})
        assert other["status"] == "invalid", other
        stranger = await world.app.agents.add("other", "acme", "lead", None, frozenset({"Operations"}), False)
        foreign = await world.call("put_secret_value", {**put, "value": handle}, stranger)
        assert foreign["status"] in ("invalid", "denied"), foreign
        once = await world.call("put_secret_value", {**put, "value": handle})
        assert once["status"] == "confirmed", once
        again = await world.call(
            "put_secret_value", {**put, "value": handle, "secret_name": "ci/deploy", "reason": REASON}
        )
        assert again["action_id"] == once["action_id"]
        assert world.rows("SELECT sealed FROM handles") == [(None,)]


async def test_a_handle_whose_use_changed_nothing_can_be_used_again(tmp_path: Path, sandbox: Sandbox, aws: Aws) -> None:
    async with wire_to(aws.port) as wire:
        async with gateway(aws_workspace(tmp_path / "w", sandbox, aws, wire.port), sandbox) as world:
            made = await world.approved("create_access_key", {"user_name": "ci", "reason": REASON})
            put = {"secret_name": "ci/deploy", "value": made["outputs"]["secret"], "reason": REASON}
            wire.add("secretsmanager.PutSecretValue", "lost_request", times=9)
            assert (await world.call("put_secret_value", put))["status"] == "not_applied"
            wire.rules.clear()
            again = await world.call("put_secret_value", put)
            assert again["status"] == "confirmed", again
            assert aws.works(made["outputs"]["key_id"], aws.stored())
