"""What the command line imports and compiles, done once in the process that test runs of it are forked from."""

import importlib
import tempfile
from pathlib import Path

from server.cli import main
from server.settings import Workspace
from server.template import init_sandbox

NAMES = (
    "policies.testing",
    "receipts.verify",
    "server.app",
    "server.cli.demo",
    "server.doctor",
    "server.drafting",
    "server.rehearsal",
    "server.template",
)
for name in NAMES:
    importlib.import_module(name)
main._register()


with tempfile.TemporaryDirectory() as folder:
    init_sandbox(Path(folder) / "w", "everything")
    Workspace.open(Path(folder) / "w").release()
