"""Which releases need a browser: those with a contract that acts or reads through pages."""

from contracts.compiler.program import Program
from contracts.compiler.read_program import FlowRead
from contracts.compiler.route_program import BrowserProgram
from policies.release import Release


def uses_pages(release: Release) -> bool:
    """Does any contract act or read through pages?"""
    return any(by_pages(p) or any(isinstance(r, FlowRead) for r in p.reads) for p in release.catalog.programs.values())


def by_pages(program: Program) -> bool:
    """Does this contract act through pages?"""
    return any(isinstance(route, BrowserProgram) for route in program.routes)
