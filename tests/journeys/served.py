"""Calls to a gateway that is a process of its own."""

import asyncio
import sqlite3
from typing import Any

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.web import web
from tests.world import Served, Workspace


async def call_tool(url: str, token: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    async with (
        web(headers={"authorization": f"Bearer {token}"}, timeout=30.0) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):
        return dict((await client.call_tool(tool, arguments)).structured_content or {})


async def token_of(workspace: Workspace) -> str:
    return await asyncio.to_thread(Served(workspace).token)


def rows_of(workspace: Workspace, sql: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{workspace.store}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()
