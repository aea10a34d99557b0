"""Secrets of Vault, by a double that speaks its API: how the gateway signs in, and what it makes of each answer."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from adapters.credentials.source import SourceFault
from adapters.credentials.vault import VaultServer, VaultSource
from server.workspace.free_port import free_port
from tests.vault import VaultDouble, vault_double

OKTA = "secret/apps/okta#token"


@pytest.fixture
def vault() -> Iterator[VaultDouble]:
    with vault_double() as double:
        double.tokens.add("hvs.root")
        double.secrets = {"secret/apps/okta": {"token": "s3cret", "count": 1}, "old/apps/okta": {"token": "older"}}
        yield double


def source(vault: VaultDouble, opener: str = "hvs.root", **more: Any) -> VaultSource:
    return VaultSource(VaultServer(vault.address, lambda: opener, **more))


@pytest.mark.parametrize(
    ("name", "engine", "gives"),
    [
        (OKTA, "auto", b"s3cret"),
        (OKTA, "v2", b"s3cret"),
        ("old/apps/okta#token", "auto", b"older"),
        ("old/apps/okta#token", "v1", b"older"),
    ],
)
def test_a_field_of_a_secret_is_read_from_both_engines(
    vault: VaultDouble, name: str, engine: str, gives: bytes
) -> None:
    from_vault = source(vault, engine=engine, namespace="platform")
    assert [from_vault.read(name) for _ in range(2)] == [gives, gives]
    assert vault.namespaces == {"platform"}
    # the engine is asked for once, and the token is looked up once
    assert len(vault.asked) == 3 + (engine == "auto")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("secret/apps/nobody#token", "Vault has no such secret"),
        ("secret/apps/okta#nothing", "the secret in Vault has no such text field"),
        ("secret/apps/okta#count", "the secret in Vault has no such text field"),
    ],
)
def test_a_secret_that_is_not_there_is_final(vault: VaultDouble, name: str, sentence: str) -> None:
    found = source(vault).read(name)
    assert isinstance(found, SourceFault)
    assert (found.sentence, found.is_final) == (sentence, True)


@pytest.mark.parametrize(("auth", "name"), [("approle", "role-1"), ("kubernetes", "ailyus")])
def test_it_signs_in_by_role_once_and_again_when_the_token_ended(vault: VaultDouble, auth: str, name: str) -> None:
    vault.secret_ids[name] = "s3cret-id"
    from_vault = source(vault, "s3cret-id", auth=auth, role=name)
    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(from_vault.read, [OKTA] * 16)) == {b"s3cret"}
    assert vault.signed_in == 1
    vault.tokens.clear()
    assert from_vault.read(OKTA) == b"s3cret"
    assert vault.signed_in == 2
    assert f"POST auth/{auth}/login" in vault.asked


def test_a_token_is_read_anew_where_it_is_refused_and_not_for_ever(vault: VaultDouble) -> None:
    tokens = ["hvs.root"]
    from_vault = VaultSource(VaultServer(vault.address, lambda: tokens[-1]))
    assert from_vault.read(OKTA) == b"s3cret"
    vault.tokens = {"hvs.next"}
    tokens.append("hvs.next")
    assert from_vault.read(OKTA) == b"s3cret"
    vault.tokens.clear()
    vault.asked.clear()
    refused = from_vault.read(OKTA)
    assert isinstance(refused, SourceFault)
    assert (refused.sentence, refused.is_final) == ("Vault refuses it (403)", False)
    assert len(vault.asked) == 2


def test_a_lease_is_renewed_after_two_thirds_of_its_time(vault: VaultDouble) -> None:
    vault.secret_ids["role-1"] = "s3cret-id"
    from_vault = source(vault, "s3cret-id", auth="approle", role="role-1")
    from_vault.read(OKTA)
    assert time.monotonic() + 2300 < from_vault._renew_at <= time.monotonic() + 2400
    from_vault._renew_at = 0.0
    assert from_vault.read(OKTA) == b"s3cret"
    assert from_vault._renew_at > time.monotonic() + 2300
    assert vault.asked.count("PUT auth/token/renew-self") + vault.asked.count("POST auth/token/renew-self") == 1
    assert vault.signed_in == 1


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (400, "Vault answers invalidrequest"),
        (429, "Vault answers ratelimitexceeded"),
        (500, "Vault answers internalservererror"),
        (503, "Vault answers vaultdown"),
        (307, "Vault answers what is no secret of the key-value engine"),
    ],
)
def test_what_vault_cannot_tell_is_not_final(vault: VaultDouble, status: int, sentence: str) -> None:
    from_vault = source(vault)
    from_vault.read(OKTA)
    vault.status = status
    found = from_vault.read(OKTA)
    assert isinstance(found, SourceFault)
    assert (found.sentence, found.is_final) == (sentence, False)
    assert "GET elsewhere" not in vault.asked


def test_a_vault_that_is_away_is_said_without_its_address() -> None:
    away = VaultSource(VaultServer(f"http://127.0.0.1:{free_port()}", lambda: "hvs.root"))
    found = away.read(OKTA)
    assert isinstance(found, SourceFault)
    assert found.sentence == "Vault cannot be reached (connectionerror)"


def test_nothing_of_the_environment_is_used(vault: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    monkeypatch.setenv("VAULT_TOKEN", "hvs.of-somebody-else")
    assert source(vault).read(OKTA) == b"s3cret"
    assert isinstance(source(vault, "").read(OKTA), SourceFault)


def test_without_the_extra_it_is_said_what_to_install(vault: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    found = source(vault).read(OKTA)
    assert isinstance(found, SourceFault)
    assert "[vault]" in found.hint
