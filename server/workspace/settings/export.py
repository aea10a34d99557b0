"""`[export.NAME]`: where statements of the log are pushed to, in which form, and who is told when that stops."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from contracts.action.http_request import check_base_url
from contracts.errors import AilyusError
from contracts.schema.fields import Duration
from server.workspace.settings.part import Measure, Reference, SettingsPart

HEADER = r"^[A-Za-z0-9-]{1,80}$"
"""A header's name, as RFC 9110 section 5.1 has it, without the characters that nobody uses."""


class ExportPart(SettingsPart):
    """One receiver of statements, in the order of the log, each at least once."""

    url: str | None = Field(None, examples=["https://siem.example.com/v1/events"])
    """The address that takes batches of JSON lines by POST; either this or `file`."""
    file: str | None = Field(None, examples=["export/receipts.jsonl"])
    """The file that JSON lines are written to, in the workspace or absolute; either this or `url`."""
    format: Literal["statements", "ocsf"] = "statements"
    """Signed statements as they are in the log, or events of OCSF 1.8 (API Activity, Entity Management)."""
    tenant: str | None = Field(None, min_length=1, max_length=100, examples=["acme"])
    """The tenant whose statements it gets, and no others; without it those of all tenants and of the gateway."""
    begin: Literal["now", "first"] = "now"
    """With which statement a new export begins: the next one, or the first of the log."""
    token: Reference | None = Field(None, examples=["env:SIEM_TOKEN"])
    """The secret that is sent with each batch, by reference."""
    header: str = Field("authorization", pattern=HEADER, examples=["DD-API-KEY"])
    """The header that holds the secret."""
    scheme: str = Field("Bearer", pattern=r"^[A-Za-z0-9-]{0,40}$", examples=["Splunk"])
    """The word before the secret in that header; empty for none."""
    batch: Annotated[int, Measure("statements")] = Field(500, ge=1, le=1000)
    """How many statements a batch has at most."""
    interval: Duration = 2_000
    """How often it looks for further statements."""
    rotate: Annotated[int, Measure("bytes")] = Field(64 * 1024 * 1024, ge=4096)
    """The size from which on a file is put aside under the name of its last statement."""
    escalate: str | None = Field(None, examples=["on-call"])
    """The escalation that is told when the export stops."""

    @model_validator(mode="after")
    def _one_place(self) -> "ExportPart":
        if (self.url is None) == (self.file is None):
            raise ValueError("an export goes to a `url` or to a `file`")
        if self.file is not None and self.token is not None:
            raise ValueError("a file takes no `token`")
        if self.url is not None:
            try:
                check_base_url(self.url)
            except AilyusError as error:
                raise ValueError(error.sentence) from None
        return self
