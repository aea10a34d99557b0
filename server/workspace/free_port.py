"""A port of this machine that nobody uses, for what is started later."""

import contextlib
import secrets
import socket
from collections import deque

from contracts.errors import AilyusError

_PORTS = range(20_000, 32_768)
"""Where Linux (32768 up) and others (IANA's dynamic ports, 49152 up) take none for a connection that goes out."""
_GIVEN: deque[int] = deque(maxlen=1_000)


def free_port() -> int:
    """A port of 127.0.0.1 that is free now and was not given before; raises `AilyusError` where there is none.

    It is used later, so it is none that the system gives to a connection meanwhile.
    """
    for _ in range(1_000):
        port = secrets.choice(_PORTS)
        if port in _GIVEN:
            continue
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _GIVEN.append(port)
            return port
    hint = f"end what uses the ports {_PORTS.start} to {_PORTS.stop - 1} of 127.0.0.1"
    raise AilyusError("bad_settings", "no free port was found", hint=hint)
