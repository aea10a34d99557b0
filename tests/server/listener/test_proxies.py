"""Whose address is one of a list, however it is written."""

import pytest

from server.listener.proxies import Proxies, address_of


@pytest.mark.parametrize(
    ("address", "among"),
    [
        ("10.0.0.5", True),
        ("::ffff:10.0.0.5", True),  # as a socket for both families writes it
        ("10.0.0.6", False),
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("2001:db8::1", True),
        ("2001:0db8:0000::1", True),
        ("2001:db9::1", False),
        ("localhost", False),
        ("10.0.0.5 ", False),
        ("", False),
        ("1" * 5000, False),
    ],
)
def test_addresses_and_networks(address: str, among: bool) -> None:
    proxies = Proxies(("10.0.0.5", "10.1.0.0/16", "2001:db8::/32"))
    assert proxies.has((address, 1)) is among
    assert not proxies.has(None)


def test_who_connects_by_the_unix_socket_is_named_by_a_word() -> None:
    assert Proxies(("unix",)).has(None)
    assert not Proxies(("unix",)).has(("127.0.0.1", 1))
    assert address_of("unix") is None
