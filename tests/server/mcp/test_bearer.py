"""The bearer challenge: what a client reads whose token is not taken (RFC 6750, section 3; RFC 9728, section 5.1)."""

import pytest

from server.mcp.bearer import bearer_challenge

LOCATION = "https://ailyus.example.com/.well-known/oauth-protected-resource/mcp"
METADATA = f'resource_metadata="{LOCATION}"'


@pytest.mark.parametrize(
    ("location", "status", "sentence", "challenge"),
    [
        (None, 401, "", "Bearer"),
        (LOCATION, 401, "", f"Bearer {METADATA}"),
        (None, 401, "it ended", 'Bearer error="invalid_token", error_description="it ended"'),
        (LOCATION, 403, "no", f'Bearer error="insufficient_scope", error_description="no", {METADATA}'),
    ],
)
def test_who_brought_no_token_is_told_of_no_error(
    location: str | None, status: int, sentence: str, challenge: str
) -> None:
    answer = bearer_challenge(location, status, sentence)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (status, challenge)
