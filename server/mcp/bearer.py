"""The bearer challenge of the MCP endpoint: what a client reads whose token is not taken (RFC 6750, RFC 9728)."""

import orjson
from starlette.responses import Response


def bearer_challenge(location: str | None, status: int, sentence: str) -> Response:
    """RFC 6750, section 3 (who brought no token is told of no error), with RFC 9728, section 5.1.

    `location` is where the metadata of the resource is, None where there is none.
    """
    error = "invalid_token" if status == 401 else "insufficient_scope"
    said = {"error": error, "error_description": sentence} if sentence else {}
    if location is not None:
        said["resource_metadata"] = location
    challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items())
    body = orjson.dumps({"error": error, "error_description": sentence or "a token is needed"})
    # without anything to say it is the bare scheme, with no space behind it
    return Response(body, status, {"www-authenticate": challenge.strip()}, media_type="application/json")
