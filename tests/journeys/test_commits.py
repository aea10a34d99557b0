"""What is durable before what: commits counted, commits that fail, uses that race and a process that dies."""

import asyncio
from pathlib import Path
from typing import Any

from receipts.store.transaction import Txn
from tests.journeys.rotation import ROTATE
from tests.journeys.served import call_tool, rows_of
from tests.plans.records import run, seeded, set_value
from tests.until import until
from tests.world import LEO, MARIA, Sandbox, Served, World, cli, make_workspace

UNLOCK = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}


async def test_the_cost_of_an_action_is_its_durable_commits(world: World) -> None:
    async def cost(tool: str, arguments: dict[str, str]) -> int:
        before = world.app.store.commits
        await world.call(tool, arguments)
        return world.app.store.commits - before

    assert await cost("find_user", {"email": "maria@example.com"}) == 1
    assert await cost("reset_user_mfa", {**MARIA, "connection": "okta-globex"}) == 1
    assert await cost("unlock_user", UNLOCK) == 2
    before = world.app.store.commits
    await world.reset()
    assert world.app.store.commits - before == 4


async def test_the_cost_of_a_plan_is_its_durable_commits(records: World) -> None:
    """k + 1, + 2 with an approval, + 1 per undo."""
    await records.app.recovery.stop()  # telling whoever is on call is committed too, but at its own time
    seeded(records, "a", "b", "c")
    names = ["a", "b", "c"]

    async def cost(*steps: dict[str, Any], **more: Any) -> tuple[int, str]:
        before = records.app.store.commits
        answer = await run(records, list(steps), **more)
        return records.app.store.commits - before, answer["status"]

    steps = [set_value(f"s{n}", name, "x") for n, name in enumerate(names)]
    assert await cost(*steps, preview=True) == (1, "previewed")
    assert await cost(*steps) == (4, "confirmed")
    assert await cost(*steps, on_failure="stop") == (1, "confirmed")  # already so: nothing is sent
    records.sandbox.fault("lying_200", "records/c", "records", times=9)
    undone = [set_value(f"s{n}", name, "y") for n, name in enumerate(names)]
    assert await cost(*undone) == (4 + 2, "compensated")
    before = records.app.store.commits
    answer = await records.approved("rotate_api_key_and_update_integration", ROTATE)
    assert answer["status"] == "confirmed"
    assert records.app.store.commits - before == 3 + 1 + 2


async def test_a_commit_that_fails_while_an_effect_waits_for_it_sends_nothing(world: World) -> None:
    def breaks_the_commit(txn: Txn) -> None:
        txn.write("PRAGMA defer_foreign_keys = ON", rows=None)
        txn.write("INSERT INTO approvals VALUES ('a', 'no such action', 'p', 'r', x'00', 1)")

    store = world.app.store
    intend, poisoned = world.app.journal.intend, []

    async def beside_a_poisoned_entry(*arguments, **named):  # type: ignore[no-untyped-def]
        poisoned.append(store.submit(breaks_the_commit))  # in the same group, or in the one before
        return await intend(*arguments, **named)

    world.app.journal.intend = beside_a_poisoned_entry  # type: ignore[method-assign]
    answers = await asyncio.gather(
        *(world.call("unlock_user", {**UNLOCK, "user_id": u}) for u in ("00u2leo000001", "00u1maria0001"))
    )
    assert poisoned
    assert all(p.exception() for p in poisoned)
    for answer in answers:
        if answer["status"] == "invalid":
            assert answer["error"]["code"] == "store_unavailable"
    writes = world.sandbox.writes()
    assert writes == world.rows("SELECT count(*) FROM intents")[0][0]
    assert writes == sum(a["status"] == "confirmed" and a["changed"] is True for a in answers)


async def test_one_approval_used_by_twenty_and_a_process_that_dies(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    served = Served(workspace)
    url = await asyncio.to_thread(served.start)
    try:
        await until(lambda: workspace.token_file("support-bot").exists())
        token = workspace.token_file("support-bot").read_text().strip()
        asked = await call_tool(url, token, "reset_user_mfa", MARIA)
        sandbox.fault("hang_after_effect", ms=3000)
        await asyncio.to_thread(cli, "approval", "approve", asked["action_id"], "--yes", cwd=workspace.root)
        uses = [asyncio.to_thread(_approve_again, workspace.root, asked["action_id"]) for _ in range(5)]
        await asyncio.gather(*uses)
        await until(lambda: sandbox.writes() == 1)
        await asyncio.to_thread(served.kill)
        url = await asyncio.to_thread(served.start)
        answer = await call_tool(url, token, "get_action", {"action_id": asked["action_id"], "wait_seconds": 20})
        assert (answer["status"], answer["changed"]) == ("confirmed", True)
        assert sandbox.writes() == 1
        assert rows_of(workspace, "SELECT count(*) FROM intents") == [(1,)]
        assert rows_of(workspace, "SELECT count(*) FROM approval_uses") == [(1,)]
        await asyncio.to_thread(cli, "audit", cwd=workspace.root)
    finally:
        served.stop()


def _approve_again(root: Path, action: str) -> str:
    return cli("approval", "approve", action, "--yes", "--as", "lead", cwd=root, ok=False)
