"""The document of a counterexample: one request as programs read it. Its schema is there without a solver, too."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Open = Annotated[dict[str, JsonValue] | None, Field(default=None)]
"""Values by names that a contract gives them."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PrincipalDocument(_Part):
    """An agent, a person or an approver, with the attributes of a person that are declared."""

    tenant: str
    roles: tuple[str, ...]
    name: str | None = None
    team: str | None = None
    manager: str | None = None
    region: str | None = None
    employment: str | None = None
    onCall: bool | None = None  # as Cedar's principal has it


class ResourceDocument(_Part):
    """The resource; `attributes` are those that its contract declares."""

    type: str
    tenant: str
    environment: str
    attributes: Open


class CounterexampleDocument(_Part):
    """One request that a claim does not hold for, without what says nothing; `now` in milliseconds since the epoch."""

    action: str
    agent: PrincipalDocument
    person: PrincipalDocument
    resource: ResourceDocument
    now: int
    connection: str | None = None
    params: Open
    request: Open
    approvals: dict[str, int] | None = None
    oldestSeconds: int | None = None  # as Cedar's context has it
    approver: PrincipalDocument | None = None
    role: str | None = None
    changeFreeze: bool | None = None  # same
    incident: bool | None = None
    resourceOpenIncident: bool | None = None  # same
    repeat: int | None = None
    lastHour: int | None = None  # same
    lastDay: int | None = None  # same
    spentLastDay: int | None = None  # same
    spends: int | None = None
    planSize: int | None = None  # same
    wave: int | None = None
    budget: dict[str, int] | None = None
    saw: tuple[str, ...] | None = None
