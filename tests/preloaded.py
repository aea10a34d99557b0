"""What the command line imports and compiles, done once in the process that test runs of it are forked from."""

import importlib
import tempfile
from pathlib import Path

from server.cli import command_tree
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace

NAMES = (
    "policies.testing",
    "receipts.audit.verify",
    "server.app",
    "server.cli.demo",
    "server.admin.doctor",
    "server.workspace.contract_drafts",
    "server.contract_testing.runner",
    "server.workspace.templates",
)
for name in NAMES:
    importlib.import_module(name)
command_tree.load()


with tempfile.TemporaryDirectory() as folder:
    init_sandbox(Path(folder) / "w", "everything")
    Workspace.open(Path(folder) / "w").release()
