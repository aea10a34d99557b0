"""Two versions side by side over one database, as during a rolling upgrade: each reads and carries on what the other did.

The long form, over more of the versions before: `python -m tests.replicas --versions 5`.
"""

import asyncio
from pathlib import Path

from tests.postgres import Postgres
from tests.replicas.upgrade import side_by_side, with_other_tables
from tests.replicas.versions import checked_out
from tests.world import Sandbox


async def test_the_version_before_and_this_one_work_side_by_side(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    older = await asyncio.to_thread(checked_out, tmp_path / "older")
    await side_by_side(tmp_path, sandbox, postgres.database("versions"), older)


async def test_a_version_with_other_tables_waits_until_every_gateway_has_ended(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres
) -> None:
    await with_other_tables(tmp_path, sandbox, postgres.database("other_tables"))
