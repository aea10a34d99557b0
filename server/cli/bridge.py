"""`ailyus stdio`: a thin bridge from standard input and output to the workspace's gateway. It never owns the store.

Each JSON-RPC message is one POST. A gateway that died is started again and the message sent once more: the same call
is the same action, so nothing happens twice.
"""

import asyncio
import contextlib
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import orjson
from pydantic import JsonValue

from contracts.errors import AilyusError
from contracts.text.repeated_keys import repeated_key
from contracts.text.visible_text import visible
from server.admin.client import ensure_owner, find_owner
from server.admin.owner_transport import OwnerClients
from server.workspace.workspace import Workspace

MAX_LINE = 1024 * 1024
_VERSION = "io.modelcontextprotocol/protocolVersion"
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri", "tasks/get": "taskId"}
_NAMED |= {"tasks/update": "taskId", "tasks/cancel": "taskId"}
_TRIES = 3
_PATIENCE = 60.0
"""Seconds that calls on their way have when the client has gone."""
_AGAIN_SECONDS = 1.0
_NO_STREAM = 405
Message = dict[str, JsonValue]


class Bridge:
    """Relays messages for one agent."""

    def __init__(self, workspace: Workspace, token: str) -> None:
        self._workspace = workspace
        self._headers = {
            "authorization": f"Bearer {token}",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "x-ailyus-boundary": "same_user",  # receipts say so: who reads the token file could read the store, too
        }
        self._version: str | None = None
        self._session: str | None = None
        # longer than the 45 s for which `get_action` waits, so that no call is given up that is about to be answered
        self._clients = OwnerClients(workspace, 90.0)
        self._write_lock = asyncio.Lock()  # answers come side by side, and a client reads whole lines

    async def run(self) -> None:
        """Relay until standard input ends; requests run side by side."""
        lines: asyncio.Queue[bytes | None] = asyncio.Queue(64)
        loop = asyncio.get_running_loop()
        # a thread: a loop cannot watch standard input where that is a file, and a daemon does not hold the end up
        threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
        pending: set[asyncio.Task[None]] = set()
        listening: asyncio.Task[None] | None = None
        while (line := await lines.get()) is not None:
            message = _parse(line)
            if message is None:  # no answer could name it: it has no id
                continue
            # it is written anew for the gateway, which would see only one of the two
            if key := repeated_key(line):
                sentence = f"the request names the key `{visible(key[:100])}` twice; write each key once"
                await self._write(_error(message, sentence, -32600))
                continue
            task = asyncio.create_task(self._relay(message))
            pending.add(task)
            task.add_done_callback(pending.discard)
            if message.get("method") == "initialize":
                await task  # its answer settles the version and the session that later messages carry
                if self._session and listening is None:
                    listening = asyncio.create_task(self._listen())
        if pending:
            await asyncio.wait(pending, timeout=_PATIENCE)
        for task in (*pending, *([listening] if listening else ())):
            task.cancel()
        await self._end()
        await self._clients.close()

    async def _listen(self) -> None:
        """What the gateway says by itself in a session of the handshake era: that its tools changed."""
        while True:
            with contextlib.suppress(httpx2.TransportError, AilyusError):
                owner = await asyncio.to_thread(find_owner, self._workspace)
                if owner is not None and await self._heard(owner.url) == _NO_STREAM:
                    return  # the session is not live there any more, or never was
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _heard(self, owner: str) -> int:
        headers = {**self._headers, **self._session_headers()}
        client, url = self._clients.to(owner)
        async with client.stream("GET", url, headers=headers, timeout=None) as answer:
            async for event in _events(answer):
                await self._write(event)
            return answer.status_code

    async def _end(self) -> None:
        owner = await asyncio.to_thread(find_owner, self._workspace) if self._session else None
        if owner is not None:
            with contextlib.suppress(httpx2.TransportError):
                client, url = self._clients.to(owner.url)
                await client.delete(url, headers={**self._headers, **self._session_headers()}, timeout=2.0)

    def _session_headers(self) -> dict[str, str]:
        known = {"mcp-protocol-version": self._version, "mcp-session-id": self._session}
        return {name: value for name, value in known.items() if value}

    async def _relay(self, message: Message) -> None:
        try:
            answer = await self._post(message)
        except AilyusError as error:
            answer = _error(message, f"{error.sentence}; {error.hint}")
        if answer is not None and "id" in message:
            await self._write(answer)

    async def _write(self, message: Message) -> None:
        async with self._write_lock:
            sys.stdout.buffer.write(orjson.dumps(message) + b"\n")
            sys.stdout.buffer.flush()

    async def _post(self, message: Message) -> Message | None:
        # INVARIANT 5: the same call is the same action, so that a second send of it does nothing twice
        for attempt in range(_TRIES):
            owner = await asyncio.to_thread(ensure_owner, self._workspace)
            try:
                return await self._exchange(owner.url, message)
            except httpx2.TransportError:
                self._clients.renew(owner.url)
                await asyncio.sleep(0.1 * 2**attempt)
        raise AilyusError("no_owner", "the gateway does not answer")

    async def _exchange(self, owner: str, message: Message) -> Message | None:
        """One POST; what a stream brings before the answer goes on to the client as it comes."""
        headers = {**self._headers, **self._routing(message)}
        client, url = self._clients.to(owner)
        async with client.stream("POST", url, content=orjson.dumps(message), headers=headers) as answer:
            self._session = answer.headers.get("mcp-session-id", self._session)
            if not answer.headers.get("content-type", "").startswith("text/event-stream"):
                return self._answered(message, answer.status_code, await answer.aread())
            async for event in _events(answer):
                if "method" not in event:
                    return self._answered(message, answer.status_code, orjson.dumps(event))
                await self._write(event)
        raise httpx2.ReadError("the stream ended before the answer")  # a fault of the transport: it is sent again

    def _answered(self, message: Message, status: int, content: bytes) -> Message | None:
        if status == 202 or not content:
            return None
        try:
            result = orjson.loads(content)
        except orjson.JSONDecodeError:
            return _error(message, f"the gateway answered {status}; is the agent's token still valid?")
        if not isinstance(result, dict) or "jsonrpc" not in result:
            return _error(message, f"the gateway answered {status}; is the agent's token still valid?")
        if message.get("method") == "initialize" and isinstance(result.get("result"), dict):
            self._version = str(result["result"].get("protocolVersion", "")) or None
        if result.get("id") is None:  # what is refused before it is parsed; a client waits for its own id
            result["id"] = message.get("id")
        return result

    def _routing(self, message: Message) -> dict[str, str]:
        """The headers that the HTTP transport of the message's protocol era asks for."""
        method, params = str(message.get("method", "")), message.get("params")
        params = params if isinstance(params, dict) else {}
        meta = params.get("_meta")
        modern = meta.get(_VERSION) if isinstance(meta, dict) else None
        if not isinstance(modern, str):
            if method == "initialize":
                return {}
            return self._session_headers()
        headers = {"mcp-protocol-version": modern, "mcp-method": method}
        name = params.get(_NAMED.get(method, ""))
        if isinstance(name, str):
            headers["mcp-name"] = name
        return headers


