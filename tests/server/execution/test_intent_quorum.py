"""A request whose intent too few witnesses cosigned is not sent, and after a death it is known that it was not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.actions.recovery import RecoveryLoop
from tests.server.witnessed import EVER, Witnessed, witnessed
from tests.until import until


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Witnessed]:
    async with witnessed(tmp_path) as found:
        yield found


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
