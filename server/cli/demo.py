"""`ailyus demo`: a locked-out user, a key rotation, broken syncs; a real MCP client over HTTP, twins with faults."""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import orjson
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from adapters.tls import no_trust
from contracts.errors import AilyusError
from server.admin.client import find_owner
from server.app import App
from server.cli.choice import SEEDED
from server.cli.demo_console import decide_in_browser
from server.cli.demo_stage import Stage
from server.cli.demo_story import tell_story
from server.cli.output import Format, table
from server.cli.seed import seed_agent
from server.contract_testing.sandbox_process import start_sandbox
from server.gateway_process import running
from server.workspace.settings.file import FILE
from server.workspace.templates import init_sandbox
from server.workspace.workspace import Workspace

_PREFIX = "ailyus-demo-"
_STARTING_SECONDS = 120.0


async def play(format_: Format, interactive: bool, console: bool = False) -> int:
    """Run the demo; the exit code is 0 iff every scene ended as expected.

    `console`: afterwards its world stays open, until the process is told to end, and a person decides in a browser.
    """
    _forget_earlier()
    root = Path(tempfile.mkdtemp(prefix=_PREFIX)) / "demo"
    init_sandbox(root)
    toml = root / FILE
    # a negative read counts after one second here, so that the lie is found out while you watch
    text = toml.read_text().replace('principal = "ailyus-writer"', 'principal = "ailyus-writer"\nmax_settle = "1s"')
    # what happens is told by the story, and not by lines between its own
    toml.write_text(f'{text}\n[logs]\nlevel = "warning"\n')
    workspace = Workspace.open(root)
    port = workspace.settings.sandbox.port if workspace.settings.sandbox else 0
    twin = await asyncio.to_thread(start_sandbox, port, None)
    try:
        app = App(workspace, await asyncio.to_thread(workspace.release))
        async with running(app, workspace.settings.server.port) as url:
            await seed_agent(app)
            token = workspace.token_file(SEEDED).read_text().strip()
            headers = {"authorization": f"Bearer {token}"}
            async with (
                httpx2.AsyncClient(headers=headers, timeout=60.0, trust_env=False, verify=no_trust()) as http,
                httpx2.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}/_sandbox", trust_env=False, verify=no_trust()
                ) as control,
                Client(streamable_http_client(url, http_client=http)) as client,
            ):
                stage = Stage(app, client, control, format_, interactive)
                stage.say(f"gateway at {url}, MCP {client.protocol_version}, workspace {root}")
                await tell_story(stage)
                good = all(scene.status == scene.expected for scene in stage.scenes)
                _end(stage, root, good)
                if console:
                    await decide_in_browser(stage)
    finally:
        twin.kill()
        twin.wait()
        forget_keys(workspace)  # also where a scene raised: credentials of a demo outlive it nowhere
    return 0 if good else 1


def forget_keys(workspace: Workspace) -> None:
    """Remove every key, token and credential of a demo that has ended; its receipts can still be read and verified."""
    keys = [workspace.private / "log.pem", workspace.private / "store.secrets"]
    for folder in ("keys", "secrets", "agents"):
        keys += [path for path in (workspace.private / folder).rglob("*") if path.is_file()]
    for path in keys:
        path.unlink(missing_ok=True)


def _forget_earlier() -> None:
    """The same for demos of ours that were killed; one that began just now has no owner's file yet."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/demo"):
        with contextlib.suppress(OSError, AilyusError):
            found = folder.stat()
            # /tmp is everybody's: a folder of another user is not ours to open
            if found.st_uid == os.geteuid() and time.time() - found.st_mtime > _STARTING_SECONDS:
                earlier = Workspace.open(folder)
                if find_owner(earlier) is None:
                    forget_keys(earlier)


def _end(stage: Stage, root: Path, good: bool) -> None:
    last = next(str(s.answer.receipt_id) for s in reversed(stage.scenes) if s.answer)
    commands = [
        "ailyus demo --console",
        "ailyus init w",
        "ailyus connect claude-code --workspace w",
        f"ailyus receipt show {last} --workspace {root}",
    ]
    if stage.format is not Format.table:
        scenes = [
            {
                "title": s.title,
                "status": s.status,
                "expected": s.expected,
                "steps": s.steps,
                "answer": s.answer.document() if s.answer else {},
            }
            for s in stage.scenes
        ]
        sys.stdout.write(
            orjson.dumps({"ok": good, "scenes": scenes, "next": commands}, option=orjson.OPT_INDENT_2).decode() + "\n"
        )
        return
    stage.say("\n-- what happened\n")
    for line in table([scene.row() for scene in stage.scenes], ("as expected", "status", "receipt", "what")):
        stage.say(line)
    stage.say(f"\n{'every scene ended as expected' if good else 'SOMETHING WAS NOT AS EXPECTED'}. Next:\n")
    for command in commands:
        stage.say(f"  {command}")
