"""A lost phone and a takeover in Entra ID, Google Workspace and Okta, in the vendors' own shapes and with their oddities."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from adapters.sandbox.entra import ADA, ADMINS, LEO, MARIA, SUPPORT
from adapters.sandbox.google import LEO as GOOGLE_LEO
from adapters.sandbox.google import MARIA as GOOGLE_MARIA
from tests.journeys.rotation import states
from tests.slowness import scaled
from tests.world import Sandbox, World, gateway, make_workspace

PHONE = "3179e48a-750b-4051-897c-87b9720928f7"
OKTA_MARIA = "00u1maria0001"
REASON = {"reason": "the phone was stolen, see the ticket"}


@pytest.fixture
async def vendors(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A gateway with every system of the library."""
    async with gateway(make_workspace(tmp_path / "w", sandbox, template="library", settle="2s"), sandbox) as world:
        yield world


def state(world: World, system: str) -> Any:
    return world.sandbox.state()["acme"][system]


async def test_a_lost_phone_in_entra(vendors: World) -> None:
    found = await vendors.call("find_entra_user", {"user_name": "maria@example.com"})
    (user,) = found["data"]["users"]
    listed = await vendors.call("list_entra_authentication_methods", {"user_id": user["user_id"]})
    phone = next(m for m in listed["data"]["methods"] if m["type"] == "#microsoft.graph.phoneAuthenticationMethod")
    asked = {"user_id": user["user_id"], "kind": "phoneMethods", "method_id": phone["method_id"], **REASON}
    other = await vendors.call("delete_entra_authentication_method", {**asked, "ticket": "4712"})
    assert other["status"] == "denied"  # a ticket of somebody else's
    waiting = await vendors.call("delete_entra_authentication_method", {**asked, "ticket": "4711"})
    assert waiting["status"] == "approval_required"
    await vendors.approve(waiting["action_id"])
    answer = await vendors.get(waiting["action_id"])
    assert answer["status"] == "confirmed"
    assert [m["id"] for m in state(vendors, "entra")["methods"][MARIA]].count(PHONE) == 0
    assert len(state(vendors, "entra")["methods"][MARIA]) == 2
    revoked = await vendors.approved("revoke_entra_sessions", {"user_id": MARIA, **REASON})
    assert revoked["status"] == "confirmed"
    nobody = await vendors.call("find_entra_user", {"user_name": "nobody@example.com"})
    assert nobody["data"]["users"] == []


async def test_who_may_be_put_into_which_group_of_entra(vendors: World) -> None:
    plain = await vendors.call("add_entra_group_member", {"user_id": MARIA, "group_id": SUPPORT, **REASON})
    assert plain["status"] == "confirmed"
    again = await vendors.call("add_entra_group_member", {"user_id": MARIA, "group_id": SUPPORT, **REASON})
    assert (again["status"], again["action_id"]) == ("confirmed", plain["action_id"])
    privileged = await vendors.call("add_entra_group_member", {"user_id": MARIA, "group_id": ADMINS, **REASON})
    assert privileged["status"] == "approval_required"
    disabled = await vendors.call("add_entra_group_member", {"user_id": LEO, "group_id": ADMINS, **REASON})
    assert disabled["status"] == "not_applied"
    assert state(vendors, "entra")["members"] == {SUPPORT: [LEO, MARIA], ADMINS: [ADA]}
    assert vendors.sandbox.effects("members") == 1


async def test_google_shows_a_suspension_a_while_later(vendors: World) -> None:
    vendors.sandbox.fault("eventual", "users", "google", ms=1000 * scaled(0.6))
    answer = await vendors.approved("suspend_google_user", {"user_id": GOOGLE_MARIA, **REASON})
    assert answer["status"] == "confirmed"
    assert state(vendors, "google")["users"][GOOGLE_MARIA]["suspended"]
    assert (vendors.sandbox.writes("users"), vendors.sandbox.effects("users")) == (1, 1)
    vendors.sandbox.heal()
    again = await vendors.approved("turn_off_google_2sv", {"user_id": GOOGLE_MARIA, "ticket": "4711", **REASON})
    assert again["status"] == "not_applied"
    assert "the user is suspended" in again["summary"]


