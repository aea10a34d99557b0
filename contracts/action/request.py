"""The untrusted call, and the request that it is under its contract: one exact action with one digest."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, JsonValue

from contracts.canonical import digest
from contracts.schema.contract import Kind, Risk


class ToolCall(BaseModel):
    """What an agent sent: a tool name, arguments nobody has looked at yet, and an optional caller key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    arguments: Mapping[str, object]
    caller_key: str | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose credential made the call: an agent, the person it acts for, and who owns the agent.

    `roles` and `person_roles` are already intersected with the declared roles. `observe_only` agents change nothing.
    `issuer` is who says so: empty for an agent's own token. A token that names no agent is not `delegated`: its person
    looks through a client, and nobody acts for them.
    """

    agent: str
    tenant: str
    person: str
    owner: str
    roles: frozenset[str]
    person_roles: frozenset[str]
    observe_only: bool = False
    boundary: str = "network"
    issuer: str = ""
    # a person's own token is no agent, so it never writes
    delegated: bool = True


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """One exact action: contract, target instance, parameters, agent and person. Only a parser of a release makes one.

    `action_digest` is what an approval is bound to and an intent names. `call_key` is the identity of the call: the
    same key is the same action while it is open or held (contracts/README.md); the reason is part of neither. `late`
    names inputs of a plan's step that an earlier step will fill. `trace` is the `traceparent` (W3C Trace Context) of
    the call that asked first: a part of no digest, and of no decision.
    """

    contract: str
    version: int
    contract_digest: str
    kind: Kind
    risk: Risk
    tenant: str
    agent: str
    person: str
    owner: str
    connection: str
    target_digest: str
    params: Mapping[str, JsonValue]
    reason: str | None
    caller_key: str | None
    boundary: str = "network"
    late: tuple[str, ...] = ()
    trace: str = ""
    action_digest: str = field(init=False)
    call_key: str = field(init=False)

    def __post_init__(self) -> None:
        action = {
            # the purpose keeps this digest apart from every other kind of digest that is signed
            "purpose": "ailyus-action-v1",
            "contract": self.contract,
            "version": self.version,
            "contractDigest": self.contract_digest,
            "tenant": self.tenant,
            "agent": self.agent,
            "person": self.person,
            "connection": self.connection,
            "target": self.target_digest,
            "params": dict(self.params),
        }
        # only where there are such inputs, so that all other actions keep their digest
        if self.late:
            action["late"] = list(self.late)
        # INVARIANT 5: without the reason, which an agent words anew each time; with the caller's own key
        call = [
            self.tenant,
            self.agent,
            self.person,
            self.contract,
            self.connection,
            dict(self.params),
            self.caller_key,
        ]
        object.__setattr__(self, "action_digest", digest(action))
        object.__setattr__(self, "call_key", digest(call))
