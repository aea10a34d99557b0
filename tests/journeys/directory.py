"""A gateway over a SCIM directory with a proxy between them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.scim import Scim, scim_workspace
from tests.wire_between import Between, between
from tests.world import Sandbox, World, gateway


@pytest.fixture(scope="session")
def scim_process() -> Iterator[Scim]:
    server = Scim()
    yield server
    server.close()


@pytest.fixture
def scim(scim_process: Scim) -> Scim:
    scim_process.reset()
    return scim_process


@asynccontextmanager
async def directory(folder: Path, sandbox: Sandbox, scim: Scim) -> AsyncIterator[tuple[World, Between]]:
    async with (
        between(scim.port) as proxy,
        gateway(scim_workspace(folder, sandbox, proxy.port), sandbox) as world,
    ):
        yield world, proxy


async def until(world: World, action: str, status: str) -> dict[str, Any]:
    """What is found by the looks that come by themselves."""
    async with asyncio.timeout(60):
        while (answer := await world.get(action))["status"] != status:
            await asyncio.sleep(0.2)
    return answer
