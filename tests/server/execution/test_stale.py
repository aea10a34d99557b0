"""A version that is old: nothing was done, so the record is looked at and the action decided again, three times at most."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from receipts.reconciliation.verdict import Reason
from server.execution.attempt import PendingEnd, SentAttempt
from server.execution.decisions import NO_APPROVALS
from server.execution.executor import MAX_ATTEMPTS
from server.execution.redecision import CountedBefore
from tests.server.engine import CONTRACTS, LEAD, PERMIT, Engine, engine

STALE = "    stale: response.status == 412\n"


def locked(folder: Path, **changes: str) -> Path:
    """The contract that puts a record, if it still is as it was seen; `changes` replace words of it."""
    folder.mkdir()
    text = (CONTRACTS / "put_record.yaml").read_text().replace("    ok: response", f"{STALE}    ok: response")
    for old, new in changes.items():
        text = text.replace(old, new)
    (folder / "put_record.yaml").write_text(text)
    return folder


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Engine]:
    async with engine(tmp_path, contracts=locked(tmp_path / "contracts")) as one:
        yield one


async def overtaken(made: Engine) -> SentAttempt:
    """A send that finds the record as somebody else made it after the look."""
    ready = await made.permitted(made.action("put_record", record="r1", value="new"))
    made.records["r1"] |= {"version": "9", "value": "theirs"}
    sent = await made.executor.send(ready)
    assert isinstance(sent, SentAttempt)
    return sent


async def finished(made: Engine, sent: SentAttempt) -> PendingEnd:
    return await made.executor.finish(sent, made.live.pipeline.reviews)


async def test_it_is_looked_at_and_decided_again_under_an_intent_of_its_own(made: Engine) -> None:
    sent = await overtaken(made)
    assert (sent.execution.delivery, sent.execution.stale) == ("no_effect", True)
    assert made.records["r1"]["value"] == "theirs"
    ended = await finished(made, sent)
    assert (ended.status, ended.result.changed) == ("confirmed", True)
    assert (made.records["r1"]["value"], made.records["r1"]["version"]) == ("new", "10")
    (intents,) = await made.rows("SELECT count(*) FROM intents WHERE action_id = ?", ended.action.id)
    assert tuple(intents) == (2,)


async def test_an_approval_of_the_state_before_does_not_count_for_what_somebody_made_of_it(tmp_path: Path) -> None:
    lead = LEAD.replace("set_value", "put_record")
    async with engine(tmp_path, PERMIT, lead, contracts=locked(tmp_path / "contracts")) as made:
        waiting = await made.waiting(contract="put_record", record="r1", value="new")
        await made.inbox.decide(await made.signed(waiting.id))
        ready = await made.permitted(await made.row(waiting.id))
        made.records["r1"] |= {"version": "9", "value": "theirs"}
        sent = await made.executor.send(ready)
        assert isinstance(sent, SentAttempt)
        ended = await finished(made, sent)
        assert (ended.status, len(made.writes()), made.records["r1"]["value"]) == ("not_applied", 1, "theirs")


async def test_a_step_of_a_plan_and_an_undo_are_not_sent_over_it(made: Engine) -> None:
    sent = await overtaken(made)
    ended = await made.executor.finish(sent, CountedBefore(made.executor.decisions, NO_APPROVALS))
    assert (ended.status, ended.result.changed, made.writes()) == ("not_applied", False, ["PUT /records/r1"])
    assert "somebody else changed the record first" in ended.result.summary


async def test_what_somebody_else_already_did_is_not_said_to_be_ours(made: Engine) -> None:
    sent = await overtaken(made)
    made.records["r1"]["value"] = "new"
    ended = await finished(made, sent)
    assert (ended.status, made.writes()) == ("unknown", ["PUT /records/r1"])


async def test_attempts_end(tmp_path: Path) -> None:
    contracts = locked(tmp_path / "contracts", **{"before.record.version": "before.record.value"})
    async with engine(tmp_path, contracts=contracts) as made:
        ended = await finished(made, await overtaken(made))
        assert (ended.status, ended.result.changed) == ("not_applied", False)
        assert len(made.writes()) == MAX_ATTEMPTS
        assert ended.outcome is not None
        assert ended.outcome.reason == Reason.STALE


async def test_what_its_contract_does_not_allow_any_more_is_not_sent_again(tmp_path: Path) -> None:
    require = "require:\n  - {that: before.record.value == 'old', else: the record is not as old}\nexecute:"
    contracts = locked(tmp_path / "contracts", **{"execute:": require})
    async with engine(tmp_path, contracts=contracts) as made:
        ended = await finished(made, await overtaken(made))
        assert (ended.status, len(made.writes())) == ("not_applied", 1)


async def test_after_a_doubt_an_old_version_may_be_our_own_work(made: Engine) -> None:
    ready = await made.permitted(made.action("put_record", record="r1", value="new"))
    made.fault("lost_reply")
    first = await made.executor.send(ready)
    assert isinstance(first, SentAttempt)
    assert (first.execution.delivery, made.records["r1"]["value"]) == ("in_doubt", "new")
    again = replace(ready, resolved=replace(ready.resolved, action=first.action))
    second = await made.executor.send(again, (), first.attempts)
    assert isinstance(second, SentAttempt)
    assert (second.execution.delivery, second.execution.stale) == ("in_doubt", False)
    assert (await finished(made, second)).status == "confirmed"
