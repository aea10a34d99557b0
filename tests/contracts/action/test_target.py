"""Targets: what is another place has another digest, what only limits it has not, and whose account is wider."""

from typing import Any

import pytest

from contracts.action.target import Mcp, PluginRef, Ui
from tests.contracts.targets import UI, target


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"kind": "other"},
        {"base_url": "https://api.example/v2"},
        {"tenant": "other"},
        {"environment": "staging"},
        {"read": "env:OTHER"},
        {"write": "env:OTHER"},
        {"principal": "root"},
        {"header": "X-Key"},
        {"scheme": ""},
        {"direct": True},
        {"auth": "sigv4", "region": "eu", "service": "iam"},
        {"exclusive": True},
        {"rights": ("read",)},
        {"ui": UI},
        {"mcp": Mcp(url="https://mcp.example")},
        {"plugin": PluginRef("a:b", "c")},
    ],
)
def test_another_place_or_account_is_another_target(change: dict[str, Any]) -> None:
    assert target().digest == target().digest != target(**change).digest


@pytest.mark.parametrize(
    "change",
    [{"max_timeout_ms": 5}, {"max_settle_ms": 5}, {"max_in_flight": 5}, {"per_minute": 5}, {"region": "eu"}, {"origin_trusted": True}],
)  # fmt: skip
def test_a_limit_leaves_approvals_valid(change: dict[str, Any]) -> None:
    assert target().digest == target(**change).digest


def test_every_part_of_a_part_counts_but_how_long_it_may_take() -> None:
    parts: list[tuple[str, Any, list[Any]]] = [
        ("mcp", Mcp(command=("a",)), [Mcp(command=("b",)), Mcp(command=("a",), variables=(("X", "env:X"),)), Mcp(command=("a",), directory="d")]),
        ("plugin", PluginRef("a:b", "c"), [PluginRef("a:b", "d"), PluginRef("a:c", "c")]),
        ("auth", "sigv4", []),
    ]  # fmt: skip
    for name, part, others in parts:
        digests = {target(**{name: one}).digest for one in (part, *others)}
        assert len(digests) == 1 + len(others)
    assert target(mcp=Mcp(url="u")).digest == target(mcp=Mcp(url="u", start_seconds=9.0)).digest
    regions = {target(auth="sigv4", region=region, service="iam").digest for region in ("eu", "us")}
    assert len(regions) == 2
    pages = [UI, Ui(UI.base_url, UI.login, "eve"), Ui(UI.base_url, UI.login, UI.principal, rights=("a",))]
    pages += [Ui(UI.base_url, UI.login, UI.principal, read_login="env:R", read_principal="looker")]
    pages += [Ui(UI.base_url, UI.login, UI.principal, origins=("https://cdn.example",))]
    assert len({target(ui=ui).digest for ui in pages}) == len(pages)


def test_a_browsers_account_is_wider_unless_it_is_shown_to_be_no_wider() -> None:
    def other(*rights: str) -> Ui:
        return Ui("https://pages.example", "env:LOGIN", "clerk", rights=rights)

    assert not target().widens
    assert not target(ui=UI).widens
    assert target(ui=other()).widens
    assert target(ui=other("read"), rights=()).widens
    assert target(ui=other("read", "write"), rights=("read",)).widens
    assert not target(ui=other("read"), rights=("read", "write")).widens


def test_the_account_that_looks_may_be_another() -> None:
    two = Ui("https://pages.example", "env:LOGIN", "robot", read_login="env:LOOK", read_principal="looker")
    assert two.account(reading=True) == ("env:LOOK", "looker")
    assert two.account(reading=False) == UI.account(reading=True) == ("env:LOGIN", "robot")


def test_one_credential_for_both_is_no_separate_reader() -> None:
    assert target().separate_reader
    assert not target(read="env:WRITE").separate_reader
