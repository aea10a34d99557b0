"""What other tests take of the authorization server: it refuses what it must, and its faults are those that it names."""

import hashlib
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from policies.passkey import encode
from tests.authorization_server import CLIENT, AuthorizationServer, authorization_server, parameter

BACK = "http://127.0.0.1:9/back"
VERIFIER = "a-verifier-of-43-characters-or-more-0123456789"
CHALLENGE = encode(hashlib.sha256(VERIFIER.encode()).digest())
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = {**jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "one", "alg": "ES256", "use": "sig"}


@pytest.fixture(scope="module")
def running() -> Iterator[AuthorizationServer]:
    with authorization_server((BACK,), {"service": JWK}) as server:
        yield server


@pytest.fixture
def server(running: AuthorizationServer) -> AuthorizationServer:
    running.reset()
    return running


def address(server: AuthorizationServer, scope: str = "openid records:read", **other: str) -> str:
    asked = {"client_id": CLIENT, "response_type": "code", "redirect_uri": BACK, "state": "s", "scope": scope}
    asked |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    return f"{server.url}/auth?{urlencode({**asked, **other})}"


def exchanged(server: AuthorizationServer, code: str, verifier: str = VERIFIER) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
    return server.ask(form)


def signed_in(server: AuthorizationServer) -> dict[str, str]:
    return dict(exchanged(server, parameter(server.consent(address(server)), "code")).json())


def refreshed(server: AuthorizationServer, token: str) -> httpx2.Response:
    return server.ask({"grant_type": "refresh_token", "refresh_token": token})


def assertion(server: AuthorizationServer, **claims: str) -> str:
    now = int(time.time())
    body = {"iss": "service", "aud": server.url, "iat": now, "exp": now + 60, "jti": f"{time.time_ns()}", **claims}
    return jwt.encode(body, KEY, "ES256", {"kid": "one"})


def test_a_person_signs_in_once_by_a_code(server: AuthorizationServer) -> None:
    back = server.consent(address(server))
    assert (parameter(back, "iss"), parameter(back, "state")) == (server.url, "s")
    code = parameter(back, "code")
    assert exchanged(server, code, VERIFIER + "x").json()["error"] == "invalid_grant"
    tokens = signed_in(server)
    assert (tokens["scope"], tokens["token_type"]) == ("openid records:read", "Bearer")
    assert jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"] == "maria@example.com"
    assert server.api(tokens["access_token"]).json()["id"] == "maria@example.com"
    server.end_access_tokens()
    assert server.api(tokens["access_token"]).status_code == 401


def test_a_code_without_its_verifier_or_used_twice_is_refused(server: AuthorizationServer) -> None:
    code = parameter(server.consent(address(server)), "code")
    assert exchanged(server, code).status_code == 200
    assert exchanged(server, code).json()["error"] == "invalid_grant"
    plain = parameter(server.consent(address(server, code_challenge="", code_challenge_method="")), "error")
    assert plain == "invalid_request"


def test_a_refresh_token_is_used_once_and_its_reuse_revokes_the_family(server: AuthorizationServer) -> None:
    first = signed_in(server)
    second = refreshed(server, first["refresh_token"]).json()
    assert refreshed(server, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refreshed(server, second["refresh_token"]).json()["error"] == "invalid_grant", "the family is gone"
    assert server.api(second["access_token"]).status_code == 401


def test_a_lost_answer_has_its_effect_and_a_grace_period_makes_it_good(server: AuthorizationServer) -> None:
    first = signed_in(server)
    server.set(grace_seconds=60, faults=[{"on": "refresh_token", "fault": "lose_answer"}])
    with pytest.raises(httpx2.HTTPError):
        refreshed(server, first["refresh_token"])
    assert refreshed(server, first["refresh_token"]).status_code == 200
    assert [entry.get("lost", False) for entry in server.log("refresh_token")] == [True, False]
    server.set(grace_seconds=0, faults=[{"on": "refresh_token", "fault": 503}])
    assert refreshed(server, first["refresh_token"]).status_code == 503
    assert refreshed(server, first["refresh_token"]).json()["error"] == "invalid_grant"


def test_programs_sign_in_by_a_secret_or_a_key(server: AuthorizationServer) -> None:
    by_secret = server.ask({"grant_type": "client_credentials", "scope": "records:read"}).json()
    assert server.api(by_secret["access_token"]).json()["id"] == CLIENT
    proof = {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    form = {"grant_type": "client_credentials", "client_id": "service", "scope": "records:read"}
    with httpx2.Client(trust_env=False) as http:
        asked = {**form, **proof, "client_assertion": assertion(server, sub="service")}
        assert http.post(f"{server.url}/token", data=asked).status_code == 200
        bearer = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer"}
        said = assertion(server, sub="rita@example.com", scope="records:write")
        by_assertion = http.post(f"{server.url}/token", data={**bearer, "assertion": said}).json()
        assert server.api(by_assertion["access_token"]).json()["id"] == "rita@example.com"
        forged = said[:-4] + ("AAAA" if said[-4:] != "AAAA" else "BBBB")
        assert http.post(f"{server.url}/token", data={**bearer, "assertion": forged}).json()["error"] == "invalid_grant"


def test_scopes_issuer_and_revocation_are_as_a_test_says(server: AuthorizationServer) -> None:
    server.set(declined=["records:write"], widened="admin", iss="https://elsewhere.example")
    back = server.consent(address(server, "records:read records:write"))
    assert parameter(back, "iss") == "https://elsewhere.example"
    tokens = exchanged(server, parameter(back, "code")).json()
    assert tokens["scope"] == "records:read admin"
    assert server.ask({"token": tokens["refresh_token"]}, "/token/revocation").status_code == 200
    assert refreshed(server, tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert server.api(tokens["access_token"]).status_code == 401
