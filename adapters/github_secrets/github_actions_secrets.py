"""Actions secrets of GitHub repositories: a secret is sealed for the repository's public key before it is sent.

GitHub takes a secret only as a sealed box of libsodium (REST API, "Create or update a repository secret"), which no
contract by HTTP can make. The gateway runs this in a process of its own, with one of the connection's two tokens.
"""

from base64 import b64decode, b64encode
from typing import Final

import httpx2
from nacl.public import PublicKey, SealedBox
from pydantic import JsonValue

from adapters.plugin import Connection, NotSent, Refused

_PATIENCE: Final = 5.0
"""Seconds to wait for one answer. The order's deadline holds anyway."""
_VERSION: Final = "2022-11-28"


class ActionsSecrets:
    """The secrets of the repositories that one token may see, or set."""

    def __init__(self, at: Connection) -> None:
        self._base = at.base_url.rstrip("/")
        self._headers = {
            "authorization": f"Bearer {at.credential}",
            "accept": "application/vnd.github+json",
            "x-github-api-version": _VERSION,
        }

    def read(self, operation: str, arguments: dict[str, JsonValue]) -> JsonValue:
        """When a secret was made and set last; None where there is none. No token can read its value."""
        if operation != "secret":
            raise ValueError(operation)
        with self._client() as client:
            answer = client.get(_path(arguments, str(arguments["name"])))
        if answer.status_code == 404:
            return None
        if answer.status_code in (401, 403):
            raise Refused
        found = answer.raise_for_status().json()
        return {name: str(found[name]) for name in ("name", "created_at", "updated_at")}

    def write(self, operation: str, arguments: dict[str, JsonValue], key: str) -> JsonValue:
        """Seal the value and set it, once. GitHub knows no key of idempotency: the same value set twice is set."""
        if operation != "put":
            raise NotSent
        with self._client() as client:
            try:
                answer = client.get(_path(arguments, "public-key"))
            except httpx2.HTTPError:
                raise NotSent from None  # so far only a look was sent
            if answer.status_code in (401, 403):
                raise Refused
            if answer.status_code == 404:
                return {"status": 404}
            if answer.status_code != 200:
                raise NotSent
            key_of_repository = answer.json()
            body = {
                "encrypted_value": sealed(str(key_of_repository["key"]), str(arguments["value"])),
                "key_id": str(key_of_repository["key_id"]),
            }
            try:
                answer = client.put(_path(arguments, str(arguments["name"])), json=body)
            except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
                raise NotSent from None
        if answer.status_code in (401, 403):
            raise Refused
        # what is neither a yes nor a no of GitHub leaves the action in doubt: the secret is looked at then
        if answer.status_code not in (201, 204, 404, 422):
            raise ValueError(answer.status_code)
        return {"status": answer.status_code}

    def _client(self) -> httpx2.Client:
        return httpx2.Client(base_url=self._base, headers=self._headers, timeout=_PATIENCE, trust_env=False)


def sealed(public_key: str, value: str) -> str:
    """A value in a sealed box for a public key (X25519), both in base64 as GitHub writes them."""
    return b64encode(SealedBox(PublicKey(b64decode(public_key))).encrypt(value.encode())).decode()


def _path(arguments: dict[str, JsonValue], last: str) -> str:
    return f"/repos/{arguments['owner']}/{arguments['repo']}/actions/secrets/{last}"
