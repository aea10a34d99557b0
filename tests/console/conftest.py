"""Fixtures of the console's tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.console.people import People, people_of
from tests.world import Sandbox


@pytest.fixture
async def people(tmp_path: Path, sandbox: Sandbox, browser_part: str) -> AsyncIterator[People]:
    async with people_of(tmp_path / "w", sandbox) as running:
        yield running
