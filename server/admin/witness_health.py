"""The health of the witnesses: how far they cosigned, whether one refuses, and whether verifiers ask for them."""

from contracts.errors import AilyusError
from receipts.audit.roots import read_roots
from receipts.log.checkpoint import Checkpoint
from receipts.store.log_tables import newest_note, witnessed_note
from receipts.tables.witness_states import states
from server.admin.finding import Finding
from server.workspace.log_key import ROOTS
from server.workspace.stores import reading
from server.workspace.workspace import Workspace


def witness_finding(workspace: Workspace) -> Finding:
    """How far the log is witnessed."""
    part = workspace.settings.witness
    if part is None:
        return Finding("witness", True, "none: the log is attested by its own operator")
    if not workspace.settings.has_database and not workspace.store.exists():
        return Finding("witness", True, "there is no log yet")
    try:
        with reading(workspace) as read:
            known, newest, note = states(read), newest_note(read), witnessed_note(read)
        trusted = read_roots(workspace.root / ROOTS).witness
    except AilyusError:
        return Finding("witness", False, "how far the log is witnessed cannot be read", "ailyus audit")
    refusing = [f"`{name}` ({state.refusal})" for name, state in known.items() if state.refusal]
    if refusing:
        return Finding("witness", False, f"the log is refused by {', '.join(refusing)}", "ailyus audit")
    whole, size = (Checkpoint.of_note(one).size if one else 0 for one in (newest, note))
    says = f"{size} of {whole} statements are cosigned by {part.quorum} of {len(part.cosigners)} witnesses"
    if not size and whole:
        following = "see `witness_silent` in the log; is each witness up, and does it know this log's roots.json?"
        return Finding("witness", True, says, following, warns=True)
    if trusted != part.roots:
        return Finding("witness", True, f"{says}; {ROOTS} does not ask for them", "ailyus witness trust", warns=True)
    return Finding("witness", True, says)
