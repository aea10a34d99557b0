"""Story 4: a rollout cut off 200 users. One plan over Okta, SCIM and the CRM, in waves; seven users do not exist."""

import shutil
from pathlib import Path
from typing import Any

from tests.journeys.rotation import states
from tests.journeys.scim import Scim, scim_workspace
from tests.world import ROOT, Sandbox, World, gateway

APP = "0oa1sso000001"
USERS = [f"00u{n:05}sso" for n in range(200)]
GONE = USERS[20:27]
ACCOUNTS = [f"acc{n:04}" for n in range(1, 24)]


def seeded(sandbox: Sandbox, fragile: list[str]) -> None:
    state = sandbox.state()
    okta = state["acme"]["okta"]
    template = okta["users"]["00u1maria0001"]
    for user in USERS:
        if user not in GONE:
            profile = {**template["profile"], "email": f"{user}@example.com", "login": f"{user}@example.com"}
            okta["users"][user] = {**template, "id": user, "profile": profile}
            okta["factors"][user] = []
    okta["assigned"][APP]["00u1maria0001"] = {"id": "00u1maria0001", "scope": "USER", "status": "ACTIVE"}
    okta["apps"][APP]["fragile"] = fragile
    okta["logs"] += [
        {
            "uuid": f"rollout{n}",
            "published": "2026-11-22T07:00:00.000Z",
            "eventType": "application.user_membership.remove",
            "actor": {"displayName": "sso-rollout-script"},
            "outcome": {"result": "SUCCESS"},
            "target": [{"type": "User", "id": user}],
        }
        for n, user in enumerate(USERS)
    ]
    sandbox.put(state)


def scim_users(scim: Scim, count: int) -> list[str]:
    schema = ["urn:ietf:params:scim:schemas:core:2.0:User"]
    return [scim.create("/Users", {"schemas": schema, "userName": f"sso{n}@example.com"}) for n in range(count)]


async def incident(world: World, scim: Scim, members: list[str], users: list[str]) -> dict[str, Any]:
    changes = await world.call("list_recent_changes", {"event_type": "application.user_membership.remove"})
    assert {c["by"] for c in changes["data"]["changes"]} == {"sso-rollout-script"}
    cut_off = [c["about"][0] for c in changes["data"]["changes"]]
    assert cut_off == USERS[::-1]  # the newest first
    arguments = {
        "app_id": APP,
        "okta_users": users,
        "group_id": scim.engineering,
        "scim_users": members,
        "accounts": ACCOUNTS,
        "reason": "the SSO rollout of this morning cut them off",
    }
    return await world.approved("restore_sso_access", arguments)


def workspace(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> Any:
    made = scim_workspace(tmp_path / "w", sandbox, scim.port)
    shutil.copytree(ROOT / "contracts" / "library" / "incidents", made.root / "contracts" / "incidents")
    return made


async def test_two_hundred_users_of_whom_seven_do_not_exist(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    seeded(sandbox, [])
    members = [*scim_users(scim, 20), scim.leo, "no-such-user"]
    async with gateway(workspace(tmp_path, sandbox, scim), sandbox) as world:
        answer = await incident(world, scim, members, USERS)
        assert answer["status"] == "partial", answer["summary"]
        said = states(answer)
        assigned = [s for k, s in said.items() if k.startswith("assign")]
        assert (assigned.count("done"), assigned.count("left_out")) == (193, 7)
        assert [k for k, s in said.items() if s == "left_out"] == [
            *(f"assign[{USERS.index(u)}]" for u in GONE),
            "group[21]",
        ]
        grouped = [s for k, s in said.items() if k.startswith("group")]
        assert (grouped.count("done"), grouped.count("already_so"), grouped.count("left_out")) == (20, 1, 1)
        assert [s for k, s in said.items() if k.startswith("sync")] == ["done"] * 23
        okta = sandbox.state()["acme"]["okta"]["assigned"][APP]
        assert set(okta) == {*USERS, "00u1maria0001"} - set(GONE)
        assert scim.members(scim.engineering) == {scim.leo, *members[:20]}
        assert {a["sync"] for a in sandbox.state()["acme"]["crm"]["accounts"].values()} == {"current"}
        verified = world.proof(answer["receipt_id"])
        receipt = next(s for s in verified.statements if s["receipt"] == answer["receipt_id"])
        assert len(receipt["steps"]) == 200 + 22 + 23
        assert "193" in answer["summary"] or "236 done" in answer["summary"]


async def test_a_wave_that_makes_it_worse_is_taken_back(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    """User 5 is in the second wave: the first stays, the second is undone, the rest is untouched."""
    seeded(sandbox, [USERS[5]])
    members = scim_users(scim, 3)
    async with gateway(workspace(tmp_path, sandbox, scim), sandbox) as world:
        answer = await incident(world, scim, members, USERS)
        assert answer["status"] == "partial", answer["summary"]
        said = states(answer)
        assert said["assign[0]"] == "done"
        assert [said[f"assign[{n}]"] for n in range(1, 11)] == ["undone"] * 10
        assert all(said[k] in ("untouched", "left_out") for k in list(said)[11:])
        assert "wave 2" in answer["summary"]
        assert "1 done, 10 undone" in answer["summary"]
        okta = sandbox.state()["acme"]["okta"]["assigned"][APP]
        assert set(okta) == {USERS[0], "00u1maria0001"}
        assert scim.members(scim.engineering) == {scim.leo}
        assert answer["escalated_to"] == "identity-oncall"
        receipt = next(s for s in world.proof(answer["receipt_id"]).statements if s["receipt"] == answer["receipt_id"])
        assert {s["wave"] for s in receipt["steps"] if s["state"] == "undone"} == {2}
        assert "wave 2" in receipt["reason"]


async def test_a_member_who_is_not_active_stops_nobody_else(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    """One of twelve left the company: the others get their group back, and who was left out is named."""
    seeded(sandbox, [])
    members = scim_users(scim, 12)
    schema = ["urn:ietf:params:scim:schemas:core:2.0:User"]
    user = {"schemas": schema, "userName": "sso7@example.com", "active": False}
    assert scim.http.put(f"/Users/{members[7]}", json=user).status_code == 200
    async with gateway(workspace(tmp_path, sandbox, scim), sandbox) as world:
        answer = await incident(world, scim, members, USERS[:3])
        assert answer["status"] == "partial", answer["summary"]
        assert scim.members(scim.engineering) == {scim.leo, *members} - {members[7]}
        assert f"Left out: {members[7]} (the user is not active)." in answer["summary"]
        assert not [s for s in answer["steps"] if s["state"] == "undone"]
