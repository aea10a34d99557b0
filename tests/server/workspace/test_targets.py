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
    assert same == {"name", "kind", "tenant", "environment", "read", "write", "ui", "mcp", "plugin"}


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
