"""`[[people]]`: the people for whom agents act, and who approve."""

from pydantic import Field

from server.workspace.settings.part import SettingsPart

PERSON = r"^[a-z][a-z0-9._-]{0,63}$"
TENANT = r"^[a-z][a-z0-9-]{0,63}$"


class PersonPart(SettingsPart):
    """One person: (issuer, subject) and what they may be asked for."""

    name: str = Field(pattern=PERSON, examples=["maria"])
    """How policies, receipts and commands name the person."""
    tenant: str = Field(pattern=TENANT, examples=["acme"])
    """The tenant whose records the person's agents may touch."""
    issuer: str = "local"
    """Who vouches for them: `local` is a key of this workspace, else the issuer of their tokens or of their sign-in."""
    subject: str | None = Field(None, examples=["00u1a2b3"])
    """The `sub` of their tokens; without it their name."""
    roles: tuple[str, ...] = Field((), examples=[["SecurityLead"]])
    """Their roles, each one of `roles` at the top."""
