"""Whose process is at the other end of a connection: told by the system's table of sockets, never by the caller."""

import asyncio
import hashlib
import ipaddress
import os
import time
from collections import OrderedDict
from pathlib import Path
from typing import Literal

Boundary = Literal["network", "same_user"]
Address = tuple[str, int]
KNOWN_SECONDS = 1.0
"""How long it is remembered whose a port is; ports are given out again."""
MAX_KNOWN = 4096
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


class Peers:
    """Tells which callers run as the gateway's own user, and so can read what that user can read."""

    def __init__(self, tables: tuple[Path, ...] = _TABLES) -> None:
        self._tables = tables
        self._same: OrderedDict[bytes, None] = OrderedDict()
        self._known: OrderedDict[tuple[Address, Address], tuple[Boundary, float]] = OrderedDict()

    async def of(self, token: str, client: Address | None, server: Address | None) -> Boundary:
        """The boundary of whoever brings this token; an agent that once came as the same user stays it."""
        who = hashlib.sha256(token.encode()).digest()
        if who in self._same:
            return "same_user"
        here = client is None or server is None or _is_here(client[0], server[0])
        if not here:
            return "network"
        found = await asyncio.to_thread(self.boundary, client, server)  # the table may be long
        if found == "same_user":
            self._same[who] = None
            while len(self._same) > MAX_KNOWN:
                self._same.popitem(last=False)
        return found

    def boundary(self, client: Address | None, server: Address | None) -> Boundary:
        """`network` for another machine or user; who cannot be told apart is taken for the same user."""
        if client is None or server is None:
            return "same_user"
        now = time.monotonic()
        known = self._known.get((client, server))
        if known is not None and known[1] > now:
            return known[0]
        found = self._looked_up(client, server)
        self._known[client, server] = (found, now + KNOWN_SECONDS)
        while len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return found

    def _looked_up(self, client: Address, server: Address) -> Boundary:
        if not _is_here(client[0], server[0]):
            return "network"
        user = self._user(client[1], server[1])
        # INVARIANT: root reads everything, and who cannot be told may be anybody
        return "same_user" if user is None or user in (0, os.geteuid()) else "network"  # guard: who cannot be told

    def _user(self, port: int, remote: int) -> int | None:
        """The user whose socket has this port and is connected to that one."""
        ends = (f":{port:04X}", f":{remote:04X}")
        for table in self._tables:
            try:
                lines = table.read_text("ascii").splitlines()[1:]
            except (OSError, UnicodeDecodeError):
                continue
            for line in lines:
                if ends[0] not in line:
                    continue
                fields = line.split()
                if len(fields) > 7 and fields[1].endswith(ends[0]) and fields[2].endswith(ends[1]):
                    return int(fields[7])
        return None


def _is_here(client: str, server: str) -> bool:
    """Does the caller's address belong to this machine, as far as the connection says?"""
    if client == server:
        return True
    try:
        return ipaddress.ip_address(client).is_loopback
    except ValueError:
        return True
