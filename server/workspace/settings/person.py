"""`[[people]]`: the people for whom agents act, and who approve."""

from pydantic import Field

from policies.principal import PersonAttributes
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
    team: str = Field("", max_length=100, examples=["desk"])
    """Their team; policies read these five as `principal.team`, of an approver too, and `context.person.team`."""
    manager: str = Field("", max_length=100, examples=["lead"])
    """The name of their manager."""
    region: str = Field("", max_length=100, examples=["eu"])
    """Where they work, or whose records they may see."""
    employment: str = Field("", max_length=100, examples=["contractor"])
    """How they are employed."""
    on_call: bool = False
    """Are they on call? Policies read it as `principal.onCall`."""

    @property
    def attributes(self) -> PersonAttributes:
        """What policies know of them beside tenant and roles."""
        return PersonAttributes(self.team, self.manager, self.region, self.employment, self.on_call)
