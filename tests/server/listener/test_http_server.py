"""Ports that are taken later are none that the system gives away meanwhile."""

import socket
from pathlib import Path

from server.workspace.free_port import free_port


def test_a_free_port_is_no_ports_of_connections_that_go_out() -> None:
    range_ = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first = int(range_.read_text().split()[0]) if range_.exists() else 32_768
    ports = [free_port() for _ in range(500)]
    assert len(set(ports)) == 500
    assert max(ports) < first
    for port in ports[:20]:
        socket.create_server(("127.0.0.1", port)).close()
