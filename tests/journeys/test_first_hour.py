"""The first hour as a new user has it: the blocks of the README and of the tutorial, run as they are printed."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.journeys.calls import call
from tests.pages import Page
from tests.project import ROOT
from tests.slowness import scaled
from tests.world import app_serving

KEYS = {"look": "read", "act": "write"}
TUTORIAL = Page(ROOT / "server" / "guide" / "TUTORIAL.md", (ROOT / "server" / "guide" / "TUTORIAL.md").read_text())
README = Page(ROOT / "README.md", (ROOT / "README.md").read_text())


def lines_of(block: str) -> list[str]:
    """The commands of a block, of which each may have several lines."""
    return re.sub(r"\\\n", " ", block).strip().splitlines()


def shell(script: str, cwd: Path, env: Mapping[str, str]) -> str:
    """One script in a new shell; what it printed."""
    done = subprocess.run(
        ["/bin/bash", "-euc", script],
        cwd=cwd,
        env=dict(env),
        capture_output=True,
        text=True,
        timeout=scaled(180),
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def newcomer(tmp_path: Path) -> dict[str, str]:
    """Somebody's environment: a home of their own, and nothing of this project on the path."""
    home = tmp_path / "home"
    home.mkdir()
    # which authorities and mirrors a machine trusts is no matter of a home
    machine = {name: value for name, value in os.environ.items() if name.startswith(("SSL_", "UV_", "PIP_"))}
    return {**machine, "HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@pytest.fixture
def serving() -> Iterator[Callable[[str, Path, Mapping[str, str]], tuple[str, str]]]:
    """A gateway by the command as it is printed: its address, and the token of its first agent."""
    started: list[subprocess.Popen[bytes]] = []

    def start(line: str, root: Path, env: Mapping[str, str]) -> tuple[str, str]:
        command = ["/bin/bash", "-euc", f"exec {line.partition('#')[0]}"]
        started.append(subprocess.Popen(command, cwd=root, env=dict(env), stdout=subprocess.DEVNULL))
        workspace = Workspace.open(root)
        token, end = workspace.token_file("support-bot"), time.monotonic() + scaled(60)
        while not (workspace.owner_file.exists() and token.exists() and token.read_text().strip()):
            assert time.monotonic() < end, "the gateway did not start"
            time.sleep(0.05)
        return orjson.loads(workspace.owner_file.read_bytes())["url"], token.read_text().strip()

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=scaled(20))


def seats(held: dict[str, dict[str, Any]]) -> Starlette:
    """An API with a key in a header of its own, of which one may only read."""

    async def seat(request: Request) -> Response:
        use = KEYS.get(request.headers.get("x-api-key", ""))
        if use is None or (request.method != "GET" and use != "write"):
            return JSONResponse({"error": "no_key"}, 401)
        found = held.get(request.path_params["id"])
        if found is None:
            return JSONResponse({"error": "no_seat"}, 404)
        if request.method == "PATCH":
            found |= await request.json()
        return JSONResponse(found)

    return Starlette(routes=[Route("/v1/seats/{id}", seat, methods=["GET", "PATCH"])])


PLAY, _, _, _, TRY, _ = TUTORIAL.blocks("sh")
OWN_API, KNOWN_API = (block for block in TUTORIAL.blocks("sh") if "X-Api-Key" in block)


def known_first() -> str:
    """The block with its other first line: the connection is there, and the draft names no credential."""
    (begin,) = lines_of(KNOWN_API)
    _, *rest = [line for line in OWN_API.splitlines() if not line.startswith("  --read-credential")]
    return "\n".join([begin, *rest, ""])


@pytest.mark.parametrize("block_of", [OWN_API, known_first()], ids=["blank", "http"])
async def test_from_nothing_to_a_governed_call_on_an_api_of_ones_own(
    tmp_path: Path,
    newcomer: dict[str, str],
    serving: Callable[[str, Path, Mapping[str, str]], tuple[str, str]],
    block_of: str,
) -> None:
    port = free_port()
    block = block_of.replace("http://127.0.0.1:9000/", f"http://127.0.0.1:{port}/")  # as printed but for the port
    lines = lines_of(block)
    assert len(lines) <= 6
    assert lines[-1] == "ailyus serve"
    env = {**newcomer, "SEATS_READ_KEY": "look", "SEATS_WRITE_KEY": "act"}
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])
    said = shell(block.removesuffix("ailyus serve\n"), tmp_path, env)
    assert "0 failed" in said
    root = tmp_path / "seats"
    assert "KEY'" not in (root / "contracts" / "seats" / "set_plan.yaml").read_text()
    held = {"s-7": {"id": "s-7", "plan": "free"}}
    async with app_serving(seats(held), port):
        url, token = serving(lines[-1], root, env)
        given = {"seat_id": "s-7", "plan": "pro", "reason": "Maria asked for it"}
        answer = await call(url, token, "set_plan", given)
        assert (answer["status"], answer["changed"]) == ("confirmed", True), answer
        assert held["s-7"]["plan"] == "pro"
        if block_of is OWN_API:
            tried = await asyncio.to_thread(shell, TRY, root, env)
            assert len([line for line in tried.splitlines() if line.endswith(" ok")]) == 10, tried


def test_the_readmes_block_as_it_is_printed(
    tmp_path: Path, newcomer: dict[str, str], serving: Callable[[str, Path, Mapping[str, str]], tuple[str, str]]
) -> None:
    """It installs what it calls. The block before it is the demo, which has tests of its own."""
    install, *before, serve = lines_of(README.blocks("sh")[1])
    # the tutorial begins with the same
    assert lines_of(PLAY) == [before[0].partition(" #")[0].strip(), serve.partition(" #")[0].strip()]
    # uv is installed here, and what it fetched before is not fetched again
    uv = shutil.which("uv")
    assert uv is not None
    cache = subprocess.run([uv, "cache", "dir"], capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").symlink_to(uv)
    python = str(Path(sys.executable).resolve().parent)
    env = {
        **newcomer,
        "PATH": os.pathsep.join([str(tmp_path / "bin"), python, newcomer["PATH"]]),
        "UV_CACHE_DIR": cache,
    }
    installed = shell(f'cd {ROOT}\n{install}\ncommand -v ailyus\necho "$PATH"', tmp_path, env).strip().splitlines()
    assert installed[0] == str(Path(env["HOME"]) / ".local" / "bin" / "ailyus")
    env["PATH"] = installed[1]
    said = shell("\n".join(before), tmp_path, env)
    entry = orjson.loads(said[said.index("{") :])["mcpServers"]["ailyus"]
    assert entry["command"] == installed[0]
    url, token = serving(serve, tmp_path / "w", env)
    assert url.startswith("http://127.0.0.1:")
    assert token
