"""The inbox of approvers: who may decide, what they sign, and that each counts once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import AilyusError
from policies.approval import SignedApproval
from server.approvals.inbox import VALID_MS, Inbox
from tests.server.engine import LEAD, PEOPLE, PERMIT, Engine, engine

TWO = LEAD.replace(">= 1", ">= 2")


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        yield made


async def code_of(made: Engine, signed: SignedApproval) -> str:
    with pytest.raises(AilyusError) as fault:
        await made.inbox.decide(signed)
    return fault.value.code


async def test_enough_approvals_wake_the_action_and_each_person_counts_once(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, TWO) as made:
        woken: list[str] = []

        async def wake(action_id: str) -> None:
            assert (await made.row(action_id)).state == "ready"  # only now: the approval is committed
            woken.append(action_id)

        made.inbox = Inbox(made.runner, wake)
        action = await made.waiting()
        assert await made.inbox.decide(await made.signed(action.id)) == "waiting"
        assert await code_of(made, await made.signed(action.id)) == "used"
        assert woken == []
        assert await made.inbox.approved_by(action.id) == ["lead"]
        assert await made.inbox.decide(await made.signed(action.id, "other")) == "ready"
        assert woken == [action.id]


async def test_what_is_signed_names_the_request_as_it_is_now_and_lasts_a_while(guarded: Engine) -> None:
    action = await guarded.waiting()
    binding, asked = await guarded.inbox.binding(action.id, "lead", None, "approve", "x" * 900)
    assert (binding.subject, binding.role) == (asked.subject, "Lead")
    assert len(binding.comment) == 500
    assert binding.expires_ms - binding.not_before_ms == VALID_MS
    again, _ = await guarded.inbox.binding(action.id, "lead", None, "approve", "")
    assert again.nonce != binding.nonce


@pytest.mark.parametrize(("person", "code"), [("nobody", "unknown_person"), ("ann", "wrong_role")])
async def test_who_holds_no_role_that_is_asked_for_signs_nothing(guarded: Engine, person: str, code: str) -> None:
    action = await guarded.waiting()
    with pytest.raises(AilyusError) as fault:
        await guarded.inbox.binding(action.id, person, None, "approve", "")
    assert fault.value.code == code


async def test_who_asked_cannot_approve_whatever_they_sign(guarded: Engine) -> None:
    action = await guarded.waiting()
    binding, _ = await guarded.inbox.binding(action.id, "lead", "Lead", "approve", "")
    by_ann = guarded.sign(binding.model_copy(update={"approver": "ann"}), "ann")
    assert await code_of(guarded, by_ann) == "self_approval"
    why = guarded.inbox.why_ineligible(action, PEOPLE.by_name["ann"], [])
    assert why is not None
    assert why["sentence"] == "somebody else must approve this"
    assert guarded.inbox.why_ineligible(action, PEOPLE.by_name["lead"], []) is None
    twice = guarded.inbox.why_ineligible(action, PEOPLE.by_name["lead"], ["lead"])
    assert twice is not None
    assert twice["sentence"] == "you have approved it"


async def test_a_role_that_nobody_asked_for_does_not_count(guarded: Engine) -> None:
    action = await guarded.waiting()
    binding, _ = await guarded.inbox.binding(action.id, "lead", "Support", "approve", "")
    assert await code_of(guarded, guarded.sign(binding, "lead")) == "wrong_role"


async def test_a_refusal_ends_it_for_everybody(guarded: Engine) -> None:
    action = await guarded.waiting()
    given = await guarded.signed(action.id, "other")
    assert await guarded.inbox.decide(await guarded.signed(action.id, verdict="refuse")) == "refused"
    assert (await guarded.row(action.id)).status == "refused"
    assert await code_of(guarded, given) == "not_waiting"


async def test_an_approval_that_was_taken_back_never_counts_again(guarded: Engine) -> None:
    action = await guarded.waiting()
    signed = await guarded.signed(action.id)
    await guarded.inbox.decide(signed)
    await guarded.inbox.withdraw(action.id, "lead")
    assert (await guarded.row(action.id)).state == "waiting"
    assert await code_of(guarded, signed) == "used"
    with pytest.raises(AilyusError, match="no approval of yours"):
        await guarded.inbox.withdraw(action.id, "other")
    assert await guarded.inbox.decide(await guarded.signed(action.id)) == "ready"


async def test_a_used_approval_is_neither_given_nor_taken_back_again(guarded: Engine) -> None:
    action = await guarded.waiting()
    signed = await guarded.signed(action.id)
    await guarded.inbox.decide(signed)
    assert (await guarded.live.pipeline.act(await guarded.row(action.id))).status == "confirmed"
    assert await code_of(guarded, signed) == "used"
    with pytest.raises(AilyusError, match="cannot be taken back"):
        await guarded.inbox.withdraw(action.id, "lead")


async def test_what_waits_can_be_cancelled_and_expires(guarded: Engine) -> None:
    one = await guarded.waiting()
    other = await guarded.waiting(record="r1", value="other")
    assert {action.id for action in await guarded.inbox.waiting()} == {one.id, other.id}
    await guarded.inbox.cancel(one.id)
    await guarded.inbox.expire(other)
    assert [(await guarded.row(a.id)).status for a in (one, other)] == ["cancelled", "expired"]
    assert await guarded.inbox.waiting() == []


async def test_a_title_is_the_one_that_is_released_now(guarded: Engine) -> None:
    assert guarded.inbox.title("set_value") == "Set a record's value (undoable)"
    assert guarded.inbox.title("gone") == "gone"