async def test_okta_answers_204_and_the_factor_is_still_there(vendors: World) -> None:
    vendors.sandbox.fault("lying_success", "factors", "okta")
    asked = {"user_id": OKTA_MARIA, "factor_id": "opf1mariapush", "ticket": "4711", **REASON}
    answer = await vendors.approved("reset_user_factor", asked)
    assert (answer["status"], answer["changed"]) == ("unknown", None)
    (sent,) = [entry for entry in vendors.sandbox.log("factors") if entry["method"] == "DELETE"]
    assert (sent["status"], sent["effect"]) == (204, False)
    assert len(vendors.sandbox.factors()) == 2
    cleared = await vendors.approved("clear_user_sessions", {"user_id": "00u4none00001", **REASON})
    assert cleared["status"] == "confirmed"  # by Okta's system log, which is all that shows it


async def test_okta_is_asked_again_when_its_limit_begins_anew(vendors: World) -> None:
    vendors.sandbox.fault("429", "suspend", "okta")
    answer = await vendors.approved("suspend_user", {"user_id": OKTA_MARIA, **REASON})
    assert answer["status"] == "confirmed"
    assert [(e["status"], e["effect"]) for e in vendors.sandbox.log("suspend")] == [(429, False), (200, True)]


async def test_what_gave_a_right_is_undone_and_what_took_one_is_not(vendors: World) -> None:
    vendors.sandbox.fault("refuse", "suspend", "okta")
    group = "support@example.com"
    steps = [
        {"id": "stop", "contract": "disable_entra_user", "inputs": {"user_id": MARIA}},
        {"id": "begin", "contract": "enable_entra_user", "inputs": {"user_id": LEO}},
        {"id": "join", "contract": "add_google_group_member", "inputs": {"user_id": GOOGLE_MARIA, "group": group}},
        {"id": "leave", "contract": "remove_google_group_member", "inputs": {"user_id": GOOGLE_LEO, "group": group}},
        {"id": "last", "contract": "suspend_user", "inputs": {"user_id": OKTA_MARIA}},
    ]
    answer = await vendors.approved("run_plan", {"steps": steps, **REASON})
    undone = {"stop": "done", "begin": "undone", "join": "undone", "leave": "done", "last": "not_applied"}
    assert states(answer) == undone
    users = state(vendors, "entra")["users"]
    assert (users[MARIA]["accountEnabled"], users[LEO]["accountEnabled"]) == (False, False)
    assert state(vendors, "google")["members"][group] == []


async def test_a_taken_over_account_of_entra_is_stopped(vendors: World) -> None:
    answer = await vendors.approved("contain_entra_account", {"user_id": MARIA, **REASON})
    assert answer["status"] == "confirmed"
    assert states(answer) == {"disable": "done", "revoke": "done"}
    assert state(vendors, "entra")["users"][MARIA]["accountEnabled"] is False
    vendors.sandbox.fault("refuse", "revokeSignInSessions", "entra")
    again = await vendors.approved("contain_entra_account", {"user_id": ADA, **REASON})
    assert states(again) == {"disable": "done", "revoke": "not_applied"}
    assert again["status"] == "partial"
    assert state(vendors, "entra")["users"][ADA]["accountEnabled"] is False


async def test_the_last_of_1201_members_of_a_group_is_found_on_the_second_page(vendors: World) -> None:
    whole = vendors.sandbox.state()
    others = [f"5b1f6a10-3c3e-4d6a-9a55-{number:012d}" for number in range(1200)]
    whole["acme"]["entra"]["members"][SUPPORT] = [*others, MARIA]
    vendors.sandbox.put(whole)
    answer = await vendors.approved("remove_entra_group_member", {"user_id": MARIA, "group_id": SUPPORT, **REASON})
    assert (answer["status"], answer["changed"]) == ("confirmed", True)
    assert state(vendors, "entra")["members"][SUPPORT] == others
    reads = [e for e in vendors.sandbox.log(f"{SUPPORT}/members") if e["method"] == "GET"]
    assert len(reads) >= 4  # two pages before, two after
