"""The activation of a release: accepted, logged and live in one step, or nothing at all."""

from dataclasses import replace

import pytest

from contracts.errors import AilyusError
from policies.release import Release
from tests.server.engine import LEAD, PERMIT, Engine, release_of
from tests.server.operations.told import Told


def unsigned(made: Engine, *policies: str, **more: int) -> Release:
    return replace(release_of(made.root, made.port, *policies, **more), governed=False)


async def test_a_release_is_live_at_once_and_the_same_again_changes_nothing(permissive: Engine) -> None:
    told, journal = Told(permissive), permissive.journal
    other, epoch = unsigned(permissive, PERMIT, LEAD), journal.epoch
    assert await told.activation.apply(other, None, {})
    assert permissive.runner.release is other
    assert (journal.release, journal.controls.live, told.releases) == (other.digest, other.digest, [other.digest])
    assert journal.epoch > epoch
    leaf, epoch = told.activation.leaf, journal.epoch
    assert not await told.activation.apply(other, None, {})
    assert (told.activation.leaf, journal.epoch) == (leaf, epoch)
    record = await journal.registry.newest()
    assert record is not None
    assert (record.leaf, record.digest, record.signed) == (leaf, other.digest, None)
    await told.activation.finish()


async def test_limits_are_no_part_of_the_digest_and_are_applied_all_the_same(permissive: Engine) -> None:
    told = Told(permissive)
    assert await told.activation.apply(unsigned(permissive), None, {})
    leaf, limited = told.activation.leaf, unsigned(permissive, per_minute=7)
    assert limited.digest == permissive.runner.release.digest
    assert await told.activation.apply(limited, None, {})
    assert permissive.runner.release.targets["records"].per_minute == 7
    assert told.activation.leaf > leaf
    await told.activation.finish()


async def test_what_nobody_signed_changes_nothing_where_releases_are_signed(permissive: Engine) -> None:
    told, journal = Told(permissive), permissive.journal
    former, epoch = permissive.runner.release, journal.epoch
    with pytest.raises(AilyusError) as fault:
        await told.activation.apply(release_of(permissive.root, permissive.port, PERMIT, LEAD), None, {})
    assert fault.value.code == "not_released"
    assert (permissive.runner.release, journal.epoch, told.releases) == (former, epoch, [])
