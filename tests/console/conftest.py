"""Fixtures of the console's tests. Those with a browser run in one loop, in which its driver is kept."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.browsers import keeping
from tests.console.people import People, people_of
from tests.world import Sandbox

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The loop of the session for whoever has a browser; each other test has a loop of its own."""
    for item in items:
        if item.path.is_relative_to(_HERE) and "browser_part" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def kept_driver() -> AsyncIterator[None]:
    async with keeping():
        yield


@pytest_asyncio.fixture(loop_scope="session")
async def people(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> AsyncIterator[People]:
    async with people_of(tmp_path / "w", sandbox) as running:
        yield running
