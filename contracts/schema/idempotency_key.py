"""Where and how long a target honours our idempotency key."""

from typing import Final

from pydantic import Field, model_validator

from contracts.schema.fields import Duration, Strict

KEY_LENGTH: Final = 32
"""Characters of our key: the action's id and `-1`. All attempts of one action send the same one."""


class IdempotencyKey(Strict):
    """A header or a parameter of the query in which the target honours our key, and its bounds."""

    header: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,60}$")
    query: str | None = Field(None, pattern=r"^[A-Za-z0-9_.-]{1,60}$")
    max_length: int | None = Field(None, ge=1, description="characters that the target takes of a key")
    # INVARIANT 4: after it the target would do it a second time
    within: Duration | None = Field(
        None, ge=120_000, le=86_400_000, description="how long the target honours a key; later nothing is sent again"
    )

    @model_validator(mode="after")
    def _one_place(self) -> "IdempotencyKey":
        if (self.header is None) == (self.query is None):
            raise ValueError("name exactly one of header, query")
        if self.max_length is not None and self.max_length < KEY_LENGTH:
            raise ValueError(f"our keys have {KEY_LENGTH} characters, so a target that takes fewer cannot honour one")
        return self
