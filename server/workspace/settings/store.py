"""`[store]` and `[log]`: the database that replicas share, and the key that signs the log."""

from pydantic import Field

from server.workspace.settings.part import Reference, ReferenceOrNone, SettingsPart


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


class LogPart(SettingsPart):
    """The key that signs the log, its passphrase, both by reference, and whether everybody may mirror it."""

    key: Reference = "file:.ailyus/log.pem"
    """The Ed25519 key as PEM, by reference; the first start makes the file. While it is rotated (`ailyus key rotate
    log`) the new key stands after it."""
    passphrase: ReferenceOrNone = Field("none", examples=["env:LOG_PASSPHRASE"])
    """What the key is encrypted with, by reference; `none` for nothing."""
    public: bool = False
    """May everybody read the log's hashes and signatures at `/log/` (C2SP tlog-tiles)? They show how much is done."""
