"""An activation of releases at an engine, which keeps what clients were told."""

from collections.abc import Coroutine

from policies.release import Release
from server.actions.live_release import LiveRelease
from server.operations.activation import Activation
from tests.server.engine import Engine


class Told:
    """An activation at an engine, and the releases that clients were told of."""

    def __init__(self, made: Engine) -> None:
        self.engine = made
        self.releases: list[str] = []
        self.activation = Activation(made.runner, self.under, self.tell)

    def under(self, release: Release) -> LiveRelease:
        executor = self.engine.executor
        return LiveRelease.of(self.engine.journal, release, executor.adapter, executor.current, executor.limiter)

    def tell(self, release: Release) -> Coroutine[None, None, None]:
        self.releases.append(release.digest)

        async def nothing() -> None:
            pass

        return nothing()
