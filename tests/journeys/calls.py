"""One call of a tool over HTTP, from outside of the gateway's process."""

from collections.abc import Mapping
from typing import Any

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.web import web


async def call(url: str, token: str, tool: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {token}"}
    async with (
        web(headers=headers, timeout=60.0) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        return dict((await client.call_tool(tool, dict(arguments))).structured_content or {})
