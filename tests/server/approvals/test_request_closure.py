"""The closure of a request: one signed statement, and for how long the same call meets a person's no."""

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from receipts.action.status import Status
from receipts.log.signing import Envelope
from receipts.store.row import blob
from receipts.store.transaction import Conflict
from server.approvals.request_closure import approver_of, close_request
from tests.server.engine import LEAD, PERMIT, Engine, engine


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        yield made


@pytest.mark.parametrize("status", ["refused", "expired", "cancelled"])
async def test_it_ends_with_a_statement_and_only_a_no_is_held(guarded: Engine, status: Status) -> None:
    action = await guarded.waiting()
    await close_request(guarded.runner, action, status, "not without a call back")
    row = await guarded.row(action.id)
    assert (row.state, row.status) == ("ended", status)
    assert row.result is not None
    assert row.result.data == {"reason": "not without a call back"}
    assert (row.held_until_ms > guarded.executor.now()) is (status == "refused")
    assert guarded.writes() == []


async def test_it_is_said_once(guarded: Engine) -> None:
    action = await guarded.waiting()
    await close_request(guarded.runner, action, "cancelled", "")
    with pytest.raises(Conflict):
        await close_request(guarded.runner, action, "expired", "")
    assert (await guarded.row(action.id)).status == "cancelled"


async def test_a_refusal_names_who_refused_by_a_pseudonym_and_keeps_what_was_signed(guarded: Engine) -> None:
    action = await guarded.waiting()
    signed = await guarded.signed(action.id, verdict="refuse")
    await close_request(guarded.runner, action, "refused", "", signed)
    ((envelope,),) = await guarded.rows(
        "SELECT envelope FROM statements WHERE action_id = ? AND status = 'refused'", action.id
    )
    said = orjson.loads(Envelope.decode(blob(envelope)).payload)["predicate"]
    assert said["approver"] == approver_of(guarded.runner, action, signed)
    assert "lead" not in said["approver"]
    assert set(said["commitments"]) == {"params", "decision", "says"}


async def test_two_people_have_two_pseudonyms(guarded: Engine) -> None:
    action = await guarded.waiting()
    lead, other = await guarded.signed(action.id), await guarded.signed(action.id, "other")
    names = {approver_of(guarded.runner, action, one) for one in (lead, other, None)}
    assert len(names) == 3
