"""One rendered call of an adapter in Python: built before the intent, named by it, and made exactly so."""

from dataclasses import dataclass

import orjson
from pydantic import JsonValue

from contracts.canonical import digest, sha256
from contracts.compiler.expressions import Fault, Scope
from contracts.compiler.read_program import PythonRead
from contracts.compiler.route_program import PythonProgram


@dataclass(frozen=True, slots=True)
class PythonRequest:
    """The connection, the operation of its adapter, and its arguments as JSON bytes.

    Which adapter it is, and the digest that its code must have, are part of the target instance. Where a secret
    belongs stands its handle; the value takes its place only when the adapter is called.
    """

    connection: str
    operation: str
    body: bytes
    handles: tuple[tuple[str, str], ...] = ()

    @property
    def method(self) -> str:
        """How receipts name it beside HTTP methods."""
        return "write"

    @property
    def url(self) -> str:
        """Where it goes, for example `python:iam/add_member`."""
        return f"python:{self.connection}/{self.operation}"

    @property
    def digest(self) -> str:
        """Digest over place and the arguments' SHA-256."""
        return digest([self.method, self.url, sha256(self.body)])

    @property
    def arguments(self) -> dict[str, JsonValue]:
        """The arguments, parsed."""
        found: dict[str, JsonValue] = orjson.loads(self.body)
        return found


def render_python(
    call: PythonRead | PythonProgram,
    connection: str,
    scope: Scope,
    absent: frozenset[str] = frozenset(),
    handles: tuple[tuple[str, str], ...] = (),
) -> PythonRequest | Fault:
    """The call of one request, or the fault of the first argument that has no value."""
    if isinstance(call, PythonRead):
        absent |= call.arguments.left_out(scope)
    body = call.arguments.call(scope, absent)
    return body if isinstance(body, Fault) else PythonRequest(connection, call.operation, body, handles)
