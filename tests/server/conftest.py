"""An engine: what works under one release, without a gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.server.engine import Engine, engine


@pytest.fixture
async def permissive(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine whose policies permit everything."""
    async with engine(tmp_path) as made:
        yield made
