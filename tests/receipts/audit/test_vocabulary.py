"""A name that nobody has or had is told, with the names that there are: an empty answer would reassure falsely."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import AilyusError
from receipts.audit.vocabulary import (
    require_agent,
    require_connection,
    require_contract,
    require_kind,
    require_person,
    require_status,
)
from receipts.store.row import Read
from tests.free import free
from tests.receipts.making import journal_at
from tests.receipts.stages import send


@pytest.fixture
async def read(tmp_path: Path) -> Any:
    """A store in which `bot` called `reset`; `idle` is registered, and `unlock` was released."""
    journal = await journal_at(tmp_path / "s.db")
    await send(journal)
    agent = ("idle", "umbrella", "ann", "ann", "", 0, "hash")
    await journal.store.write(lambda txn: txn.write("INSERT INTO agents VALUES (?, ?, ?, ?, ?, ?, ?, 0)", *agent))
    sealed = journal.notary.sign_gateway_statement(free("release"), "rcp_2", "", {"r": "1" * 64}, 1)
    await journal.registry.activate("release-2", ["acme"], [("unlock", 1, "d")], sealed)

    async def ask(question: Callable[[Read], None]) -> None:
        await journal.store.read_aside(question)

    yield ask
    await journal.store.aclose()


async def test_whoever_acts_or_is_registered_is_known_in_its_own_tenant(read: Any) -> None:
    for name, tenant in (("bot", None), ("bot", "acme"), ("idle", None), ("idle", "umbrella")):
        await read(lambda r, name=name, tenant=tenant: require_agent(r, name, tenant))
    for name, tenant, known in (
        ("bto", None, "did you mean `bot`? It is one of bot, idle"), ("bot", "umbrella", "one of idle"), ("x", "none", "there is none yet"),
    ):  # fmt: skip
        with pytest.raises(AilyusError, match=f"there is no agent `{name}`") as caught:
            await read(lambda r, name=name, tenant=tenant: require_agent(r, name, tenant))
        assert (caught.value.code, caught.value.hint) == ("unknown_agent", known)


async def test_what_was_released_or_called_is_known(read: Any) -> None:
    for name in ("reset", "unlock"):
        await read(lambda r, name=name: require_contract(r, name))
    with pytest.raises(AilyusError, match="there is no contract `rest`") as caught:
        await read(lambda r: require_contract(r, "rest", "acme"))
    assert (caught.value.code, caught.value.hint) == ("not_found", "did you mean `reset`? It is one of reset, unlock")


def test_a_status_is_one_that_a_statement_can_have() -> None:
    for status in ("confirmed", "withdrawn", "asserted_applied", "drifted"):
        require_status(status)
    with pytest.raises(AilyusError, match="there is no status `done`") as caught:
        require_status("done")
    assert "confirmed" in caught.value.hint


def test_a_kind_is_one_of_those_that_there_are() -> None:
    require_kind("outcome")
    with pytest.raises(AilyusError, match="there is no kind `receipt`") as caught:
        require_kind("receipt")
    assert caught.value.hint.startswith("one of intent, outcome, ")


async def test_people_and_connections_are_those_of_actions_and_those_that_there_are(read: Any) -> None:
    await read(lambda r: require_person(r, "ann", "acme"))
    await read(lambda r: require_person(r, "lead", "acme", ["lead"]))
    await read(lambda r: require_connection(r, "okta"))
    with pytest.raises(AilyusError, match="there is no person `anne`") as caught:
        await read(lambda r: require_person(r, "anne", "acme"))
    assert caught.value.hint == "did you mean `ann`? It is one of ann"
    with pytest.raises(AilyusError, match="there is no connection `okat`"):
        await read(lambda r: require_connection(r, "okat", "acme"))
