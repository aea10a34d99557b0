"""The gauges of a gateway: what its parts, its store and its credentials are like now, read when somebody asks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, get_args

from adapters.browser.chromium import Chromium
from adapters.mcp.pool import Servers
from adapters.python.pool import Hosts
from policies.release import Release
from receipts.export.standing import ExportStanding
from receipts.journal.breaker import BREAKER
from receipts.journal.halt import Halt, Scope
from receipts.journal.journal import Journal
from receipts.tables.backlog import BacklogEntry
from server.observability import metric_catalog as catalog
from server.observability.credential_expiry import CredentialState
from server.observability.metric import Metric, Sample, Source
from server.observability.store_sample import StoreSample

_SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """The parts of a gateway that tell how they are; `running` and `sessions` count actions and sessions of clients."""

    journal: Journal
    release: Callable[[], Release]
    running: Callable[[], int]
    sessions: Callable[[], int]
    browser: Chromium
    servers: Servers
    hosts: Hosts
    witnesses: Callable[[], tuple[int, int] | None]
    """How many statements are witnessed, and how many witnesses refuse the log; None where none is asked."""
    exports: Callable[[], Mapping[str, ExportStanding]]
    """How far each export is behind, by its name."""


class Gauges:
    """Sources of the metrics that are read. `sample` is what the store said last, None where it could not be read.

    `certificate` is when the one that the gateway serves ends, None where it serves none.
    """

    def __init__(
        self,
        parts: GatewayParts,
        sample: Callable[[], StoreSample | None],
        credentials: Callable[[], Iterable[CredentialState]],
        certificate: Callable[[], float | None],
    ) -> None:
        self._parts = parts
        self._sample = sample
        self._credentials = credentials
        self._certificate = certificate

    @property
    def sources(self) -> Mapping[Metric, Source]:
        """What gives each metric's values."""
        store, sample = self._parts.journal.store, self._of_sample
        return {
            catalog.COMMITS: lambda: [(store.commits, ())],
            catalog.REPEATED: lambda: [(store.repeated, ())],
            catalog.QUEUED: lambda: [(store.queued, ())],
            catalog.LOG_SIZE: lambda: [(store.size, ())],
            catalog.WITNESSED: lambda: [(found[0], ()) for found in (self._parts.witnesses(),) if found is not None],
            catalog.REFUSING: lambda: [(found[1], ()) for found in (self._parts.witnesses(),) if found is not None],
            catalog.EXPORT_LAG: lambda: [(one.behind, (name,)) for name, one in self._parts.exports().items()],
            catalog.EXPORT_AGE: self._export_ages,
            catalog.EXPORT_STOPPED: lambda: [(int(one.stopped), (n,)) for n, one in self._parts.exports().items()],
            catalog.RUNNING: lambda: [(self._parts.running(), ())],
            catalog.READABLE: lambda: [(int(self._sample() is not None), ())],
            catalog.STORE_SIZE: lambda: sample(lambda s: [(s.bytes, ())]),
            catalog.WAITING: lambda: sample(lambda s: _counts(s.backlog.waiting, self._contracts)),
            catalog.WAITING_AGE: lambda: sample(lambda s: _ages(s.backlog.waiting, self._contracts, s.at_ms)),
            catalog.INTENTS: lambda: sample(lambda s: _counts(s.backlog.intents, self._connections)),
            catalog.INTENTS_AGE: lambda: sample(lambda s: _ages(s.backlog.intents, self._connections, s.at_ms)),
            catalog.INCIDENTS: lambda: sample(lambda s: [(s.backlog.incidents, ())]),
            catalog.ESCALATIONS: lambda: sample(lambda s: [(s.backlog.escalations, ())]),
            catalog.NOTICES: lambda: sample(lambda s: [(s.backlog.notices, ())]),
            catalog.SESSIONS: self._sessions,
            catalog.HALTS: self._halts,
            catalog.CONNECTION_HALTED: lambda: self._halted("connection", self._connections),
            catalog.CONTRACT_HALTED: lambda: self._halted("contract", self._contracts),
            catalog.POOL_USED: self._used,
            catalog.POOL_LIMIT: self._limits,
            catalog.USABLE: lambda: [(int(c.is_usable), (c.connection, c.use)) for c in self._credentials()],
            catalog.CERTIFICATE: lambda: [(end, ()) for end in (self._certificate(),) if end is not None],
            catalog.EXPIRY: lambda: [
                (c.expires, (c.connection, c.use)) for c in self._credentials() if c.expires is not None
            ],
        }

    @property
    def _contracts(self) -> Iterable[str]:
        known = self._parts.release().catalog
        return (*known.programs, *known.plans)

    @property
    def _connections(self) -> Iterable[str]:
        return tuple(self._parts.release().targets)

    def _of_sample(self, values: Callable[[StoreSample], Iterable[Sample]]) -> Iterable[Sample]:
        sample = self._sample()
        return values(sample) if sample is not None else ()

    def _sessions(self) -> Iterator[Sample]:
        yield self._parts.sessions(), ("mcp",)
        yield from self._of_sample(lambda s: [(s.backlog.sessions, ("console",))])

    def _halts(self) -> Iterator[Sample]:
        halts = self._parts.journal.controls.halts
        for scope in _SCOPES:
            of_breaker = sum(halt.scope == scope and halt.by == BREAKER for halt in halts)
            yield of_breaker, (scope, "breaker")
            yield sum(halt.scope == scope for halt in halts) - of_breaker, (scope, "person")

    def _halted(self, scope: Scope, names: Iterable[str]) -> Iterator[Sample]:
        halts = self._parts.journal.controls.halts
        for name in names:
            yield int(any(_stops(halt, scope, name) for halt in halts)), (name,)

    def _export_ages(self) -> Iterator[Sample]:
        now = self._parts.journal.store.now_ms()
        for name, one in self._parts.exports().items():
            yield max(0, now - one.since_ms) / 1000 if one.since_ms else 0.0, (name,)

    def _used(self) -> Iterator[Sample]:
        parts = self._parts
        yield parts.browser.open_tabs, ("browser_tabs",)
        yield len(parts.servers.sessions), ("mcp_servers",)
        yield parts.hosts.running, ("adapter_processes",)
        yield parts.journal.store.readers.used, ("store_readers",)

    def _limits(self) -> Iterator[Sample]:
        yield self._parts.browser.most_tabs, ("browser_tabs",)
        yield self._parts.journal.store.readers.most, ("store_readers",)


def _stops(halt: Halt, scope: Scope, name: str) -> bool:
    return halt.scope == "all" or (halt.scope == scope and halt.name == name)


def _counts(shares: Iterable[BacklogEntry], declared: Iterable[str]) -> list[Sample]:
    """How many there are of each name; a name that the release declares and that has none has 0."""
    found = dict.fromkeys(declared, 0) | {share.name: share.count for share in shares}
    return [(count, (name,)) for name, count in found.items()]


def _ages(shares: Iterable[BacklogEntry], declared: Iterable[str], now_ms: int) -> list[Sample]:
    """How old the oldest of each name is, in seconds; 0 where there is none."""
    found: dict[str, float] = dict.fromkeys(declared, 0.0)
    found |= {share.name: max(0, now_ms - share.since_ms) / 1000 for share in shares}
    return [(age, (name,)) for name, age in found.items()]
