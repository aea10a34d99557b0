"""The bearer challenge: what a client reads whose token is not taken (RFC 6750, section 3; RFC 9728, section 5.1)."""

import pytest

from server.mcp.bearer import bearer_challenge

RESOURCE = {"resource": "https://ailyus.example.com/mcp"}
METADATA = 'resource_metadata="https://ailyus.example.com/.well-known/oauth-protected-resource/mcp"'


@pytest.mark.parametrize(
    ("metadata", "status", "sentence", "challenge"),
    [
        (None, 401, "", "Bearer"),
        (RESOURCE, 401, "", f"Bearer {METADATA}"),
        (None, 401, "it ended", 'Bearer error="invalid_token", error_description="it ended"'),
        (RESOURCE, 403, "no", f'Bearer error="insufficient_scope", error_description="no", {METADATA}'),
    ],
)
def test_who_brought_no_token_is_told_of_no_error(
    metadata: dict[str, str] | None, status: int, sentence: str, challenge: str
) -> None:
    answer = bearer_challenge(metadata, status, sentence)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (status, challenge)
