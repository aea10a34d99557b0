"""Lists of tools as they arrive: one that is malformed hides no other, and every other message stays as it is."""

from typing import Any

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCNotification, JSONRPCResponse

from adapters.mcp.listing import sifted, well_formed

GOOD: dict[str, Any] = {"name": "a", "inputSchema": {"type": "object"}}


def listed(*tools: Any, **more: Any) -> SessionMessage:
    return SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=1, result={"tools": list(tools), **more}))


def names(message: SessionMessage) -> list[str]:
    answer = message.message
    assert isinstance(answer, JSONRPCResponse)
    return [tool["name"] for tool in answer.result["tools"]]


@pytest.mark.parametrize("bad", [{"name": "b"}, {"name": 7, "inputSchema": {}}, {"inputSchema": {}}, "b", None, 7, []])
def test_a_malformed_tool_hides_no_other(bad: Any) -> None:
    sift = well_formed(listed(GOOD, bad, {**GOOD, "name": "c"}, nextCursor="2"))
    assert names(sift) == ["a", "c"]
    assert isinstance(sift.message, JSONRPCResponse)
    assert (sift.message.id, sift.message.result["nextCursor"]) == (1, "2")


def test_what_is_well_formed_or_no_list_is_the_same_message() -> None:
    notice = SessionMessage(JSONRPCNotification(jsonrpc="2.0", method="notifications/x"))
    other = SessionMessage(JSONRPCResponse(jsonrpc="2.0", id=1, result={"tools": {"a": 1}}))
    for message in (listed(GOOD), listed(), notice, other):
        assert well_formed(message) is message


async def test_a_session_hears_only_well_formed_tools_and_errors_pass() -> None:
    to_raw, raw = anyio.create_memory_object_stream[SessionMessage | Exception](3)
    write, read = anyio.create_memory_object_stream[SessionMessage](1)
    error = ValueError("no message")
    async with to_raw, raw, write, read:
        async with sifted((raw, write)) as (ours, out):
            assert out is write
            await to_raw.send(listed(GOOD, {"name": "b"}))
            await to_raw.send(error)
            first = await ours.receive()
            assert isinstance(first, SessionMessage)
            assert names(first) == ["a"]
            assert await ours.receive() is error
