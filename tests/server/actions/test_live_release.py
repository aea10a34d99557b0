"""The live release: what works under it, and that an action keeps the one that it began with."""

from policies.decision import Denied
from server.actions.live_release import LiveRelease
from server.execution.resolved_action import ResolvedAction
from tests.server.engine import Engine, release_of

FORBID = '@id("nothing") forbid (principal, action, resource);'


def under(made: Engine, *policies: str) -> LiveRelease:
    executor = made.executor
    release = release_of(made.root, made.port, *policies)
    return LiveRelease.of(made.journal, release, executor.adapter, executor.current, executor.limiter)


async def test_all_of_it_works_under_one_release(permissive: Engine) -> None:
    live = under(permissive, FORBID)
    assert live.executor.release is live.release
    assert isinstance(live.executor.resolve(permissive.action()), Denied)
    assert live.executor.basis.release == live.release.digest != permissive.release.digest


async def test_releases_share_the_order_in_which_connections_are_used(permissive: Engine) -> None:
    assert under(permissive, FORBID).executor.limiter is permissive.executor.limiter


async def test_what_began_under_the_former_one_goes_on_under_it(permissive: Engine) -> None:
    action = permissive.action()
    former = permissive.runner.live
    later = under(permissive, FORBID)
    assert permissive.runner.replace(later) is former
    assert permissive.runner.release is later.release
    assert isinstance(former.executor.resolve(action), ResolvedAction)
    assert isinstance(permissive.runner.executor.resolve(action), Denied)
