"""The list of connections: what each kind of connection says of itself, and what has to be done."""

from adapters.oauth.client_tokens import TokenTimes
from contracts.action.oauth_client import OAuthClient, TokenReference
from contracts.action.target import Target
from receipts.tables.grants import SealedTokens, StoredGrant
from server.cli.connection_commands import ConnectionLine, _following
from server.cli.owner import decoded
from server.operations.connections.connection_list import connection_rows

CLIENT = OAuthClient("authorization_code", "c", "none", read_scopes=("r",), write_scopes=("r", "w"))

CLIENT_ALIKE = OAuthClient("client_credentials", "c", "basic", read_scopes=("r",), write_scopes=("r",))


def target(name: str, client: OAuthClient | None = None) -> Target:
    reference = {
        use: TokenReference.of(name, "https://api.example.com", "acme", client, client.side(use)).text
        for use in ("read", "write")
        if client is not None
    }
    read, write = reference.get("read", "env:R"), reference.get("write", "env:W")
    return Target(name, "kind", "https://api.example.com", "acme", "prod", read, write, "p", oauth2=client)


def grant(id_: str, side: str, **more: object) -> StoredGrant:
    known: dict[str, object] = {
        "id": id_, "connection": "books", "side": side, "tenant": "acme", "person": "", "account": "a@example.com",
        "scopes": ("r",), "state": "ready", "reason": "", "tokens": SealedTokens(b"", b"", 60_000, None), "version": 1,
        "fence": 0, "lease_until_ms": 0, "tried": 0, "connected_by": "lead", "connected_ms": 1_000, "refreshed_ms": 1_000,
        "used_ms": 0,
    }  # fmt: skip
    return StoredGrant(**{**known, **more})  # type: ignore[arg-type]


def test_each_connection_says_how_it_gets_its_credential() -> None:
    rows = connection_rows([target("plain"), target("service", CLIENT_ALIKE), target("books", CLIENT)], [])
    assert [(row.connection, row.side, row.state) for row in rows] == [
        ("books", "read", "not_connected"),
        ("books", "write", "not_connected"),
        ("plain", "", "by_reference"),
        ("service", "both", "fetched"),
    ]
    assert rows[0].next == "a person connects it: `ailyus connection sign-in books`"
    assert (rows[2].next, rows[3].next) == ("", "")
    assert (rows[0].scopes, rows[1].scopes) == (("r",), ("r", "w"))


def test_a_token_that_the_gateway_fetched_has_times_and_one_that_it_did_not_is_fetched_when_needed() -> None:
    client = OAuthClient("client_credentials", "c", "basic", read_scopes=("r",), write_scopes=("r", "w"))
    service = target("service", client)
    rows = connection_rows([service], [], {service.write: TokenTimes(1_000, 61_000)})
    lines = [decoded(ConnectionLine, row.document()) for row in rows]
    assert [(line.side, line.refreshed_at, line.expires_at) for line in lines] == [
        ("read", "", ""),
        ("write", "1970-01-01T00:00:01Z", "1970-01-01T00:01:01Z"),
    ]
    assert [_following(line) for line in lines] == ["its token is fetched when it is needed", ""]
    (unsaid,) = connection_rows(
        [target("x", CLIENT_ALIKE)], [], {target("x", CLIENT_ALIKE).read: TokenTimes(1_000, None)}
    )
    assert (unsaid.refreshed_at, unsaid.expires_at) == ("1970-01-01T00:00:01Z", "")


def test_a_grant_of_another_instance_is_obsolete_and_the_side_is_to_be_connected() -> None:
    books = target("books", CLIENT)
    rows = connection_rows(
        [books], [grant(books.read, "read", refreshed_ms=2_000), grant("oauth2:books/write/x", "write")]
    )
    assert [(row.side, row.state) for row in rows] == [
        ("read", "ready"),
        ("write", "obsolete"),
        ("write", "not_connected"),
    ]
    assert (rows[0].refreshed_at, rows[1].refreshed_at) == ("1970-01-01T00:00:02Z", "")
    assert rows[0].expires_at == "1970-01-01T00:01:00Z"
    assert "connect it anew" in rows[1].next
    document = rows[0].document()
    assert document["scopes"] == ["r"]
    assert "tokens" not in document


def test_one_persons_account_is_no_other_persons() -> None:
    own = OAuthClient("authorization_code", "c", "none", read_scopes=("r",), write_scopes=("r",), per_person=True)
    books = target("books", own)
    mine = grant(books.read.replace("{person}", "lead"), "both", person="lead")
    assert [(row.person, row.state) for row in connection_rows([books], [mine])] == [("lead", "ready")]
