"""One call of a tool over HTTP, from outside of the gateway's process."""

from collections.abc import Mapping
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client


async def call(url: str, token: str, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60.0, trust_env=False) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        return dict((await client.call_tool(tool, dict(arguments))).structured_content or {})
