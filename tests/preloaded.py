"""What the command line imports and compiles, done once in the process that test runs of it are forked from."""

import importlib
import tempfile
from pathlib import Path

from server.cli import main

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

from server.settings import Workspace  # noqa: E402
from server.template import init_sandbox  # noqa: E402  # after what it needs

with tempfile.TemporaryDirectory() as folder:
    init_sandbox(Path(folder) / "w", "everything")
    Workspace.open(Path(folder) / "w").release()
