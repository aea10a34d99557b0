"""Where a gateway listens: plain HTTP stays on this machine, and a Unix socket is whoever's may open its file."""

import os
import socket
import stat
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from server.listener import listener
from server.listener.listener import GatewaySockets, open_listener
from server.workspace.free_port import free_port
from server.workspace.public_address import ListenAddress
from server.workspace.settings.server import ServerPart


def opened(folder: Path, port: int = 0, **part: Any) -> GatewaySockets:
    return open_listener(ServerPart.model_validate(part), port, folder)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_plain_http_off_loopback_is_refused_with_what_to_write(tmp_path: Path, host: str) -> None:
    port = free_port()
    with pytest.raises(
        AilyusError, match=f"other machines reach `{host}`, and plain HTTP is not served there"
    ) as caught:
        opened(tmp_path, port, host=host)
    for written in ("`certificate` and `key`", '`tls_terminated_by = ["10.0.0.5"]`', '`host = "127.0.0.1"`'):
        assert written in caught.value.hint
    opened(tmp_path, port).close()  # the port is not held


@pytest.mark.parametrize(
    ("part", "host", "local"),
    [
        ({}, "127.0.0.1", "http://127.0.0.1:{}/mcp"),
        ({"host": "localhost"}, "127.0.0.1", "http://127.0.0.1:{}/mcp"),
        ({"host": "0.0.0.0", "tls_terminated_by": ["10.0.0.5"]}, "0.0.0.0", "http://127.0.0.1:{}/mcp"),
        ({"host": "0.0.0.0", "certificate": "c", "key": "k"}, "0.0.0.0", "https://127.0.0.1:{}/mcp"),
    ],
)
def test_where_it_is_and_how_this_machine_reaches_it(
    tmp_path: Path, part: dict[str, Any], host: str, local: str
) -> None:
    sockets = opened(tmp_path, **part)
    try:
        port = sockets.sockets[0].getsockname()[1]
        assert sockets.bound == ListenAddress(host, port)
        assert sockets.local == local.format(port)
    finally:
        sockets.close()


def test_an_address_that_is_none_of_ours_says_so(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match=r"there can be no socket at `192\.0\.2\.1`"):
        opened(tmp_path, host="192.0.2.1", certificate="c", key="k")
    taken = opened(tmp_path)
    try:
        port = taken.bound.port
        assert port is not None
        with pytest.raises(AilyusError, match=f"the port {port} is in use"):
            opened(tmp_path, port)
    finally:
        taken.close()


def test_a_unix_socket_is_the_owners_and_its_groups(tmp_path: Path) -> None:
    sockets = opened(tmp_path, socket="ailyus.sock")
    path = tmp_path / "ailyus.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert sockets.bound == ListenAddress("", None)
    assert sockets.local.startswith("http+unix://%2F")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    with pytest.raises(AilyusError, match="is in use"):
        opened(tmp_path, socket="ailyus.sock")
    sockets.close()
    assert list(tmp_path.iterdir()) == []


def test_a_killed_gateways_socket_is_replaced_and_anything_else_is_not(tmp_path: Path) -> None:
    path = tmp_path / "ailyus.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    opened(tmp_path, socket="ailyus.sock").close()
    assert not path.exists()
    path.write_text("a file of somebody's")
    with pytest.raises(AilyusError, match="is no socket"):
        opened(tmp_path, socket="ailyus.sock")
    assert path.read_text() == "a file of somebody's"


def test_a_socket_that_another_gateway_made_meanwhile_stays(tmp_path: Path) -> None:
    first = opened(tmp_path, socket="ailyus.sock")
    for each in first.sockets:
        each.close()  # it was killed, and another one listens there
    second = opened(tmp_path, socket="ailyus.sock")
    first.close()
    assert (tmp_path / "ailyus.sock").exists()
    second.close()


def test_a_folder_that_is_not_there_and_a_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="there can be no socket at"):
        opened(tmp_path, socket="nowhere/ailyus.sock")
    with pytest.raises(AilyusError, match="there can be no socket at"):
        opened(tmp_path / ("x" * 120), socket="ailyus.sock")


def handed_over(monkeypatch: pytest.MonkeyPatch, *sockets: socket.socket) -> None:
    monkeypatch.setattr(listener, "activated", lambda: list(sockets))


def test_a_socket_that_was_handed_over_is_looked_at_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed_over(monkeypatch, socket.create_server(("0.0.0.0", 0)))
    with pytest.raises(AilyusError, match="plain HTTP is not served there"):
        opened(tmp_path)
    local = socket.create_server(("127.0.0.1", 0))
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "unix.sock"))
    unix.listen()
    port = local.getsockname()[1]
    handed_over(monkeypatch, unix, local)
    sockets = opened(tmp_path, socket="unused.sock")
    assert sockets.bound == ListenAddress("127.0.0.1", port)
    sockets.close()
    assert (tmp_path / "unix.sock").exists()  # systemd's, and not ours to remove
    assert not (tmp_path / "unused.sock").exists()


def test_a_socket_without_permissions_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind(f"\0ailyus-{os.getpid()}")
    abstract.listen()
    handed_over(monkeypatch, abstract)
    with pytest.raises(AilyusError, match="everybody on this machine may connect"):
        opened(tmp_path)
