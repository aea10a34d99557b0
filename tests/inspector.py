"""The MCP inspector's command line."""

from typing import Any

import orjson

from tests.node import node, packages


def inspector(url: str, token: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """One call of a tool, after which it ends."""
    folder = packages("@modelcontextprotocol/inspector@2.12")
    package = folder / "node_modules" / "@modelcontextprotocol" / "inspector"
    entry = package / "clients" / "launcher" / "build" / "index.js"
    head = ["--cli", url, "--transport", "http", "--header", f"Authorization: Bearer {token}"]
    call = ["--method", "tools/call", "--tool-name", tool]
    for name, value in arguments.items():
        call += ["--tool-arg", f"{name}={orjson.dumps(value).decode()}"]
    said = node(folder, str(entry), *head, *call)
    found: dict[str, Any] = orjson.loads(said[said.index("{") : said.rindex("}") + 1])
    return found
