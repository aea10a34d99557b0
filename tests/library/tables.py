"""The fault tables of the library's writes, each on a sandbox of its own."""

from collections.abc import Sequence
from pathlib import Path

from contracts.errors import AilyusError
from server.contract_testing.fault_result import Row
from server.contract_testing.runner import rehearse
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace
from tests.library.writes import Write


def library_workspace(root: Path) -> Workspace:
    """A workspace with every system of the library."""
    init_sandbox(root, "library")
    return Workspace.open(root)


async def table_of(workspace: Workspace, write: Write, faults: Sequence[str] = ()) -> list[Row]:
    """One write against these faults, or against all."""
    try:
        return await rehearse(workspace, write.contract, write.inputs, faults)
    except AilyusError as error:
        raise AssertionError(f"{write.contract}: {error}") from error


def faults_of(rows: Sequence[Row]) -> list[str]:
    """What must not be: doubled, told wrongly, or not done where nothing stood in the way."""
    wrong = [f"{row.fault}: {row.wrong}" for row in rows if row.wrong]
    if rows[0].fault == "none" and (rows[0].status, rows[0].sends, rows[0].effects) != ("confirmed", 1, 1):
        wrong.append(f"none: `{rows[0].status}` with {rows[0].sends} sends and {rows[0].effects} effects")
    return wrong
