"""The OAuth client that a gateway is at a target: by which grant it gets tokens, where, and with which scopes."""

from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from contracts.canonical import digest

Grant = Literal["client_credentials", "jwt_bearer", "authorization_code", "token_exchange"]
"""How tokens are got: RFC 6749 section 4.4, RFC 7523 section 2.1, RFC 6749 sections 4.1 and 6, RFC 8693 section 2."""
ClientAuth = Literal["basic", "post", "private_key_jwt", "none"]
"""How the client proves itself at the token endpoint: RFC 6749 section 2.3.1, RFC 7523 section 2.2, or not at all."""
Side = Literal["read", "write", "both"]
"""What tokens of one sign-in are for; `both` where reading and writing ask for the same scopes."""
OAUTH2: Final = "oauth2:"
"""What a reference to the tokens of a connection begins with. Nobody writes one: it is made of the settings."""
_FACTS: Final = {
    "grant": "grant",
    "issuer": "issuer",
    "authorize_url": "authorizeUrl",
    "token_url": "tokenUrl",
    "revoke_url": "revokeUrl",
    "client_id": "clientId",
    "client_secret": "clientSecret",
    "client_auth": "clientAuth",
    "key": "key",
    "key_id": "keyId",
    "subject": "subject",
    "audience": "audience",
    "resource": "resource",
    "per_person": "perPerson",
    "account": "account",
    "expect_account": "expectAccount",
}


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """One registered client. `client_secret` and `key` are references to secrets; empty: there is none.

    `issuer` is whose metadata (RFC 8414) says where the endpoints are that have no URL here. `subject` and `audience`
    stand in what is signed with `key`; `resource` is the API that tokens are meant for (RFC 8707), and where tokens are
    exchanged, `audience` is its name (RFC 8693). `per_person`: each person has tokens of their own. `account` is where
    the account's name stands (`id_token.email`, `token.team.id`, `redirect.realmId`, `check.name`), and
    `expect_account` the only one that may be connected; `authorize_parameters` go with the browser to the authorization
    endpoint, beside those of the protocol. `timeout_ms` bounds one question to the server and says nothing about what
    may be done, so it is in no digest.
    """

    grant: Grant
    client_id: str
    client_auth: ClientAuth
    issuer: str = ""
    authorize_url: str = ""
    token_url: str = ""
    revoke_url: str = ""
    client_secret: str = ""
    key: str = ""
    key_id: str = ""
    subject: str = ""
    audience: str = ""
    resource: str = ""
    read_scopes: tuple[str, ...] = ()
    write_scopes: tuple[str, ...] = ()
    per_person: bool = False
    account: str = ""
    expect_account: str = ""
    authorize_parameters: tuple[tuple[str, str], ...] = ()
    timeout_ms: int = field(default=5_000, compare=False)

    @property
    def sides(self) -> tuple[Side, ...]:
        """What there are tokens for: one sign-in for each."""
        return ("both",) if frozenset(self.read_scopes) == frozenset(self.write_scopes) else ("read", "write")

    @property
    def is_stored(self) -> bool:
        """Do its tokens come of a person's sign-in, so that they must be kept? Others are fetched when needed."""
        return self.grant == "authorization_code"

    @property
    def is_exchanged(self) -> bool:
        """Are its tokens got in exchange for those that people's agents call with? Then each person has their own."""
        return self.grant == "token_exchange"

    def scopes(self, side: Side) -> tuple[str, ...]:
        """The scopes that tokens of a side are asked for with."""
        return self.write_scopes if side == "write" else self.read_scopes

    def side(self, use: Literal["read", "write"]) -> Side:
        """Whose tokens a read or a write carries."""
        return "both" if self.sides == ("both",) else use

    def facts(self) -> dict[str, object]:
        """All that says whose tokens there are and where they are got, for the digest of a target."""
        found: dict[str, object] = {name: getattr(self, key) for key, name in _FACTS.items() if getattr(self, key)}
        if self.authorize_parameters:
            found["authorizeParameters"] = dict(self.authorize_parameters)
        return found | {"readScopes": list(self.read_scopes), "writeScopes": list(self.write_scopes)}


@dataclass(frozen=True, slots=True)
class TokenReference:
    """The tokens of one side of one connection. INVARIANT 8: a connection that became another one has other tokens."""

    connection: str
    side: Side
    instance: str
    per_person: bool = False

    @classmethod
    def of(cls, connection: str, base_url: str, tenant: str, client: OAuthClient, side: Side) -> "TokenReference":
        """The reference of a connection whose tokens go to `base_url`."""
        # how the client proves itself may change: who signed in, for what and to where may not
        known = {key: value for key, value in asdict(client).items() if key in _INSTANCE}
        if client.is_exchanged:  # elsewhere it is a claim of what a key signs, and does not say what tokens are for
            known["audience"] = client.audience
        whole = digest([connection, base_url, tenant, known, sorted(client.scopes(side))])
        return cls(connection, side, whole[:_SHORT], client.per_person)

    @property
    def text(self) -> str:
        """As it stands in `Target.read` and `Target.write`; `{person}` is the person of a session."""
        return f"{OAUTH2}{self.connection}/{self.side}/{self.instance}" + ("/{person}" if self.per_person else "")

    def of_person(self, person: str) -> str:
        """The same for one person: the id of what the store keeps."""
        return self.text.replace("{person}", person)


_INSTANCE: Final = frozenset(("grant", "issuer", "authorize_url", "token_url", "client_id", "subject", "resource"))
_SHORT: Final = 16
