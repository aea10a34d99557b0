"""The commit of a later look: row, incident and escalation change at once, and only while the row says `unknown`."""

import pytest

from contracts.action.observation import Observation
from receipts.action.action import Action
from receipts.action.status import Status
from receipts.reconciliation.verdict import Reason, Reconciliation, Verdict
from receipts.store.transaction import Conflict
from server.operations.recheck_result import RecheckResult, restated, still_unknown
from tests.free import free
from tests.receipts.making import told
from tests.server.engine import Engine


def found(made: Engine, action: Action, status: Status, verdict: Verdict, reason: str = "") -> RecheckResult:
    statements = made.executor.statements
    sealed = statements.seal(free("recheck"), f"rcp_{status}", statements.about(action), status, None, {})
    outcome = Reconciliation(verdict, True, "ours", (), {}, reason)
    after = Observation({}, 1, "separate_credential")
    return RecheckResult(sealed=sealed, status=status, answer=told(status), outcome=outcome, after=after, halts=())


async def commit(made: Engine, action: Action, result: RecheckResult) -> None:
    work = restated(action, made.release.catalog.programs["set_value"], result)
    await made.journal.commit(action, [work])


async def open_things(made: Engine) -> tuple[object, ...]:
    """Open incidents, escalations that nobody took on, looks that are due."""
    ((incidents,),) = await made.rows("SELECT count(*) FROM incidents WHERE resolved_ms IS NULL")
    ((told,),) = await made.rows("SELECT count(*) FROM escalations WHERE acknowledged_ms IS NULL")
    ((looks,),) = await made.rows("SELECT count(*) FROM rechecks WHERE done_ms IS NULL")
    return incidents, told, looks


async def test_what_is_found_closes_everything_that_was_open(permissive: Engine) -> None:
    action = await permissive.unknown()
    assert (await open_things(permissive))[:2] == (1, 1)
    await commit(permissive, action, found(permissive, action, "confirmed", "confirmed"))
    row = await permissive.row(action.id)
    assert (row.state, row.status) == ("ended", "confirmed")
    assert row.held_until_ms > permissive.executor.now()
    assert await open_things(permissive) == (0, 0, 0)
    assert await permissive.journal.is_ours(action.id)


@pytest.mark.parametrize(("reason", "strike"), [(Reason.AS_IT_WAS, 1), (Reason.AS_BEFORE, 0)])
async def test_a_target_that_said_yes_and_did_nothing_stays_a_strike(
    permissive: Engine, reason: str, strike: int
) -> None:
    action = await permissive.unknown()
    await commit(permissive, action, found(permissive, action, "not_applied", "not_applied", reason))
    row = await permissive.row(action.id)
    assert (row.status, row.held_until_ms) == ("not_applied", 0)
    assert await permissive.rows("SELECT strike FROM actions WHERE id = ?", action.id) == [(strike,)]


async def test_of_two_looks_that_find_it_one_is_first(permissive: Engine) -> None:
    action = await permissive.unknown()
    await commit(permissive, action, found(permissive, action, "confirmed", "confirmed"))
    with pytest.raises(Conflict):
        await commit(permissive, action, found(permissive, action, "not_applied", "not_applied"))
    assert (await permissive.row(action.id)).status == "confirmed"


async def test_what_is_still_unknown_leaves_all_open_but_the_looks_that_were_due(permissive: Engine) -> None:
    action = await permissive.unknown()
    incidents, told, looks = await open_things(permissive)
    await permissive.journal.store.write(
        lambda txn: txn.write("UPDATE rechecks SET due_ms = 1 WHERE due_ms = (SELECT min(due_ms) FROM rechecks)")
    )
    result = found(permissive, action, "unknown", "contended")
    await permissive.journal.commit(action, [still_unknown(action, result.sealed)])
    assert await open_things(permissive) == (incidents, told, int(str(looks)) - 1)
    assert (await permissive.row(action.id)).status == "unknown"
