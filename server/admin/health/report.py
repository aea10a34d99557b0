"""The report of a gateway's health, as `/livez` and `/readyz` give it and `ailyus doctor --url` reads it."""

import orjson
from pydantic import BaseModel, ConfigDict, Field


class CheckLine(BaseModel):
    """One check, as it was found last."""

    model_config = ConfigDict(extra="ignore", frozen=True)  # a newer gateway may say more

    check: str = Field(pattern=r"^[a-z][a-z_]{0,31}$")
    ok: bool
    says: str = Field(max_length=300)


class HealthReport(BaseModel):
    """Every check, and whether all of them are well."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    ok: bool
    checks: tuple[CheckLine, ...] = Field(max_length=64)

    @classmethod
    def of(cls, lines: tuple[CheckLine, ...]) -> "HealthReport":
        """The report over these lines."""
        return cls(ok=all(line.ok for line in lines), checks=lines)

    def encoded(self) -> bytes:
        """JSON, with a line of its own for each check."""
        lines = b",\n".join(b"  " + orjson.dumps(line.model_dump()) for line in self.checks)
        return b'{"ok": %s, "checks": [\n%s\n]}\n' % (orjson.dumps(self.ok), lines)
