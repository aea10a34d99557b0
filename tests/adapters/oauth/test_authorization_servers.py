"""A token endpoint is asked as its RFC says, and every way in which it fails is a fault that says what it means."""

import base64
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from adapters.oauth.metadata import Endpoints
from adapters.oauth.token_answer import TokenAnswer, TokenFault
from tests.adapters.oauth.clients import asking, client_of
from tests.token_endpoint import token_endpoint

PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@pytest.mark.parametrize("way", ["basic", "post"])
async def test_a_client_proves_itself_by_its_secret(tmp_path: Path, way: str) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        client = client_of(
            endpoint, client_auth=way, read_scopes=("a", "b"), write_scopes=("c",), resource="https://api"
        )
        found = await servers.fetch(client, "read")
        assert isinstance(found, TokenAnswer)
        assert (found.access_token, found.refresh_token, found.expires_in, found.scopes) == ("at-1", "", 3600, None)
        (asked,) = endpoint.asked
        assert {name: asked[name] for name in ("grant_type", "scope", "resource")} == {
            "grant_type": "client_credentials",
            "scope": "a b",
            "resource": "https://api",
        }
        basic = "Basic " + base64.b64encode(b"c-1:s3cret").decode()
        assert (basic in endpoint.headers[0]) is (way == "basic")
        assert (asked.get("client_secret") == "s3cret") is (way == "post")


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa.generate_private_key(65537, 2048), "RS256"),
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
    ],
    ids=["RSA", "P-256", "P-384"],
)
async def test_what_is_signed_says_who_asks_for_whom_and_for_how_long(
    tmp_path: Path, key: Private, algorithm: str
) -> None:
    (tmp_path / "key").write_bytes(key.private_bytes(PEM, PKCS8, serialization.NoEncryption()))
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        signs: dict[str, Any] = {"client_secret": "", "key": "file:key", "key_id": "k-1"}
        own = client_of(endpoint, client_auth="private_key_jwt", **signs)
        assert isinstance(await servers.fetch(own, "both"), TokenAnswer)
        asks = {"grant": "jwt_bearer", "client_auth": "none", "subject": "maria", "audience": "https://login"}
        scopes = {"read_scopes": ("a",), "write_scopes": ("a",)}
        assert isinstance(await servers.fetch(client_of(endpoint, **signs, **asks, **scopes), "both"), TokenAnswer)
        first, second = endpoint.asked
        proof = jwt.decode(first["client_assertion"], key.public_key(), [algorithm], audience=f"{endpoint.url}/token")
        assert (proof["iss"], proof["sub"], proof["exp"] - proof["iat"]) == ("c-1", "c-1", 170)
        assert jwt.get_unverified_header(first["client_assertion"])["kid"] == "k-1"
        grant = jwt.decode(second["assertion"], key.public_key(), [algorithm], audience="https://login")
        assert (grant["iss"], grant["sub"], grant["scope"], second["grant_type"]) == ("c-1", "maria", "a", JWT_BEARER)
        assert proof["jti"] != grant["jti"]


async def test_a_key_that_is_none_is_a_fault_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("no key")
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        for grant, way in (("jwt_bearer", "none"), ("client_credentials", "private_key_jwt")):
            client = client_of(endpoint, grant=grant, client_auth=way, key="file:key", client_secret="")
            assert await servers.fetch(client, "both") == TokenFault("refused", "unusable_key")
            gone = client_of(endpoint, grant=grant, client_auth=way, key="file:none", client_secret="")
            assert await servers.fetch(gone, "both") == TokenFault("not_sent", "no_client_key")
        absent = client_of(endpoint, client_secret="file:none")
        assert await servers.fetch(absent, "both") == TokenFault("not_sent", "no_client_secret")
        assert endpoint.asked == []


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("lose_request", "lost", "no_answer"),
        ("lose_answer", "lost", "no_answer"),
        ("slow", "lost", "no_answer"),
        (500, "lost", "status_500"),
        (503, "lost", "status_503"),
        (302, "lost", "no_bearer_token"),
        ({"status": 400, "error": "invalid_client"}, "refused", "invalid_client"),
        ({"status": 400, "error": "invalid_grant", "error_description": "<secret>"}, "gone", "invalid_grant"),
        ({"status": 200, "ok": False, "error": "invalid_refresh_token"}, "gone", "invalid_refresh_token"),
        ({"status": 400, "error": "temporarily_unavailable"}, "later", "temporarily_unavailable"),
        (404, "refused", "status_404"),
        (429, "later", "status_429"),
        ({"status": 200, "access_token": 7}, "lost", "no_bearer_token"),
        ({"status": 200, "access_token": "a", "filler": "x" * 5_000_000}, "lost", "bad_answer"),
    ],
)
async def test_each_way_to_fail_is_told_as_what_it_means(tmp_path: Path, fault: Any, kind: str, code: str) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        endpoint.faults = [fault]
        short = {"timeout_ms": 300} if fault == "slow" else {}
        client = client_of(endpoint, grant="authorization_code", **short)
        found = await servers.refresh(client, "rt-0")
        assert found == TokenFault(kind, code)  # type: ignore[arg-type]
        assert isinstance(found, TokenFault)
        assert "secret" not in found.sentence
        assert len(endpoint.asked) == 1  # nothing is asked again by itself


