"""What a killed process leaves is cleaned up, a demo leaves no keys, and a library's traceback is no line of the log."""

import logging
import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

import orjson
import pytest

from contracts.errors import AilyusError
from server.admin.admin_socket import clear_admin_sockets
from server.cli import demo
from server.cli.demo import forget_keys
from server.observability.logs import configure
from server.workspace.free_port import free_port
from server.workspace.templates import init_sandbox
from tests.world import Sandbox, Served, cli, gateway, make_workspace


def doors(private: Path) -> list[Path]:
    return sorted([*private.glob("door-*.sock"), *Path(tempfile.gettempdir()).glob("ailyus-door-*/*.sock")])


async def test_the_socket_of_a_killed_gateway_is_removed_by_the_next(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    served = Served(workspace)
    served.start()
    (left,) = [d for d in doors(workspace.private) if str(served.process.pid) in d.name]  # type: ignore[union-attr]
    os.kill(served.process.pid, signal.SIGKILL)  # type: ignore[union-attr]
    served.kill()
    assert left.exists()
    async with gateway(workspace, sandbox):
        assert not left.exists()
        assert left.parent == workspace.private or not left.parent.exists()
        (own,) = [d for d in doors(workspace.private) if str(os.getpid()) in d.name]
        assert own.stat().st_mode & 0o777 == 0o600
    assert not own.exists()


async def test_a_long_path_has_its_socket_elsewhere(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / ("x" * 120) / "w", sandbox)
    async with gateway(workspace, sandbox):
        (own,) = [d for d in doors(workspace.private) if str(os.getpid()) in d.name]
        assert len(os.fsencode(own)) < 108
        with socket.socket(socket.AF_UNIX) as door:
            door.connect(str(own))
    assert not own.parent.exists()


async def test_sockets_of_other_gateways_may_vanish_while_one_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = threading.Event()

    def start_and_stop() -> None:
        while not ended.is_set():
            folder = Path(tempfile.mkdtemp(prefix="ailyus-door-"))
            (folder / "door-1-x.sock").touch()
            (folder / "door-1-x.sock").unlink()
            folder.rmdir()

    other = threading.Thread(target=start_and_stop)
    other.start()
    try:
        for _ in range(2_000):
            clear_admin_sockets(tmp_path)
    finally:
        ended.set()
        other.join()


async def test_a_gateway_that_cannot_have_its_socket_says_so_and_gives_everything_up(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace(tmp_path / ("x" * 120) / "w", sandbox)
    port = free_port()
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
        with pytest.raises(AilyusError, match=r"^there can be no socket in `.*nowhere`: no such file"):
            async with gateway(workspace, sandbox, port=port):
                pytest.fail("it serves")
    async with gateway(workspace, sandbox, port=port):
        pass  # neither the port nor the store is held


async def test_a_demo_that_ended_leaves_no_key(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox):
        pass
    assert list(workspace.private.rglob("*.pem"))
    forget_keys(workspace)
    left = {path.name for path in workspace.private.rglob("*") if path.is_file() and path.parent.name != "schema"}
    assert left <= {"store.db", "store.db.head", "store.db-wal", "store.db-shm", "store.db.lock"}, left


def test_a_librarys_traceback_is_one_line_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    try:
        raise RuntimeError("maria@example.com went away")
    except RuntimeError:
        logging.getLogger("mcp.server.streamable_http").exception("a client of %s went away", "maria")
    said = [line for line in capsys.readouterr().err.splitlines() if line]
    (line,) = [orjson.loads(one) for one in said]
    assert (line["library"], line["exception"], line["level"]) == (
        "mcp.server.streamable_http", "RuntimeError", "error",
    )  # fmt: skip
    assert "maria" not in "".join(said)


async def test_what_an_error_prints_commands_no_terminal(tmp_path: Path, sandbox: Sandbox) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    async with gateway(workspace, sandbox):
        pass
    said = cli(
        "receipt", "show", "rcp_\x1b[2J\x1b]8;;http://evil.example\x07\u202e", "-w", str(workspace.root), ok=False
    )
    assert said.startswith("error: there is no receipt or action `rcp_\\u{001B}[2J")
    assert not {"\x1b", "\x07", "\u202e"} & set(said)


def test_a_demo_that_begins_leaves_one_alone_that_began_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for prefix, minutes in (("new", 0), ("old", 10)):
        folder = Path(tempfile.mkdtemp(prefix=f"{demo._PREFIX}{prefix}")) / "demo"
        init_sandbox(folder)
        at = time.time() - 60 * minutes
        os.utime(folder, (at, at))
    demo._forget_earlier()
    kept = {path.parents[3].name[len(demo._PREFIX) :][:3] for path in tmp_path.glob("*/demo/.ailyus/secrets/okta-read")}
    assert kept == {"new"}
