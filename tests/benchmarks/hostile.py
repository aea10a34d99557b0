"""`python -m tests.benchmarks.hostile`: what a hostile client costs another agent, as a ratio in one run.

The quiet agent's governed reads alone, and while one other agent does each of eight things from a process of its own.
"""

import asyncio
import contextlib
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson

from server.mcp.admission import MAX_BODY, MAX_PARTS
from tests.server.loads import FIND, headers, nested
from tests.web import web
from tests.world import Sandbox, Served, cli, make_workspace

READS = 150
BODIES = {
    "large_bodies": b" " * (MAX_BODY - 1),
    "many_parts": nested(MAX_PARTS - 50),  # the most that is parsed at all
    "reported": nested(900_000),  # 3.8 MB, refused by its size
}
ATTACKS = (
    "flood",
    "unknown_tokens",
    "large_bodies",
    "many_parts",
    "reported",
    "half_a_body",
    "never_reads",
    "goes_away",
)


async def quiet(url: str, token: str) -> float:
    """The median of governed reads, one after another, in milliseconds."""
    took = []
    async with web(timeout=30) as http:
        for _ in range(READS):
            begun = time.perf_counter()
            answer = await http.post(url, json=FIND, headers=headers(token))
            took.append((time.perf_counter() - begun) * 1000)
            assert answer.status_code == 200, answer.text
            await asyncio.sleep(0.012)  # below its own rate
    return statistics.median(took)


async def attack(kind: str, url: str, token: str) -> None:
    """One kind of hostility, until it is ended."""
    host, _, port = url.removeprefix("http://").removesuffix("/mcp").partition(":")
    body = orjson.dumps(FIND)

    def head(size: int) -> bytes:
        lines = [f"POST /mcp HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: {size}"]
        return "\r\n".join([*lines, *(f"{n}: {v}" for n, v in headers(token).items())]).encode() + b"\r\n\r\n"

    async def one() -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection(host, int(port))
                if kind in ("flood", "unknown_tokens"):
                    while True:
                        one_time = secrets.token_hex(8).encode() if kind == "unknown_tokens" else b""
                        writer.write(head(len(body)).replace(b"\r\naccept:", one_time + b"\r\naccept:") + body)
                        await writer.drain()
                        size = 0
                        while (line := await reader.readline()) != b"\r\n":
                            if not line:
                                raise OSError
                            if line.lower().startswith(b"content-length:"):
                                size = int(line.split(b":")[1])
                        await reader.readexactly(size)
                if kind in BODIES:
                    writer.write(head(len(BODIES[kind])) + BODIES[kind])
                    await reader.read(100)
                if kind == "half_a_body":
                    writer.write(head(len(body)) + body[:50])
                    await reader.read(100)
                if kind == "never_reads":
                    for _ in range(20):
                        writer.write(head(len(body)) + body)
                    await asyncio.sleep(2)
                if kind == "goes_away":
                    writer.write(head(len(body)) + body)
                    await writer.drain()
                    await asyncio.sleep(0.005)
                    writer.transport.abort()
                writer.close()
            await asyncio.sleep(0.001)

    await asyncio.gather(*(one() for _ in range(24)))


def memory(pid: int) -> float:
    """Private memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def main() -> None:
    sandbox = Sandbox()
    with tempfile.TemporaryDirectory() as folder:
        served = Served(make_workspace(Path(folder) / "w", sandbox))
        try:
            url, hostile = served.start(), served.token()
            cli("agent", "add", "quiet-bot", "--role", "Support", "-w", str(served.workspace.root))
            token = served.token("quiet-bot")
            asyncio.run(quiet(url, token))
            assert served.process is not None
            pid = served.process.pid
            for kind in ATTACKS:
                alone, before = asyncio.run(quiet(url, token)), memory(pid)
                command = [sys.executable, "-m", "tests.benchmarks.hostile", kind, url, hostile]
                attacker = subprocess.Popen(command)
                try:
                    time.sleep(1.0)
                    beside = asyncio.run(quiet(url, token))
                    after = memory(pid)
                finally:
                    attacker.kill()
                    attacker.wait()
                time.sleep(1.0)
                print(
                    f"{kind:16} a governed read of another agent {alone:6.2f} ms alone, {beside:6.2f} ms beside it: "
                    f"{beside / alone:.2f}x; memory {before:.0f} to {after:.0f} MiB",
                    flush=True,
                )
        finally:
            served.stop()
            sandbox.close()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        asyncio.run(attack(*sys.argv[1:]))
    else:
        main()
