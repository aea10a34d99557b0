"""The headers in which a target tells how many requests it still takes, declared once for a system."""

from typing import Literal

from pydantic import Field

from contracts.schema.fields import Duration, Strict

_HEADER = r"^[A-Za-z0-9-]{1,60}$"


class RateHeaders(Strict):
    """One limit of a target. Without `reset` it counts as used up for the length of its `window`."""

    remaining: str = Field(pattern=_HEADER, description="the header with the number of requests that are left")
    reset: str | None = Field(None, pattern=_HEADER, description="the header that says when there are more")
    reset_is: Literal["seconds", "epoch"] = Field("seconds", description="seconds from now, or since 1970")
    window: Duration = Field(60_000, ge=1_000, le=86_400_000)
    per: Literal["connection", "path"] = Field("connection", description="what shares one limit")
