"""The tools of an MCP server: its list read page by page, and the pin of each definition."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING

import structlog
from pydantic import JsonValue

from contracts.action.mcp_request import definition_of

if TYPE_CHECKING:  # heavy: loaded with the first upstream server
    from mcp_types import ListToolsResult

log = structlog.get_logger()
_MAX_PAGES = 100
_MAX_TOOLS = 5_000


async def every_tool(page_at: "Callable[[str | None], Awaitable[ListToolsResult]]") -> list[dict[str, JsonValue]]:
    """Every tool of a list, read page by page by its cursors; what is cut is logged."""
    found: list[dict[str, JsonValue]] = []
    cursor: str | None = None
    seen: set[str] = set()
    for _ in range(_MAX_PAGES):
        page = await page_at(cursor)
        found += [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in page.tools]
        cursor = page.next_cursor
        if cursor is None:
            return found
        if not cursor or cursor in seen:
            log.warning("tools_cursor_repeats", tools=len(found))
            return found
        # a server chooses its cursors: without this one could lead in a circle for ever
        seen.add(cursor)
        if len(found) > _MAX_TOOLS:
            break
    log.warning("tools_cut", tools=len(found), hint=f"only {_MAX_TOOLS} tools of {_MAX_PAGES} pages are read")
    return found


def pins_of(tools: Iterable[Mapping[str, JsonValue]]) -> dict[str, str]:
    """The pin of every tool, by its name."""
    pins: dict[str, str] = {}
    for tool in tools:
        name, definition = str(tool["name"]), definition_of(tool)
        # of two tools with one name nobody can say which one a call reaches: no contract pins this text
        pins[name] = definition if pins.get(name, definition) == definition else "two definitions"
    return pins
