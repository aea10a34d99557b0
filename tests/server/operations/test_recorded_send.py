"""The record of a send, read from the signed outcome: what is edited beside it is not believed."""

from dataclasses import replace

import pytest

from contracts.errors import AilyusError
from receipts.log.signing import Envelope
from receipts.store.row import blob
from server.operations.recorded_send import recorded_send
from tests.server.engine import Engine


async def test_it_is_the_last_attempt_with_its_answer(permissive: Engine) -> None:
    action = await permissive.unknown()
    program = permissive.release.catalog.programs["set_value"]
    sent = await recorded_send(permissive.journal.store, action, program)
    assert sent is not None
    execution = sent.execution
    assert (execution.attempt, execution.route, execution.delivery, execution.method) == (1, 0, "answered", "PUT")
    assert execution.response is not None
    assert (execution.response.status, execution.response.body) == (200, {})
    assert sent.settle_ms == permissive.release.targets["records"].max_settle_ms


async def test_outputs_that_were_kept_are_there(permissive: Engine) -> None:
    answer = await permissive.live.pipeline.act(permissive.action())
    action = await permissive.row(answer.action_id)
    sent = await recorded_send(permissive.journal.store, action, permissive.release.catalog.programs["set_value"])
    assert sent is not None
    assert sent.outputs == {"was": "old", "is": "new"}


async def test_of_what_was_never_sent_nothing_is_recorded(permissive: Engine) -> None:
    permissive.records["r1"]["value"] = "new"
    answer = await permissive.live.pipeline.act(permissive.action())
    assert answer.status == "confirmed"
    program = permissive.release.catalog.programs["set_value"]
    assert await recorded_send(permissive.journal.store, await permissive.row(answer.action_id), program) is None
    assert await recorded_send(permissive.journal.store, replace(permissive.action(), id="act_none"), program) is None


async def test_an_outcome_that_was_edited_does_not_hold(permissive: Engine) -> None:
    action = await permissive.unknown()
    where = "WHERE kind = 'outcome' AND action_id = ?"
    ((stored,),) = await permissive.rows(f"SELECT envelope FROM statements {where}", action.id)
    envelope = Envelope.decode(blob(stored))
    edited = replace(envelope, payload=envelope.payload.replace(b'"unknown"', b'"confirmed"')).encoded()
    await permissive.journal.store.write(
        lambda txn: txn.write(f"UPDATE statements SET envelope = ? {where}", edited, action.id)
    )
    with pytest.raises(AilyusError, match="does not hold") as fault:
        await recorded_send(permissive.journal.store, action, permissive.release.catalog.programs["set_value"])
    assert fault.value.code == "store_corrupt"
