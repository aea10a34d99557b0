"""`[store]` and `[log]`: the database that replicas share, and the key that signs the log."""

from pydantic import Field, field_validator, model_validator

from contracts.errors import AilyusError
from contracts.schema.fields import Duration
from receipts.log.pkcs11_uri import Pkcs11Uri
from server.workspace.settings.part import Reference, ReferenceOrNone, SettingsPart

_PUBLIC = """\
-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
"""


class StorePart(SettingsPart):
    """Where the store is, and the key that seals secrets in it."""

    url: Reference | None = Field(None, examples=["env:DATABASE_URL"])
    """A database: a reference to `postgresql://user:password@host/database`; without it the file `.ailyus/store.db`."""
    secrets: Reference = "file:.ailyus/store.secrets"
    """The key that seals secrets on their way, by reference: a file of 32 bytes, which the first start makes; from
    elsewhere 32 bytes in Base64 (`openssl rand -base64 32`). While it is rotated (`ailyus key rotate secrets`) the new
    key stands after it."""
    archive: str = Field(".ailyus/archive", min_length=1, max_length=4096, examples=["/var/lib/ailyus/archive"])
    """The folder where archives of closed actions are looked for, below the workspace or from the root."""


class SignerPart(SettingsPart):
    """A signer of the log outside of the gateway, which never sees the key: a program, or a key in a token."""

    public: str = Field(max_length=400, examples=[_PUBLIC])
    """Its Ed25519 public key as PEM (RFC 8410); a signature that does not fit it is never used."""
    command: tuple[str, ...] = Field((), examples=[["/usr/local/bin/kms-signer", "--key", "log"]])
    """A program that signs; it is told one JSON object a line. No shell reads its arguments."""
    pkcs11: str = Field("", max_length=1024, examples=["pkcs11:token=ailyus;object=log?module-path=/usr/lib/driver.so"])
    """Instead of `command`: the URI of a private key in a token (RFC 7512), with the extra `pkcs11`."""
    pin: ReferenceOrNone = Field("none", examples=["env:LOG_PIN"])
    """The user's PIN of that token, by reference."""
    timeout: Duration = Field(5_000, ge=100, le=60_000)
    """How long one signature may take; nothing else is committed meanwhile."""
    environment: tuple[str, ...] = Field((), examples=[["AWS_PROFILE"]])
    """The gateway's variables that the program or the driver gets, beside `PATH`, `HOME` and `LANG`."""

    @field_validator("public")
    @classmethod
    def _public(cls, text: str) -> str:
        from receipts.log.public_key import parse_public_key  # 20 ms, for settings that have a signer

        parse_public_key(text)
        return text

    @model_validator(mode="after")
    def _one(self) -> "SignerPart":
        if bool(self.command) == bool(self.pkcs11):
            raise ValueError("a signer has a `command` or a `pkcs11`, and not both")
        if self.pkcs11:
            try:
                Pkcs11Uri.parse(self.pkcs11)
            except AilyusError as error:
                raise ValueError(f"{error.sentence}: {error.hint}") from None
        return self


class LogPart(SettingsPart):
    """The key that signs the log, its passphrase, both by reference, and whether everybody may mirror it."""

    key: Reference = "file:.ailyus/log.pem"
    """The Ed25519 key as PEM, by reference; the first start makes the file. While it is rotated (`ailyus key rotate
    log`) the new key stands after it."""
    passphrase: ReferenceOrNone = Field("none", examples=["env:LOG_PASSPHRASE"])
    """What the key is encrypted with, by reference; `none` for nothing."""
    signers: dict[str, SignerPart] = Field(default_factory=dict, max_length=2)
    """Signers outside of the gateway by name: one, or two while one is rotated. They come before `key`."""
    public: bool = False
    """May everybody read the log's hashes and signatures at `/log/` (C2SP tlog-tiles)? They show how much is done."""
