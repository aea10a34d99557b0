"""What is on the wire now, of whom and until when, and how long the last send was left to settle."""

from dataclasses import replace

from receipts.journal.journal import Journal
from receipts.tables.intents import OpenIntent, WireIntent, of_tenant, on_the_wire, per_connection, settle_ms
from tests.receipts.making import action, intend, request
from tests.receipts.stages import end, rows, send, stored


async def test_what_is_on_the_wire_is_there_until_it_has_ended(journal: Journal) -> None:
    first, second = await send(journal, "r1"), await send(journal, "r2")
    slack = replace(action(), request=request("r3", connection="slack"))
    await intend(journal, slack)
    assert await on_the_wire(journal.store) == [
        WireIntent(first.id, "okta"), WireIntent(second.id, "okta"), WireIntent(slack.id, "slack"),
    ]  # fmt: skip
    assert await per_connection(journal.store, "acme") == {"okta": 2, "slack": 1}
    await end(journal, first)
    assert await per_connection(journal.store, "acme") == {"okta": 1, "slack": 1}


async def test_a_tenant_sees_its_own(journal: Journal) -> None:
    of = await send(journal)
    ((deadline,),) = await rows(journal, "deadline_ms", "intents")
    assert isinstance(deadline, int)
    assert await of_tenant(journal.store, "acme") == [OpenIntent(of.id, "bot", "reset", deadline)]
    assert await of_tenant(journal.store, "umbrella") == []
    assert await per_connection(journal.store, "umbrella") == {}


async def test_the_last_attempt_says_how_long_it_was_left_to_settle(journal: Journal) -> None:
    of = await send(journal)
    await intend(journal, of, attempt=2)
    await journal.store.write(lambda txn: txn.write("UPDATE intents SET settle_ms = 900 WHERE attempt = 2"))
    assert await settle_ms(journal.store, of.id) == 900
    assert await settle_ms(journal.store, "act_unsent") is None
    assert (await stored(journal, of)).fence == 2
