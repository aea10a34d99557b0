"""One pass over the log: each change of a row is one finding in its own words, and a whole log has none."""

from pathlib import Path

import pytest

from receipts.audit.log_walk import LogWalk
from receipts.log.head import Head, remembered
from receipts.store.row import Read
from tests.receipts.audit.proofs import ROOTS, Approved, approved

SIZE = 7
"""Release and tenant, the key, and four statements about the action."""


@pytest.fixture
async def one(tmp_path: Path) -> Approved:
    return await approved(tmp_path / "s.db")


async def findings(one: Approved, *changes: str, head: Head | None = None) -> list[str]:
    for sql in changes:
        await one.journal.store.write(lambda txn, sql=sql: txn.write(sql, rows=None))  # type: ignore[misc]

    def walk(read: Read) -> list[str]:
        made = LogWalk(read, ROOTS, head)
        return [*made.statements(), *made.end()]

    found = await one.journal.store.read_aside(walk)
    await one.journal.store.aclose()
    return found


async def test_a_whole_log_has_no_finding_and_says_what_it_said(one: Approved) -> None:
    head = remembered(one.journal.store.head_path)
    assert head is not None
    assert head.size == one.journal.store.size == SIZE
    assert await findings(one, head=head) == []


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (
            "UPDATE statements SET status = 'denied' WHERE leaf_index = 6",
            "an index column of `{}` is not what was signed",
        ),
        (
            "UPDATE statements SET at_ms = at_ms + 1 WHERE leaf_index = 6",
            "an index column of `{}` is not what was signed",
        ),
        ("DELETE FROM search WHERE leaf_index = 6", "the search values of `{}` are not what was signed"),
        ("INSERT INTO search VALUES ('x', 6)", "the search values of `{}` are not what was signed"),
        ("UPDATE statements SET envelope = x'00' WHERE leaf_index = 6", "the body of `{}` is damaged"),
        ("DELETE FROM statements WHERE leaf_index = 6", "leaf 6 is missing"),
        ("DELETE FROM statements WHERE leaf_index IN (4, 5)", "the leaves 4 to 5 are missing"),
        ("UPDATE checkpoints SET note = 'x' WHERE size = 6", "the checkpoint at 6 is not signed by a trusted key"),
        ("UPDATE checkpoints SET size = 60 WHERE size = 6", "the checkpoint at 60 stands beyond the log"),
    ],
)
async def test_each_change_is_one_finding(one: Approved, sql: str, finding: str) -> None:
    receipt = await one.receipt("confirmed")
    assert await findings(one, sql) == [finding.format(receipt)]


async def test_a_body_that_was_exchanged_is_told_with_what_follows_from_it(one: Approved) -> None:
    receipt = await one.receipt("confirmed")
    swap = (
        "UPDATE statements SET envelope = (SELECT envelope FROM statements WHERE leaf_index = 5) WHERE leaf_index = 6"
    )
    assert f"the body of `{receipt}` is not the one that was logged" in await findings(one, swap)


async def test_evidence_is_what_was_committed_to_or_was_erased_by_a_statement(one: Approved) -> None:
    receipt = await one.receipt("approved")
    assert await findings(one, "UPDATE evidence SET data = x'00' WHERE label = 'approval'") == [
        f"the evidence `approval` of `{receipt}` is not what was committed to"
    ]


async def test_evidence_that_is_missing_is_told(one: Approved) -> None:
    receipt = await one.receipt("approved")
    assert await findings(one, "DELETE FROM evidence WHERE label = 'approval'") == [
        f"the evidence `approval` of `{receipt}` is missing, and no statement says that it was erased"
    ]


async def test_a_log_without_its_newest_checkpoint_ends_nowhere(one: Approved) -> None:
    assert await findings(one, "DELETE FROM checkpoints WHERE size > 5") == [
        "no signed checkpoint covers the leaves 5 to 6"
    ]


@pytest.mark.parametrize(
    ("head", "finding"),
    [
        (Head(SIZE + 2, "0" * 64), "the log ends at 7, and the head file remembers 9"),
        (Head(SIZE, "0" * 64), "the log is not the one that the head file remembers at 7"),
    ],
)
async def test_another_log_than_the_head_file_remembers_is_told(one: Approved, head: Head, finding: str) -> None:
    assert await findings(one, head=head) == [finding]
