"""The targets of a release: what the settings say of each connection, and nothing else."""

from dataclasses import fields
from typing import Any

from contracts.action.target import Mcp, PluginRef, Target, Ui
from server.workspace.settings.settings import Settings
from server.workspace.targets import targets_of

PLAIN: dict[str, Any] = {"kind": "records", "tenant": "acme", "environment": "prod", "read": "env:R", "write": "env:W"}


def target_of(connection: dict[str, Any], **settings: Any) -> Target:
    given = {"origin": "o", "roles": (), "connections": {"main": {**PLAIN, **connection}}, **settings}
    return targets_of(Settings(**given))["main"]


def test_every_field_of_a_connection_reaches_its_target() -> None:
    said: dict[str, Any] = {
        "base_url": "https://api.example.com",
        "principal": "writer",
        "header": "X-Key",
        "scheme": "",
        "direct": True,
        "origin_trusted": True,
        "max_timeout": "7s",
        "max_settle": "9s",
        "auth": "sigv4",
        "region": "eu-central-1",
        "service": "iam",
        "max_in_flight": 3,
        "per_minute": 4,
        "exclusive": True,
        "rights": ("users.read",),
        "check": "/me",
    }
    headers = {"Xero-Tenant-Id": "t-1", "Api-Version": "2"}
    target = target_of({**said, "headers": headers})
    assert target.headers == (("api-version", "2"), ("xero-tenant-id", "t-1"))
    assert target.digest != target_of(said).digest
    assert (target.name, target.max_timeout_ms, target.max_settle_ms) == ("main", 7_000, 9_000)
    assert {n: getattr(target, n) for n in said if not n.startswith("max_t") and not n.startswith("max_s")} == {
        n: v for n, v in said.items() if not n.startswith("max_t") and not n.startswith("max_s")
    }
    plain = target_of({})
    same = {f.name for f in fields(Target) if getattr(target, f.name) == getattr(plain, f.name)}
    assert same == {"name", "kind", "tenant", "environment", "read", "write", "ui", "mcp", "plugin", "oauth2"}


SIGNS_IN: dict[str, Any] = {
    "grant": "authorization_code",
    "client_id": "c-1",
    "client_secret": "env:S",
    "issuer": "https://id.example.com",
    "authorize_url": "https://id.example.com/authorize",
    "token_url": "https://id.example.com/token",
    "revoke_url": "https://id.example.com/revoke",
    "resource": "https://api.example.com",
    "read_scopes": ("records.read",),
    "write_scopes": ("records",),
    "per_person": True,
    "account": "token.team.id",
    "authorize_parameters": {"prompt": "consent"},
    "timeout": "7s",
}


def signing_in(**changed: Any) -> Target:
    part = {name: value for name, value in {**SIGNS_IN, **changed}.items() if value is not None}
    connection = {"auth": "oauth2", "base_url": "https://api.example.com", "oauth2": part, "read": None, "write": None}
    return target_of(connection)


def test_every_field_of_a_client_reaches_its_target_and_its_digest() -> None:
    target = signing_in()
    client = target.oauth2
    assert client is not None
    said = {n: v for n, v in SIGNS_IN.items() if n != "timeout"} | {"client_auth": "basic", "timeout_ms": 7_000}
    said["authorize_parameters"] = (("prompt", "consent"),)
    assert {n: getattr(client, n) for n in said} == said
    signed = signing_in(
        grant="jwt_bearer",
        client_secret=None,
        authorize_url=None,
        per_person=None,
        account=None,
        authorize_parameters=None,
        key="env:K",
        key_id="k-1",
        subject="s",
        audience="a",
    ).oauth2
    assert signed is not None
    assert (signed.key, signed.key_id, signed.subject, signed.audience) == ("env:K", "k-1", "s", "a")
    others = {"client_id": "c-2", "token_url": "https://id.example.com/other", "read_scopes": ("records",)}
    others |= {"client_auth": "post", "revoke_url": None, "resource": None, "account": "token.id"}
    others |= {"authorize_parameters": {"prompt": "login"}}
    assert signing_in(per_person=None, expect_account="a").digest != signing_in(per_person=None).digest
    for name, value in others.items():
        assert signing_in(**{name: value}).digest != target.digest, name
    # how long a server may take says nothing about what may be done
    assert signing_in(timeout="9s").digest == target.digest


def test_a_connection_that_became_another_one_has_no_tokens_of_the_former() -> None:
    target = signing_in()
    assert target.read.startswith("oauth2:main/read/")
    assert target.write.startswith("oauth2:main/write/")
    assert target.write.endswith("/{person}")
    # whose tokens they are stays as it is where the client proves itself in another way
    assert signing_in(client_auth="post").write == target.write
    assert signing_in(client_id="c-2").write != target.write
    assert signing_in(write_scopes=("admin",)).write != target.write
    assert signing_in(write_scopes=("admin",)).read == target.read
    moved = {
        "auth": "oauth2",
        "base_url": "https://evil.example.com",
        "oauth2": dict(SIGNS_IN),
        "read": None,
        "write": None,
    }
    assert target_of(moved).write != target.write
    assert signing_in(read_scopes=("records",)).read == signing_in(read_scopes=("records",)).write


def test_pages_are_below_the_connection_unless_they_say_otherwise() -> None:
    pages = {"login": "env:LOGIN", "principal": "clerk"}
    ui = target_of({"base_url": "https://app.example.com", "browser": pages}).ui
    assert isinstance(ui, Ui)
    assert (ui.base_url, ui.read_principal) == ("https://app.example.com", "clerk")
    other = target_of({"browser": {**pages, "base_url": "https://x.example.com", "read_principal": "looker"}}).ui
    assert isinstance(other, Ui)
    assert (other.base_url, other.read_principal) == ("https://x.example.com", "looker")


def test_the_order_of_variables_makes_no_other_target() -> None:
    one, other = (
        target_of({"mcp": {"command": ("server",), "variables": dict(pairs)}})
        for pairs in ((("B", "text:2"), ("A", "text:1")), (("A", "text:1"), ("B", "text:2")))
    )
    assert one == other
    assert isinstance(one.mcp, Mcp)
    assert one.mcp.variables == (("A", "text:1"), ("B", "text:2"))
    assert one.digest == other.digest


def test_an_adapter_is_the_code_that_the_settings_name() -> None:
    adapters = {"ldap": {"entry_point": "office-ldap", "digest": "a" * 64}}
    assert target_of({"adapter": "ldap", "base_url": "ldap://x"}, adapters=adapters).plugin == PluginRef(
        "office-ldap", "a" * 64
    )
    assert target_of({}).plugin is None
