"""Calls that are heavy, and their headers."""

from typing import Any

import orjson

FIND: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "find_user", "arguments": {"email": "maria@example.com"}},
}


def headers(token: str) -> dict[str, str]:
    return {
        "authorization": f"Bearer {token}",
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": "2025-11-25",
    }


def nested(count: int) -> bytes:
    """A call whose arguments hold so many small objects: what took 1.8 s of the event loop in 3.8 MB."""
    items: list[dict[str, Any]] = [{"a": {"b": {"c": {}}}}] * (count // 5)
    return orjson.dumps({**FIND, "params": {"name": "find_user", "arguments": {"email": items}}})
