"""`[notices.NAME]` and `[escalations.NAME]`: who is told that people are needed, or that an outcome is in doubt."""

from pydantic import Field

from contracts.schema.fields import Duration
from server.workspace.settings.part import Reference, SettingsPart


class NoticePart(SettingsPart):
    """Who is told that people are needed: by a signed webhook, or in a channel of a Slack connection."""

    webhook: str | None = Field(None, examples=["https://hooks.example.com/approvals"])
    """The address that is told."""
    secret: Reference | None = Field(None, examples=["env:NOTICE_SECRET"])
    """What the webhook's messages are signed with, by reference (Standard Webhooks)."""
    connection: str | None = Field(None, examples=["slack"])
    """The Slack connection by which a channel is told."""
    channel: str | None = Field(None, examples=["C024BE91L"])
    """The channel's id."""
    roles: tuple[str, ...] = Field((), examples=[["SecurityLead"]])
    """It is told only when one of these roles is asked for; without them always."""
    next: str | None = Field(None, examples=["on-call"])
    """Another notice, which is told too when two thirds of the time have passed."""
    tenant: str | None = Field(None, examples=["acme"])
    """It is told only what this tenant asks for, and only its people see the webhook; without it every tenant's."""
    sentence: bool = False
    """It also says what is asked for, in the sentence that approvers see: that may name people and records."""


class EscalationPart(SettingsPart):
    """Where somebody is told of an outcome in doubt; unacknowledged after `after`, the next route is used."""

    webhook: str = Field(examples=["https://hooks.example.com/on-call"])
    """The address that is told."""
    next: str | None = Field(None, examples=["manager"])
    """The escalation that follows."""
    after: Duration = 900_000
    """How long it waits for somebody to acknowledge."""
    secret: Reference | None = Field(None, examples=["env:ESCALATION_SECRET"])
    """What its messages are signed with, by reference (Standard Webhooks)."""
    tenant: str | None = Field(None, examples=["acme"])
    """It is told only of this tenant's actions, and only its people see the webhook; without it of every tenant's."""
    sentence: bool = False
    """It also says what is in doubt, in the action's sentence: that may name people and records."""
