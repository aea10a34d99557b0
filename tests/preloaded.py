"""What the command line imports, imported once in the process that test runs of it are forked from."""

import importlib

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
