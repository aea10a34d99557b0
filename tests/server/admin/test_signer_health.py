"""The doctor lets each signer of the log sign, and says which of them gives no signature that holds."""

from pathlib import Path

from server.admin.signer_health import signer_findings
from tests.log_signers import program_signer, with_signers
from tests.world import Sandbox, make_workspace


def test_a_signer_that_signs_and_one_that_does_not(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    assert signer_findings(workspace) == []
    well, ill = program_signer(tmp_path), program_signer(tmp_path, "second")
    workspace = with_signers(workspace, well, ill)
    ill.take_away()
    first, second = signer_findings(workspace)
    assert (first.layer, first.ok, first.says.startswith("it gave a signature that holds in ")) == (
        "signer kms",
        True,
        True,
    )
    assert (second.layer, second.ok, second.says) == ("signer second", False, "it gave no answer in 3 s, or ended")
    assert second.next == "see to [log.signers.second] of the settings"
    ill.bring_back()
    assert all(one.ok for one in signer_findings(workspace))
