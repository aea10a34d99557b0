"""Two versions side by side over one database, as during a rolling upgrade: each reads and carries on what the other did.

The long form, over more of the versions before: `python -m tests.replicas --versions 5`.
"""

import asyncio
from pathlib import Path

from tests.postgres import Postgres
from tests.replicas.upgrade import side_by_side
from tests.replicas.versions import checked_out
from tests.world import Sandbox


async def test_the_version_before_and_this_one_work_side_by_side(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    older = await asyncio.to_thread(checked_out, tmp_path / "older")
    await side_by_side(tmp_path, sandbox, postgres.database("versions"), older)
