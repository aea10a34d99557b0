"""Two replicas are restarted one after the other under load: nobody meets an error, and each write has one effect.

The long form: `python -m tests.replicas`.
"""

from pathlib import Path

import pytest

from tests.postgres import Postgres
from tests.replicas.rolling import rolled
from tests.world import Sandbox


@pytest.mark.parametrize("before", ["balancer", "nginx"])
async def test_a_rolling_restart_loses_doubles_and_refuses_nothing(
    tmp_path: Path, sandbox: Sandbox, postgres: Postgres, before: str, request: pytest.FixtureRequest
) -> None:
    nginx = request.getfixturevalue("nginx") if before == "nginx" else None
    load, wrong = await rolled(tmp_path, sandbox, postgres.database(f"rolling_{before}"), nginx=nginx)
    assert load.errors == []
    assert wrong == []
    assert len(load.sent) > 40
