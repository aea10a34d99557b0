"""Servers on pipes: one message a line, what is none is passed over, and why nothing more comes is told."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest, JSONRPCResponse

from adapters import child_process
from adapters.mcp.stdio_process import spawned
from adapters.mcp.stream_budget import MAX_UNASKED, Loss, StreamBudget
from contracts.errors import AilyusError
from tests.slowness import scaled

ANSWER = '{"jsonrpc":"2.0","id":1,"result":{"ok":true}}'


@asynccontextmanager
async def running(folder: Path, script: str) -> AsyncIterator[tuple[Any, Any, StreamBudget]]:
    talk = StreamBudget()
    async with spawned(("/bin/sh", "-c", script), {"PATH": "/usr/bin:/bin"}, folder, talk) as (read, write):
        with anyio.fail_after(scaled(20)):
            yield read, write, talk


async def test_what_is_no_message_is_passed_over(tmp_path: Path) -> None:
    script = f"echo 'a log line'; echo '{{\"jsonrpc\":\"2.0\"}}'; echo; echo '{ANSWER}'; cat >/dev/null"
    async with running(tmp_path, script) as (read, _, talk):
        message = await read.receive()
        assert isinstance(message.message, JSONRPCResponse)
        assert message.message.result == {"ok": True}
        assert not talk.over.is_set()
    assert talk.reason is Loss.CLOSED


async def test_a_message_of_ours_is_one_line(tmp_path: Path) -> None:
    async with running(tmp_path, f"IFS= read -r line; printf %s \"$line\" > said; echo '{ANSWER}'; cat >/dev/null") as (
        read,
        write,
        _,
    ):
        await write.send(SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=1, method="ping", params={"a": "x\ny"})))
        await read.receive()
    said = json.loads((tmp_path / "said").read_text())
    assert said == {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": "x\ny"}}


@pytest.mark.parametrize(
    ("script", "loss"),
    [("exit 0", Loss.ENDED), (f"yes '{ANSWER}' | head -n {MAX_UNASKED + 5}; cat >/dev/null", Loss.FLOODS), ("head -c 4000 /dev/zero; cat >/dev/null", Loss.TOO_LARGE)],
)  # fmt: skip
async def test_why_nothing_more_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, loss: Loss) -> None:
    monkeypatch.setattr(child_process, "MAX_MESSAGE", 1024)
    async with running(tmp_path, script) as (read, _, talk):
        with pytest.raises(anyio.EndOfStream):
            while True:
                await read.receive()
        assert talk.over.is_set()
        assert talk.reason is loss


async def test_a_program_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="there is no program `no-such-server`"):
        async with spawned(("no-such-server",), {}, tmp_path, StreamBudget()):
            pass
