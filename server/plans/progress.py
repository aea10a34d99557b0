"""How far a plan is, as its row keeps it."""

from pydantic import BaseModel, ConfigDict, JsonValue

Touched = dict[str, JsonValue]
"""What the plan's own steps left behind: what was read → its value."""


class Progress(BaseModel):
    """How far a plan is, as JSON in its row. What a reader does not know is left out, what is missing has a default."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    roles: dict[str, int] = {}
    oldest_seconds: int = 0
    pinned: dict[str, dict[str, str]] = {}
    left_out: dict[str, str] = {}
    unmet: dict[str, str] = {}
    health: str | None = None
    started_ms: int = 0
    paused_at: int | None = None
    halt: str | None = None
    stopped: str | None = None

    @property
    def packed(self) -> bytes:
        """As it stands in the row."""
        return self.model_dump_json().encode()

    @classmethod
    def unpacked(cls, data: bytes | None) -> "Progress":
        """From the row."""
        return cls.model_validate_json(data or b"{}")
