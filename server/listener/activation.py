"""Socket activation: listening sockets that systemd made and hands over (sd_listen_fds(3))."""

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from contracts.errors import AilyusError

FIRST: Final = 3
"""The descriptor of the first socket; the others follow (SD_LISTEN_FDS_START)."""
MOST: Final = 16
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID")


def activated(environ: MutableMapping[str, str] | None = None) -> list[socket.socket]:
    """The sockets that were handed to this process, once; none where there are none. Raises `bad_settings`."""
    environ = os.environ if environ is None else environ
    # taken out, so that no child of ours takes them for its own
    pid, count = (environ.pop(name, "") for name in _VARIABLES[:2])
    for name in _VARIABLES[2:]:
        environ.pop(name, None)
    if pid != str(os.getpid()):  # guard: another process's sockets
        return []
    if not count.isascii() or not count.isdigit() or int(count) > MOST:
        raise AilyusError("bad_settings", f"LISTEN_FDS says `{count[:20]}`", hint=f"hand over {MOST} sockets at most")
    return [_socket(descriptor) for descriptor in range(FIRST, FIRST + int(count))]


def _socket(descriptor: int) -> socket.socket:
    hint = "name a ListenStream= in the unit of the socket"
    try:
        os.set_inheritable(descriptor, False)
        found = socket.socket(fileno=descriptor)
    except OSError:
        raise AilyusError("bad_settings", f"the descriptor {descriptor} is no socket", hint=hint) from None
    listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    if found.type != socket.SOCK_STREAM or not listens:
        raise AilyusError("bad_settings", f"nobody listens at the socket {descriptor}", hint=hint)
    found.setblocking(False)
    return found
