"""The listening sockets of a gateway: an address with a port, a Unix socket, or what systemd hands over."""

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from contracts.errors import AilyusError
from server.listener.activation import activated
from server.listener.http_server import listen
from server.workspace.public_address import MCP_PATH, ListenAddress, bracketed
from server.workspace.settings.server import ServerPart

UNIX_SCHEME: Final = "http+unix"
"""Of the address of a Unix socket: its quoted path stands where a host does."""
MODE: Final = 0o660
"""Of a Unix socket: its owner and its group, so that a proxy of that group may connect."""


@dataclass(frozen=True, slots=True)
class GatewaySockets:
    """Sockets that listen, where the first of them is, and where a client of this machine reaches it.

    `made` is the Unix socket that goes with its gateway: its path, and which file that is.
    """

    sockets: tuple[socket.socket, ...]
    bound: ListenAddress
    local: str
    made: tuple[Path, os.stat_result] | None = None

    def close(self) -> None:
        """Listen no more."""
        for each in self.sockets:
            each.close()
        if self.made is not None:
            path, ours = self.made
            with contextlib.suppress(OSError):
                if os.path.samestat(path.lstat(), ours):  # another gateway may listen there by now
                    path.unlink()


def open_listener(part: ServerPart, port: int, root: Path) -> GatewaySockets:
    """Listen where the settings say, at this port. Raises `bad_settings`."""
    sockets, made = activated(), None
    try:
        if not sockets and part.socket:
            path = root / part.socket
            sockets = [_at_path(path)]
            made = (path, path.lstat())
        elif not sockets:
            sockets = [listen(part.host, port)]
        places = [_bound(each) for each in sockets]
        for place in places:
            refuse_plain(part, place)
        first = next((place for place in places if place.port is not None), places[0])
        path_of = str(made[0]) if made else str(sockets[places.index(first)].getsockname())
        return GatewaySockets(tuple(sockets), first, _local(part, first, path_of), made)
    except BaseException:
        GatewaySockets(tuple(sockets), ListenAddress("", None), "", made).close()
        raise


def refuse_plain(part: ServerPart, bound: ListenAddress) -> None:
    """Raise `bad_settings` where tokens would go over a network that anybody may read."""
    # INVARIANT 9: a token that crosses a network does so under TLS
    if bound.is_local or part.certificate or part.tls_terminated_by:  # guard: plain HTTP stays on this machine
        return
    hint = (
        "under [server] write `certificate` and `key`; or, where proxies terminate TLS, their addresses: "
        '`tls_terminated_by = ["10.0.0.5"]`; or `host = "127.0.0.1"`'
    )
    raise AilyusError(
        "bad_settings", f"other machines reach `{bound.host}`, and plain HTTP is not served there", hint=hint
    )


def _bound(listening: socket.socket) -> ListenAddress:
    name = listening.getsockname()
    if listening.family == socket.AF_UNIX:
        if not isinstance(name, str) or not name:
            hint = "give the socket a path: its permissions say who may connect"
            raise AilyusError(
                "bad_settings", "the socket has no path, so everybody on this machine may connect", hint=hint
            )
        return ListenAddress("", None)
    if listening.family not in (socket.AF_INET, socket.AF_INET6):
        raise AilyusError("bad_settings", "the socket is neither TCP nor Unix", hint="name a ListenStream= in its unit")
    return ListenAddress(str(name[0]), int(name[1]))


def _local(part: ServerPart, bound: ListenAddress, path: str) -> str:
    if bound.port is None:
        return f"{UNIX_SCHEME}://{quote(path, safe='')}{MCP_PATH}"
    host = "127.0.0.1" if bound.is_every and ":" not in bound.host else "::1" if bound.is_every else bound.host
    return f"{'https' if part.certificate else 'http'}://{bracketed(host)}:{bound.port}{MCP_PATH}"


def _at_path(path: Path) -> socket.socket:
    """A Unix socket there; one at which nobody listens any more is replaced."""
    listening = socket.socket(socket.AF_UNIX)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        if _answers(path):
            hint = "end the gateway that listens there, or name another `socket` under [server]"
            raise AilyusError("bad_settings", f"the socket `{path}` is in use", hint=hint)
        fresh.unlink(missing_ok=True)
        listening.bind(str(fresh))
        os.chmod(fresh, MODE)
        listening.listen(512)
        os.replace(fresh, path)  # whoever connects finds one that listens already
    except OSError as error:
        listening.close()
        with contextlib.suppress(OSError):
            fresh.unlink()
        why = (error.strerror or str(error)).lower()
        hint = "let `socket` under [server] name a place in a folder that the gateway may write; 90 bytes at most"
        raise AilyusError("bad_settings", f"there can be no socket at `{path}`: {why}", hint=hint) from None
    except AilyusError:
        listening.close()
        raise
    return listening


def _answers(path: Path) -> bool:
    if not path.exists():
        return False
    if not path.is_socket():
        raise AilyusError("bad_settings", f"`{path}` is no socket", hint="name another `socket` under [server]")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
    return True


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