async def test_a_refusal_without_the_member_of_the_rfc_is_one_all_the_same(tmp_path: Path) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        client = client_of(endpoint, grant="authorization_code")
        said = {"message": "missing or invalid refresh token", "correlationId": "c"}
        endpoint.faults = [{"code": 400, "status": "BAD_REFRESH_TOKEN", **said}]
        assert await servers.refresh(client, "rt-0") == TokenFault("gone", "bad_refresh_token")


async def test_a_server_that_is_not_there_was_not_asked(tmp_path: Path) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        client = client_of(endpoint, token_url="http://127.0.0.1:9/token")
        assert await servers.fetch(client, "both") == TokenFault("not_sent", "unreachable")


async def test_a_code_is_exchanged_with_its_verifier_and_a_token_is_revoked(tmp_path: Path) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        client = client_of(endpoint, grant="authorization_code")
        found = await servers.exchange(client, "code-1", "verifier-1", "https://gw/back")
        assert isinstance(found, TokenAnswer)
        assert (found.access_token, found.refresh_token) == ("at-1", "rt-1")
        wanted = {"code": "code-1", "code_verifier": "verifier-1", "redirect_uri": "https://gw/back"}
        assert wanted.items() <= endpoint.asked[0].items()
        assert await servers.revoke(client, "rt-1", "refresh_token") is None
        assert endpoint.revoked == ["rt-1"]
        assert endpoint.asked[1]["token_type_hint"] == "refresh_token"
        endpoint.faults = [503]
        assert await servers.revoke(client, "rt-1", "refresh_token") == TokenFault("refused", "status_503")
        none = client_of(endpoint, revoke_url="")
        assert await servers.revoke(none, "rt-1", "") == TokenFault("refused", "no_revocation_endpoint")


async def test_the_metadata_of_the_issuer_says_where_its_endpoints_are(tmp_path: Path) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        client = client_of(endpoint, token_url="", revoke_url="", issuer=endpoint.url)
        assert await servers.endpoints(client) == TokenFault("not_sent", "no_metadata")
        # what the settings name themselves needs no metadata
        own = client_of(endpoint, issuer=endpoint.url)
        assert await servers.endpoints(own) == Endpoints(own.token_url, "", own.revoke_url, endpoint.url)
        endpoint.metadata = {
            "issuer": endpoint.url,
            "token_endpoint": f"{endpoint.url}/token",
            "authorization_endpoint": f"{endpoint.url}/authorize",
            "authorization_response_iss_parameter_supported": True,
        }
        wanted = Endpoints(f"{endpoint.url}/token", f"{endpoint.url}/authorize", "", endpoint.url, "", says_issuer=True)
        assert await servers.endpoints(client) == wanted
        assert isinstance(await servers.fetch(client, "both"), TokenAnswer)
        endpoint.metadata = None  # what it said holds for a while
        assert await servers.endpoints(client) == wanted


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"issuer": "https://other.example"}, "wrong_issuer"),
        ({"token_endpoint": "http://other.example/token"}, "unsafe_endpoint"),
        ({"token_endpoint": None}, "no_token_endpoint"),
    ],
)
async def test_metadata_that_is_not_the_issuers_or_not_safe_is_refused(
    tmp_path: Path, changed: dict[str, Any], code: str
) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        endpoint.metadata = {"issuer": endpoint.url, "token_endpoint": f"{endpoint.url}/token", **changed}
        client = client_of(endpoint, token_url="", issuer=endpoint.url)
        assert await servers.fetch(client, "both") == TokenFault("refused", code)
        # also where the settings name the token endpoint themselves
        assert await servers.fetch(client_of(endpoint, issuer=endpoint.url), "both") == TokenFault("refused", code)
        assert endpoint.asked == []


async def test_a_token_of_a_person_is_exchanged_for_one_of_an_api(tmp_path: Path) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        meant = {"audience": "crm", "resource": "https://api", "read_scopes": ("a",), "write_scopes": ("a",)}
        client = client_of(endpoint, grant="token_exchange", per_person=True, **meant)
        endpoint.says = {"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
        found = await servers.exchange_token(client, "both", "of-maria")
        assert isinstance(found, TokenAnswer)
        assert (found.access_token, found.expires_in) == ("at-1", 3600)
        access_token = "urn:ietf:params:oauth:token-type:access_token"
        assert endpoint.asked == [
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                "subject_token": "of-maria",
                "subject_token_type": access_token,
                "requested_token_type": access_token,
                "scope": "a",
                "audience": "crm",
                "resource": "https://api",
            }
        ]
        endpoint.says = {"issued_token_type": "urn:ietf:params:oauth:token-type:saml2"}
        refused = await servers.exchange_token(client, "both", "of-maria")
        assert refused == TokenFault("refused", "other_token_type")
        endpoint.says = {"token_type": "N_A"}
        assert await servers.exchange_token(client, "both", "of-maria") == TokenFault("lost", "no_bearer_token")


async def test_the_audience_of_an_exchange_is_not_that_of_the_clients_proof(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key").write_bytes(key.private_bytes(PEM, PKCS8, serialization.NoEncryption()))
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        signs = {"client_auth": "private_key_jwt", "client_secret": "", "key": "file:key", "audience": "crm"}
        await servers.exchange_token(client_of(endpoint, grant="token_exchange", **signs), "both", "of-maria")
        (asked,) = endpoint.asked
        jwt.decode(asked["client_assertion"], key.public_key(), ["ES256"], audience=f"{endpoint.url}/token")
        assert asked["audience"] == "crm"
