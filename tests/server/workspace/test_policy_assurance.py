"""What speaks for a package's policies: nothing of it counts as shown for which there was no time."""

from pathlib import Path

from server.workspace.policy_assurance import examine
from server.workspace.release_package import candidate_of
from tests.world import Sandbox, make_workspace


def test_without_time_nothing_is_noticed_and_nothing_proven(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    _, package = candidate_of(workspace)
    found = examine(workspace.root, package.model_dump_json().encode(), 0.0)
    assert found.mistakes == found.noticed + len(found.survivors) + found.untried
    assert found.untried > found.noticed
    assert found.half_seen <= found.conditions
    assert found.verdicts
    assert not any(line.startswith("REFUTED") for line in found.verdicts)
