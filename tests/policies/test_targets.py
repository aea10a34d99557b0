"""Targets of a release: which connection a read of another system uses."""

from dataclasses import replace

import pytest

from contracts.action.target import Target
from policies.targets import Targets

OKTA = Target("okta", "okta", "http://127.0.0.1:1", "acme", "prod", "none", "none", "p")
PROD = Target("desk", "zendesk", "http://127.0.0.1:2", "acme", "prod", "none", "none", "p")
STAGING = replace(PROD, name="desk-staging", environment="staging")
FOREIGN = replace(PROD, name="desk-globex", tenant="globex")


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ((), None),
        ((PROD,), PROD),
        ((STAGING,), STAGING),
        ((PROD, STAGING), PROD),
        ((PROD, replace(PROD, name="desk-2")), None),
        ((FOREIGN,), None),
    ],
)
def test_a_read_beside_goes_where_nothing_is_ambiguous(others: tuple[Target, ...], found: Target | None) -> None:
    assert Targets({t.name: t for t in (OKTA, *others)}).beside(OKTA, "zendesk") == found


def test_a_tenant_finds_its_own_connections_by_name() -> None:
    targets = Targets({t.name: t for t in (STAGING, PROD, FOREIGN)})
    assert targets.of_kind("zendesk", "acme") == [PROD, STAGING]
    assert targets.of_kind("zendesk", "globex") == [FOREIGN]
