"""The OAuth metadata of the gateway as a protected resource (RFC 9728): what it says, and where clients read it."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pydantic import JsonValue

from server.workspace.public_address import MCP_PATH, PublicAddress

METADATA_PATH: Final = "/.well-known/oauth-protected-resource"
"""RFC 9728, section 3; the path of the resource stands behind it (section 3.1)."""


@dataclass(frozen=True, slots=True)
class ResourceMetadata:
    """What tokens must be meant for, and who issues them."""

    resource: str
    issuer: str
    base_path: str

    def location(self, *, slash: bool = False) -> str:
        """Where a challenge sends a client; `slash`: one stood behind the path that it called (section 5.1)."""
        parts = urlsplit(self.resource)
        path = parts.path.rstrip("/")
        end = "/" if slash or (path and parts.path.endswith("/")) else ""
        if self.base_path and path == f"{self.base_path}{MCP_PATH}":
            # below the base path, since a proxy passes on nothing else unless it is told to
            return f"{parts.scheme}://{parts.netloc}{self.base_path}{METADATA_PATH}{MCP_PATH}{end}"
        return f"{parts.scheme}://{parts.netloc}{METADATA_PATH}{path}{end}"

    def at(self, path: str) -> dict[str, JsonValue] | None:
        """What is answered at a path, without the base path; None where no metadata is.

        A slash behind the path is one behind the resource: that is what a client made the address from (section 3.3).
        """
        if not path.startswith(METADATA_PATH):
            return None
        rest = path.removeprefix(METADATA_PATH)
        plain = rest.rstrip("/")
        own = urlsplit(self.resource).path.rstrip("/")
        if plain not in ("", MCP_PATH, f"{self.base_path}{MCP_PATH}", own):
            return None
        resource = self.resource
        if plain and own:
            resource = resource.rstrip("/") + ("/" if rest.endswith("/") else "")
        return {
            "resource": resource,
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
            "resource_name": "Ailyus",
        }

    def audiences(self) -> tuple[str, ...]:
        """What a token for this resource may name: it with a slash behind it is no other."""
        plain = self.resource.rstrip("/")
        return (plain, f"{plain}/")


def metadata_of(resource: str, issuer: str, address: PublicAddress) -> ResourceMetadata:
    """The metadata of a gateway there; without a resource in the settings it is the gateway's own address."""
    return ResourceMetadata(resource or address.mcp, issuer, address.base_path)
