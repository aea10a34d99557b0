"""Taking back what is ours and still is as we left it; everything else stays, with the reason."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.action.request import ActionRequest
from receipts.store.transaction import Txn
from server.execution.attempt import PendingEnd
from server.execution.decisions import NO_APPROVALS, ApprovalCount
from server.execution.resolved_action import ResolvedAction
from server.execution.undo import Compensation, CompletedAction, NotCompensated, undo_line
from tests.server.engine import CONTRACTS, LEAD, PERMIT, Engine, engine


async def done(made: Engine, contract: str = "set_value") -> CompletedAction:
    """A write that is confirmed, with the state that it left."""
    action = made.action(contract, record="r1", value="new")
    sent = await made.sent(action)
    after = await made.executor.observe(made.journal.may_observe(sent.intent, sent.action, 5.0))
    pending = await made.executor.finish(sent, made.live.pipeline.reviews)
    assert pending.status == "confirmed"
    await made.executor.end(pending)
    return CompletedAction(action, sent.before, pending.outputs, after)


async def taken_back(
    made: Engine, one: CompletedAction, approvals: ApprovalCount = NO_APPROVALS
) -> PendingEnd | NotCompensated:
    found = await Compensation(made.executor, approvals).take_back(one, None)
    assert isinstance(found, PendingEnd | NotCompensated)
    return found


async def test_an_undo_is_an_action_of_its_own_that_names_what_it_takes_back(permissive: Engine) -> None:
    one = await done(permissive)
    ended = await taken_back(permissive, one)
    assert isinstance(ended, PendingEnd)
    assert (ended.status, ended.action.undoes) == ("confirmed", one.action.id)
    assert permissive.records["r1"]["value"] == "old"
    assert ended.action.request.params == {"record": "r1", "value": "old"}


async def test_what_somebody_changed_since_stays(permissive: Engine) -> None:
    one = await done(permissive)
    permissive.records["r1"] |= {"value": "theirs", "version": "9"}
    assert await taken_back(permissive, one) == NotCompensated("somebody else changed it since")
    assert permissive.records["r1"]["value"] == "theirs"


async def test_half_a_list_does_not_show_that_it_is_as_it_was_left(tmp_path: Path) -> None:
    folder = tmp_path / "contracts"
    folder.mkdir()
    for name in ("put_record", "set_value"):
        text = (CONTRACTS / f"{name}.yaml").read_text()
        (folder / f"{name}.yaml").write_text(text + "unchanged: [record.events]\n")
    async with engine(tmp_path, contracts=folder) as made:
        one = await done(made)
        made.records["r1"]["has_more"] = True
        reason = "a list of the record was not read whole, so it may have changed since"
        assert await taken_back(made, one) == NotCompensated(reason)


async def test_what_the_plan_itself_left_there_is_no_change_of_somebody_else(permissive: Engine) -> None:
    one = await done(permissive)
    permissive.records["r1"] |= {"value": "ours", "version": "9"}
    own: Mapping[str, Any] = {"before.record": dict(permissive.records["r1"])}
    ended = await taken_back(permissive, replace(one, own=own))
    assert isinstance(ended, PendingEnd)
    assert permissive.records["r1"]["value"] == "old"


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        ("halted", "it is halted"),
        ("unreadable", "the record could not be read"),
        ("moved", "the connection is another one now"),
    ],
)
async def test_trouble_takes_nothing_back(permissive: Engine, trouble: str, reason: str) -> None:
    one = await done(permissive)
    if trouble == "halted":
        await permissive.halt("connection", "records")
    elif trouble == "unreadable":
        permissive.fault("503", reads=True, times=9)
    else:
        request = replace(one.action.request, target_digest="another")
        one = replace(one, action=replace(one.action, request=request))
    found = await taken_back(permissive, one)
    assert isinstance(found, NotCompensated)
    assert found.reason == reason
    assert bool(found.halted) is (trouble == "halted")
    assert permissive.records["r1"]["value"] == "new"


async def test_a_halt_may_let_undos_through(permissive: Engine) -> None:
    one = await done(permissive)
    await permissive.halt("connection", "records", allow_undo=True)
    assert isinstance(await taken_back(permissive, one), PendingEnd)


async def test_an_undo_is_decided_with_the_approvals_of_what_it_takes_back(tmp_path: Path) -> None:
    async with engine(tmp_path, PERMIT, LEAD) as made:
        answer = await made.live.pipeline.act(made.action())
        await made.inbox.decide(await made.signed(str(answer.action_id)))
        action = await made.journal.get(str(answer.action_id))
        assert action is not None
        before = await made.executor.observe((await made.permitted(action)).resolved.permit)
        assert (await made.live.pipeline.act(action)).status == "confirmed"
        left = await made.journal.state_after(action.id)
        one = CompletedAction(action, before, {}, left)
        denied = await taken_back(made, one)
        assert denied == NotCompensated("the policies do not allow the undo")
        assert isinstance(await taken_back(made, one, ApprovalCount({"Lead": 1})), PendingEnd)


async def test_an_undo_gives_nobody_a_right_that_is_not_there_now(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    text = (CONTRACTS / "set_value.yaml").read_text()
    (contracts / "set_value.yaml").write_text(text + "widens: \"inputs.value == 'old'\"\n")
    async with engine(tmp_path, contracts=contracts) as made:
        found = await taken_back(made, await done(made))
        assert found == NotCompensated("it would give a right back that is not there now")
        assert made.records["r1"]["value"] == "new"


async def test_a_contract_without_an_undo_stays_and_an_approver_is_told_so(permissive: Engine) -> None:
    one = await done(permissive, "put_record")
    assert await taken_back(permissive, one) == NotCompensated("its contract has no undo")
    for contract, line in (
        ("put_record", "it cannot be undone by ailyus"),
        ("set_value", 'set_value takes it back: {"record":"r1","value":"new"}'),
    ):
        resolved = permissive.executor.resolve(permissive.action(contract, record="r1", value="newer"))
        assert isinstance(resolved, ResolvedAction)
        before = await permissive.executor.observe(resolved.permit)
        assert undo_line(permissive.executor, resolved, before) == line


async def test_an_undo_is_parsed_as_strictly_as_a_call(permissive: Engine) -> None:
    permissive.records["r1"]["value"] = "N0t allowed"
    one = await done(permissive)
    program = permissive.release.catalog.programs["set_value"]
    request = Compensation(permissive.executor, NO_APPROVALS).request(program, one.action, one.before, one.outputs)
    assert isinstance(request, NotCompensated)
    assert request.reason.startswith("the undo cannot be built: ")
    fine = replace(one.before, readings={"record": replace(one.before.readings["record"], value={"value": "fine"})})
    assert isinstance(
        Compensation(permissive.executor, NO_APPROVALS).request(program, one.action, fine, {}), ActionRequest
    )


async def test_an_orphan_is_taken_back_only_while_its_attempt_is_ours(permissive: Engine) -> None:
    sent = await permissive.sent(permissive.action())
    undo = Compensation(permissive.executor, NO_APPROVALS)

    def moved_on(txn: Txn) -> None:
        txn.write("UPDATE actions SET fence = fence + 1 WHERE id = ?", sent.action.id)

    await permissive.journal.store.write(moved_on)
    assert not await undo.remove_orphan(sent, {})
    assert permissive.records["r1"]["value"] == "new"
