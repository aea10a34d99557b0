"""The undo of a plan: in reverse, what is ours and as we left it; what a later step keeps stays with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.plans.run import Pause, Run
from server.plans.tally import StepEnd
from tests.server.engine import Engine, engine
from tests.server.plans.runs import Parts, begun, both, plan_action, step, values, watched


async def done(made: Engine, parts: Parts, *steps: dict[str, object]) -> Run:
    """A plan whose steps are all confirmed."""
    run = await begun(made, plan_action(made, *steps))
    return await taken(parts, run)


async def taken(parts: Parts, run: Run) -> Run:
    for position in range(len(run.planned.units)):
        end = await parts.steps.take(run, position)
        assert isinstance(end, StepEnd)
        assert end.status == "confirmed"
    await parts.commits.commit_pending(run)
    return run


def states(run: Run) -> list[str]:
    return [run.finished[position].state for position in sorted(run.finished)]


async def test_what_was_done_is_undone_in_reverse(permissive: Engine) -> None:
    parts = Parts(permissive)
    run = await done(permissive, parts, step("one", "r1", "x"), step("two", "r1", "y"))
    permissive.sandbox.log.clear()
    assert await parts.compensation.undo(run, only_wave=False) is None
    assert states(run) == ["undone", "undone"]
    assert values(permissive)["r1"] == "old"
    assert len(permissive.writes()) == 2


async def test_what_somebody_changed_since_stays_with_the_reason(permissive: Engine) -> None:
    permissive.seed("r2")
    parts = Parts(permissive)
    run = await done(permissive, parts, step("one", "r1"), step("two", "r2"))
    permissive.records["r1"] |= {"value": "theirs", "version": "9"}
    assert await parts.compensation.undo(run, only_wave=False) is None
    assert states(run) == ["done", "undone"]
    assert run.finished[0].kept == "somebody else changed it since"
    assert values(permissive) == {"r1": "theirs", "r2": "old"}


async def test_what_is_not_certainly_ours_stays(permissive: Engine) -> None:
    parts = Parts(permissive)
    run = await done(permissive, parts, step("one", "r1"))
    await permissive.journal.store.write(lambda txn: txn.write("UPDATE intents SET ours = 0"))
    assert await parts.compensation.undo(run, only_wave=False) is None
    assert run.finished[0].kept == "it is not certain that the change is ours"
    assert values(permissive)["r1"] == "new"


async def test_only_the_last_wave_where_the_author_says_so(permissive: Engine) -> None:
    permissive.seed("a", "b", "c")
    parts = Parts(permissive)
    each = {**step("each", "${item}"), "for_each": ["a", "b", "c"], "waves": [1, "rest"]}
    run = await done(permissive, parts, each)
    assert await parts.compensation.undo(run, only_wave=True) is None
    assert states(run) == ["done", "undone", "undone"]
    assert values(permissive) | {"r1": "old"} == {"r1": "old", "a": "new", "b": "old", "c": "old"}


async def test_a_halt_stops_it_where_it_is(permissive: Engine) -> None:
    parts = Parts(permissive)
    run = await done(permissive, parts, step("one", "r1"))
    await permissive.halt("connection", "records")
    pause = await parts.compensation.undo(run, only_wave=False)
    assert pause == Pause(permissive.journal.controls.halts[0].id, None)
    assert values(permissive)["r1"] == "new"


@pytest.mark.parametrize("doubtful", [False, True])
async def test_what_the_plan_keeps_for_a_later_step_stays_while_that_does(tmp_path: Path, doubtful: bool) -> None:
    contracts = watched(tmp_path / "contracts", keep="one while two")
    async with engine(tmp_path, contracts=contracts) as made:
        parts, run = Parts(made), await begun(made, both(made))
        await taken(parts, run)
        if doubtful:
            run.finished[1] = replace(run.finished[1], status="unknown")
        else:
            made.records["r2"] |= {"value": "theirs", "version": "9"}  # so the later step stays
        assert await parts.compensation.undo(run, only_wave=False) is None
        kept = "a later step in doubt may use it" if doubtful else "the plan keeps it while two is done"
        assert (run.finished[0].kept, run.finished[0].held_by) == (kept, "two")
        assert values(made)["r1"] == "x"


async def test_an_undo_that_was_committed_before_a_crash_is_not_sent_again(permissive: Engine) -> None:
    parts = Parts(permissive)
    run = await done(permissive, parts, step("one", "r1"))
    undone = permissive.action()
    run.undos[0] = replace(undone, state="ended", status="confirmed")
    permissive.sandbox.log.clear()
    assert await parts.compensation.undo(run, only_wave=False) is None
    assert states(run) == ["undone"]
    assert permissive.sandbox.log == []
