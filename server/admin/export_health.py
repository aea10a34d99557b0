"""The health of the exports: how far each is behind the log, and which of them wait for a person."""

from contracts.errors import AilyusError
from receipts.export.standing import ExportStanding, standings
from server.admin.finding import Finding
from server.results.timestamp import iso
from server.workspace.stores import reading
from server.workspace.workspace import Workspace


def export_findings(workspace: Workspace) -> list[Finding]:
    """One finding for each export of the settings."""
    parts = workspace.settings.export
    if not parts or (not workspace.settings.has_database and not workspace.store.exists()):
        return []
    try:
        with reading(workspace) as read:
            found = standings(read, {name: part.tenant for name, part in parts.items()})
    except AilyusError:
        return [Finding("export", False, "how far the exports are cannot be read", "ailyus audit")]
    return [_finding(name, found.get(name)) for name in parts]


def _finding(name: str, now: ExportStanding | None) -> Finding:
    layer = f"export {name}"
    if now is None:
        return Finding(layer, True, "it has not begun", "ailyus serve", warns=True)
    if now.stopped:
        return Finding(layer, False, f"it is stopped: {now.fault}", f"ailyus export resume {name} --as PERSON")
    if now.fault:
        says = f"it is tried again: {now.fault}; {now.behind} statements wait"
        return Finding(layer, True, says, f"ailyus export test {name}", warns=True)
    sent = f"; the last batch was taken at {iso(now.at_ms)}" if now.at_ms else ""
    return Finding(layer, True, f"{now.behind} statements wait{sent}")
