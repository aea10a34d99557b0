"""The target of an action: one connection to one system, without its secrets."""

from dataclasses import dataclass, field

from contracts.canonical import digest


@dataclass(frozen=True, slots=True)
class Target:
    """A named connection. Tenant and environment come from here, never from a record.

    `read` and `write` are *references* to credentials (`env:NAME`, `file:PATH`, `none`); `principal` is the API
    principal that the write credential acts as. Limits may shorten what a contract says (milliseconds), never lengthen.
    """

    name: str
    kind: str
    base_url: str
    tenant: str
    environment: str
    read: str
    write: str
    principal: str
    header: str = "Authorization"
    scheme: str = "Bearer"
    direct: bool = False
    origin_trusted: bool = False
    max_timeout_ms: int = 60_000
    max_settle_ms: int = 600_000
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        facts = {
            "name": self.name,
            "kind": self.kind,
            "baseUrl": self.base_url,
            "tenant": self.tenant,
            "environment": self.environment,
            "read": self.read,
            "write": self.write,
            "principal": self.principal,
            "header": self.header,
            "scheme": self.scheme,
            "direct": self.direct,
        }
        object.__setattr__(self, "digest", digest(facts))

    @property
    def separate_reader(self) -> bool:
        """True when the source of truth is read with another credential than the one that writes."""
        return self.read != self.write
