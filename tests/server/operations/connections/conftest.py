"""A journal on either store, without a gateway."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from receipts.journal.journal import Journal
from tests.receipts.making import journal_at


@pytest.fixture
async def journal(tmp_path: Path, database: str) -> AsyncIterator[Journal]:
    made = await journal_at(tmp_path / "store.db", database=database)
    yield made
    await made.store.aclose()