def _read_lines(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[bytes | None]") -> None:
    for line in iter(lambda: sys.stdin.buffer.readline(MAX_LINE), b""):
        # waited for: a client that writes faster than the gateway answers is held up, and memory is not
        asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
    asyncio.run_coroutine_threadsafe(lines.put(None), loop)


async def _events(answer: httpx2.Response) -> AsyncIterator[Message]:
    """The messages of an event stream."""
    async for line in answer.aiter_lines():
        event = _parse(line.removeprefix("data:").encode()) if line.startswith("data:") else None
        if event is not None:
            yield event


def _parse(line: bytes) -> Message | None:
    try:
        message = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return message if isinstance(message, dict) else None


def _error(message: Message, sentence: str, code: int = -32603) -> Message:
    return {"jsonrpc": "2.0", "id": message.get("id"), "error": {"code": code, "message": sentence}}


def token_for(workspace: Workspace, agent: str) -> str:
    """The agent's token from its own file (mode 0600), never from a free environment variable."""
    path: Path = workspace.token_file(agent)
    try:
        if path.stat().st_mode & 0o077:
            raise AilyusError("bad_settings", f"the token file of `{agent}` can be read by others", hint="chmod 600 it")
        return path.read_text().strip()
    except FileNotFoundError:
        hint = f"run `ailyus agent add {agent}`"
        raise AilyusError("unknown_agent", f"there is no token for the agent `{agent}`", hint=hint) from None
