"""The changes that the log says were sent by a connection."""

from receipts.coverage.changes import changes_of
from tests.world import LEO, MARIA, NOBODY_ENROLLED, World


async def test_what_was_sent_is_a_change_and_what_was_so_already_is_none(world: World) -> None:
    assert (await world.reset())["status"] == "confirmed"
    assert (await world.reset(NOBODY_ENROLLED))["changed"] is False
    await world.call("reset_user_mfa", LEO)  # waits: nothing is sent
    (change,) = world._reading(lambda read: changes_of(read, "okta", "acme", 0))
    assert (change.contract, change.status, change.open) == ("reset_user_mfa", "confirmed", False)
    assert MARIA["user_id"] in change.objects
    (log,) = [
        one for one in world.sandbox.state()["acme"]["okta"]["logs"] if one["target"][0]["id"] == MARIA["user_id"]
    ]
    assert change.request_ids == {log["transaction"]["id"]}
    assert world._reading(lambda read: changes_of(read, "okta-globex", "globex", 0)) == []
    assert world._reading(lambda read: changes_of(read, "okta", "acme", change.began_ms + 3_600_000)) == []
