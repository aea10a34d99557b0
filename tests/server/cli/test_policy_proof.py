"""`ailyus policy prove`: invariants of the files, and what they permit that the live release denies."""

import json
import shutil

from tests.world import World, ailyus


async def test_a_candidate_that_permits_more_is_refuted_by_a_request(records: World) -> None:
    root = records.workspace.root
    said = json.loads(await ailyus(records, "policy", "prove", "--format", "json"))
    assert said["holds"]
    assert said["claims"][0]["claim"] == "this change permits nothing that was denied"
    candidate = root / "candidate"
    for folder in ("contracts", "policies"):
        shutil.copytree(root / folder, candidate / folder)
    wall = candidate / "policies" / "base.cedar"
    wall.write_text(wall.read_text().replace("principal.tenant == resource.tenant", "resource has tenant"))
    own = "invariants:\n  - {name: only writes are guarded, action: write, approvals: 1}\n"
    (candidate / "policies" / "invariants.yaml").write_text(own)
    text = await ailyus(records, "policy", "prove", "--candidate", str(candidate), ok=False)
    lines = text.splitlines()
    assert lines[0].startswith("REFUTED this change permits nothing that was denied"), text
    assert '"tenant"' in lines[1]
    assert any(line.startswith("REFUTED nothing outside the tenant") for line in lines), text
    assert any(line.startswith("REFUTED only writes are guarded") for line in lines), text
    # a widening on purpose is left to the other commands; the invariants are asked all the same
    less = await ailyus(records, "policy", "prove", "--candidate", str(candidate), "--allow-new-access", ok=False)
    assert "nothing that was denied" not in less
