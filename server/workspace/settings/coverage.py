"""`[coverage.NAME]`: the audit log of a connection's system, and how the gateway's own credential is known in it."""

from typing import Literal

from pydantic import Field, model_validator

from contracts.schema.fields import Duration
from server.workspace.settings.part import SettingsPart

_FIELD = r"^[A-Za-z0-9_@-]{1,80}(\.[A-Za-z0-9_@-]{1,80}){0,7}$"


class FeedPart(SettingsPart):
    """A list of events in JSON: each key is a path of names with dots. `since`, `until` and `cursor` go along."""

    path: str = Field(pattern=r"^/[\x21-\x3e\x40-\x7e]*$", max_length=500, examples=["/audit/events"])
    """The path below the connection's `base_url`."""
    items: str = Field("", pattern=rf"{_FIELD}|^$", examples=["events"])
    """Where the list stands; empty if the answer is the list."""
    next: str = Field(pattern=_FIELD, examples=["page.next"])
    """Where the cursor of the next page stands; it is sent as `cursor`, and absent on the last page."""
    id: str = Field("id", pattern=_FIELD)
    """The event's own id."""
    time: str = Field("time", pattern=_FIELD)
    """When it happened: RFC 3339, or seconds or milliseconds since 1970."""
    actor: str = Field("actor", pattern=_FIELD, examples=["actor.id"])
    """Who did it."""
    action: str = Field("action", pattern=_FIELD)
    """What was done."""
    object: str = Field("object", pattern=_FIELD, examples=["object.id"])
    """The id of what it was done to, or a list of ids."""
    request_id: str = Field("", pattern=rf"{_FIELD}|^$", examples=["request_id"])
    """The system's id of the request, where its answers tell the same one in a header."""


class CoveragePart(SettingsPart):
    """One audit log that `ailyus audit coverage` compares with receipts."""

    connection: str = Field(examples=["okta"])
    """The connection whose writes are looked for; its `read` credential reads the log, if `reader` names no other."""
    reader: str | None = Field(None, examples=["okta-audit"])
    """Another connection of the same tenant by which the log is read, such as CloudTrail's for IAM."""
    source: Literal["okta", "cloudtrail", "github", "json"] = Field(examples=["okta"])
    """The kind of log: Okta's System Log, AWS CloudTrail, a GitHub organization's audit log, or a list in JSON."""
    actors: tuple[str, ...] = Field(min_length=1, max_length=20, examples=[["00u1ailyus0001"]])
    """The names by which the log knows the write credential: an id, a login, an access key, a hashed token."""
    organization: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,39}$", examples=["acme"])
    """The GitHub organization."""
    actions: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, examples=[{"unlock_user": ["user.account.unlock"]}]
    )
    """The log's actions of a contract; a contract that is not named may be any action on its objects."""
    ignore: tuple[str, ...] = Field((), max_length=200, examples=[["user.session.start"]])
    """Actions of the log that change nothing that contracts change; they are counted, and not compared."""
    settle: Duration = 600_000
    """How late events come: the newest ones that are compared are this old."""
    skew: Duration = 5_000
    """By how much the system's clock and ours may differ."""
    escalate: str | None = Field(None, examples=["on-call"])
    """The escalation that is told of findings."""
    feed: FeedPart | None = None
    """Where things stand in a list in JSON."""

    @model_validator(mode="after")
    def _complete(self) -> "CoveragePart":
        if (self.source == "json") is not (self.feed is not None):
            raise ValueError('`source = "json"` and a table `feed` belong together')
        if (self.source == "github") is not (self.organization is not None):
            raise ValueError('`source = "github"` and an `organization` belong together')
        return self
