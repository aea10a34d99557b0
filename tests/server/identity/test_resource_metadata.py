"""The metadata of RFC 9728: where it is read, and which resource it names, with and without a slash behind it."""

import pytest

from server.identity.resource_metadata import METADATA_PATH, ResourceMetadata

ISSUER = "https://id.example.com"
SHORT = "https://a.example/.well-known/oauth-protected-resource"


def metadata(resource: str, base_path: str = "") -> ResourceMetadata:
    return ResourceMetadata(resource, ISSUER, base_path)


@pytest.mark.parametrize(
    ("resource", "base_path", "slash", "location"),
    [
        ("https://a.example/mcp", "", False, f"{SHORT}/mcp"),
        ("https://a.example/mcp", "", True, f"{SHORT}/mcp/"),
        ("https://a.example/mcp/", "", False, f"{SHORT}/mcp/"),
        ("https://a.example:8443/mcp", "", False, "https://a.example:8443/.well-known/oauth-protected-resource/mcp"),
        ("https://a.example", "", False, SHORT),
        ("https://a.example/x/mcp", "/x", False, "https://a.example/x/.well-known/oauth-protected-resource/mcp"),
        ("https://a.example/x/mcp", "/x", True, "https://a.example/x/.well-known/oauth-protected-resource/mcp/"),
        ("https://a.example/other", "/x", False, f"{SHORT}/other"),
        ("https://a.example/x/mcp", "", False, f"{SHORT}/x/mcp"),
    ],
)
def test_where_a_challenge_leads(resource: str, base_path: str, slash: bool, location: str) -> None:
    assert metadata(resource, base_path).location(slash=slash) == location


@pytest.mark.parametrize("base_path", ["", "/x"])
@pytest.mark.parametrize("resource", ["https://a.example/mcp", "https://a.example/mcp/", "https://a.example/x/mcp"])
@pytest.mark.parametrize("slash", [False, True])
def test_who_follows_the_challenge_finds_the_resource_that_was_called(
    resource: str, base_path: str, slash: bool
) -> None:
    """RFC 9728, section 3.3: it must be identical to what the client called."""
    one = metadata(resource, base_path)
    path = one.location(slash=slash).removeprefix("https://a.example")
    path = path.removeprefix(base_path) if base_path and path.startswith(f"{base_path}/") else path
    found = one.at(path)
    assert found is not None
    ended = slash or resource.endswith("/")
    assert found["resource"] == resource.rstrip("/") + ("/" if ended else "")
    assert found["authorization_servers"] == [ISSUER]


def test_the_paths_of_it() -> None:
    one = metadata("https://a.example/x/mcp", "/x")
    for path in ("", "/", "/mcp", "/mcp/", "/x/mcp", "/x/mcp/"):
        assert one.at(METADATA_PATH + path) is not None, path
    for path in (f"{METADATA_PATH}/y/mcp", f"{METADATA_PATH}x", "/mcp", "/"):
        assert one.at(path) is None, path


def test_a_slash_behind_the_resource_makes_no_other_audience() -> None:
    for resource in ("https://a.example/mcp", "https://a.example/mcp/"):
        assert metadata(resource).audiences() == ("https://a.example/mcp", "https://a.example/mcp/")
