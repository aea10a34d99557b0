"""The candidate for a release: contracts, policies, connections and people as the files say them, not yet live."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.action.target import Target
from contracts.compiler.catalog import Catalog
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.principal import People


@dataclass(frozen=True)
class Candidate:
    """What would decide if it were released. `releasers` are the roles that may release."""

    catalog: Catalog
    policies: Mapping[str, str]
    targets: Mapping[str, Target]
    people: People
    roles: Collection[str]
    environments: Collection[str] = ("prod", "staging")
    origin: str = ""
    development: bool = False
    change_freeze: bool = False
    releasers: Collection[str] = ()
    incident: bool = False
    time_zone: str = "UTC"
    session_hours: int = 8

    def check_environments(self) -> None:
        """Refuse a connection whose environment is not declared."""
        for target in self.targets.values():
            _check_environment(target, frozenset(self.environments))

    def check_time_zone(self) -> None:
        """Refuse a time zone that this machine does not know."""
        try:
            ZoneInfo(self.time_zone)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            hint = "name one of the IANA database, such as `Europe/Berlin`; where the machine has none, install tzdata"
            sentence = f"the time zone `{self.time_zone}` is not known here"
            raise AilyusError("bad_settings", sentence, hint=hint, field="time_zone") from None

    def check_fallbacks(self) -> None:
        """Refuse a fallback by pages whose account may be wider than the first route's."""
        for target in self.targets.values():
            _check_fallback(target, self.catalog.programs.values())


def _check_environment(target: Target, environments: frozenset[str]) -> None:
    # INVARIANT: a misspelt environment would take every guard of the real one off the connection
    if target.environment not in environments:  # guard: declared environments
        names = ", ".join(f"`{name}`" for name in sorted(environments)) or "none"
        raise AilyusError(
            "bad_settings",
            f"the connection `{target.name}` has the environment `{target.environment}`, which is not declared",
            hint=f"`environments` in ailyus.toml declares {names}; correct the connection, or declare the environment "
            "and write its guards",
            field=f"connections.{target.name}.environment",
        )


def _check_fallback(target: Target, programs: Iterable[Program]) -> None:
    """A fallback identity is never wider than the first route's, as far as the settings declare it."""
    for program in programs:
        ways = {route.way for route in program.contract.execute}
        # guard: no wider account
        if program.contract.target == target.kind and ways == {"http", "browser"} and target.widens:
            account = target.ui.principal if target.ui else ""
            raise AilyusError(
                "bad_settings",
                f"`{program.name}`: the browser's account `{account}` may be wider than `{target.principal}`",
                hint="use the same account for both, or list `rights` of the connection and of its browser",
                field=f"connections.{target.name}.browser",
            )
