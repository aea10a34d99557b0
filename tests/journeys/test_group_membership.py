"""Group membership on a third party's SCIM server, its own process; also behind a wire that loses the reply."""

from pathlib import Path

from tests.journeys.scim import Scim, scim_workspace
from tests.journeys.wire import losing_wire
from tests.world import Sandbox, World, gateway


async def test_add_and_remove_a_member(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with gateway(scim_workspace(tmp_path / "w", sandbox, scim.port), sandbox) as world:
        user = (await world.call("find_scim_user", {"user_name": "maria@example.com"}))["data"]["users"][0]["user_id"]
        group = (await world.call("find_scim_group", {"display_name": "engineering"}))["data"]["groups"][0]["group_id"]
        arguments = {"user_id": user, "group_id": group, "reason": "joins the engineering team today"}
        added = await world.call("add_group_member", arguments)
        assert (added["status"], added["changed"]) == ("confirmed", True)
        assert scim.members(group) == {scim.leo, scim.maria}
        removed = await world.call("remove_group_member", {**arguments, "reason": "leaves the engineering team"})
        assert removed["status"] == "confirmed"
        assert scim.members(group) == {scim.leo}
        again = await world.call("remove_group_member", {**arguments, "user_id": scim.maria, "reason": "x" * 12})
        assert again["action_id"] == removed["action_id"]
        quoted = await world.call("find_scim_user", {"user_name": 'x" or userName pr or userName eq "'})
        assert quoted["data"]["users"] == []


async def test_a_privileged_group_needs_a_lead(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with gateway(scim_workspace(tmp_path / "w", sandbox, scim.port), sandbox) as world:
        arguments = {"user_id": scim.maria, "group_id": scim.admins, "reason": "on call this week"}
        asked = await world.call("add_group_member", arguments)
        assert asked["status"] == "approval_required"
        await world.approve(asked["action_id"])
        assert (await world.get(asked["action_id"]))["status"] == "confirmed"
        assert scim.members(scim.admins) == {scim.maria}


async def test_a_lost_reply_is_found_in_the_directory(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with losing_wire(scim.port) as (port, lose):
        async with gateway(scim_workspace(tmp_path / "w", sandbox, port), sandbox) as world:
            lose.append("PATCH")
            arguments = {"user_id": scim.maria, "group_id": scim.engineering, "reason": "joins the team today"}
            answer = await world.call("add_group_member", arguments)
            assert (answer["status"], answer["changed"]) == ("confirmed", True)
            assert scim.members(scim.engineering) == {scim.leo, scim.maria}
            await _attempts(world, 1)


async def _attempts(world: World, count: int) -> None:
    assert world.rows("SELECT count(*) FROM intents") == [(count,)]
