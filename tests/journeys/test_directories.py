"""What a directory does not say proves nothing: scim2-server behind a proxy that leaves members out, and more."""

import contextlib
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from tests.journeys.directory import directory, until
from tests.journeys.scim import Scim
from tests.world import Sandbox, ailyus


def without_members(path: str, value: Any) -> Any:
    return {k: v for k, v in value.items() if k != "members"} if "/Groups/" in path else value


def misspelt(path: str, value: Any) -> Any:
    return {("Members" if k == "members" else k): v for k, v in value.items()} if "/Groups/" in path else value


def first_page(path: str, value: Any) -> Any:
    if "/Groups/" not in path or not value.get("members"):
        return value
    return {**value, "members": value["members"][:1], "totalResults": len(value["members"]) + 1}


def arguments(scim: Scim, user: str) -> dict[str, str]:
    return {"user_id": user, "group_id": scim.engineering, "reason": "the team changes this week"}


@pytest.mark.parametrize("edit", [without_members, misspelt], ids=["none", "misspelt"])
async def test_who_is_not_listed_was_not_taken_out(tmp_path: Path, sandbox: Sandbox, scim: Scim, edit: Any) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.edit = edit
        answer = await world.call("remove_group_member", arguments(scim, scim.leo))
        assert (answer["status"], answer["changed"]) == ("not_applied", False)
        assert "the group lists no members" in answer["summary"]
        assert (scim.members(scim.engineering), proxy.writes) == ({scim.leo}, [])


@pytest.mark.parametrize("edit", [without_members, misspelt], ids=["none", "misspelt"])
async def test_who_was_added_and_is_not_listed_is_unknown(
    tmp_path: Path, sandbox: Sandbox, scim: Scim, edit: Any
) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.edit = edit
        answer = await world.call("add_group_member", arguments(scim, scim.maria))
        assert (answer["status"], answer["changed"]) == ("unknown", None)
        assert [c["met"] for c in answer["checks"]] == [None, None]
        assert scim.members(scim.engineering) == {scim.leo, scim.maria}
        assert len(proxy.writes) == 1
        assert "once more" not in answer["next"]


