"""Clients of another agent."""

from typing import Any

from tests.web import web
from tests.world import World

CAPABILITIES = {"extensions": {"io.modelcontextprotocol/tasks": {}}, "elicitation": {"url": {}}}


async def modern(
    world: World, token: str, method: str, name: str, params: dict[str, Any], **capabilities: Any
) -> dict[str, Any]:
    """One request of the modern era, as a client of this token; what came back as JSON-RPC."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": capabilities or CAPABILITIES,
    }
    headers = {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": method,
        "mcp-name": name,
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": meta}}
    async with web(timeout=30) as http:
        found: dict[str, Any] = (await http.post(world.url, json=body, headers=headers)).json()
        return found
