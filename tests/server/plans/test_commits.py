"""The commits of a plan: what ended is durable with the next intent; a place in line is kept until then."""

import asyncio

import pytest

from receipts.store.transaction import Conflict
from server.execution.attempt import PendingEnd
from server.plans.tally import StepEnd
from tests.server.engine import Engine
from tests.server.plans.runs import Parts, begun, plan_action, step


async def unsent(made: Engine) -> PendingEnd:
    """The end of a step of which nothing was sent."""
    made.records["r1"]["value"] = "new"
    ready = await made.permitted_or_so(made.action())
    assert isinstance(ready, PendingEnd)
    return ready


async def test_an_end_is_told_at_once_and_committed_later(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    ended = await unsent(permissive)
    finished = parts.commits.keep(run, 0, ended)
    assert isinstance(finished, StepEnd)
    assert (finished.key, finished.status, run.finished) == ("one", "confirmed", {0: finished})
    assert await permissive.journal.get(ended.action.id) is None
    await parts.commits.commit_pending(run)
    row = await permissive.journal.get(ended.action.id)
    assert row is not None
    assert row.state == "ended"
    assert (run.pending, run.ended) == ([], [])


async def test_approvals_are_used_up_with_the_first_commit_that_uses_them(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    run.approvals.append("signed")  # type: ignore[arg-type]
    parts.commits.mark_committed(run)
    assert len(run.approvals) == 1
    parts.commits.mark_committed(run, used=True)
    assert run.approvals == []


async def test_whoever_lost_the_plan_commits_nothing(permissive: Engine) -> None:
    parts, run = Parts(permissive), await begun(permissive, plan_action(permissive, step("one", "r1")))
    await permissive.journal.end_leases()
    await parts.commits.rows.take_plan(run.action)
    run.pending.append(parts.commits.rows.turning(run.action, "running", b"{}", (await unsent(permissive)).result))
    with pytest.raises(Conflict):
        await parts.commits.commit_pending(run)
    assert run.pending  # nothing counts as durable


async def test_a_place_is_kept_until_what_used_it_is_durable(permissive: Engine) -> None:
    permissive.seed("r2")
    action = plan_action(permissive, step("one", "r1"), step("two", "r2"))
    parts, run = Parts(permissive), await begun(permissive, action)
    one, two = run.planned.steps
    await parts.commits.acquire_slot(run, one)
    await parts.commits.acquire_slot(run, two)
    assert len(run.former) == 1
    limiter = permissive.executor.limiter
    waiting = asyncio.create_task(limiter.acquire("records", 0, "Record/r1"))
    await asyncio.sleep(0)
    assert not waiting.done()
    parts.commits.mark_committed(run)
    assert (await waiting).waited
    assert run.former == []


async def test_nobody_holds_one_place_while_waiting_for_another(permissive: Engine) -> None:
    permissive.seed("r2")
    action = plan_action(permissive, step("one", "r1"), step("two", "r2"))
    parts, run = Parts(permissive), await begun(permissive, action)
    one, two = run.planned.steps
    limiter = permissive.executor.limiter
    other = await limiter.acquire("records", 0, "Record/r2")
    await parts.commits.acquire_slot(run, one)
    run.add(await unsent(permissive))
    waiting = asyncio.create_task(parts.commits.acquire_slot(run, two))
    first = await asyncio.wait_for(limiter.acquire("records", 0, "Record/r1"), 5)  # let go, and durable before
    assert run.pending == []
    limiter.release(other)
    await waiting
    assert run.place is not None
    limiter.release(first)
