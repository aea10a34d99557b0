"""The entry point of the command line. What is asked first is answered before anything is imported."""

import sys
from typing import Final

FIRST_STEPS: Final = """\
Ailyus lets AI agents act under policy, and proves what happened. Five things to do first:

  ailyus demo                   see it work: twins of real systems, a gateway, a real MCP client
  ailyus init w && cd w         make a workspace: settings, contracts, policies with tests
  ailyus serve                  run its gateway
  ailyus connect claude-code    let your MCP client call it (or: cursor, vscode, print)
  ailyus approval list          see what waits for you; then `ailyus approval approve ACTION`

`ailyus -h` lists every command, `ailyus COMMAND -h` explains one, `ailyus doctor` says what is missing.
"""
VERSION: Final = ("-V", "--version")


def main() -> None:
    """The entry point of the console script."""
    words = sys.argv[1:]
    if not words:
        sys.stdout.write(FIRST_STEPS)
        return
    if words[0] in VERSION:
        from importlib.metadata import version

        sys.stdout.write(f"ailyus {version('ailyus')}\n")
        return
    if words[0] == "demo" and not {"-h", "--help", "--format", "--format=json"} & set(words):
        # said before anything is imported: whoever tries the product should not look at nothing
        sys.stdout.write("ailyus demo: starting the sandbox, the gateway and a real MCP client on 127.0.0.1\n")
        sys.stdout.flush()
    from server.cli.root_command import app

    app()
