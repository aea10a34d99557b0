"""`[credentials]`: how long secrets are kept, and where those are that no variable and no file holds."""

from typing import Annotated

from pydantic import Field

from contracts.schema.fields import Duration
from server.workspace.settings.part import SettingsPart

ProgramName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class ProgramPart(SettingsPart):
    """A program that prints one secret; references name it as `exec:NAME`."""

    command: tuple[str, ...] = Field(min_length=1, examples=[["/usr/bin/pass", "show", "okta-read"]])
    """The program with its arguments; no shell reads them, and none of them is a secret."""
    timeout: Duration = Field(10_000, ge=100, le=60_000)
    """How long it may take; then it is ended with all that it started."""
    environment: tuple[str, ...] = Field((), examples=[["AWS_PROFILE"]])
    """The gateway's variables that it gets, beside `PATH`, `HOME` and `LANG`."""


class CredentialsPart(SettingsPart):
    """How long a secret is kept after it was read at its source, and the programs that print one."""

    ttl: Duration = Field(300_000, ge=1_000, le=86_400_000)
    """How long a value is used before its reference is read again; a file that changes is read again at once."""
    keep: Duration = Field(3_600_000, ge=0, le=604_800_000)
    """How much longer the last good value serves while its source cannot be read; the log then says so."""
    exec: dict[ProgramName, ProgramPart] = Field(default_factory=dict)
    """The programs that print a secret, by name."""
