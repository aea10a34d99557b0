"""The MCP server of `tests/upstream/server.py` on a port, forked from a process that has imported what it needs."""

import runpy


def serve() -> None:
    """Serve the file and at the port of `sys.argv`, until the process is ended."""
    runpy.run_module("tests.upstream.server", run_name="__main__")
