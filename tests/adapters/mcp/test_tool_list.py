"""The list of an MCP server's tools, read page by page: no cursor leads in a circle, no name has two pins."""

from mcp_types import ListToolsResult, Tool

from adapters.mcp.tool_list import every_tool, pins_of


def tool(name: str, description: str = "") -> Tool:
    return Tool(name=name, description=description, input_schema={"type": "object"})


async def names(pages: dict[str | None, ListToolsResult]) -> list[object]:
    async def page_at(cursor: str | None) -> ListToolsResult:
        return pages[cursor]

    return [found["name"] for found in await every_tool(page_at)]


async def test_every_page_is_read() -> None:
    first = ListToolsResult(tools=[tool("a"), tool("b")], next_cursor="2")
    assert await names({None: first, "2": ListToolsResult(tools=[tool("c")])}) == ["a", "b", "c"]


async def test_a_cursor_that_came_before_ends_the_list() -> None:
    circle = ListToolsResult(tools=[tool("b")], next_cursor="2")
    assert await names({None: ListToolsResult(tools=[tool("a")], next_cursor="2"), "2": circle}) == ["a", "b"]


async def test_an_empty_cursor_ends_the_list() -> None:
    assert await names({None: ListToolsResult(tools=[tool("a")], next_cursor="")}) == ["a"]


async def test_two_tools_of_one_name_have_no_pin() -> None:
    async def page_at(cursor: str | None) -> ListToolsResult:
        return ListToolsResult(tools=[tool("a"), tool("b"), tool("a", "another"), tool("b")])

    pins = pins_of(await every_tool(page_at))
    assert pins["a"] == "two definitions"
    assert pins["b"] not in ("", "two definitions")
