"""Whom the notice of a lost connection is for, and what it says: nothing of its tokens, its account or its people."""

from dataclasses import replace

from contracts.action.oauth_client import OAuthClient, TokenReference
from contracts.action.target import Target
from receipts.tables.grants import SealedTokens, StoredGrant
from server.operations.connection_notice import ConnectionNotice, events, subject
from server.workspace.settings.notification import NoticePart

CLIENT = OAuthClient("authorization_code", "c-1", "basic", token_url="https://id.example.com/token")
PLACE = "https://api.example.com"
REFERENCE = TokenReference.of("books", PLACE, "acme", CLIENT, "both").text
BOOKS = Target("books", "books", PLACE, "acme", "prod", REFERENCE, REFERENCE, "bot", auth="oauth2", oauth2=CLIENT)
ROW = StoredGrant(
    id=REFERENCE,
    connection="books",
    side="both",
    tenant="acme",
    person="",
    account="olga@acme.example",
    scopes=(),
    state="needs_person",
    reason="gone",
    tokens=SealedTokens(b"a", b"r", None, None),
    version=7,
    fence=0,
    lease_until_ms=0,
    tried=0,
    connected_by="olga",
    connected_ms=1,
    refreshed_ms=1,
    used_ms=0,
)


def slack_of(name: str, tenant: str) -> Target:
    return replace(BOOKS, name=name, tenant=tenant, kind="slack", auth="header", oauth2=None)


def test_admins_and_whoever_takes_every_notice_are_told_of_their_own_tenants_connections() -> None:
    webhook = "https://hooks.example.com/a"
    routes = {
        "admins": NoticePart(webhook=webhook, roles=("SecurityLead",), next="later"),
        "all": NoticePart(webhook=webhook),
        "support": NoticePart(webhook=webhook, roles=("Support",)),
        "later": NoticePart(webhook=webhook),
        "own": NoticePart(connection="slack", channel="C1"),
        "other": NoticePart(connection="foreign", channel="C1"),
        "theirs": NoticePart(webhook=webhook, tenant="globex"),
        "none": NoticePart(connection="absent", channel="C1"),
    }
    targets = {"books": BOOKS, "slack": slack_of("slack", "acme"), "foreign": slack_of("foreign", "globex")}
    told = events([ROW], routes, ("SecurityLead",), targets)
    assert [route for _, _, route in told] == ["admins", "all", "own"]
    assert {about for about, _, _ in told} == {f"{REFERENCE}@7"}
    # another loss is another notice
    assert subject(replace(ROW, version=8)) != subject(ROW)


def test_it_names_the_connection_and_where_it_is_connected_and_nothing_else() -> None:
    notice = ConnectionNotice("books", "acme", "https://gw.example.com/connections/books")
    said = f"{notice.document()} {notice.slack_text()}"
    assert notice.document()["event"] == "connection"
    for hidden in ("olga", "oauth2:", "acme"):
        assert hidden not in said
