"""Fixtures: the sandbox process (one for all), and a world for each test that wants one."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.world import Sandbox, World, add_records, gateway, make_workspace


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
async def world(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox), sandbox) as running:
        yield running


@pytest.fixture
async def records(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A world with a plain REST store beside the twins."""
    async with gateway(add_records(tmp_path / "w", sandbox), sandbox) as running:
        yield running
