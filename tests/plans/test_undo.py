"""What an undo may touch, what drift is in a plan, and who may still commit a step."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from receipts.action.action import PlanStep
from receipts.journal.intent import Busy, Stale
from receipts.journal.plan_transitions import PlanRows
from tests.hostile import findings
from tests.plans.records import each, run, seeded, set_value, states, values
from tests.receipts import making
from tests.slowness import scaled
from tests.until import until
from tests.world import World, warmed


async def test_what_is_not_certainly_ours_stays(records: World) -> None:
    """The reply of the first step was lost: it is there, but no answer ties it to our request."""
    seeded(records, "a", "b")
    records.sandbox.fault("lost_reply", "records/a", "records")
    records.sandbox.fault("lying_200", "records/b", "records", times=9)
    answer = await run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")])
    assert answer["status"] == "partial", answer
    assert states(answer)["one"] == "done"
    assert "ours" in next(s["kept"] for s in answer["steps"] if s["id"] == "one")
    assert values(records)["a"] == "x"


async def test_steps_that_touched_the_same_record_are_undone_one_after_another(records: World) -> None:
    seeded(records, "a", "b")
    records.sandbox.fault("lying_200", "records/b", "records", times=9)
    steps = [set_value("one", "a", "x"), set_value("two", "a", "y"), set_value("three", "b", "z")]
    answer = await run(records, steps)
    assert answer["status"] == "compensated", answer
    assert states(answer) == {"one": "undone", "two": "undone", "three": "not_applied"}
    assert values(records)["a"] == "old"


LATER = {
    # on_failure, was b changed after all, then the plan and its steps
    "it was done": ("escalate", True, "confirmed", {"one": "done", "two": "done"}),
    "it was not": ("escalate", False, "partial", {"one": "done", "two": "not_applied"}),
    "it was done, and the first was taken back": ("undo", True, "partial", {"one": "undone", "two": "done"}),
    "it was not, and the first was taken back": ("undo", False, "compensated", {"one": "undone", "two": "not_applied"}),
}


@pytest.mark.parametrize("by", ["step", "plan"])
@pytest.mark.parametrize("case", LATER)
async def test_a_step_that_is_known_later_says_what_its_plan_came_to(records: World, case: str, by: str) -> None:
    on_failure, done, status, steps = LATER[case]
    seeded(records, "a", "b")
    records.sandbox.fault("slow", "records/b", "records", ms=300)
    asked = [set_value("one", "a", "x"), set_value("two", "b", "y")]
    task = asyncio.create_task(run(records, asked, on_failure=on_failure))
    await until(lambda: records.sandbox.writes("records/b"))
    records.sandbox.fault("503", "records/b", "records", reads=True, times=99)
    answer = await task
    assert answer["status"] == "unknown", answer
    records.sandbox.heal()
    if not done:
        seeded(records, "b")
    two = next(s for s in answer["steps"] if s["id"] == "two")
    await records.app.resolutions.recheck(two["action_id"] if by == "step" else answer["action_id"])
    now = await records.get(answer["action_id"])
    assert (now["status"], states(now)) == (status, steps), now
    assert findings(records.workspace) == []
    sql = "SELECT count(*) FROM escalations WHERE acknowledged_ms IS NULL AND action_id = ?"
    assert records.rows(sql, now["action_id"]) == [(0 if status == "confirmed" else 1,)]


async def test_what_somebody_else_took_back_already_needs_no_send(records: World) -> None:
    """Their value is the old one, at another version: it is not as we left it, so it is left alone."""
    seeded(records, "a", "b")
    records.sandbox.fault("slow", "records/b", "records", ms=200, reads=True, times=30)
    records.sandbox.fault("lying_200", "records/b", "records", times=9)
    task = asyncio.create_task(run(records, [set_value("one", "a", "x"), set_value("two", "b", "y")]))
    await until(lambda: records.sandbox.writes("records/b"))
    state = records.sandbox.state()
    state["acme"]["records"]["records"]["a"] |= {"value": "old", "version": "9"}
    records.sandbox.put(state)
    answer = await task
    assert answer["status"] == "partial", answer
    assert records.rows("SELECT count(*) FROM actions WHERE state <> 'ended'") == [(0,)]
    assert records.sandbox.writes("records/a") == 1


ROTATE = {
    "account_name": "slack-alerts",
    "integration_name": "alerts",
    "old_key_id": "key_old00001",
    "reason": "the key is due for its rotation",
}


async def test_a_change_between_two_steps_is_drift(world: World) -> None:
    """The channel that the approver saw is another one when the second step's turn comes."""
    asked = await world.call("rotate_api_key_and_update_integration", ROTATE)
    world.sandbox.fault("slow", "accounts/slack-alerts", "apikeys", ms=150, reads=True, times=40)
    await world.approve(asked["action_id"])
    await until(lambda: world.sandbox.writes("keys") == 1)
    state = world.sandbox.state()
    state["acme"]["integrations"]["integrations"]["alerts"]["channel"] = "#elsewhere"
    world.sandbox.put(state)
    answer = await world.get(asked["action_id"], 45)
    assert answer["status"] == "compensated", answer
    assert states(answer) == {"rotate": "undone", "integration": "denied", "revoke_old": "untouched"}
    assert world.sandbox.writes("credential") == 0


async def test_the_plans_own_changes_are_no_drift(world: World) -> None:
    leo = {"user_id": "00u2leo000001", "ticket": "4712", "reason": "locked out and lost the phone"}
    answer = await world.approved("restore_account_access", leo)
    assert answer["status"] == "confirmed", answer


