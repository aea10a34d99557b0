"""What of a URL stands on the wire, and what httpx2 is told of it."""

import httpx2
import pytest

from adapters.http.address import host_of, origin_of, target_of


@pytest.mark.parametrize(
    ("url", "origin", "host", "target"),
    [
        ("https://api.example/v1/a?b=c", "https://api.example/", "api.example", b"/v1/a?b=c"),
        ("https://API.Example:8443/V1/A", "https://api.example:8443/", "api.example:8443", b"/V1/A"),
        ("https://api.example:443/a", "https://api.example/", "api.example:443", b"/a"),
        ("http://[::1]:8080/a", "http://[::1]:8080/", "[::1]:8080", b"/a"),
        ("https://:pass@api.example/a", "https://api.example/", "api.example", b"/a"),
        ("https://api.example/a?next=https://b.example/c", "https://api.example/", "api.example",
         b"/a?next=https://b.example/c"),
        ("https://api.example/a%2Fb/..//c;d?", "https://api.example/", "api.example", b"/a%2Fb/..//c;d?"),
        ("https://api.example/a#part", "https://api.example/", "api.example", b"/a"),
    ],
)  # fmt: skip
def test_the_parts_of_a_url(url: str, origin: str, host: str, target: bytes) -> None:
    assert str(origin_of(url)) == origin
    assert (host_of(url), target_of(url)) == (host, target)


def test_the_target_is_taken_past_httpx2_because_that_would_change_it() -> None:
    url = 'https://api.example/a/../b"c'
    assert target_of(url) == b'/a/../b"c'
    assert httpx2.URL(url).raw_path == b"/b%22c"


def test_an_origin_is_parsed_once() -> None:
    assert origin_of("https://api.example/a") is origin_of("https://api.example/b?c")
