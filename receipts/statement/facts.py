"""What the statement of each kind says beside its frame, field by field, as strict and closed models."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="SHA-256 in hex")]
Pseudonym = Annotated[str, Field(description="HMAC-SHA-256 of a personal value under its tenant's key, in hex")]
Ms = Annotated[int, Field(ge=0, description="milliseconds since the Unix epoch")]
Need = Annotated[dict[str, int], Field(description="how many people of each role; all of one need must approve")]
Kind = Literal[
    "intent",
    "outcome",
    "decision",
    "key",
    "release",
    "agent",
    "state",
    "halt",
    "escalation",
    "resolution",
    "recheck",
    "access",
    "tenant",
    "role",
    "erasure",
    "clock",
    "loss",
    "archive",
    "rotation",
    "connection",
    "candidate",
    "shadow",
]


class ClosedModel(BaseModel):
    """Strict, frozen and closed; camel case in the document."""

    # closed, so that a field that nobody declared is never signed: what is in the log stays there
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class StatementFacts(ClosedModel):
    """What a statement of one kind says beside its frame: only what was set is written."""

    of_kind: ClassVar[Kind]

    @property
    def said(self) -> dict[str, JsonValue]:
        """As it stands in the document."""
        # to look for what does not fit takes twice as long; the suite holds every statement against the schema
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, warnings=False)

    def also(self, more: Mapping[str, object]) -> Self:
        """It with these fields, by their names here; itself where there are none."""
        return self.model_copy(update=more) if more else self


class ActionFacts(StatementFacts):
    """Of a statement about an action."""


class GatewayFacts(StatementFacts):
    """Of a statement about the gateway itself."""
