"""The bearer challenge of the MCP endpoint: what a client reads whose token is not taken (RFC 6750, RFC 9728)."""

from collections.abc import Mapping

import orjson
from pydantic import JsonValue
from starlette.responses import Response

MCP_PATH = "/mcp"
"""Where agents call; every other path is the console's."""
METADATA_PATH = "/.well-known/oauth-protected-resource"
"""RFC 9728, section 3; also with the resource's path behind it (section 3.1)."""


def bearer_challenge(metadata: Mapping[str, JsonValue] | None, status: int, sentence: str) -> Response:
    """RFC 6750, section 3 (who brought no token is told of no error), with RFC 9728, section 5.1."""
    error = "invalid_token" if status == 401 else "insufficient_scope"
    said = {"error": error, "error_description": sentence} if sentence else {}
    if metadata is not None:
        resource = str(metadata["resource"]).removesuffix(MCP_PATH)
        said["resource_metadata"] = f"{resource}{METADATA_PATH}{MCP_PATH}"
    challenge = "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items())
    body = orjson.dumps({"error": error, "error_description": sentence or "a token is needed"})
    # without anything to say it is the bare scheme, with no space behind it
    return Response(body, status, {"www-authenticate": challenge.strip()}, media_type="application/json")
