"""No process that a gateway starts has a secret that it does not need: neither in its environment nor in its arguments.

Adapters in Python start with an empty environment, which their own tests show; here are programs that print secrets, MCP
servers, and the browser's driver.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings
from tests.until import until
from tests.world import FILE, Sandbox, gateway, make_workspace

OF_ENVIRONMENT, OF_A_FILE, OF_A_PROGRAM, OF_THE_SERVER = (
    "env-s3cret-1",
    "file-s3cret-2",
    "exec-s3cret-3",
    "mcp-s3cret-4",
)
SECRETS = (OF_ENVIRONMENT, OF_A_FILE, OF_A_PROGRAM, OF_THE_SERVER)
_MORE = """
[credentials.exec.slow]
command = ["sh", "-c", "while [ ! -e go ]; do sleep 0.02; done; cat .ailyus/secrets/printed"]
timeout = "60s"
environment = ["HARMLESS"]

[connections.silent]
kind = "silent"
tenant = "acme"
environment = "prod"
read = "env:TOKEN_OF_THE_ENVIRONMENT"
write = "exec:slow"
[connections.silent.mcp]
command = ["{python}", "-c", "import time; time.sleep(600)"]
variables = {{ TOKEN = "file:.ailyus/secrets/server", MODE = "text:safe" }}
"""


def _children() -> Iterator[int]:
    """All processes below this one."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
    known = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in known} - known:
        known |= new
    yield from known - {os.getpid()}


def _told(pid: int) -> str:
    """What everybody of this user can read of a process."""
    try:
        return "".join(
            Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace") for name in ("environ", "cmdline")
        )
    except OSError:
        return ""


async def test_no_process_has_a_secret_that_it_does_not_need(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_ENVIRONMENT", OF_ENVIRONMENT)
    monkeypatch.setenv("HARMLESS", "harmless")
    workspace = make_workspace(tmp_path / "w", sandbox, extra=_MORE.format(python=sys.executable))
    for name, secret in (("okta-read", OF_A_FILE), ("printed", OF_A_PROGRAM), ("server", OF_THE_SERVER)):
        (workspace.private / "secrets" / name).write_text(secret)
    before = set(_children())
    async with gateway(workspace, sandbox) as world:
        credentials = world.app.credentials
        asking = asyncio.create_task(credentials.value("exec:slow"))
        told: dict[int, str] = {}

        def both() -> bool:
            told.clear()
            told.update({pid: text for pid in set(_children()) - before if (text := _told(pid))})
            return any("time.sleep(600)" in text for text in told.values()) and any(
                "! -e go" in text for text in told.values()
            )

        await until(both, 60)
        for text in told.values():
            held = {secret for secret in SECRETS if secret in text}
            assert held == ({OF_THE_SERVER} if "time.sleep(600)" in text else set()), text
            assert "TOKEN_OF_THE_ENVIRONMENT" not in text
        assert any("HARMLESS=harmless" in text for text in told.values())
        (workspace.root / "go").touch()
        assert await asking == OF_A_PROGRAM
        assert await credentials.value("file:.ailyus/secrets/okta-read") == OF_A_FILE
    said = capfd.readouterr()
    assert [secret for secret in SECRETS if secret in said.out + said.err] == []
    assert OF_A_FILE not in (workspace.root / FILE).read_text()


async def test_the_browsers_driver_gets_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_OF_THE_ENVIRONMENT", OF_ENVIRONMENT)
    monkeypatch.setenv("DEBUG", "pw:protocol")  # it would make the driver print what is typed
    before, chromium = set(_children()), Chromium(BrowserSettings())
    await chromium._started()
    told = [_told(pid) for pid in set(_children()) - before]
    await chromium.close()
    assert any("run-driver" in text for text in told)
    assert [text for text in told if OF_ENVIRONMENT in text or "pw:protocol" in text] == []
    assert os.environ["DEBUG"]
