"""The YAML model of the resource: what Cedar decides about, with its typed attributes."""

from typing import Literal

from pydantic import Field, JsonValue

from contracts.schema.fields import Name, Strict


class Attribute(Strict):
    """An attribute of the resource in Cedar: always typed, always required."""

    type: Literal["Bool", "Long", "String", "Decimal", "SetOfString"]
    value: str
    # INVARIANT 9: an absent attribute would skip the forbid that reads it, so the default has to be the strict one
    default: JsonValue = Field(None, description="the strict value to use when the expression has none")
    # what users can edit at the target they could edit away from under a forbid
    authority: Literal["target", "target_user"] = Field(
        "target", description="target_user: the user can edit it at the target, so no policy may use it in a forbid"
    )


class Resource(Strict):
    """What Cedar decides about. Tenant and environment are put there by the gateway, from the connection."""

    later = frozenset({"shown"})

    type: str = Field(pattern=r"^[A-Z][A-Za-z0-9]{0,63}$")
    # INVARIANT 9: the id may be the agent's word; `shown` is the record's own, and both must agree
    id: str
    shown: str | None = Field(None, description="the same id as the record itself gives it: any other one is denied")
    label: str | None = None
    attributes: dict[Name, Attribute] = Field(default_factory=dict)
