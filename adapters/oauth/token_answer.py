"""What a token endpoint answers: tokens, or why there are none (RFC 6749, sections 5.1 and 5.2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import JsonValue

from adapters.credentials.source import usable

FaultKind = Literal["gone", "refused", "later", "lost", "not_sent"]
"""`gone`: the grant holds no more; where a person signed in, one must do so anew. `refused`: the server does not serve
this client so. `later`: it cannot answer now. `lost`: it may have done it, and its answer did not come. `not_sent`: it
was not asked.
"""
_CODE: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,39}")
_GONE: Final = frozenset({"invalid_grant", "invalid_refresh_token", "bad_refresh_token"})
"""RFC 6749 section 5.2; Slack's `oauth.v2.access`; HubSpot's token endpoint."""
_LATER: Final = frozenset({"temporarily_unavailable", "slow_down", "ratelimited", "rate_limited", "status_429"})
_KINDS: Final[Mapping[FaultKind, str]] = {
    "gone": "the authorization server takes the grant no more",
    "refused": "the authorization server refuses the client or what it asks for",
    "later": "the authorization server does not answer now",
    "lost": "the answer of the authorization server was lost",
    "not_sent": "the authorization server cannot be reached",
}
_SAYS: Final = {
    "no_client_secret": "there is no usable secret where `client_secret` refers to",
    "no_client_key": "there is no usable key where `key` refers to",
    "wrong_issuer": "the metadata of the authorization server names another issuer than `issuer`",
    "no_metadata": "there is no metadata of an authorization server at `issuer`",
    "no_token_endpoint": "the metadata of the authorization server names no token endpoint",
    "unsafe_endpoint": "the metadata of the authorization server names an address that must not be used",
}
"""What a code of ours means, where that is more exact than its kind."""
_HINTS: Final = {
    "no_client_secret": "write the file or set the variable that `client_secret` refers to",
    "no_client_key": "write the file that `key` refers to: a private key in PEM",
    "wrong_issuer": "write `issuer` letter by letter as the server's metadata has it, a `/` at its end too",
    "no_metadata": "is `issuer` right, and does the server run? one without metadata needs `token_url` in its place",
    "no_token_endpoint": "name it: `token_url`",
    "unsafe_endpoint": "name the right ones: `token_url`, `authorize_url`, `revoke_url`",
    "unreachable": "is the server up, and its address right in `issuer` or `token_url`?",
    "status_404": "is the address right in `issuer` or `token_url`?",
    "invalid_client": "are `client_id`, `client_secret` and `client_auth` those that the server knows?",
    "unauthorized_client": "let the server allow this client the `grant`",
    "unsupported_grant_type": "let the server allow this client the `grant`",
    "invalid_scope": "are `read_scopes` and `write_scopes` such as the server knows, and allows this client?",
    "wider_scope": "the server gives more than is declared: take it away there, or declare it",
    "invalid_target": "are `resource` and `audience` as the server names the target?",
}
_LONGEST_SECONDS: Final = 400 * 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenFault:
    """Why there are no tokens. `code` is the server's own word, or one of ours; no text of the server is told."""

    kind: FaultKind
    code: str

    @property
    def sentence(self) -> str:
        """For people."""
        return f"{_SAYS.get(self.code) or _KINDS[self.kind]} ({self.code})"

    @property
    def hint(self) -> str:
        """What to look at; empty where the code alone does not say."""
        return _HINTS.get(self.code, "")


@dataclass(frozen=True, slots=True)
class TokenAnswer:
    """Tokens. `expires_in` is in seconds, None where the server does not say; `scopes` None: those asked for.

    `fields` is the whole answer without its tokens, where an account may stand.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_in: int | None = None
    scopes: frozenset[str] | None = None
    id_token: str = field(default="", repr=False)
    fields: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)


_SECRETS: Final = frozenset({"access_token", "refresh_token", "id_token", "authed_user"})


def fault_of(code: str) -> TokenFault:
    """The fault that an error of a server means."""
    word = code.lower().replace(" ", "_")
    told = word if _CODE.fullmatch(word) else "unknown_error"
    if told in _GONE:
        return TokenFault("gone", told)
    return TokenFault("later" if told in _LATER else "refused", told)


def refusal_of(status: int, said: Mapping[str, JsonValue]) -> str | None:
    """The word of a refusal without `error`, such as HubSpot's `{"status": "BAD_REFRESH_TOKEN"}`; None for others."""
    if not 400 <= status < 500 or "error" in said:
        return None
    word = said.get("status")
    return word if isinstance(word, str) and _CODE.fullmatch(word.lower()) else f"status_{status}"


def answer_of(said: Mapping[str, JsonValue]) -> TokenAnswer | TokenFault:
    """The tokens of an answer without an error; a fault where it is none after all.

    INVARIANT: what a header cannot carry is no token: it would change the request that it stands in.
    """
    access, refresh = said.get("access_token"), said.get("refresh_token")
    is_bearer = str(said.get("token_type") or "bearer").lower() in ("bearer", "bot", "user")
    if not isinstance(access, str) or usable(access.encode()) is None or not is_bearer:
        return TokenFault("lost", "no_bearer_token")
    if refresh is not None and (not isinstance(refresh, str) or usable(refresh.encode()) is None):
        return TokenFault("lost", "no_refresh_token")
    scope, identity = said.get("scope"), said.get("id_token")
    return TokenAnswer(
        access,
        refresh or "",
        _seconds(said.get("expires_in")),
        # Slack separates by commas
        frozenset(scope.replace(",", " ").split()) if isinstance(scope, str) and scope else None,
        identity if isinstance(identity, str) else "",
        {name: value for name, value in said.items() if name not in _SECRETS},
    )


def _seconds(value: JsonValue) -> int | None:
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        return None
    return min(int(text), _LONGEST_SECONDS)
