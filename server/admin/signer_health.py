"""The health of the log's signers outside of the gateway: does each give a signature that holds, in its time?"""

import os
import time

from contracts.errors import AilyusError
from receipts.log.program_key import ProgramKey
from receipts.log.signing_key import PROBE, NoSignature
from server.admin.finding import Finding
from server.workspace.log_signers import signers_of
from server.workspace.workspace import Workspace


def signer_findings(workspace: Workspace) -> list[Finding]:
    """One finding for each signer of the settings. A program of this command is asked, not that of the gateway."""
    try:
        signers = signers_of(workspace)
    except AilyusError as error:
        return [Finding("signer", False, error.sentence, error.hint)]
    return [_finding(signer) for signer in signers]


def _finding(signer: ProgramKey) -> Finding:
    layer, started = f"signer {signer.name}", time.monotonic()
    try:
        # 32 random bytes, so that no answer of before will do; no text of the log begins like the probe
        signer.sign(PROBE + os.urandom(32))
    except NoSignature:
        return Finding(layer, False, f"it {signer.fault}", f"see to [log.signers.{signer.name}] of the settings")
    finally:
        signer.close()
    return Finding(layer, True, f"it gave a signature that holds in {(time.monotonic() - started) * 1000:.0f} ms")
