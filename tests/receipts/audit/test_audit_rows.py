"""Every row that repeats a statement is compared with it: what says more, less or otherwise is one finding."""

from dataclasses import replace
from pathlib import Path

import pytest

from contracts.canonical import new_id
from receipts.action.sentence import ActionSentence
from receipts.audit.audit_rows import audit_rows
from receipts.audit.log_walk import LogWalk
from receipts.statement.statement import StatementSubject
from receipts.store.row import Read
from tests.free import free
from tests.receipts.audit.proofs import LEAD, ROOTS, Approved, approved
from tests.receipts.making import action, intend, journal_at
from tests.receipts.stages import halt


@pytest.fixture
async def one(tmp_path: Path) -> Approved:
    made = await approved(tmp_path / "s.db")
    await halt(made.journal, "connection", "okta")
    return made


async def findings(one: Approved, sql: str = "") -> list[str]:
    if sql:
        await one.journal.store.write(lambda txn: txn.write(sql, rows=1))

    def ask(read: Read) -> list[str]:
        walk = LogWalk(read, ROOTS, None)
        assert list(walk.statements()) == []
        return list(audit_rows(read, walk.words))

    found = await one.journal.store.read_aside(ask)
    await one.journal.store.aclose()
    return found


async def test_rows_that_say_what_was_signed_are_no_finding(one: Approved) -> None:
    assert await findings(one) == []


KEY = "the key `{key}`"


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        ("UPDATE keys SET person = 'eve'", KEY + " is not what its statement says"),
        ("UPDATE keys SET revoked = 1", KEY + " is not what its statement says"),
        ("DELETE FROM keys", "the row of " + KEY + " is missing"),
        ("INSERT INTO keys VALUES ('k', x'00', 'eve', 'file', 0)", "the key `k` has no statement"),
        (
            "INSERT INTO agents VALUES ('a', 'acme', 'ann', 'ann', '', 0, 'h', 0)",
            "the agent `a` has no statement",
        ),
        ("UPDATE halts SET reason = 'other'", "the halt of `connection okta` is not what its statement says"),
        ("UPDATE halts SET lifted_ms = 1", "the halt of `connection okta` is not what its statement says"),
        ("UPDATE halts SET allow_undo = 1", "the halt of `connection okta` is not what its statement says"),
        (
            "INSERT INTO halts VALUES ('h', 'agent', 'bot', 0, 'lead', '', 1, NULL)",
            "the halt of `agent bot` has no statement",
        ),
        (
            "INSERT INTO role_facts VALUES ('ann', 'Director', 1, x'')",
            "the roles of `ann` are not what a statement says",
        ),
        ("UPDATE approvals SET role = 'Director'", "the approval `{approval}` is not what its statement says"),
        ("DELETE FROM approvals", "the row of the approval `{approval}` is missing"),
        ("UPDATE approval_uses SET action_id = 'x'", "the use of the approval `{approval}` is not what an intent says"),
        ("UPDATE actions SET status = 'denied'", "the status of the action `{action}` is not what its statement says"),
        ("UPDATE actions SET agent = 'other'", "the request of the action `{action}` is not what its statement says"),
        (
            "UPDATE actions SET request = CAST('{}' AS BLOB)",
            "the request of the action `{action}` is not what its statement says",
        ),
        (
            "UPDATE actions SET asked = x'00'",
            "what was asked about the action `{action}` is not what its statement says",
        ),
    ],
)
async def test_each_change_is_one_finding(one: Approved, sql: str, finding: str) -> None:
    assert await findings(one, sql) == [finding.format(key=LEAD.keyid, approval=one.approval.id, action=one.action.id)]


async def listed(path: Path, *sql: str) -> list[str]:
    """What is found of an action with a sentence, after these statements."""
    journal = await journal_at(path)
    of = replace(action(), sentence=ActionSentence.of("Remove 2 MFA factors of ann@acme.test"))
    about = StatementSubject(of.request, of.id, "release-1", True, sentence=of.sentence)
    sealed = journal.notary.seal(
        free("intent"), new_id("rcp"), about, status="running", changed=None, at_ms=1, evidence={}
    )
    await intend(journal, of, sealed=sealed)
    for one in sql:
        await journal.store.write(lambda txn, one=one: txn.write(one, rows=None))  # type: ignore[misc]  # mypy and defaults

    def ask(read: Read) -> list[str]:
        walk = LogWalk(read, ROOTS, None)
        assert list(walk.statements()) == []
        return [found for found in audit_rows(read, walk.words) if "sentence" in found]

    try:
        return await journal.store.read_aside(ask)
    finally:
        await journal.store.aclose()


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (["UPDATE actions SET says = 'Remove 1 MFA factor of eve@acme.test'"], "is not what its statement says"),
        (
            ["DELETE FROM action_words WHERE word <> (SELECT min(word) FROM action_words)"],
            "is not found by every word of its sentence",
        ),
        (["DELETE FROM evidence", "UPDATE actions SET says = ''", "DELETE FROM action_words"], None),
        ([], None),
    ],
)
async def test_a_sentence_that_is_not_what_was_signed_is_found(tmp_path: Path, sql: list[str], finding: str) -> None:
    found = await listed(tmp_path / "s.db", *sql)
    assert bool(found) is bool(finding)
    assert all(finding in one for one in found[:1])
