"""First come, first served; nobody waits in a circle; who gives up leaves no gap."""

import asyncio
import random

import pytest

from server.execution.fair_limiter import FairLimiter
from tests.slowness import scaled


async def test_in_order_and_never_more_than_there_is_room_for() -> None:
    lanes, order, inside, most = FairLimiter(), [], 0, 0

    async def one(number: int) -> None:
        nonlocal inside, most
        place = await lanes.acquire("c", 2, f"r{number}")
        order.append(number)
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.001)
        inside -= 1
        lanes.release(place)

    await asyncio.gather(*(one(n) for n in range(20)))
    assert order == list(range(20))
    assert most == 2


async def test_one_at_a_resource_also_without_a_bound() -> None:
    lanes = FairLimiter()
    first = await lanes.acquire("c", 0, "r")
    second = asyncio.create_task(lanes.acquire("c", 0, "r"))
    other = await lanes.acquire("c", 0, "elsewhere")
    assert not other.waited
    await asyncio.sleep(0)
    assert not second.done()
    lanes.release(first)
    assert (await second).waited


async def test_who_follows_hands_the_connection_on_only_when_nobody_waits() -> None:
    lanes = FairLimiter()
    held = await lanes.acquire("c", 1, "a")
    following = lanes.hand_over(held, "c", 1, "b")
    assert following is not None
    waiting = asyncio.create_task(lanes.acquire("c", 1, "x"))
    await asyncio.sleep(0)
    assert lanes.hand_over(following, "c", 1, "y") is None
    lanes.release(held)
    await asyncio.sleep(0)
    assert not waiting.done()
    lanes.release(following)
    assert (await waiting).waited


async def test_who_gives_up_blocks_nobody() -> None:
    lanes = FairLimiter()
    held = await lanes.acquire("c", 1, "a")
    impatient = asyncio.create_task(lanes.acquire("c", 1, "a"))
    patient = asyncio.create_task(lanes.acquire("c", 1, "a"))
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    lanes.release(held)
    lanes.release(await asyncio.wait_for(patient, scaled(1)))


async def test_no_deadlock_whatever_the_order() -> None:
    lanes, dice = FairLimiter(), random.Random(5)

    async def plan() -> None:
        place = None
        for _ in range(20):
            connection, resource = dice.choice("xyz"), dice.choice("abc")
            following = lanes.hand_over(place, connection, 2, resource) if place else None
            if place:
                lanes.release(place)
            place = following or await lanes.acquire(connection, 2, resource)
            await asyncio.sleep(0)
        if place:
            lanes.release(place)

    await asyncio.wait_for(asyncio.gather(*(plan() for _ in range(30))), scaled(10))
    assert lanes._lanes == {}
