"""What was seen at a target (`Observation`) and what was sent to it (`Execution`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pydantic import JsonValue

from contracts.compiler.expressions import Fault
from contracts.hiding import Hiding

Delivery = Literal["not_sent", "answered", "refused", "declined", "rejected", "no_effect", "stopped", "in_doubt"]
"""How a send ended, as far as the sender can tell.

`not_sent`: not one byte of the request was written. `answered`: a complete answer that the contract calls ok.
`refused`: 401 or 403, the target's own refusal. `declined` and `no_effect`: the application said so, by the contract's
signature. `rejected`: a 4xx that means no, or the error of an MCP tool, without such a signature: final, once the
record agrees. `stopped`: a flow met a page that it does not know, before its commit: nothing was sent, a person must
look. Everything else, for example a reset, a timeout, 5xx, or an unexpected status, is `in_doubt`.
"""


Channel = Literal["same_channel", "separate_credential", "separate_system"]
"""Who observed: the way that acted, another credential, or another system."""


Outage = Literal[
    "no_credential",
    "not_connected",
    "credential_refused",
    "unreachable",
    "target_failed",
    "no_open_route",
    "not_cosigned",
]
"""Why a system could not be asked. None of these says anything about the record or about what is permitted.

`no_credential`: the reference gives no usable credential. `not_connected`: a person has to connect an account there,
for the first time or anew. `credential_refused`: 401, or a sign-in that fails.
`unreachable`: no connection, or no answer in time. `target_failed`: 408, 425, 429, 5xx, or an answer that cannot be
read. `no_open_route`: every route is halted. `not_cosigned`: too few witnesses of the log answer.
"""


@dataclass(frozen=True, slots=True)
class ReadOutage(Fault):
    """A read that was not answered because the system, or our credential for it, is not there. Never about a record."""

    outage: Outage = "unreachable"
    connection: str = ""
    frees_seconds: float = 0.0
    """After how long it takes requests again, where it said so; 0: nobody knows."""


def credential_outage(code: str) -> Outage:
    """What the error of a credential that gives no value says, by its code."""
    return "not_connected" if code == "not_connected" else "no_credential"


def outage_of(status: int) -> Outage | None:
    """What an answer's status says of the system itself; None where it may be about the record."""
    if status == 401:  # guard: a 401 is an outage
        return "credential_refused"
    return "target_failed" if status in (408, 425, 429) or status >= 500 else None  # guard: a 404 is never an outage


@dataclass(frozen=True, slots=True)
class Reading:
    """One answered read. `value` is the decoded body (None when a tolerated 404), `raw` the bytes as received.

    `retry_after_ms` is how long the target asks to wait before it is read again. `whole` is false when a list of it is
    not known to be whole: it then proves nothing by what it does not hold; `why_cut` says why, where that is known.
    """

    name: str
    status: int
    value: JsonValue
    raw: bytes
    at_ms: int
    request_id: str | None = None
    whole: bool = True
    retry_after_ms: int | None = None
    why_cut: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """All reads of one look at the source of truth, or the fault that made it no observation at all.

    `hiding` is set where a secret passed and digests stand in place of its values: they compare, but cannot be read.
    `outage` is set beside `fault` when the system could not be asked.
    """

    readings: Mapping[str, Reading]
    at_ms: int
    channel: Channel
    fault: str | None = None
    missing: bool = False
    hiding: Hiding | None = field(default=None, compare=False)
    outage: ReadOutage | None = None

    @property
    def ok(self) -> bool:
        """True when every declared read was answered."""
        return self.fault is None and not self.missing

    def scope(self, phase: Literal["before", "after"]) -> dict[str, JsonValue]:
        """Values by qualified name for expressions, for example `before.user`."""
        return {f"{phase}.{name}": reading.value for name, reading in self.readings.items()}

    def cut(self, phase: Literal["before", "after"]) -> frozenset[str]:
        """The qualified names of the reads whose lists are not whole."""
        return frozenset(f"{phase}.{name}" for name, reading in self.readings.items() if not reading.whole)


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to a write: status, lower-cased headers and the decoded body as expressions see them."""

    status: int
    headers: Mapping[str, str]
    body: JsonValue
    raw: bytes
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One attempt by one route. Times are integer milliseconds since the epoch.

    `stale`: the application refused it, since the version that it sends is old, so nothing was done. `renewable`: its
    access token was refused, and the next one is another. `uncosigned`: too few witnesses cosigned its intent.
    `keyed_since_ms`: when the action's idempotency key was sent first, None where nobody knows.
    """

    route: int
    attempt: int
    delivery: Delivery
    started_ms: int
    ended_ms: int
    method: str
    url: str
    request_digest: str
    response: Response | None = None
    fault: str | None = None
    retry_after_ms: int | None = None
    idempotency_key: str | None = None
    identity: str = ""
    keyed: bool = field(default=False)
    keyed_since_ms: int | None = None
    stale: bool = False
    renewable: bool = False
    uncosigned: bool = False
    via: str = "http"
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
