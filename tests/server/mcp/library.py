"""The tools of the whole library at once, as an agent reads them who may call all of them."""

from collections.abc import Collection
from functools import cache

import mcp_types as types
import orjson

from contracts.action.request import Caller
from contracts.action.target import Target
from contracts.compiler.catalog import load_catalog
from policies.candidate import Candidate
from policies.principal import People
from policies.release import Release
from server.mcp.tools import tools_for
from tests.world import ROOT

ROLES = ("Support", "Operations", "SecurityLead")
CALLER = Caller("bot", "acme", "ann", "ann", frozenset(ROLES), frozenset(ROLES))


@cache
def library() -> Release:
    """Every system of the library, each with one connection; under the policies that come with it."""
    catalog = load_catalog(ROOT / "contracts" / "library")
    programs = catalog.programs.values()
    systems = {p.contract.target for p in programs} | {read.target for p in programs for read in p.reads}
    targets = {
        system: Target(system, system, f"http://127.0.0.1:1/{system}", "acme", "prod", "none", "none", "p")
        for system in systems
    }
    texts = {path.name: path.read_text() for path in (ROOT / "policies" / "library").glob("*.cedar")}
    return Release.build(Candidate(catalog, texts, targets, People({}), ROLES, origin="o"))


@cache
def library_tools() -> tuple[types.Tool, ...]:
    """What `tools/list` answers."""
    return tuple(tools_for(library(), CALLER))


def tools_of(systems: Collection[str]) -> list[types.Tool]:
    """Those whose contracts, and the contracts of whose steps, are of these systems; and the gateway's own."""
    catalog = library().catalog
    outside = {name for name, program in catalog.programs.items() if program.contract.target not in systems}
    outside |= {
        name
        for name, plan in catalog.plans.items()
        if outside & {step.contract for block in plan.blocks for step in block.steps}
    }
    return [tool for tool in library_tools() if tool.name not in outside]


def tokens(tool: types.Tool) -> float:
    """The count rule: four characters of the entry as it is on the wire are one token."""
    return len(orjson.dumps(tool.model_dump(mode="json", by_alias=True, exclude_none=True)).decode()) / 4
