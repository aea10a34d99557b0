"""Risky requests leave after enough real witnesses have cosigned their intent; else nothing of them is sent."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.types import Receive, Scope, Send

from receipts.action.action_result import ActionResult
from receipts.log.signing import Envelope
from receipts.store.log_tables import witnessed_size
from receipts.store.row import blob
from server.actions.recovery import RecoveryLoop
from server.admin.health.witness_check import witness_check
from server.listener.witness_endpoint import application
from server.operations.synchronous_rounds import SynchronousRounds
from server.operations.witness_rounds import WitnessRounds
from server.plans.tally import StepEnd
from server.workspace.free_port import free_port
from tests.receipts.making import journal_at
from tests.server.engine import CONTRACTS, LEAD, PERMIT, Engine, engine
from tests.server.operations.witnesses import log_one, part_of, rounds_of, witness_at
from tests.server.plans.runs import Parts, begun, plan_action
from tests.until import until
from tests.world import app_serving

NAME = "w.test/1"
EVER = 1_000_000


def given(record: str = "r1") -> dict[str, str]:
    """The arguments of `set_value`; what is critical needs a reason."""
    return {"record": record, "value": "new", "reason": "a test of critical risk"}


def critical(record: str) -> dict[str, Any]:
    """A step of a plan."""
    return {"id": record, "contract": "set_value", "inputs": given(record)}


@dataclass
class Witnessed:
    """An engine in which `set_value` is critical and waits for one witness; `left`: requests that this one answers."""

    made: Engine
    rounds: WitnessRounds
    left: int = 0
    asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        if self.left <= 0:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        self.left -= 1
        await self.witness(scope, receive, send)

    def open(self, folder: Path) -> None:
        found = witness_at(folder, NAME)
        self.store, self.witness = found.store, application(found)

    async def act(self, record: str = "r1") -> ActionResult:
        return await self.made.live.pipeline.act(self.made.action(**given(record)))

    async def said(self, kind: str) -> list[dict[str, Any]]:
        """What the statements of a kind say, in order."""
        rows = await self.made.rows("SELECT envelope FROM statements WHERE kind = ? ORDER BY leaf_index", kind)
        return [orjson.loads(Envelope.decode(blob(row[0])).payload)["predicate"] for row in rows]


@asynccontextmanager
async def witnessed(folder: Path, *policies: str, wait: str = "300ms") -> AsyncIterator[Witnessed]:
    contracts, port = folder / "contracts", free_port()
    shutil.copytree(CONTRACTS, contracts)
    path = contracts / "set_value.yaml"
    path.write_text(path.read_text().replace("risk: low", "risk: critical"))
    part = part_of({NAME: port}, folder, synchronous="critical", wait=wait)
    async with engine(folder, *policies, contracts=contracts) as made:
        found = Witnessed(made, rounds_of(made.journal, part))
        made.journal.quorum = SynchronousRounds(made.journal, part, found.rounds)
        found.open(folder)
        async with app_serving(found, port):
            yield found
            await found.rounds.close()
        found.store.close()


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


async def test_a_witness_that_dies_between_decision_and_send_ends_it_unsent(own: Witnessed) -> None:
    own.left = 1  # the look before the intent
    answer = await own.act()
    assert (answer.status, answer.changed, answer.error and answer.error.code) == ("unavailable", False, "unavailable")
    assert own.made.writes() == []
    (outcome,) = await own.said("outcome")
    assert (outcome["status"], outcome["reason"]) == ("unavailable", "too few witnesses of the log cosigned its intent")
    assert [(one["delivery"], one["via"]) for one in outcome["attempts"]] == [("not_sent", "http")]
    own.left = EVER
    assert (await own.act()).status == "confirmed"  # it is not held


@pytest.mark.parametrize(("cosigned", "status"), [(False, "unavailable"), (True, "confirmed")])
async def test_a_death_before_the_cosignature_is_told_from_one_after_it(
    tmp_path: Path, cosigned: bool, status: str
) -> None:
    async with witnessed(tmp_path, wait="30s") as own:
        own.left = 1
        task = asyncio.create_task(own.act())
        await until(lambda: own.asked >= 3)  # the intent is committed, and waits
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if cosigned:  # it may have left after that: it is read back, and sent again where that is safe
            own.left = EVER
            await own.rounds.round()
        await own.made.journal.end_leases()
        own.left = EVER
        tasks = await RecoveryLoop(own.made.runner, own.made.inbox.expire).scan()
        assert [answer.status for answer in await asyncio.gather(*tasks)] == [status]
        assert own.made.writes() == (["PUT /records/r1"] if cosigned else [])


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
