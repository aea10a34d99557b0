"""`[store]` and `[log]`: the database that replicas share, and the key that signs the log."""

from pydantic import Field

from server.workspace.settings.part import Reference, ReferenceOrNone, SettingsPart


class StorePart(SettingsPart):
    """A store on PostgreSQL, by a reference to its URL."""

    url: Reference = Field(examples=["env:DATABASE_URL"])
    """The database: a reference to `postgresql://user:password@host/database`."""


class LogPart(SettingsPart):
    """The key that signs the log, and its passphrase, both by reference."""

    key: Reference = "file:.ailyus/log.pem"
    """The Ed25519 key as PEM, by reference; the first start makes the file, later ones never."""
    passphrase: ReferenceOrNone = Field("none", examples=["env:LOG_PASSPHRASE"])
    """What the key is encrypted with, by reference; `none` for nothing."""
