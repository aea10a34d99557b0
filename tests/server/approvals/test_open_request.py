"""An open request is looked at afresh: whatever changed since is said before anybody signs."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.approvals.open_request import open_request, waiting_action
from tests.hostile import edit_request
from tests.server.engine import LEAD, PERMIT, Engine, engine, release_of


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        yield made


async def code_of(made: Engine, action_id: str) -> str:
    with pytest.raises(AilyusError) as fault:
        await open_request(made.runner, action_id)
    return fault.value.code


async def test_it_is_what_was_asked_while_nothing_changed(guarded: Engine) -> None:
    action = await guarded.waiting()
    now = await open_request(guarded.runner, action.id)
    assert now.action == action
    assert action.asked is not None
    assert now.asked.model_dump_json().encode() == action.asked


async def test_what_waits_for_nobody_is_not_open(guarded: Engine) -> None:
    assert await code_of(guarded, "act_none") == "unknown_approval"
    action = await guarded.waiting()
    await guarded.inbox.cancel(action.id)
    assert await code_of(guarded, action.id) == "not_waiting"


async def test_a_record_that_is_gone_is_another_state_and_a_system_that_is_down_is_not(guarded: Engine) -> None:
    action = await guarded.waiting()
    guarded.fault("503", reads=True, times=2)
    assert await code_of(guarded, action.id) == "unavailable"
    guarded.sandbox.faults.clear()
    guarded.records.clear()
    assert await code_of(guarded, action.id) == "state_changed"


async def test_another_connection_contract_or_policy_needs_a_request_of_its_own(guarded: Engine) -> None:
    action = await guarded.waiting()
    for code, policies, port in (("policy_changed", (PERMIT,), guarded.port), ("target_changed", (PERMIT, LEAD), 1)):
        guarded.release_anew(release_of(guarded.root, port, *policies))
        assert await code_of(guarded, action.id) == code


async def test_a_request_that_is_past_its_time_is_not_open(guarded: Engine) -> None:
    action = await guarded.waiting()
    await guarded.journal.store.write(
        lambda txn: txn.write("UPDATE actions SET expires_ms = 1 WHERE id = ?", action.id)
    )
    assert await code_of(guarded, action.id) == "expired"


async def test_a_request_that_was_edited_in_the_store_is_not_shown_to_anybody(guarded: Engine) -> None:
    action = await guarded.waiting()
    await edit_request(guarded.journal.store, action.id, b"new", b"bad")
    with pytest.raises(AilyusError, match="is not the one that was signed") as fault:
        await waiting_action(guarded.runner, action.id)
    assert fault.value.code == "store_corrupt"
