"""A double of HashiCorp Vault: an HTTP server that speaks its API for sign-in, leases, mounts and key-value secrets.

It is no Vault: it keeps what a test gives it, and answers as Vault's documentation of the API says (1.21, "HTTP API").
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class VaultDouble:
    """What the double keeps: secrets by mount and path, tokens that hold, and every request that came."""

    mounts: dict[str, str] = field(default_factory=lambda: {"secret": "2", "old": "1"})
    secrets: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    secret_ids: dict[str, str] = field(default_factory=dict)
    lease: int = 3600
    renewable: bool = True
    status: int = 0
    asked: list[str] = field(default_factory=list)
    namespaces: set[str] = field(default_factory=set)
    address: str = ""
    signed_in: int = 0

    def answer(self, method: str, path: str, headers: Any, body: Any) -> tuple[int, Any]:
        """The status and the document of an answer."""
        self.asked.append(f"{method} {path}")
        self.namespaces.add(headers.get("x-vault-namespace", ""))
        if self.status:
            return self.status, {"errors": ["as the test says"]}
        if path in ("auth/approle/login", "auth/kubernetes/login"):
            name, secret = (
                (body.get("role_id"), body.get("secret_id")) if "approle" in path else (body["role"], body["jwt"])
            )
            if self.secret_ids.get(name) != secret:
                return 400, {"errors": ["invalid role or secret ID"]}
            self.signed_in += 1
            self.tokens.add(token := f"hvs.token-{self.signed_in}")
            return 200, {"auth": {"client_token": token, "lease_duration": self.lease, "renewable": self.renewable}}
        if headers.get("x-vault-token") not in self.tokens:
            return 403, {"errors": ["permission denied"]}
        if path == "auth/token/lookup-self":
            return 200, {"data": {"ttl": self.lease, "renewable": self.renewable}}
        if path == "auth/token/renew-self":
            return 200, {"auth": {"lease_duration": self.lease, "renewable": self.renewable}}
        if path.startswith("sys/internal/ui/mounts/"):
            version = self.mounts[path.rsplit("/", 1)[1]]
            return 200, {"data": {"type": "kv", "options": {"version": version} if version == "2" else None}}
        mount, _, rest = path.partition("/")
        found = self.secrets.get(f"{mount}/{rest.removeprefix('data/')}")
        if found is None or (self.mounts[mount] == "2") is not rest.startswith("data/"):
            return 404, {"errors": []}
        return 200, {"data": {"data": found, "metadata": {"version": 1}} if self.mounts[mount] == "2" else found}


@contextmanager
def vault_double() -> Iterator[VaultDouble]:
    """A double on a free port of this machine."""
    double = VaultDouble()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            path = self.path.removeprefix("/v1/").split("?")[0]
            status, document = double.answer(self.command, path, self.headers, body)
            raw = json.dumps(document).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("location", f"{double.address}/v1/elsewhere")
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PUT = _any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    double.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
