"""After the end: a person's signed word about what nobody could read back, and whether what was confirmed still holds."""

from typing import Any

import pytest

from contracts.errors import AilyusError
from policies.principal import keyid_of
from policies.signed_resolution import Resolution, SignedResolution
from receipts.action.action import Action
from server.operations.resolutions import CLOCK_SKEW_MS, Resolutions, open_incidents
from tests.server.engine import KEYS, Engine, release_of


def word(made: Engine, action: Action, person: str = "lead", **other: Any) -> SignedResolution:
    """A person's signed word that it was applied."""
    said: dict[str, Any] = {
        "purpose": "ailyus-resolution-v1",
        "origin": made.release.origin,
        "action_id": action.id,
        "asserted": "applied",
        "comment": "seen on the page",
        "person": person,
        "at_ms": made.executor.now(),
    }
    resolution, key = Resolution(**(said | other)), KEYS[person]
    keyid = keyid_of(key.public_key().public_bytes_raw())
    return SignedResolution(resolution=resolution, keyid=keyid, signature=key.sign(resolution.message).hex())


async def test_a_persons_word_closes_the_incident_and_confirms_nothing(permissive: Engine) -> None:
    action = await permissive.unknown()
    assert [one["action"] for one in await open_incidents(permissive.runner, "acme")] == [action.id]
    assert await open_incidents(permissive.runner, "globex") == []
    assert await Resolutions(permissive.runner).resolve(word(permissive, action)) == "asserted_applied"
    assert await open_incidents(permissive.runner) == []
    assert (await permissive.row(action.id)).status == "unknown"
    assert await permissive.rows("SELECT acknowledged_by FROM escalations") == [("lead",)]
    ((status, changed),) = await permissive.rows("SELECT status, changed FROM statements WHERE kind = 'resolution'")
    assert (status, changed) == ("asserted_applied", None)


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"action_id": "act_none"}, "not_found"),
        ({"person": "ann"}, "self_approval"),
        ({"origin": "another gateway"}, "bad_signature"),
        ({"at_ms": -CLOCK_SKEW_MS}, "expired"),
    ],
)
async def test_a_word_that_does_not_count(permissive: Engine, other: dict[str, Any], code: str) -> None:
    action = await permissive.unknown()
    person = other.pop("person", "lead")
    if "at_ms" in other:
        other = {"at_ms": permissive.executor.now() - CLOCK_SKEW_MS - 10_000}
    with pytest.raises(AilyusError) as fault:
        await Resolutions(permissive.runner).resolve(word(permissive, action, person, **other))
    assert fault.value.code == code
    assert len(await open_incidents(permissive.runner)) == 1


async def test_nobody_signs_with_the_key_of_another_or_over_other_words(permissive: Engine) -> None:
    action = await permissive.unknown()
    signed = word(permissive, action)
    for changed, code in (
        ({"keyid": keyid_of(KEYS["other"].public_key().public_bytes_raw())}, "unlinked_key"),
        ({"resolution": signed.resolution.model_copy(update={"asserted": "not_applied"})}, "bad_signature"),
    ):
        with pytest.raises(AilyusError) as fault:
            await Resolutions(permissive.runner).resolve(signed.model_copy(update=changed))
        assert fault.value.code == code


async def test_what_is_known_is_not_open(permissive: Engine) -> None:
    answer = await permissive.live.pipeline.act(permissive.action())
    with pytest.raises(AilyusError, match="nothing about it is open") as fault:
        await Resolutions(permissive.runner).resolve(word(permissive, await permissive.row(answer.action_id)))
    assert fault.value.code == "not_waiting"


async def test_what_was_confirmed_holds_or_has_drifted_or_was_not_read(permissive: Engine) -> None:
    answer = await permissive.live.pipeline.act(permissive.action())
    resolutions, action_id = Resolutions(permissive.runner), str(answer.action_id)
    assert (await resolutions.recheck(action_id)).status == "holds"
    assert await permissive.rows("SELECT count(*) FROM escalations") == [(0,)]
    permissive.records["r1"]["value"] = "theirs"
    drifted = await resolutions.recheck(action_id)
    assert (drifted.status, [check.met for check in drifted.checks]) == ("drifted", [False])
    assert await permissive.rows("SELECT route FROM escalations") == [("records-oncall",)]
    assert (await permissive.row(action_id)).status == "confirmed"  # nobody's fault, and nothing is repaired
    del permissive.records["r1"]["value"]
    assert (await resolutions.recheck(action_id)).status == "not_read"


@pytest.mark.parametrize("trouble", ["none", "waiting", "moved", "down"])
async def test_what_cannot_be_looked_at(permissive: Engine, trouble: str) -> None:
    action_id = (await permissive.live.pipeline.act(permissive.action())).action_id or ""
    codes = {"none": "not_found", "waiting": "not_waiting", "moved": "target_changed", "down": "not_found"}
    if trouble == "none":
        action_id = "act_none"
    elif trouble == "waiting":
        permissive.records.clear()
        action_id = (await permissive.live.pipeline.act(permissive.action(record="r9", value="x"))).action_id or ""
    elif trouble == "moved":
        permissive.release_anew(release_of(permissive.root, 1))
    else:
        permissive.fault("503", reads=True, times=9)
    with pytest.raises(AilyusError) as fault:
        await Resolutions(permissive.runner).recheck(action_id)
    assert fault.value.code == codes[trouble]


async def test_the_looks_that_are_due_are_taken_and_a_doubt_keeps_its_later_ones(permissive: Engine) -> None:
    action = await permissive.unknown()
    await permissive.journal.store.write(
        lambda txn: txn.write("UPDATE rechecks SET due_ms = 1 WHERE due_ms = (SELECT min(due_ms) FROM rechecks)")
    )
    ((looks,),) = await permissive.rows("SELECT count(*) FROM rechecks WHERE done_ms IS NULL")
    permissive.fault("503", reads=True, times=9)
    await Resolutions(permissive.runner).recheck_due()
    assert await permissive.rows("SELECT count(*) FROM rechecks WHERE done_ms IS NULL") == [(int(str(looks)) - 1,)]
    permissive.sandbox.faults.clear()
    permissive.records["r1"] |= {"value": "new", "version": "2"}
    await permissive.journal.store.write(
        lambda txn: txn.write("UPDATE rechecks SET due_ms = 2 WHERE due_ms = (SELECT max(due_ms) FROM rechecks)")
    )
    await Resolutions(permissive.runner).recheck_due()
    assert (await permissive.row(action.id)).status == "confirmed"
