"""All contracts of the described systems against the descriptions of a folder."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from adapters.sandbox.app import SYSTEMS
from contracts.compiler.catalog import load_catalog
from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from tests.library_reference import level_of
from tests.vendors.contract_check import ContractCheck
from tests.vendors.description import NO_OPERATION, Description, Sent
from tests.vendors.scopes import Scopes, recipe_scopes
from tests.vendors.system import Allowed, System
from tests.vendors.systems import systems
from tests.world import ROOT


@dataclass
class Report:
    contracts: int = 0
    systems: int = 0
    mismatches: list[str] = field(default_factory=list)
    allowed: dict[Allowed, int] = field(default_factory=dict)

    def add(self, lines: Iterable[str], known: Mapping[str, System], described: bool) -> None:
        """Sort these into what is allowed and what is not. What is `described` must be in the description."""
        for line in lines:
            fitting = next((a for s in known.values() for a in s.allowed if a.fits(line)), None)
            if fitting is None or (described and line.endswith(NO_OPERATION)):
                self.mismatches.append(line)
            else:
                self.allowed[fitting] = self.allowed.get(fitting, 0) + 1


async def check(folder: Path, only: Collection[str] = ()) -> Report:
    """Check the library. A difference that is allowed and does not occur is a mismatch too."""
    known = {kind: system for kind, system in systems().items() if not only or kind in only}
    catalog = load_catalog(ROOT / "contracts" / "library")
    loaded = {
        kind: tuple(Description.load(folder / name, s.in_base_url) for name in s.files) for kind, s in known.items()
    }
    recipes = recipe_scopes()
    scopes = {kind: recipes.get(kind, Scopes({"read": frozenset(), "write": frozenset()})) for kind in known}
    report = await compared(known, loaded, catalog.programs, {k: v for k, v in scopes.items() if known[k].scoped})
    return report if only else await with_plans(report, known, loaded, catalog.plans)


async def compared(
    known: Mapping[str, System],
    descriptions: Mapping[str, tuple[Description, ...]],
    programs: Mapping[str, Program],
    scopes: Mapping[str, Scopes],
) -> Report:
    """Compare the programs whose target is one of these systems."""
    report = Report(systems=len(known))
    checked = ContractCheck(known, descriptions, scopes)
    for program in programs.values():
        system = known.get(program.contract.target)
        if system is None:
            continue
        report.contracts += 1
        described = level_of(program) == "description"
        report.add(await checked.mismatches(program), known, described)
        if described and not _is_named(program.contract.verified_against, descriptions[system.kind]):
            versions = ", ".join(one.version for one in descriptions[system.kind])
            report.mismatches.append(f"{program.name}: `verified_against` names no version of these ({versions})")
    for kind, recipe in scopes.items():
        report.add((f"{kind}: {line}" for line in recipe.unused()), known, False)
    for system in known.values():
        report.add(twin_routes(system, descriptions[system.kind]), known, False)
        report.mismatches += [
            f"{system.kind}: the allowed difference `{a.pattern}` does not occur"
            for a in system.allowed
            if a not in report.allowed and not a.of_a_part
        ]
        report.mismatches += [
            f"{system.kind}: there is no contract `{name}`, but an example for it"
            for name in system.examples
            if name not in programs
        ]
    return report


async def with_plans(
    report: Report,
    known: Mapping[str, System],
    descriptions: Mapping[str, tuple[Description, ...]],
    plans: Mapping[str, PlanProgram],
) -> Report:
    """The same report, with what the plans read by themselves."""
    checked = ContractCheck(known, descriptions, {})
    for plan in plans.values():
        report.add(await checked.plan_mismatches(plan), known, False)
    return report


def twin_routes(system: System, descriptions: tuple[Description, ...]) -> Iterator[str]:
    """Each route of a twin that no description has: it would be invented, whether a contract uses it or not."""
    module = SYSTEMS.get(system.kind)
    for method, path in module.router.paths if module and descriptions else ():
        sent = Sent(method, re.sub(r"\{\w+\}", "x1", path), (), {}, b"")
        if not any(one.operation(sent) for one in descriptions):
            yield f"the twin: {system.kind} {method} {path}: {NO_OPERATION}"


def _is_named(said: str, descriptions: tuple[Description, ...]) -> bool:
    """Does the text name the version of one of these, or the first parts of it?"""
    words = [word.strip(",;()") for word in said.split()]
    return any(f"{one.version}.".startswith(f"{word}.") for one in descriptions for word in words if word)
