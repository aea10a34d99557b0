"""Roles that a provider told: known by their statement, fresh for 15 minutes, and none where nobody knows."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from policies.principal import Person
from receipts.journal.journal import Journal
from receipts.journal.roles import HeldRoles
from receipts.log.signing import Envelope
from receipts.store.row import blob
from tests.receipts.making import journal_at
from tests.receipts.stages import Clock

FIFTEEN_MINUTES_MS = 900_000
ANN = Person("ann", "https://id", "sub-1", "acme", frozenset({"Support"}))
TOLD = HeldRoles(frozenset({"SecurityLead", "Director"}), b"sealed")


async def told(journal: Journal) -> None:
    journal.roles.issuer = "https://id"
    await journal.roles.store(ANN, TOLD)


async def test_whoever_the_provider_does_not_speak_of_has_the_declared_roles(journal: Journal) -> None:
    assert await journal.roles.fresh(ANN) == {"Support"}
    await told(journal)
    terminal = replace(ANN, issuer="local")
    assert await journal.roles.fresh(terminal) == await journal.roles.last_known(terminal) == {"Support"}


async def test_what_was_told_counts_and_for_who_was_never_told_of_nothing_does(journal: Journal) -> None:
    await told(journal)
    assert await journal.roles.fresh(ANN) == await journal.roles.last_known(ANN) == TOLD.roles
    stranger = replace(ANN, name="bob")
    assert await journal.roles.fresh(stranger) == await journal.roles.last_known(stranger) == frozenset()


async def test_after_fifteen_minutes_the_provider_is_asked_again(tmp_path: Path) -> None:
    clock, asked = Clock(), []
    journal = await journal_at(tmp_path / "s.db", clock)
    await told(journal)

    async def reader(person: Person, refresh: bytes) -> HeldRoles | None:
        asked.append((person.name, refresh))
        return HeldRoles(frozenset({"Support"}), b"newer") if refresh == b"sealed" else None

    journal.roles.reader = reader
    clock.now_ms += FIFTEEN_MINUTES_MS
    assert (await journal.roles.fresh(ANN), asked) == (TOLD.roles, [])
    clock.now_ms += 1
    assert (await journal.roles.fresh(ANN), asked) == ({"Support"}, [("ann", b"sealed")])
    assert await journal.roles.fresh(ANN) == {"Support"}
    assert len(asked) == 1, "it was told just now"
    clock.now_ms += FIFTEEN_MINUTES_MS + 1
    assert await journal.roles.fresh(ANN) == frozenset(), "the provider speaks of her no more"
    assert await journal.roles.last_known(ANN) == {"Support"}, "for what only shows"
    journal.roles.reader = None
    assert await journal.roles.fresh(ANN) == frozenset()
    await journal.store.aclose()


@pytest.mark.parametrize("change", ["roles = 'Director Admin'", "at_ms = at_ms + 1", "refresh = x'00'"])
async def test_a_row_that_was_changed_gives_no_role(journal: Journal, change: str) -> None:
    await told(journal)
    await journal.store.write(lambda txn: txn.write(f"UPDATE role_facts SET {change}"))
    assert await journal.roles.fresh(ANN) == await journal.roles.last_known(ANN) == frozenset()


async def test_the_row_of_another_person_gives_no_role(journal: Journal) -> None:
    await told(journal)
    await journal.store.write(lambda txn: txn.write("UPDATE role_facts SET person = 'bob'"))
    assert await journal.roles.fresh(replace(ANN, name="bob")) == frozenset()


async def test_the_statement_names_nobody_and_no_role(journal: Journal) -> None:
    await told(journal)
    ((envelope,),) = await journal.store.read("SELECT envelope FROM statements WHERE kind = 'role'")
    payload = Envelope.decode(blob(envelope)).payload
    about = orjson.loads(payload)["predicate"]["about"]
    assert about["holder"] == journal.notary.pseudonym("acme", "person", "ann")
    assert set(about) == {"event", "holder", "fact"}
    assert not any(word in payload for word in (b'"ann"', b"SecurityLead", b"Director"))
