"""Free ports: each is given once, and can be used."""

import socket

from server.workspace.free_port import free_port


def test_no_port_is_given_twice_and_each_is_free() -> None:
    ports = [free_port() for _ in range(20)]
    assert len(set(ports)) == 20
    with socket.create_server(("127.0.0.1", ports[0])):
        assert ports[0] not in [free_port() for _ in range(20)]
