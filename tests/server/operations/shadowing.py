"""Candidates as shadows, and what a shadow has decided so far."""

import asyncio
import time

from receipts.tables import shadows
from receipts.tables.shadows import ShadowFlip, ShadowRecord
from server.workspace.release_package import ReleasePackage, candidate_of
from server.workspace.workspace import Workspace
from tests.slowness import scaled
from tests.world import World

ALL = '@id("all") permit (principal, action, resource);'
NONE = '@id("none") forbid (principal, action, resource);'


def candidate(workspace: Workspace, *policies: str) -> ReleasePackage:
    """The workspace's files under other policies."""
    _, package = candidate_of(workspace)
    sources = {name: text for name, text in package.sources.items() if not name.startswith("policies/")}
    return package.model_copy(update={"sources": {**sources, "policies/own.cedar": "\n".join(policies)}})


def record(package: ReleasePackage) -> ShadowRecord:
    return ShadowRecord(
        name="a candidate", by="lead", digest=package.digest, began_ms=1, package=package.model_dump_json()
    )


async def flips(world: World, more_than: int = 0) -> list[ShadowFlip]:
    """What came of it, once more decisions than these are counted in the store."""
    shadow, store = world.app.shadow, world.app.store
    end = time.monotonic() + scaled(30)
    while True:
        # the gateway writes by itself, too: what it has counted is in the store, sooner or later
        await shadow.follow()
        kept = await store.read_aside(shadows.current)
        if kept is not None and kept.count.same + kept.count.wider + kept.count.narrower > more_than:
            return await store.read_aside(shadows.flips)
        assert time.monotonic() < end, "nothing was decided in time"
        await asyncio.sleep(0.01)
