"""Sessions of clients that speak the handshake era: an id that says whose it is, so that any replica can tell.

The SDK keeps what is live of a session. What must outlive a restart stands in the id itself: whose session it is, and
whether its client opens links for its user.
"""

import hmac
from dataclasses import dataclass

from contracts.action.request import Caller

HEADER = b"mcp-session-id"
"""`Mcp-Session-Id` (MCP 2025-11-25, Streamable HTTP, Session Management)."""


@dataclass(frozen=True, slots=True)
class McpSession:
    """One session: the SDK's own id of it, and whether its client declared elicitation by URL."""

    inner: str
    opens_links: bool


class Foreign(Exception):
    """The id was given to another principal."""


class SessionIds:
    """Makes and reads ids.

    `INNER-LINKS-WHO-MAC`: the SDK's id (32 hex digits), `1` or `0`, and HMAC-SHA-256, cut to 16 bytes of hex each, over
    the principal and over everything before it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def given(self, session: McpSession, caller: Caller) -> str:
        """The id that this caller's client gets."""
        body = f"{session.inner}-{int(session.opens_links)}-{self._who(caller)}"
        return f"{body}-{self._sealed(body)}"

    def read(self, text: str, caller: Caller) -> McpSession | None:
        """The session of an id, or None for an id that this deployment never gave; raises `Foreign`."""
        body, _, mac = text.rpartition("-")
        parts = body.split("-")
        if not text.isascii() or len(text) > 200 or not hmac.compare_digest(self._sealed(body), mac) or len(parts) != 3:
            return None
        inner, links, who = parts
        # INVARIANT: a session is used by whom it was given to, whatever token they have by now
        if not hmac.compare_digest(self._who(caller), who):
            raise Foreign  # guard: sessions of another
        return McpSession(inner, links == "1")

    def _who(self, caller: Caller) -> str:
        return self._sealed(f"{caller.tenant}\n{caller.agent}\n{caller.person}")

    def _sealed(self, text: str) -> str:
        return hmac.digest(self._key, text.encode(), "sha256")[:16].hex()
