"""A candidate decides recorded decisions again: what would be another one is told with its receipts."""

import asyncio
import shutil
from pathlib import Path

import pytest

from policies.simulation import SimulationTally
from receipts.statement.recorded_decisions import decision_pages
from server.workspace.policy_simulation import SimulatedRelease, simulate
from tests.policies.edits import APPROVALS, BASE, OWN, Edit, without, write
from tests.world import MARIA, World


async def simulated(world: World, candidate: Path, edit: Edit, processes: int = 1) -> SimulatedRelease:
    root = world.workspace.root
    shutil.rmtree(candidate, ignore_errors=True)
    for folder in ("contracts", "policies"):
        shutil.copytree(root / folder, candidate / folder)
    edit(candidate)
    return await asyncio.to_thread(simulate, world.workspace, str(candidate), None, 0, None, processes)


def kinds(tally: SimulationTally) -> set[tuple[str, str, str, str]]:
    return {(one.kind, one.action, one.before, one.after) for one in tally.flips}


@pytest.mark.both_stores
async def test_decisions_that_would_be_others_are_told_with_their_receipts(world: World, tmp_path: Path) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    assert asked["status"] == "approval_required"
    read = await world.call("get_user", {"user_id": MARIA["user_id"]})
    folder = tmp_path / "candidate"

    same = await simulated(world, folder, lambda root: None)
    assert (same.tally.flips, same.tally.same) == ({}, same.decisions)
    assert same.decisions >= 2, read

    wall = await simulated(world, folder, write(OWN, '@id("own") forbid (principal, action == Action::"get_user", resource);'))  # fmt: skip
    ((kind, flips),) = wall.tally.flips.items()
    assert (kind.kind, kind.action, kind.before, kind.after) == ("narrower", "get_user", "permitted", "denied")
    assert "own" in kind.policies
    assert flips.receipts[0].startswith("rcp_")
    assert wall.tally.wider == 0


async def test_a_guard_that_goes_is_wider(world: World, tmp_path: Path) -> None:
    await world.call("reset_user_mfa", MARIA)

    def edit(root: Path) -> None:
        without(APPROVALS, "prod-high-needs-lead")(root)
        without(BASE, "high-risk-needs-a-guard")(root)

    found = await simulated(world, tmp_path / "candidate", edit)
    assert kinds(found.tally) == {
        ("wider", "reset_user_mfa", "asks 1 SecurityLead", "permitted"),
    }
    assert (found.tally.wider, found.tally.unfit, found.tally.unplaced, found.without_evidence) == (1, 0, 0, 0)


async def test_several_processes_find_the_same(world: World, tmp_path: Path) -> None:
    for _ in range(3):
        await world.call("get_user", {"user_id": MARIA["user_id"]})
    edit = write(OWN, '@id("own") forbid (principal, action == Action::"get_user", resource);')
    one = await simulated(world, tmp_path / "candidate", edit)
    two = await simulated(world, tmp_path / "candidate", edit, 2)
    assert one.tally == two.tally
    assert sum(flips.count for flips in one.tally.flips.values()) == 3


def test_pages_follow_each_other_and_end() -> None:
    rows = [(n, f"rcp_{n}", "acme", "", b"[]", b"[]") for n in range(3)]

    def read(sql: str, leaf: int, since: int, most: int) -> list[tuple[object, ...]]:
        return [row for row in rows if row[0] > leaf][:2]  # type: ignore[operator]

    pages = list(decision_pages(read, 0))  # type: ignore[arg-type]
    assert [[one.receipt for one in page] for page in pages] == [["rcp_0", "rcp_1"], ["rcp_2"]]
