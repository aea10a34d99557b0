"""A later look at what is unknown: it reads once, sends nothing, and says anew what it finds."""

import pytest

from contracts.errors import AilyusError
from receipts.action.action import Action
from server.operations.recheck_answer import RecheckAnswer
from server.operations.rechecks import Recheck
from tests.server.engine import Engine


async def look(made: Engine, action: Action) -> RecheckAnswer:
    program, target = made.release.catalog.programs["set_value"], made.release.targets["records"]
    return await Recheck(made.runner).look(action, program, target)


async def test_what_shows_by_now_is_confirmed_by_a_new_statement(permissive: Engine) -> None:
    action = await permissive.unknown()
    permissive.records["r1"] |= {"value": "new", "version": "2"}
    writes = len(permissive.writes())
    answer = await look(permissive, action)
    assert (answer.status, [check.met for check in answer.checks]) == ("confirmed", [True])
    row = await permissive.row(action.id)
    assert (row.status, row.receipt_id) == ("confirmed", answer.receipt_id)
    assert len(permissive.writes()) == writes
    kinds = await permissive.rows(
        "SELECT kind, status FROM statements WHERE action_id = ? ORDER BY leaf_index", action.id
    )
    assert [tuple(row) for row in kinds][-2:] == [("outcome", "unknown"), ("recheck", "confirmed")]


async def test_what_still_does_not_show_stays_unknown(permissive: Engine) -> None:
    action = await permissive.unknown()
    answer = await look(permissive, action)
    assert answer.status == "unknown"
    row = await permissive.row(action.id)
    assert (row.status, row.receipt_id) == ("unknown", action.receipt_id)


async def test_a_record_that_cannot_be_read_says_nothing(permissive: Engine) -> None:
    action = await permissive.unknown()
    permissive.fault("503", reads=True, times=9)
    with pytest.raises(AilyusError, match="could not be read") as fault:
        await look(permissive, action)
    assert fault.value.code == "not_found"
    assert await permissive.rows("SELECT count(*) FROM statements WHERE kind = 'recheck'") == [(0,)]


async def test_of_what_was_not_sent_there_is_nothing_to_look_at(permissive: Engine) -> None:
    permissive.records["r1"]["value"] = "new"
    answer = await permissive.live.pipeline.act(permissive.action())
    with pytest.raises(AilyusError, match="nothing is recorded of a send") as fault:
        await look(permissive, await permissive.row(answer.action_id))
    assert fault.value.code == "not_waiting"


async def test_somebody_elses_look_may_be_first(permissive: Engine) -> None:
    action = await permissive.unknown()
    permissive.records["r1"] |= {"value": "new", "version": "2"}
    await look(permissive, action)
    with pytest.raises(AilyusError, match="somebody else looked at the same time"):
        await look(permissive, action)


async def test_what_took_effect_lifts_the_halt_that_the_breaker_made_of_it(permissive: Engine) -> None:
    actions = []
    for number in range(3):
        permissive.seed(f"b{number}")
        permissive.fault("lying_200")
        answer = await permissive.live.pipeline.act(permissive.action(record=f"b{number}", value="new"))
        actions.append(await permissive.row(answer.action_id))
    assert {halt.by for halt in permissive.journal.controls.halts} == {"breaker"}
    permissive.records["b2"] |= {"value": "new", "version": "2"}
    await look(permissive, actions[2])
    assert permissive.journal.controls.halts == ()
