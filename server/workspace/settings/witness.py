"""`[witness]`: who cosigns the checkpoints of the log, and how many of them must."""

from pydantic import Field, model_validator

from contracts.action.http_request import check_base_url
from contracts.errors import AilyusError
from contracts.schema.contract import Risk
from contracts.schema.fields import Duration
from receipts.audit.roots import WitnessRoots
from receipts.log.cosignature import Cosigner, quorum_of
from server.workspace.settings.part import SettingsPart


class CosignerPart(SettingsPart):
    """One witness: where it is asked, and the key by which its cosignatures are known."""

    url: str = Field(examples=["https://w.example.com"])
    """Its address, without `/add-checkpoint` (C2SP tlog-witness)."""
    key: str = Field(max_length=400, examples=["w.example.com/1+24c578f7+BDtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"])
    """The line that `ailyus witness key` prints, or another witness's verifier key (C2SP tlog-cosignature, Ed25519)."""

    @property
    def cosigner(self) -> Cosigner:
        """Its name and public key."""
        return Cosigner.parse(self.key)


class WitnessPart(SettingsPart):
    """The witnesses of the log. They are asked in the background, and where `synchronous` says so before a send."""

    quorum: int = Field(1, ge=1, le=100, examples=[2])
    """How many of them must have cosigned a checkpoint before it counts as witnessed."""
    interval: Duration = 10_000
    """How long after a round the next one begins."""
    synchronous: Risk | None = Field(None, examples=["critical"])
    """The lowest risk whose requests leave only after `quorum` witnesses cosigned their intent; unset: none waits."""
    wait: Duration = Field(5_000, ge=100, le=30_000)
    """How long such a request waits for cosignatures at most, and no longer than half of its route's `timeout`."""
    escalate: str | None = Field(None, examples=["on-call"])
    """The escalation that is told when a witness refuses the log."""
    cosigners: tuple[CosignerPart, ...] = Field(min_length=1, max_length=100)
    """The witnesses."""

    @model_validator(mode="after")
    def _usable(self) -> "WitnessPart":
        try:
            quorum_of(self.quorum, [one.key for one in self.cosigners])
            for one in self.cosigners:
                check_base_url(one.url)
        except AilyusError as error:
            raise ValueError(error.sentence) from None
        return self

    @property
    def roots(self) -> WitnessRoots:
        """What a verifier needs who is to trust these witnesses."""
        return WitnessRoots(quorum=self.quorum, cosigners=tuple(one.key for one in self.cosigners))
