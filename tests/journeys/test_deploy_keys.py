"""GitHub: a deploy key is rotated in two steps, and a failed run is started once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import Sandbox, World, gateway, make_workspace

SHOP = {"owner": "acme", "repo": "shop"}
NEW = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINew"
ROTATE = {
    **SHOP,
    "title": "deploy 2026",
    "public_key": NEW,
    "old_key_id": "100001",
    "reason": "the key is a year old",
}


@pytest.fixture
async def hub(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox, template="library"), sandbox) as running:
        yield running


def keys(world: World) -> list[Any]:
    return [key["key"] for key in world.sandbox.state()["acme"]["github"]["keys"]["acme/shop"]]


async def test_the_new_key_is_accepted_before_the_old_one_goes(hub: World) -> None:
    hub.sandbox.fault("lost_reply", "shop/keys", "github", times=2)
    answer = await hub.approved("rotate_deploy_key", ROTATE)
    assert answer["status"] == "confirmed", answer
    assert keys(hub) == [NEW]
    assert hub.sandbox.effects("/keys") == 2


async def test_a_key_that_is_in_use_elsewhere_changes_nothing(hub: World) -> None:
    state = hub.sandbox.state()
    (old,) = state["acme"]["github"]["keys"]["acme/shop"]
    state["acme"]["github"]["keys"]["acme/other"] = [old | {"id": 7, "key": NEW}]
    hub.sandbox.put(state)
    answer = await hub.approved("rotate_deploy_key", ROTATE)
    assert answer["status"] == "not_applied", answer
    assert keys(hub) == [old["key"]]


async def test_a_key_of_the_second_page_is_seen_and_the_whole_list_compared(hub: World) -> None:
    state = hub.sandbox.state()
    kept = state["acme"]["github"]["keys"]["acme/shop"]
    kept[:] = [kept[0] | {"id": number, "key": f"ssh-ed25519 AAAA{number}"} for number in range(1, 151)] + kept
    hub.sandbox.put(state)
    listed = await hub.call("list_deploy_keys", SHOP)
    assert len(listed["data"]["keys"]) == 151
    answer = await hub.approved("delete_deploy_key", {**SHOP, "key_id": "100001", "reason": "it is not used"})
    assert answer["status"] == "confirmed", [answer["summary"], answer.get("checks")]
    assert len(keys(hub)) == 150


async def test_a_failed_run_is_started_once_and_one_that_goes_on_never(hub: World) -> None:
    listed = await hub.call("list_failed_runs", SHOP)
    (run,) = listed["data"]["runs"]
    hub.sandbox.fault("lost_reply", "rerun", "github")
    again = {**SHOP, "run_id": run["run_id"], "reason": "the registry was away"}
    done = await hub.call("rerun_workflow_run", again)
    assert done["status"] == "confirmed", done
    runs = hub.sandbox.state()["acme"]["github"]["runs"]["acme/shop"]
    assert runs[run["run_id"]]["run_attempt"] == 2
    assert hub.sandbox.effects("rerun") == 1
    goes_on = await hub.call("rerun_workflow_run", {**again, "run_id": "30433643"})
    assert (goes_on["status"], goes_on["changed"]) == ("not_applied", False)
    assert hub.sandbox.writes("30433643") == 0
