"""Secrets of HashiCorp Vault: `vault:MOUNT/PATH#FIELD`, read by hvac with a token that is got and renewed here.

It signs in as the settings say, and once more where Vault answers 403: a token ends. It follows no redirect, takes no
proxy and no token from the environment, and verifies TLS by the machine's certificate authorities.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pydantic import JsonValue

from adapters.credentials.source import SourceFault
from contracts.errors import AilyusError

if TYPE_CHECKING:  # an extra, and 0.2 s that only the first secret has to wait for
    from hvac import Client

Auth = Literal["token", "approle", "kubernetes"]
"""How the gateway signs in: with a token, as a machine (AppRole), or as a pod's service account."""
Engine = Literal["auto", "v1", "v2"]
"""The key-value engine of a mount: asked for, or known."""
_HINT: Final = "see [credentials.vault] in ailyus.toml"
_OTHER: Final = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class VaultServer:
    """Where Vault is and how to sign in; `secret` gives the token, the secret id, or the service account's token."""

    address: str
    secret: Callable[[], str]
    auth: Auth = "token"
    role: str = ""
    mount: str = ""
    namespace: str = ""
    engine: Engine = "auto"
    seconds: float = 10.0


class VaultSource:
    """One Vault. All threads share one token."""

    def __init__(self, server: VaultServer) -> None:
        self._server = server
        self._turn = threading.Lock()
        self._token = ""
        self._renew_at = float("inf")
        self._engines: dict[str, str] = {}

    def read(self, name: str) -> bytes | SourceFault:
        """The field of a secret, as it is now."""
        try:
            from hvac import exceptions
            from requests import RequestException
        except ImportError:
            return SourceFault("references to Vault need hvac", "install the extra: `uv tool install '.[vault]'`")
        try:
            try:
                return self._field(name)
            except exceptions.Forbidden:  # guard: a token of Vault that ended
                self._token = ""
                return self._field(name)
        except exceptions.InvalidPath:
            return SourceFault("Vault has no such secret", _HINT, is_final=True)
        except exceptions.Forbidden:
            return SourceFault("Vault refuses it (403)", "what may its token or role read?")
        except exceptions.VaultError as error:  # its text is not told: it is of whoever answered
            return SourceFault(f"Vault answers {type(error).__name__.lower()}", _HINT)
        except RequestException as error:
            return SourceFault(f"Vault cannot be reached ({type(error).__name__.lower()})", _HINT)
        except AilyusError as error:
            return SourceFault(error.sentence, error.hint)
        except _OTHER:
            return SourceFault("Vault answers what is no secret of the key-value engine", _HINT)

    def _field(self, name: str) -> bytes | SourceFault:
        where, _, field = name.partition("#")
        mount, _, path = where.partition("/")
        with self._signed_in() as client:
            data: Mapping[str, JsonValue]
            if self._engine(client, mount) == "v2":
                kv = client.secrets.kv.v2
                data = kv.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)["data"]["data"]
            else:
                data = client.secrets.kv.v1.read_secret(path, mount_point=mount)["data"]
        value = data.get(field)
        if not isinstance(value, str):
            return SourceFault("the secret in Vault has no such text field", "correct what stands behind `#`", True)
        return value.encode()

    def _engine(self, client: "Client", mount: str) -> str:
        if self._server.engine != "auto":
            return self._server.engine
        if mount not in self._engines:  # as Vault's own command line asks
            options = client.adapter.get(f"/v1/sys/internal/ui/mounts/{mount}")["data"].get("options") or {}
            self._engines[mount] = "v2" if options.get("version") == "2" else "v1"
        return self._engines[mount]

    @contextmanager
    def _signed_in(self) -> "Iterator[Client]":
        """A client with a token. Raises what hvac and requests raise."""
        from hvac import Client
        from requests import Session

        server, session = self._server, Session()
        session.trust_env = False  # guard: no proxy of the environment to Vault
        session.verify = trust()
        client = Client(
            server.address,
            token="",  # else it takes that of the environment, or of a home folder
            cert=(),  # type: ignore[arg-type]  # none; for `None` it takes that of the environment
            timeout=server.seconds,  # type: ignore[arg-type]  # requests takes parts of a second
            allow_redirects=False,
            session=session,
            namespace=server.namespace or None,
        )
        with session:
            with self._turn:
                self._authenticate(client)
                client.token = self._token
            yield client

    def _authenticate(self, client: "Client") -> None:
        if not self._token:
            self._sign_in(client)
        elif time.monotonic() > self._renew_at:
            client.token = self._token
            self._last(client.auth.token.renew_self()["auth"])

    def _sign_in(self, client: "Client") -> None:
        server = self._server
        if server.auth == "token":
            client.token = self._token = server.secret()
            told = client.auth.token.lookup_self()["data"]
            self._last({"lease_duration": told.get("ttl", 0), "renewable": told.get("renewable", False)})
            return
        way = client.auth.approle if server.auth == "approle" else client.auth.kubernetes
        answer = way.login(server.role, server.secret(), use_token=False, mount_point=server.mount or server.auth)
        told = answer["auth"]
        self._token = str(told["client_token"])
        self._last(told)

    def _last(self, told: Mapping[str, JsonValue]) -> None:
        lease = told.get("lease_duration")
        seconds = float(lease) if isinstance(lease, int) and told.get("renewable") else 0.0
        self._renew_at = time.monotonic() + seconds * 2 / 3 if seconds else float("inf")


def trust() -> str | bool:
    """The certificate authorities that the gateway trusts: those of `SSL_CERT_FILE`, or the machine's."""
    known = ssl.get_default_verify_paths()
    return known.cafile or known.capath or True