async def test_one_page_of_members_proves_no_absence(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        await world.call("add_group_member", arguments(scim, scim.maria))
        proxy.edit = first_page
        answer = await world.call("remove_group_member", arguments(scim, scim.maria))
        assert answer["status"] == "unknown"
        assert "one page of several" in answer["checks"][0]["that"]


async def test_a_wiped_group_is_not_confirmed(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        await world.call("add_group_member", arguments(scim, scim.maria))
        wiped = False

        def wipe(path: str, value: Any) -> Any:
            return without_members(path, value) if wiped and len(proxy.writes) > 1 else value

        proxy.edit, wiped = wipe, True
        answer = await world.call("remove_group_member", arguments(scim, scim.maria))
        assert (answer["status"], answer["changed"]) == ("diverged", True)
        assert {"that": "somebody else is no longer in the group", "met": False} in answer["checks"]


async def test_the_last_member_can_be_taken_out(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, _):
        answer = await world.call("remove_group_member", arguments(scim, scim.leo))
        assert (answer["status"], answer["changed"]) == ("confirmed", True)
        assert scim.members(scim.engineering) == set()
        added = await world.call("add_group_member", arguments(scim, scim.maria))
        assert (added["status"], scim.members(scim.engineering)) == ("confirmed", {scim.maria})


async def test_what_was_done_is_tied_to_our_request(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, _):
        await world.call("add_group_member", arguments(scim, scim.maria))
        assert world.rows("SELECT ours FROM intents") == [(1,)]


async def test_an_inactive_user_can_be_taken_out(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    scim.http.patch(
        f"/Users/{scim.leo}",
        json={
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": False}],
        },
    )
    async with directory(tmp_path / "w", sandbox, scim) as (world, _):
        added = await world.call("add_group_member", {**arguments(scim, scim.leo), "group_id": scim.admins})
        assert added["status"] == "not_applied"
        assert "the user is not active" in added["summary"]
        assert (await world.call("remove_group_member", arguments(scim, scim.leo)))["status"] == "confirmed"


async def test_a_stale_read_is_unknown_and_found_by_itself(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        await world.call("remove_group_member", arguments(scim, scim.maria))  # already so: the reads are known
        proxy.stale = True
        answer = await world.call("add_group_member", arguments(scim, scim.maria))
        assert (answer["status"], answer["changed"]) == ("unknown", None)
        assert "the record does not show it yet" in answer["summary"]
        assert world.rows("SELECT count(*) FROM incidents WHERE resolved_ms IS NULL") == [(1,)]
        assert world.rows(
            "SELECT count(*) FROM rechecks WHERE done_ms IS NULL AND action_id = ?", answer["action_id"]
        ) == [(7,)]
        proxy.stale = False
        found = await until(world, answer["action_id"], "confirmed")
        assert (found["changed"], len(proxy.writes)) == (True, 1)
        assert world.rows("SELECT count(*) FROM incidents WHERE resolved_ms IS NULL") == [(0,)]
        assert world.rows("SELECT strike, status FROM actions WHERE sent_ms > 0") == [(0, "confirmed")]
        kinds = world.rows(
            "SELECT kind, status FROM statements WHERE action_id = ? ORDER BY leaf_index", found["action_id"]
        )
        assert kinds == [("intent", "running"), ("outcome", "unknown"), ("recheck", "confirmed")]


async def test_a_read_that_failed_is_no_finding(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        forward = proxy.answer

        async def fall(target: int, head: bytes, body: bytes) -> bytes | None:
            answer = await forward(target, head, body)
            proxy.down = bool(proxy.writes)
            return answer

        proxy.answer = fall  # type: ignore[method-assign]
        answer = await world.call("add_group_member", arguments(scim, scim.maria))
        assert answer["status"] == "unknown"
        assert [c["met"] for c in answer["checks"]] == [None, None]
        assert all("could not be read: the target answered 503" in c["that"] for c in answer["checks"])
        assert scim.members(scim.engineering) == {scim.leo, scim.maria}


async def test_a_refusal_is_final_and_says_why(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.refuse = (422, '{"detail": "the group is managed elsewhere"}')
        answer = await world.call("add_group_member", arguments(scim, scim.maria))
        assert (answer["status"], answer["changed"]) == ("not_applied", False)
        assert answer["summary"] == "Nothing changed: the target answered 422 and refused."
        assert "once more" not in answer["next"]
        assert answer["data"] == {"refusal": "the group is managed elsewhere"}
        assert answer["from_outside"] == ["data"]
        assert world.rows("SELECT count(*) FROM intents") == [(1,)]


PEOPLE = 12
INACTIVE, REFUSED = 3, 7


def several(scim: Scim) -> list[str]:
    """Twelve new users of the directory, one of them inactive."""
    schemas = ["urn:ietf:params:scim:schemas:core:2.0:User"]
    return [
        scim.create("/Users", {"schemas": schemas, "userName": f"user{n}@example.com", "active": n != INACTIVE})
        for n in range(PEOPLE)
    ]


def all_of(users: list[str], scim: Scim, **more: Any) -> dict[str, Any]:
    inputs = {"user_id": "${item}", "group_id": scim.engineering, "reason": "the team changes this week"}
    return {"id": "each", "contract": "add_group_member", "inputs": inputs, "for_each": users, **more}


async def test_a_list_goes_round_those_who_cannot_have_it(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    """One of twelve is not active and one is refused by the directory; a reply is lost on the way: ten are in."""
    users = several(scim)
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.refuse, proxy.refuse_only = (403, '{"detail": "managed elsewhere"}'), users[REFUSED]
        proxy.lose = 1
        step = all_of(users, scim, waves=[1, 4, "rest"], skip_unmet=True)
        answer = await world.approved("run_plan", {"steps": [step], "reason": "a new team", "on_failure": "continue"})
        assert answer["status"] == "partial", answer
        left = {users[INACTIVE], users[REFUSED]}
        assert scim.members(scim.engineering) == {scim.leo, *users} - left
        said = {s["item"]: (s["state"], s.get("because")) for s in answer["steps"]}
        assert said[users[INACTIVE]] == ("left_out", "the user is not active")
        assert said[users[REFUSED]][0] == "not_applied"
        assert [s for u, s in said.items() if u not in left] == [("done", None)] * (PEOPLE - 2)


async def test_without_it_one_who_cannot_have_it_takes_the_wave_back(
    tmp_path: Path, sandbox: Sandbox, scim: Scim
) -> None:
    users = several(scim)
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.refuse, proxy.refuse_only = (403, '{"detail": "managed elsewhere"}'), users[REFUSED]
        step = all_of([u for u in users if u != users[INACTIVE]], scim, waves=[4, "rest"])
        answer = await world.approved("run_plan", {"steps": [step], "reason": "a new team", "on_failure": "undo_wave"})
        assert answer["status"] == "partial", answer
        first = users[:INACTIVE] + users[INACTIVE + 1 : 5]
        assert scim.members(scim.engineering) == {scim.leo, *first}


async def test_another_record_than_the_one_that_was_named_is_denied(
    tmp_path: Path, sandbox: Sandbox, scim: Scim
) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.edit = lambda path, value: {**value, "id": scim.admins} if "/Groups/" in path else value
        answer = await world.call("add_group_member", arguments(scim, scim.maria))
        assert (answer["status"], proxy.writes) == ("denied", [])


async def test_what_is_unknown_is_looked_at_by_command(tmp_path: Path, sandbox: Sandbox, scim: Scim) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.edit = without_members
        answer = await world.call("add_group_member", arguments(scim, scim.maria))
        assert answer["status"] == "unknown"
        still = await world.app.resolutions.recheck(answer["action_id"])
        assert (still.status, [c.fact["met"] for c in still.checks]) == ("unknown", [None, None])
        proxy.edit = None
        said = await ailyus(world, "receipt", "recheck", answer["receipt_id"])
        # the look that comes by itself may have found it first
        assert said.startswith(("confirmed: receipt rcp_", "holds: receipt rcp_"))
        assert (await world.get(answer["action_id"]))["status"] == "confirmed"
        with pytest.raises(AilyusError, match="could not be read"):
            proxy.down = True
            await world.app.resolutions.recheck(answer["action_id"])


async def test_the_breaker_lifts_its_halt_when_a_later_look_finds_it(
    tmp_path: Path, sandbox: Sandbox, scim: Scim
) -> None:
    async with directory(tmp_path / "w", sandbox, scim) as (world, proxy):
        proxy.edit = without_members
        groups = [scim.group(f"team {n}") for n in range(3)]  # an open incident would stop another call on one group
        ended = [
            await world.call("add_group_member", {**arguments(scim, scim.maria), "group_id": group}) for group in groups
        ]
        assert [e["status"] for e in ended] == ["unknown"] * 3
        live = "SELECT scope FROM halts WHERE lifted_ms IS NULL ORDER BY scope"
        assert world.rows(live) == [("connection",), ("contract",)]
        proxy.edit = None
        with contextlib.suppress(AilyusError):  # a look that was due may have found it meanwhile
            await world.app.resolutions.recheck(ended[0]["action_id"])
        assert world.rows(live) == []
        assert world.app.runner.journal.controls.halts == ()
