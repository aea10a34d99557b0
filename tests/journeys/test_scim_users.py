"""Users of a third party's SCIM server: created once though the reply is lost, deactivated, changed."""

from pathlib import Path

from tests.journeys.directory import directory
from tests.journeys.rotation import states
from tests.journeys.scim import Scim, scim_workspace
from tests.journeys.wire import losing_wire
from tests.world import Sandbox, gateway

NILS = {"user_name": "nils@example.com", "display_name": "Nils Berg", "email": "nils@example.com"}
REASON = {"reason": "he joins the support desk today"}


async def test_a_user_is_created_once_though_the_reply_is_lost(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with losing_wire(scim.port) as (port, lose):
        async with gateway(scim_workspace(tmp_path / "w", sandbox, port), sandbox) as world:
            asked = await world.call("create_scim_user", {**NILS, **REASON})
            assert asked["status"] == "approval_required"
            lose.append("POST")
            await world.approve(asked["action_id"])
            answer = await world.get(asked["action_id"])
            assert (answer["status"], answer["changed"]) == ("confirmed", True)
            assert world.rows("SELECT count(*) FROM intents") == [(1,)]
            taken = {**NILS, "display_name": "Another Nils", **REASON}
            assert (await world.approved("create_scim_user", taken))["status"] == "not_applied"
    found = [u for u in scim.http.get("/Users").json()["Resources"] if u["userName"] == NILS["user_name"]]
    assert [u["displayName"] for u in found] == ["Nils Berg"]


async def test_a_user_is_deactivated_and_changed(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with gateway(scim_workspace(tmp_path / "w", sandbox, scim.port), sandbox) as world:
        who = {"user_id": scim.maria, **REASON}
        assert (await world.approved("deactivate_scim_user", who))["status"] == "confirmed"
        assert scim.http.get(f"/Users/{scim.maria}").json()["active"] is False
        assert (await world.approved("activate_scim_user", who))["status"] == "confirmed"
        change = {**who, "attribute": "title", "value": "Head of Support"}
        assert (await world.approved("replace_scim_user_attribute", change))["status"] == "confirmed"
        user = scim.http.get(f"/Users/{scim.maria}").json()
        assert (user["active"], user["title"]) == (True, "Head of Support")


async def test_an_activation_is_undone_and_a_deactivation_is_not(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        assert (await world.approved("deactivate_scim_user", {"user_id": scim.leo, **REASON}))["status"] == "confirmed"
        other = scim.group("other")
        proxy.refuse, proxy.refuse_only = (422, "{}"), f"/Groups/{other}"
        steps = [
            {"id": "stop", "contract": "deactivate_scim_user", "inputs": {"user_id": scim.maria}},
            {"id": "begin", "contract": "activate_scim_user", "inputs": {"user_id": scim.leo}},
            {"id": "last", "contract": "remove_group_member", "inputs": {"user_id": scim.leo, "group_id": other}},
        ]
        answer = await world.approved("run_plan", {"steps": steps, **REASON})
        assert states(answer) == {"stop": "done", "begin": "undone", "last": "not_applied"}
        assert "right back" in next(s["kept"] for s in answer["steps"] if s["id"] == "stop")
    active = {user: scim.http.get(f"/Users/{user}").json()["active"] for user in (scim.maria, scim.leo)}
    assert active == {scim.maria: False, scim.leo: False}
