"""The read-back: it ends with what was expected, or with a look that began after the settle time."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from contracts.action.dispatch import ReadPermit
from contracts.action.observation import Delivery, Observation
from server.execution.attempt import SentAttempt
from server.execution.read_back import ReadBack
from tests.server.engine import Engine


class Looks:
    """The looks of a read-back, counted."""

    def __init__(self, observe: Callable[[ReadPermit], Awaitable[Observation]]) -> None:
        self._observe = observe
        self.began: list[int] = []

    async def __call__(self, permit: ReadPermit) -> Observation:
        seen = await self._observe(permit)
        self.began.append(seen.at_ms)
        return seen


async def settled(made: Engine, sent: SentAttempt) -> tuple[Observation, list[int]]:
    looks, request = Looks(made.executor.observe), sent.action.request
    program, target = made.release.catalog.programs[request.contract], made.release.target(request)
    return await ReadBack(made.journal, looks).settled(sent, program, target), looks.began


def ended(sent: SentAttempt, delivery: Delivery, answered: bool = True) -> SentAttempt:
    response = sent.execution.response if answered else None
    return replace(sent, execution=replace(sent.execution, delivery=delivery, response=response))


async def test_what_was_not_sent_is_not_looked_at(permissive: Engine) -> None:
    sent = await permissive.sent(permissive.action())
    assert await settled(permissive, ended(sent, "not_sent")) == (sent.before, [])


async def test_what_shows_at_once_needs_one_look(permissive: Engine) -> None:
    sent = await permissive.sent(permissive.action())
    later = replace(sent, intent=replace(sent.intent, settle_ms=600_000))
    after, looks = await settled(permissive, later)
    assert len(looks) == 1
    assert after.scope("after")["after.record"]["value"] == "new"  # type: ignore[index,call-overload]


@pytest.mark.parametrize("delivery", ["refused", "declined", "no_effect", "stopped", "rejected"])
async def test_after_a_final_no_one_look_is_enough(permissive: Engine, delivery: Delivery) -> None:
    sent = await permissive.sent(permissive.action())
    permissive.records["r1"]["value"] = "old"
    later = replace(sent, intent=replace(sent.intent, settle_ms=600_000))
    _, looks = await settled(permissive, ended(later, delivery))
    assert len(looks) == 1


async def test_without_an_answer_only_a_look_after_deadline_and_settle_time_proves_anything(permissive: Engine) -> None:
    permissive.fault("lying_200")
    sent = await permissive.sent(permissive.action())
    deadline = permissive.journal.store.now_ms() + 150
    lost = replace(
        ended(sent, "in_doubt", answered=False), intent=replace(sent.intent, deadline_ms=deadline, settle_ms=60)
    )
    after, looks = await settled(permissive, lost)
    assert after.at_ms == looks[-1] >= deadline + 60
    assert all(at < deadline + 60 for at in looks[:-1])
    assert len(looks) > 1


async def test_another_connection_than_the_one_that_was_written_to_shows_nothing(permissive: Engine) -> None:
    sent = await permissive.sent(permissive.action())
    other = replace(sent, intent=replace(sent.intent, target_digest="another"))
    after, looks = await settled(permissive, other)
    assert after.fault == "the connection is not the one that was written to"
    assert looks == []


@pytest.mark.parametrize("delivery", ["refused", "in_doubt"])
async def test_where_the_last_look_could_not_be_taken_another_one_is(permissive: Engine, delivery: Delivery) -> None:
    sent = await permissive.sent(permissive.action())
    permissive.fault("503", reads=True)
    past = replace(sent, intent=replace(sent.intent, deadline_ms=0))
    after, looks = await settled(permissive, ended(past, delivery, answered=False))
    assert (after.ok, len(looks)) == (True, 2)