async def test_a_plan_that_was_taken_over_commits_no_more_steps(tmp_path: Any) -> None:
    journal = await making.journal_at(tmp_path / "store.db")
    rows = PlanRows(journal)
    plan = replace(making.action("plan"), plan=b"{}")
    await journal.commit(plan, [rows.beginning(plan, b"{}", making.told("running"))])
    running = replace(plan, state="running", fence=1)
    step = replace(making.action("one"), step=PlanStep(plan.id, 1, 0, 2, "one"))
    await making.conclude(journal, step, (await making.intend(journal, step)).fence)
    await journal.end_leases()
    assert await rows.take_plan(running) == 2
    late = replace(making.action("two"), step=PlanStep(plan.id, 1, 1, 2, "two"))
    assert isinstance(await making.try_to_intend(journal, late), Stale)
    assert await journal.get(late.id) is None
    mine = replace(making.action("two"), step=PlanStep(plan.id, 2, 1, 2, "two"))
    await making.intend(journal, mine)
    assert [s.id for s in await journal.steps(plan.id)] == [step.id, mine.id]
    journal.store.close()


async def test_two_that_make_objects_on_one_resource_are_never_in_flight_together(tmp_path: Any) -> None:
    journal = await making.journal_at(tmp_path / "store.db")
    first, second = making.action("a"), making.action("b")
    dispatch = await making.intend(journal, first, lock="account")
    assert isinstance(await making.try_to_intend(journal, second, lock="account"), Busy)
    await making.conclude(journal, first, dispatch.fence)
    # what it saw before the first had ended is not what is there now
    assert await making.try_to_intend(journal, second, lock="account", before=making.BEFORE) == Stale()
    await making.intend(journal, second, lock="account")
    journal.store.close()


async def test_a_plan_past_its_time_begins_no_further_step(records: World) -> None:
    from server.plans.progress import Progress

    names = [f"n{n}" for n in range(100)]
    seeded(records, *names)
    step = each(names)
    now = records.app.store._clock
    task = asyncio.create_task(run(records, [step], on_failure="stop"))
    await until(lambda: records.sandbox.effects() >= 5)
    records.app.store._clock = lambda: now() + 7_200_000
    answer = await task
    assert answer["status"] == "partial", answer["summary"]
    assert "ran out of time" in answer["summary"]
    assert Progress.unpacked(records.rows("SELECT plan FROM actions WHERE plan IS NOT NULL")[0][0]).stopped


async def test_a_plan_whose_contracts_changed_is_closed_with_what_it_did(tmp_path: Any, sandbox: Any) -> None:
    """The process dies in the middle; the next one has another contract. Nothing is left partial in silence."""
    from tests.world import add_records, gateway

    names = [f"n{n}" for n in range(100)]
    steps = [each(names)]
    workspace = add_records(tmp_path / "w", sandbox)
    await warmed()
    async with gateway(workspace, sandbox) as world:
        seeded(world, *names)
        sandbox.fault(
            "slow", "records/", "records", times=10_000, ms=int(scaled(40))
        )  # the command comes while it runs
        task = asyncio.create_task(run(world, steps))
        await until(lambda: sandbox.effects() >= 10)
        await asyncio.to_thread(halt, world)
        answer = await task
        while "steps" not in answer:  # on a busy machine the call itself was answered before the halt
            answer = await world.get(answer["action_id"], 1)
        done = [s["state"] for s in answer["steps"]].count("done")
    path = workspace.root / "contracts" / "records" / "set_value.yaml"
    path.write_text(path.read_text().replace("Change one record's value; can be undone.", "Another summary."))
    async with gateway(workspace, sandbox) as world:
        controls = world.app.journal.controls
        (live,) = controls.halts
        from receipts.journal.halt import halt_statement

        await controls.unhalt(live.scope, live.name, halt_statement(world.app.journal.notary, live, "lifted", "lead"))
        ended = await world.get(answer["action_id"], 30)
        assert ended["status"] == "partial", ended
        assert f"{done} done" in ended["summary"]
        assert "changed meanwhile" in ended["summary"]
        assert ended["escalated_to"] == "records-oncall"
        assert sandbox.effects() == done


def halt(world: World) -> None:
    from tests.world import cli

    cli("halt", "add", "all", "--reason", "a test", cwd=world.workspace.root)


async def test_an_agent_that_was_revoked_sends_nothing_more(records: World) -> None:
    names = [f"n{n}" for n in range(150)]
    seeded(records, *names)
    step = each(names)
    task = asyncio.create_task(run(records, [step], on_failure="stop"))
    await until(lambda: records.sandbox.effects() >= 5)
    await records.app.agents.change("support-bot", revoke=True)
    sent = records.sandbox.effects()
    answer = await task
    assert answer["status"] == "partial", answer
    assert records.sandbox.effects() <= sent + 1


@pytest.mark.of_a_file
async def test_an_expired_handle_ends_the_step_not_the_gateway(world: World) -> None:
    store = world.app.store
    asked = await world.call("rotate_api_key_and_update_integration", ROTATE)
    world.sandbox.fault("slow", "integrations/alerts", "integrations", ms=400, reads=True, times=40)
    await world.approve(asked["action_id"])
    await until(lambda: world.sandbox.writes("keys") == 1)
    await asyncio.sleep(0.2)
    clock = store._clock
    store._clock = lambda: clock() + 20 * 60_000
    answer = await world.get(asked["action_id"], 45)
    assert answer["status"] in ("compensated", "partial"), answer
    assert world.sandbox.writes("credential") == 0
