"""The JSON Schema of a statement (in-toto Statement v1), as `ailyus receipt schema` prints it."""

from typing import Annotated, Literal

from pydantic import Field, JsonValue, TypeAdapter

from receipts.statement.facts import ClosedModel, Digest
from receipts.statement.predicates import Predicate


class ResourceDescriptor(ClosedModel):
    """A subject of a statement: a name, and the digest of what it names."""

    name: str
    digest: dict[Literal["sha256"], Digest]


class Statement(ClosedModel):
    """An in-toto Statement v1 (https://github.com/in-toto/attestation), the payload of a DSSE envelope."""

    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: Annotated[tuple[ResourceDescriptor, ...], Field(min_length=1)]
    predicate_type: Annotated[str, Field(pattern="^https://ailyus\\.dev/[a-z]+/v1$")]
    predicate: Predicate


def schema() -> dict[str, JsonValue]:
    """The JSON Schema of a statement."""
    return Statement.model_json_schema(by_alias=True)


def predicate_schema() -> dict[str, JsonValue]:
    """The JSON Schema of what a statement says, without the envelope of in-toto."""
    made: dict[str, JsonValue] = TypeAdapter(Predicate).json_schema(by_alias=True)
    return made
