"""`[credentials]`: how long secrets are kept, and where those are that no variable and no file holds."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from adapters.credentials.vault import Auth, Engine
from contracts.schema.fields import Duration
from server.workspace.settings.part import Reference, SettingsPart


class ProgramPart(SettingsPart):
    """A program that prints one secret; references name it as `exec:NAME`."""

    command: tuple[str, ...] = Field(min_length=1, examples=[["/usr/bin/pass", "show", "okta-read"]])
    """The program with its arguments; no shell reads them, and none of them is a secret."""
    timeout: Duration = Field(10_000, ge=100, le=60_000)
    """How long it may take; then it is ended with all that it started."""
    environment: tuple[str, ...] = Field((), examples=[["AWS_PROFILE"]])
    """The gateway's variables that it gets, beside `PATH`, `HOME` and `LANG`."""


class VaultPart(SettingsPart):
    """A HashiCorp Vault, or a server that speaks its API; references name a secret as `vault:MOUNT/PATH#FIELD`."""

    address: str = Field(pattern=r"^https?://[^\s?#@]+$", examples=["https://vault.example.com:8200"])
    """Where it is; HTTPS, or plain HTTP on this machine."""
    auth: Auth = "token"
    """How the gateway signs in: by `token`, as a machine (`role` and `secret_id`), or as a pod (`role` and `jwt`)."""
    token: Reference | None = Field(None, examples=["file:/run/vault/token"])
    """The token, by reference; it is read again when Vault refuses it."""
    role: str = Field("", max_length=256, examples=["ailyus"])
    """The role id of AppRole, or the name of the Kubernetes role."""
    secret_id: Reference | None = Field(None, examples=["file:.ailyus/secrets/vault-secret-id"])
    """The secret id of AppRole, by reference."""
    jwt: Reference = "file:/var/run/secrets/kubernetes.io/serviceaccount/token"
    """The token of the pod's service account, by reference."""
    mount: str = Field("", max_length=128, pattern=r"^[^\s?#]*$", examples=["approle"])
    """Where that way of signing in is mounted; without it `approle` or `kubernetes`."""
    namespace: str = Field("", max_length=256, examples=["platform/prod"])
    """The namespace, where it has several."""
    engine: Engine = "auto"
    """The version of the key-value engine; `auto` asks the mount."""
    timeout: Duration = Field(10_000, ge=100, le=60_000)
    """How long Vault may be silent."""

    @field_validator("address")
    @classmethod
    def _address(cls, address: str) -> str:
        parts = urlsplit(address)
        # guard: plain HTTP to Vault
        if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            raise ValueError("plain HTTP is for this machine alone: write `https://`")
        return address

    @model_validator(mode="after")
    def _complete(self) -> "VaultPart":
        needs = {"token": {"token": self.token}, "approle": {"role": self.role, "secret_id": self.secret_id}}
        for name, value in needs.get(self.auth, {"role": self.role}).items():
            if not value:
                raise ValueError(f'`auth = "{self.auth}"` needs `{name}`')
        for reference in (self.token, self.secret_id, self.jwt):
            if reference and reference.startswith("vault:"):
                raise ValueError("what opens Vault is not kept in Vault: write another reference")
        return self

    @property
    def opener(self) -> str:
        """The reference to what the gateway signs in with."""
        return {"token": self.token, "approle": self.secret_id}.get(self.auth, self.jwt) or ""


class CredentialsPart(SettingsPart):
    """How long a secret is kept after it was read at its source, and the programs that print one."""

    ttl: Duration = Field(300_000, ge=1_000, le=86_400_000)
    """How long a value is used before its reference is read again; a file that changes is read again at once."""
    keep: Duration = Field(3_600_000, ge=0, le=604_800_000)
    """How much longer the last good value serves while its source cannot be read; the log then says so."""
    exec: dict[str, ProgramPart] = Field(default_factory=dict)
    """The programs that print a secret, by name."""
    vault: VaultPart | None = None
    """The Vault that keeps secrets."""
