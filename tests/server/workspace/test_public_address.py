"""Links are made from the settings and from where the gateway listens: scheme, host, port and prefix."""

from typing import Any

import pytest

from contracts.errors import AilyusError
from server.workspace.public_address import ListenAddress, PublicAddress, public_address
from server.workspace.settings.settings import Settings

LOOPBACK = ListenAddress("127.0.0.1", 8420)
EVERY = ListenAddress("0.0.0.0", 8443)
UNIX = ListenAddress("", None)
TLS = {"certificate": "cert.pem", "key": "key.pem"}
BEHIND = {"tls_terminated_by": ["10.0.0.5"], "hosts": ["ailyus.example.com"]}


def address(bound: ListenAddress, server: dict[str, Any], console: str | None = None) -> PublicAddress:
    return public_address(
        Settings(origin="a.test", roles=("Lead",), server=server, console={"url": console}),  # type: ignore[arg-type]
        bound,
    )


@pytest.mark.parametrize(
    ("bound", "server", "console", "mcp", "page"),
    [
        (LOOPBACK, {}, None, "http://127.0.0.1:8420/mcp", "http://localhost:8420"),
        (ListenAddress("::1", 8420), {}, None, "http://[::1]:8420/mcp", "http://localhost:8420"),
        (ListenAddress("127.0.0.1", 80), {}, None, "http://127.0.0.1/mcp", "http://localhost"),
        (LOOPBACK, {"base_path": "/ailyus"}, None, "http://127.0.0.1:8420/ailyus/mcp", "http://localhost:8420/ailyus"),
        (LOOPBACK, {"hosts": ["a.example"]}, "https://a.example", "http://127.0.0.1:8420/mcp", "https://a.example"),
        (LOOPBACK, TLS, None, "https://localhost:8420/mcp", "https://localhost:8420"),
        (EVERY, TLS | {"hosts": ["a.example:8443"]}, None, "https://a.example:8443/mcp", "https://a.example:8443"),
        (EVERY, TLS | {"hosts": ["a.example:*"]}, None, "https://a.example:8443/mcp", "https://a.example:8443"),
        (EVERY, TLS | {"hosts": ["a.example"]}, None, "https://a.example/mcp", "https://a.example"),
        (ListenAddress("10.0.0.9", 8443), TLS, None, "https://10.0.0.9:8443/mcp", "https://10.0.0.9:8443"),
        (EVERY, BEHIND, None, "https://ailyus.example.com/mcp", "https://ailyus.example.com"),
        (EVERY, BEHIND | {"hosts": ["a.example:*"]}, None, "https://a.example/mcp", "https://a.example"),
        (EVERY, BEHIND, "https://people.example", "https://ailyus.example.com/mcp", "https://people.example"),
        (EVERY, BEHIND | {"base_path": "/x/y"}, None, "https://ailyus.example.com/x/y/mcp", "https://ailyus.example.com/x/y"),
        (UNIX, {"socket": "s"}, None, "http://localhost/mcp", "http://localhost"),
        (UNIX, {"socket": "s"} | BEHIND, None, "https://ailyus.example.com/mcp", "https://ailyus.example.com"),
    ],
)  # fmt: skip
def test_links(bound: ListenAddress, server: dict[str, Any], console: str | None, mcp: str, page: str) -> None:
    found = address(bound, server, console)
    assert (found.mcp, found.console) == (mcp, page)


def test_which_names_and_origins_are_taken() -> None:
    plain = address(LOOPBACK, {"hosts": ["a.example"]})
    assert plain.names == ("127.0.0.1:8420", "localhost:8420", "a.example")
    assert plain.origins == (
        "http://127.0.0.1:8420", "http://localhost:8420", "http://a.example", "https://a.example",
    )  # fmt: skip
    behind = address(EVERY, BEHIND)
    assert behind.names == ("127.0.0.1:8443", "localhost:8443", "ailyus.example.com")
    # nobody comes by plain HTTP to the name that proxies have
    assert behind.origins == ("http://127.0.0.1:8443", "http://localhost:8443", "https://ailyus.example.com")
    assert address(LOOPBACK, TLS).origins == ("https://127.0.0.1:8420", "https://localhost:8420")
    assert "0.0.0.0:8443" not in address(EVERY, BEHIND).names
    assert address(ListenAddress("10.0.0.9", 8443), TLS).names == ("10.0.0.9:8443",)
    assert address(LOOPBACK, {"hosts": ["a.example:*"]}).names[2:] == ("a.example:*", "a.example")


@pytest.mark.parametrize(
    ("bound", "server"),
    [(EVERY, TLS), (EVERY, {"tls_terminated_by": ["10.0.0.5"]}), (LOOPBACK, {"tls_terminated_by": ["127.0.0.1"]})],
)
def test_a_gateway_without_a_name_says_what_to_write(bound: ListenAddress, server: dict[str, Any]) -> None:
    with pytest.raises(AilyusError, match="it has no name") as caught:
        address(bound, server)
    assert "`hosts = [" in caught.value.hint


def test_what_is_local() -> None:
    for local in (
        LOOPBACK,
        UNIX,
        ListenAddress("::1", 1),
        ListenAddress("localhost", 1),
        ListenAddress("127.9.9.9", 1),
    ):
        assert local.is_local, local
    for other in (EVERY, ListenAddress("::", 1), ListenAddress("10.0.0.5", 1), ListenAddress("::ffff:127.0.0.1", 1)):
        assert not other.is_local, other
