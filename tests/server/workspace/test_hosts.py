"""Names of hosts: one form for each, and why one can never stand in a Host header."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.workspace.hosts import host_fault, plain_host

LABELS = st.text("abcXYZ019-_", min_size=1, max_size=6).filter(lambda label: label.strip("-") == label)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(".".join)


@pytest.mark.parametrize(
    ("host", "plain"),
    [
        ("Ailyus.Example.COM", "ailyus.example.com"),
        ("ailyus.example.com:443", "ailyus.example.com"),
        ("ailyus.example.com:80", "ailyus.example.com"),
        ("ailyus.example.com:8443", "ailyus.example.com:8443"),
        ("ailyus.example.com:1443", "ailyus.example.com:1443"),
        ("[::1]:443", "[::1]"),
    ],
)
def test_a_host_has_one_form(host: str, plain: str) -> None:
    assert plain_host(host) == plain


@settings(max_examples=60)
@given(NAMES, st.sampled_from(["", ":443", ":8443", ":*"]))
def test_every_name_is_taken_and_is_its_own_plain_form(name: str, port: str) -> None:
    assert host_fault(name + port) is None
    assert plain_host(plain_host(name + port)) == plain_host(name + port) == plain_host((name + port).upper())


@pytest.mark.parametrize(
    ("host", "word"),
    [
        ("https://ailyus.example.com", "no scheme"),
        ("ailyus.example.com/mcp", "no scheme and no path"),
        ("*.example.com", "named in full"),
        ("", "a name or an address"),
        ("-a.example.com", "a name or an address"),
        ("a..b", "a name or an address"),
        ("a b", "a name or an address"),
        ("a" * 64, "a name or an address"),
        (".".join(["a" * 60] * 5), "a name or an address"),
        ("::1", "a name or an address"),
        ("a:0", "a port is a number"),
        ("a:65536", "a port is a number"),
        ("a:http", "a port is a number"),
        ("a:", "a port is a number"),
        ("a:٨", "a port is a number"),
    ],
)
def test_what_no_host_header_can_be_is_told_at_the_start(host: str, word: str) -> None:
    assert word in (host_fault(host) or "")


@pytest.mark.parametrize("host", ["localhost", "10.0.0.5:8443", "[::1]", "[2001:db8::1]:8443", "my_host:65535", "a:1"])
def test_addresses_and_ports_are_hosts(host: str) -> None:
    assert host_fault(host) is None
