"""Risky requests leave after enough real witnesses have cosigned their intent; else nothing of them is sent."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receipts.store.log_tables import witnessed_size
from server.admin.health.witness_check import witness_check
from server.plans.tally import StepEnd
from tests.receipts.making import journal_at
from tests.server.engine import LEAD, PERMIT
from tests.server.operations.witnesses import log_one, rounds_of
from tests.server.plans.runs import Parts, begun, plan_action
from tests.server.witnessed import EVER, Witnessed, critical, given, witnessed
from tests.until import until


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Witnessed]:
    async with witnessed(tmp_path) as found:
        yield found


async def test_what_is_critical_leaves_only_after_its_cosignature_and_all_else_goes_on(own: Witnessed) -> None:
    made, rounds = own.made, own.rounds
    made.seed("r2", "r3", "r4", "r5")
    answer = await own.act()
    assert (answer.status, answer.changed) == ("unavailable", False)
    assert answer.summary == "Nothing was sent and nothing changed: too few witnesses of the log answered in time."
    (denied,) = await own.said("decision")
    assert (denied["status"], denied["code"]) == ("unavailable", "not_cosigned")
    assert await made.rows("SELECT count(*) FROM intents") == [(0,)]  # asked before an approval is used up
    assert (await witness_check(rounds).look()).says == (
        "nothing is cosigned yet by enough of 1 witnesses; actions of risk critical or more are not sent"
    )
    assert (await made.live.pipeline.act(made.action("put_record", record="r2", value="new"))).status == "confirmed"
    assert made.writes() == ["PUT /records/r2"]
    assert "cosignatures" not in (await own.said("intent"))[0]
    own.left = EVER
    before = own.asked
    records = ["r1", "r3", "r4", "r5"]
    answers = await asyncio.gather(*map(own.act, records))
    assert [answer.status for answer in answers] == ["confirmed"] * 4
    assert own.asked - before < 8  # each would need two rounds of its own
    assert sorted(made.writes()) == [f"PUT /records/{one}" for one in ("r1", "r2", "r3", "r4", "r5")]
    assert [one.get("cosignatures") for one in await own.said("intent")] == [None, 1, 1, 1, 1]
    newest = max(row[0] for row in await made.rows("SELECT leaf_index FROM statements WHERE kind = 'intent'"))
    assert await made.journal.store.read_aside(witnessed_size) > int(str(newest))
    assert (await witness_check(rounds).look()).says.endswith("1 of 1 witnesses are up to date")


async def test_what_people_approved_waits_for_the_witness_and_keeps_its_approval(tmp_path: Path) -> None:
    async with witnessed(tmp_path, PERMIT, LEAD) as own:
        action = await own.made.waiting(**given())
        await own.made.inbox.decide(await own.made.signed(action.id))
        task = asyncio.create_task(own.made.live.pipeline.act(await own.made.row(action.id)))
        await until(lambda: own.asked >= 2)
        assert (own.made.writes(), (await own.made.row(action.id)).state) == ([], "ready")
        own.left = EVER
        assert (await task).status == "confirmed"


async def test_a_step_of_a_plan_waits_too(own: Witnessed) -> None:
    own.made.seed("r2")
    run = await begun(own.made, plan_action(own.made, critical("r1")))
    ended = await Parts(own.made).steps.take(run, 0)
    assert isinstance(ended, StepEnd)
    assert (ended.status, own.made.writes()) == ("unavailable", [])
    own.left = EVER
    run = await begun(own.made, plan_action(own.made, critical("r2")))
    ended = await Parts(own.made).steps.take(run, 0)
    assert isinstance(ended, StepEnd)
    assert (ended.status, own.made.writes()) == ("confirmed", ["PUT /records/r2"])


async def test_a_witness_that_refuses_the_log_stops_what_is_critical_at_once(tmp_path: Path) -> None:
    async with witnessed(tmp_path, wait="30s") as own:
        other = await journal_at(tmp_path / "other.db")
        for _ in range(50):
            await log_one(other)
        own.left = EVER
        first = rounds_of(other, own.rounds.part)
        await first.round()
        assert (await own.act()).status == "unavailable"
        assert own.made.writes() == []
        (told,) = await own.said("escalation")
        assert told["about"]["event"] == "refused"
        assert (await witness_check(own.rounds).look()).says.endswith("actions of risk critical or more are not sent")
        await first.close()
        await other.store.aclose()
