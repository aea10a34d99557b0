"""The policies that a test is about: those of a workspace's files, or those that come with Ailyus."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from policies.bundle import load_bundle
from policies.decider import Decider
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace

if TYPE_CHECKING:
    from contracts.compiler.program import Program

BUNDLED_ROLES = ("Support", "Operations", "SecurityLead")
"""The roles that the shipped policies name."""


@dataclass(frozen=True, slots=True)
class PolicySet:
    """What decides, the contracts that it decides about, and the folder with the policies and their tests."""

    decider: Decider
    programs: "Mapping[str, Program]"
    folder: Path


def policy_set_of(root: Path | None) -> PolicySet:
    """The policies of the workspace in this folder, or the bundled ones. Raises `AilyusError`."""
    if root is not None:
        if not (root / FILE).exists():
            hint = "work in a workspace's folder, name one with --workspace, or ask for the --bundled policies"
            raise AilyusError("no_workspace", f"there is no `{FILE}` in `{root}`", hint=hint)
        release = Workspace.open(root).release()
        return PolicySet(release.decider, release.catalog.programs, root / "policies")
    folder = Path(str(files("policies").joinpath("library")))
    programs = load_catalog(Path(str(files("contracts").joinpath("library")))).programs
    texts = {path.name: path.read_text() for path in folder.glob("*.cedar")}
    return PolicySet(
        Decider(load_bundle(texts, programs, BUNDLED_ROLES, ("prod", "staging")), programs), programs, folder
    )
