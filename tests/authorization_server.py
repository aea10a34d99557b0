"""A third party's authorization server with an API behind it: oidc-provider, as a process of Node.js on a free port.

Authorization code with PKCE, refresh tokens that rotate and whose reuse revokes the family, `client_credentials` (secret
or `private_key_jwt`), the JWT bearer grant, token exchange, revocation, metadata, `iss` in the authorization response.
What a test may change in it (`set`), and what it saw (`log`), is in `authorization_server.mjs`.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2

from adapters.oauth.authorization_servers import TOKEN_EXCHANGE
from server.workspace.free_port import free_port
from tests.node import NODE, environment, packages
from tests.slowness import scaled
from tests.web import blocking_web

PACKAGE = "oidc-provider@9.13"
CLIENT, SECRET = "ailyus", "a-secret-of-the-client-0123456789"
SCRIPT = Path(__file__).with_suffix(".mjs")


class AuthorizationServer:
    """One server. `redirects` are the exact redirect URIs of its client, `keys` the public JWKs of further clients.

    `CLIENT` with `SECRET` signs people in; `CLIENT-post` does so too, with its secret in the body. Each name in `keys`
    is a client that authenticates by `private_key_jwt`, and may send assertions for people.
    """

    def __init__(self, redirects: tuple[str, ...] = (), keys: dict[str, Any] | None = None, port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        grants = ["client_credentials", TOKEN_EXCHANGE, *(["authorization_code", "refresh_token"] if redirects else [])]
        common = {"redirect_uris": redirects, "grant_types": grants, "response_types": ["code"] if redirects else []}
        clients: list[dict[str, Any]] = [
            {"client_id": CLIENT, "client_secret": SECRET, "token_endpoint_auth_method": "client_secret_basic"},
            {
                "client_id": f"{CLIENT}-post",
                "client_secret": SECRET,
                "token_endpoint_auth_method": "client_secret_post",
            },
        ]
        for name, jwk in (keys or {}).items():
            signed = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint_auth_signing_alg": jwk["alg"]}
            clients.append({"client_id": name, "jwks": {"keys": [jwk]}, **signed})
        folder = packages(PACKAGE)
        self._process = subprocess.Popen(
            [NODE, str(SCRIPT), str(self.port), json.dumps([{**common, **client} for client in clients])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=environment(folder),
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "listening\n", f"{SCRIPT} did not start"
        self._client = blocking_web(base_url=self.url, timeout=20)

    def set(self, **control: Any) -> None:
        """Change how it behaves from now on, as `START` in the script has it; `records` are added to those of the API."""
        assert self._client.put("/_test", json=control).status_code == 200

    def reset(self, *, tokens: bool = False) -> None:
        """As it began, with an empty log; what it gave out still holds, unless the tokens go, too."""
        self._client.delete("/_test?tokens" if tokens else "/_test")

    def end_access_tokens(self) -> None:
        """No access token that was given out is taken any more."""
        self._client.post("/_test")

    def state(self) -> dict[str, Any]:
        """Its control, its log, its records, and how many tokens it keeps."""
        return dict(self._client.get("/_test").json())

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What it was asked for: a grant type, or `api`."""
        return [entry for entry in self.state()["log"] if entry["kind"] == kind]

    def consent(self, url: str) -> str:
        """A person's way through its pages from an authorization request; the address that they are sent back to."""
        with blocking_web(timeout=20) as browser:
            answer = browser.get(url)
            while answer.status_code in (302, 303):
                to = urljoin(str(answer.url), answer.headers["location"])
                if not to.startswith(self.url):
                    return to
                answer = browser.get(to)
            raise AssertionError(f"{answer.status_code}: {answer.text}")

    def ask(self, form: dict[str, str], path: str = "/token") -> httpx2.Response:
        """A request of its client."""
        return self._client.post(path, data=form, auth=(CLIENT, SECRET))

    def api(self, token: str, path: str = "/api/me") -> httpx2.Response:
        """A read of its API."""
        return self._client.get(path, headers={"authorization": f"Bearer {token}"})

    def close(self) -> None:
        """End it."""
        self._client.close()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(scaled(20))
        self._process.stdout.close()


@contextmanager
def authorization_server(
    redirects: tuple[str, ...] = (), keys: dict[str, Any] | None = None
) -> Iterator[AuthorizationServer]:
    """One server, ended with the block."""
    server = AuthorizationServer(redirects, keys)
    try:
        yield server
    finally:
        server.close()


def parameter(url: str, name: str) -> str:
    """A parameter of an address; empty when it is absent."""
    return str(httpx2.URL(re.sub("#.*", "", url)).params.get(name, ""))
