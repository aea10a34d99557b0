"""A TypeScript client in a process of its own, spoken to a line at a time."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.node import NODE, environment, packages
from tests.slowness import scaled

PACKAGES = {"1": "@modelcontextprotocol/sdk@1.30", "2": "@modelcontextprotocol/client@2.4.0"}


@dataclass
class Terminal:
    process: asyncio.subprocess.Process

    async def hear(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        while True:
            line = await asyncio.wait_for(self.process.stdout.readline(), scaled(60))
            assert line, "the client ended"
            found: dict[str, Any] = orjson.loads(line)
            if found["event"] == event or found["event"] in ("error", "result"):
                assert found["event"] == event, found
                return found

    async def say(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(orjson.dumps(message) + b"\n")
        await self.process.stdin.drain()

    async def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        await self.say(name=name, arguments=arguments)
        return dict((await self.hear("result"))["result"])


@asynccontextmanager
async def typescript(generation: str, mode: str, links: str, url: str, token: str) -> AsyncIterator[Terminal]:
    folder = await asyncio.to_thread(packages, PACKAGES[generation])
    script = folder / "client.mjs"
    shutil.copyfile(Path(__file__).with_name("client.mjs"), script)
    process = await asyncio.create_subprocess_exec(
        NODE,
        str(script),
        *(generation, mode, links, url, token),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=folder,
        env=environment(folder),
        limit=2**20,
    )
    terminal = Terminal(process)
    try:
        await terminal.hear("ready")
        yield terminal
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        transport = process._transport  # type: ignore[attr-defined]
        transport.close()
