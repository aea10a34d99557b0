"""`[connections.NAME.oauth2]`: the OAuth client that the gateway is at a connection's authorization server."""

import re
from typing import Final

from pydantic import Field, model_validator

from contracts.action.oauth_client import ClientAuth, Grant
from contracts.schema.fields import Duration
from server.workspace.settings.part import Reference, SettingsPart

_URL: Final = r"^(https?://[^\s?#@]+)?$"
_ACCOUNT: Final = r"^((id_token|token|redirect|check)(\.[^.\s]+)+)?$"
_OURS: Final = frozenset(
    (
        "client_id",
        "response_type",
        "response_mode",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "resource",
        "request",
        "request_uri",
        "code_challenge",
        "code_challenge_method",
    )
)
"""Parameters of an authorization request that the gateway makes itself, or that would change whom it asks for what."""
_PROVEN: Final = frozenset(("client_credentials", "token_exchange"))
"""Grants that a client gets tokens by whom nothing proves but its secret or its key."""
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3


class OAuthClientPart(SettingsPart):
    """A registered client (RFC 6749, section 2), and how it gets the access tokens of its connection."""

    grant: Grant = Field(examples=["authorization_code"])
    """How tokens are got: by the client's own right (`client_credentials`, RFC 6749), by what it signs (`jwt_bearer`,
    RFC 7523), after a person signed in once (`authorization_code`; they are refreshed from then on), or for each
    requester in exchange for the access token that their agent calls with (`token_exchange`, RFC 8693)."""
    client_id: str = Field(min_length=1, max_length=512, examples=["3MVG9…"])
    """Its id, as the authorization server gave it; of a Google service account its e-mail address."""
    client_secret: Reference | None = Field(None, examples=["file:.ailyus/secrets/xero-client"])
    """Its secret, by reference."""
    client_auth: ClientAuth | None = Field(None, examples=["post"])
    """How it proves itself: its secret in the header (`basic`) or in the body (`post`), what it signs with its key
    (`private_key_jwt`), or not at all. Without it `basic` where there is a secret, `private_key_jwt` where there is a
    key and the grant is another than `jwt_bearer`, else `none`."""
    key: Reference | None = Field(None, examples=["file:.ailyus/secrets/salesforce.pem"])
    """The private key that it signs with, by reference: RSA, P-256 or P-384, as PEM or as JWK."""
    key_id: str = Field("", max_length=256, examples=["2026-11"])
    """The id of that key (`kid`), where the server wants one; a JWK has its own."""
    issuer: str = Field("", pattern=_URL, examples=["https://login.example.com"])
    """The authorization server, whose metadata (RFC 8414) says where its endpoints are."""
    token_url: str = Field("", pattern=_URL, examples=["https://identity.xero.com/connect/token"])
    """The token endpoint, where no metadata says it."""
    authorize_url: str = Field("", pattern=_URL, examples=["https://login.xero.com/identity/connect/authorize"])
    """The authorization endpoint, where no metadata says it."""
    revoke_url: str = Field("", pattern=_URL, examples=["https://identity.xero.com/connect/revocation"])
    """The revocation endpoint (RFC 7009), where no metadata says it."""
    subject: str = Field("", max_length=512, examples=["integration@acme.example"])
    """The account that `jwt_bearer` asks for (`sub`)."""
    audience: str = Field("", max_length=512, examples=["https://login.salesforce.com"])
    """Whom what is signed is meant for (`aud`); without it the token endpoint. With `token_exchange` it is the name of
    the system that the tokens are for."""
    resource: str = Field("", pattern=_URL, examples=["https://api.example.com"])
    """The API that tokens are meant for (RFC 8707), where the server asks for it."""
    read_scopes: tuple[str, ...] = Field((), max_length=64, examples=[["accounting.transactions.read"]])
    """The scopes of the tokens that read. Where both lists hold the same, one token serves both."""
    write_scopes: tuple[str, ...] = Field((), max_length=64, examples=[["accounting.transactions"]])
    """The scopes of the tokens that write."""
    per_person: bool = False
    """Does each person sign in with an account of their own?"""
    account: str = Field("", pattern=_ACCOUNT, max_length=200, examples=["token.team.id"])
    """Where the name of the connected account stands: in the identity token (`id_token.email`), in the token answer
    (`token.team.id`), in the address that the browser comes back with (`redirect.realmId`), or in what the connection's
    `check` answers (`check.0.name`). Without it the identity token says it, where there is one."""
    expect_account: str = Field("", max_length=300, examples=["4620816365000000000"])
    """The only account that may be connected; whoever signs in with another one is refused."""
    authorize_parameters: dict[str, str] = Field(
        default_factory=dict, max_length=16, examples=[{"access_type": "offline", "prompt": "consent"}]
    )
    """Further parameters that the vendor wants at its authorization endpoint."""
    timeout: Duration = Field(5_000, ge=500, le=30_000)
    """How long the authorization server may take for one answer."""

    @property
    def proof(self) -> ClientAuth:
        """How the client proves itself, also where the settings do not say it."""
        if self.client_auth is not None:
            return self.client_auth
        if self.client_secret is not None:
            return "basic"
        return "private_key_jwt" if self.key is not None and self.grant != "jwt_bearer" else "none"

    @model_validator(mode="after")
    def _complete(self) -> "OAuthClientPart":
        is_stored, auth = self.grant == "authorization_code", self.proof
        is_exchanged = self.grant == "token_exchange"
        signed_for = "" if is_exchanged else self.audience
        faults = (
            (not self.issuer and not self.token_url, "it needs `issuer` or `token_url`"),
            (is_stored and not self.issuer and not self.authorize_url, "this grant needs `issuer` or `authorize_url`"),
            (not is_stored and bool(self.authorize_url), "`authorize_url` is for `authorization_code` alone"),
            (not (is_stored or is_exchanged) and self.per_person, "`per_person` is for `authorization_code` alone"),
            (auth in ("basic", "post") and self.client_secret is None, f"`{auth}` needs `client_secret`"),
            (auth not in ("basic", "post") and self.client_secret is not None, f"`{auth}` takes no `client_secret`"),
            (auth == "private_key_jwt" and self.key is None, "`private_key_jwt` needs `key`"),
            (auth == "none" and self.grant in _PROVEN, "this grant needs `client_secret` or `key`"),
            (self.grant == "jwt_bearer" and self.key is None, "`jwt_bearer` needs `key`"),
            (self.grant != "jwt_bearer" and bool(self.subject), "`subject` is for `jwt_bearer` alone"),
            (self.key is None and bool(self.key_id or signed_for), "`key_id` and `audience` need `key`"),
            (is_exchanged and self.per_person, "`token_exchange` is for each person anyway, without `per_person`"),
            (not self._has_key_use() and self.key is not None, "`key` is used by `jwt_bearer` and `private_key_jwt`"),
            # a token without scopes often is one with all of them
            (bool(self.read_scopes) is not bool(self.write_scopes), "give both `read_scopes` and `write_scopes`"),
        )
        for is_wrong, sentence in faults:
            if is_wrong:
                raise ValueError(sentence)
        return self

    @model_validator(mode="after")
    def _connecting(self) -> "OAuthClientPart":
        if self.grant != "authorization_code" and (self.account or self.expect_account or self.authorize_parameters):
            alone = "`account`, `expect_account` and `authorize_parameters`"
            raise ValueError(f"{alone} are for `authorization_code` alone")
        if self.expect_account and self.per_person:
            raise ValueError("`expect_account` is for one account that all use, and not for `per_person`")
        if _OURS & self.authorize_parameters.keys():
            raise ValueError("`authorize_parameters` names what the gateway sends itself")
        has_identity = bool(self.issuer) and "openid" in self.read_scopes and "openid" in self.write_scopes
        if self.account.startswith("id_token.") and not has_identity:
            raise ValueError("`account` of an identity token needs `issuer`, and `openid` among the scopes")
        return self

    @model_validator(mode="after")
    def _scopes(self) -> "OAuthClientPart":
        for scope in (*self.read_scopes, *self.write_scopes):
            if not _SCOPE.fullmatch(scope):
                raise ValueError("a scope has no white space, quotes or backslashes: give each as an entry of its own")
        return self

    def _has_key_use(self) -> bool:
        return self.grant == "jwt_bearer" or self.proof == "private_key_jwt"
