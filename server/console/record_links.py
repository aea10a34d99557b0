"""Links to the records that an action is about, at their own systems: a ticket, a case; for people to look at."""

import re
from collections.abc import Mapping

from pydantic import JsonValue

from contracts.compiler.expressions import Fault
from contracts.compiler.path_segment import segment_of
from policies.release import Release
from receipts.action.action import Action

_HOLE = re.compile(r"\$\{inputs\.([a-z][a-z0-9_]*)\}")


def links_of(release: Release, action: Action) -> list[JsonValue]:
    """Each system that the action reads and that says where its records are looked at: its words, and the address."""
    program, target = release.catalog.programs.get(action.request.contract), release.target(action.request)
    if program is None or target is None:
        return []
    links: list[JsonValue] = []
    for kind in sorted({program.contract.target, *(read.target for read in program.reads)}):
        page, beside = release.catalog.pages.get(kind), release.beside(target, kind)
        # an adapter's address may be none of the web
        if page is None or beside is None or not beside.base_url.startswith(("https://", "http://")):
            continue
        if (filled := path_of(page, action.request.params)) is not None:
            path, named = filled
            links.append({"words": f"{kind} {named}", "url": beside.base_url.rstrip("/") + path})
    return links


def path_of(page: str, params: Mapping[str, JsonValue]) -> tuple[str, str] | None:
    """The path for these inputs, and their values; None where one is missing or is no plain segment of a path."""
    named: list[str] = []
    for name in _HOLE.findall(page):
        value = params.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        # INVARIANT: the agent names the record, and never the host or another page of it
        if isinstance(segment_of(str(value), "\x00"), Fault):
            return None
        named.append(str(value))
    return _HOLE.sub(lambda found: str(segment_of(str(params[found[1]]), "\x00")), page), ", ".join(named)
