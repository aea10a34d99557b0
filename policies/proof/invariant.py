"""The invariant: a sentence about all requests, that the policies must make true (`policies/invariants.yaml`)."""

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

import cedarpy
from cedarpy import pst
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from contracts.errors import AilyusError
from contracts.text.document import read_document
from contracts.text.source import MalformedSource, read_source
from policies.bundle import Bundle
from policies.cedar_json import quoted

FILE = "invariants.yaml"
"""The file of a workspace's own invariants, in its folder `policies`."""
_HINT = "see policies/README.md for the format"


class InvariantText(BaseModel):
    """One invariant as it is written: of the requests that it is about, none is permitted for which it does not hold.

    `never` is a condition that no permitted request meets, `only_if` one that each meets, `approvals` how many people
    must have approved. `action` is a contract or a group; empty means every action.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=200)
    action: str = ""
    environment: str = ""
    principal: Literal["agent", "person", ""] = ""
    never: str = ""
    only_if: str = ""
    approvals: int = Field(0, ge=0, le=10)

    @model_validator(mode="after")
    def _one_claim(self) -> "InvariantText":
        if sum(map(bool, (self.never, self.only_if, self.approvals))) != 1:
            raise ValueError("say one of `never`, `only_if` and `approvals`")
        return self


class InvariantFile(BaseModel):
    """A file of invariants."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    invariants: tuple[InvariantText, ...]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One invariant, parsed. `policy` is met by exactly those requests that must never be permitted.

    `principals` are the places of those in (agent, person) of whom one meeting it is enough.
    """

    name: str
    text: InvariantText
    policy: pst.Template
    policies: cedarpy.PolicySet
    principals: tuple[int, ...]


def shipped_invariants() -> tuple[InvariantText, ...]:
    """The invariants that come with Ailyus."""
    return read_invariants(Path(str(files("policies").joinpath("library", FILE))))


def read_invariants(path: Path) -> tuple[InvariantText, ...]:
    """The invariants of a file. Raises `AilyusError` `bad_policy`."""
    try:
        content = InvariantFile.model_validate(read_document(read_source(path))[1])
    except MalformedSource as error:
        raise AilyusError("bad_policy", f"line {error.line}: {error}", hint=_HINT, field=path.name) from None
    except ValidationError as error:
        problem = error.errors()[0]
        where, why = ".".join(map(str, problem["loc"])), problem["msg"].removeprefix("Value error, ")
        sentence = f"`{where}`: {why[:1].lower()}{why[1:]}"
        raise AilyusError("bad_policy", sentence, hint=_HINT, field=path.name) from None
    if twice := {one.name for one in content.invariants if [o.name for o in content.invariants].count(one.name) > 1}:
        raise AilyusError("bad_policy", f"the invariant `{min(twice)}` is there twice", hint=_HINT, field=path.name)
    return content.invariants


def parse_invariant(text: InvariantText, bundle: Bundle) -> Invariant:
    """An invariant as the policy that forbidden requests meet. Raises `AilyusError` for what Cedar does not accept."""
    if text.environment and text.environment not in bundle.environments:
        raise _refused(text, f"the environment `{text.environment}` is not declared")
    scope = {"agent": "principal is Agent", "person": "principal is Person", "": "principal"}[text.principal]
    # a contract's approvals are actions of their own, which no invariant of its calls is about
    action = (
        f"action in Action::{quoted(text.action)}" if text.action else 'action in [Action::"read", Action::"write"]'
    )
    conditions = [f"when {{ {text.never} }}"] if text.never else [f"unless {{ {_needed(text, bundle)} }}"]
    if text.environment:
        conditions.insert(0, f"when {{ resource.environment == Environment::{quoted(text.environment)} }}")
    policy = f"permit ({scope}, {action}, resource)\n" + "\n".join(conditions) + ";"
    try:
        tree = cedarpy.policies_to_pst(policy)
        policies = cedarpy.PolicySet.from_str(policy)
    except ValueError as error:
        raise _refused(text, f"it does not parse: {str(error).splitlines()[0]}") from None
    # one policy and no more: text that closes the bracket would be a policy of its own
    if tree.templates or len(tree.static_policies) != 1:
        raise _refused(text, "it is more than one condition")
    for fault in cedarpy.validate_policies(policy, bundle.schema).errors:
        raise _refused(text, re.sub(r"for policy `?policy\d+`?, ?", "", str(fault.error).splitlines()[0]))
    principals = {"agent": (0,), "person": (1,), "": (0, 1)}[text.principal]
    return Invariant(text.name, text, next(iter(tree.static_policies.values())), policies, principals)


def _needed(text: InvariantText, bundle: Bundle) -> str:
    if text.only_if:
        return text.only_if
    counts = " + ".join(f"context.approvals.{role}" for role in sorted(bundle.roles)) or "0"
    return f"{counts} >= {text.approvals}"


def _refused(text: InvariantText, why: str) -> AilyusError:
    return AilyusError("bad_policy", f"the invariant `{text.name}`: {why[:1].lower()}{why[1:]}", hint=_HINT, field=FILE)
