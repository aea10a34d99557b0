"""The questions of security teams are answered on both stores, for all tenants and for one."""

import pytest

from contracts.errors import AilyusError
from receipts.audit import denials, questions, record_search, vocabulary
from receipts.journal.journal import Journal
from receipts.store.row import Read
from receipts.tables import input_names
from tests.receipts.making import action, conclude, intend, seal

pytestmark = pytest.mark.both_stores


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_who_was_denied_what_and_names_that_nobody_has(journal: Journal, tenant: str | None) -> None:
    denied = action()
    await journal.store.write(seal(journal, denied, "decision", "denied").insert)

    def ask(read: Read) -> list[denials.Denials]:
        vocabulary.require_agent(read, "bot", tenant)
        vocabulary.require_contract(read, "reset", tenant)
        vocabulary.require_status("denied")
        with pytest.raises(AilyusError, match="there is no agent `nobody`"):
            vocabulary.require_agent(read, "nobody", tenant)
        with pytest.raises(AilyusError, match="there is no contract `nothing`"):
            vocabulary.require_contract(read, "nothing", tenant)
        with pytest.raises(AilyusError, match="there is no status `odd`"):
            vocabulary.require_status("odd")
        return denials.denied(read, 0, tenant)

    (group,) = await journal.store.read_aside(ask)
    assert (group.agent, group.contract, group.count) == ("bot", "reset", 1)


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_what_was_changed_and_what_was_not_confirmed(journal: Journal, tenant: str | None) -> None:
    asked = action()
    dispatch = await intend(journal, asked)
    await conclude(journal, asked, dispatch.fence, "unknown")
    found = await journal.store.read_aside(lambda read: questions.unconfirmed(read, 0, tenant))
    assert [(one.action_id, one.status) for one in found] == [(asked.id, "unknown")]
    assert await journal.store.read_aside(lambda read: questions.changed_by(read, "bot", 0, tenant)) == []
    now = journal.store.now_ms()
    assert await journal.store.read_aside(lambda read: questions.day_of(read, "acme", "bot", now)) == {"unknown": 1}


@pytest.mark.parametrize("tenant", [None, "acme"])
async def test_what_was_done_to_one_record(
    journal: Journal, tenant: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_names, "PAGE", 2)  # the actions are read in several pages
    for _ in range(5):
        asked = action()
        await journal.store.write(seal(journal, asked, "decision", "denied").insert)
        dispatch = await intend(journal, asked)
        await conclude(journal, asked, dispatch.fence, "confirmed")
    person = action().request.person
    found = await journal.store.read_aside(lambda read: record_search.done_to(read, person, tenant))
    assert len(found) >= 5
    assert await journal.store.read_aside(lambda read: record_search.done_to(read, "nobody", tenant)) == []
