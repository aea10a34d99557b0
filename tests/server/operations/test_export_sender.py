"""One export: every statement at least once and in order, whatever its receiver answers, and whoever is killed."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.errors import AilyusError
from policies.principal import Person
from receipts.journal.journal import Journal
from receipts.log.signing import Envelope
from receipts.store.transaction import Conflict
from receipts.tables import export_states
from server.operations.export_sender import CLAIM_MS, ExportSender
from server.operations.export_sink import BatchAnswer, BatchDeferred, BatchRefused, BatchTaken
from server.workspace.settings.export import ExportPart
from tests.receipts.export.records import logged
from tests.receipts.making import KEY, journal_at
from tests.receipts.stages import Clock
from tests.server.operations.export_process import nobody
from tests.slowness import scaled
from tests.world import ROOT

LEAD = Person("lead", "local", "lead", "acme", frozenset())


class Receiver:
    """Takes batches, or answers what a test says; it keeps what it took."""

    def __init__(self, *answers: BatchAnswer) -> None:
        self.answers = list(answers)
        self.lines: list[dict[str, Any]] = []
        self.batches = 0

    async def put(self, lines: Sequence[bytes], first: int, last: int) -> BatchAnswer:
        self.batches += 1
        said = self.answers.pop(0) if self.answers else BatchTaken()
        if said == BatchTaken():
            self.lines += [orjson.loads(line) for line in lines]
            assert (self.lines[-len(lines)]["leaf_index"], self.lines[-1]["leaf_index"]) == (first, last)
        return said

    async def close(self) -> None:
        pass

    @property
    def leaves(self) -> list[int]:
        return [line["leaf_index"] for line in self.lines]


def sender_of(journal: Journal, receiver: Receiver, **part: Any) -> ExportSender:
    made = ExportPart.model_validate({"url": "http://127.0.0.1:1", "begin": "first", **part})
    return ExportSender(journal, "siem", made, receiver, nobody, "1.0")


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@pytest.fixture
async def timed(tmp_path: Path, database: str, clock: Clock) -> AsyncIterator[Journal]:
    """A journal whose clock a test sets, where the store is a file; a database has its own."""
    made = await journal_at(tmp_path / "store.db", None if database else clock, database)
    yield made
    await made.store.aclose()


@pytest.mark.both_stores
async def test_everything_is_sent_once_and_in_order_and_nothing_without_news(timed: Journal) -> None:
    newest = await logged(timed)
    receiver = Receiver()
    sender = sender_of(timed, receiver, batch=3)
    await sender.sweep()
    assert receiver.leaves == list(range(newest + 1))
    assert [line["after"] for line in receiver.lines] == [-1, *receiver.leaves[:-1]]
    assert sender.standing.behind == 0
    commits, batches = timed.store.commits, receiver.batches
    await sender.sweep()
    assert (timed.store.commits, receiver.batches) == (commits, batches)  # a look without news costs nothing
    later = await logged(timed, 1)
    await sender_of(timed, receiver).sweep()  # another process goes on where the first one stopped
    assert receiver.leaves == list(range(later + 1)) or timed.store.shared


async def test_a_new_export_begins_with_the_next_statement_unless_it_is_told_otherwise(timed: Journal) -> None:
    newest = await logged(timed, 1)
    receiver = Receiver()
    sender = sender_of(timed, receiver, begin="now")
    await sender.sweep()
    assert receiver.lines == []
    after = await logged(timed, 1)
    await sender.sweep()
    assert receiver.leaves == list(range(newest + 1, after + 1))
    assert receiver.lines[0]["after"] == newest


async def test_what_is_not_taken_is_tried_again_later_and_later(timed: Journal, clock: Clock) -> None:
    newest = await logged(timed, 1)
    receiver = Receiver(BatchDeferred("it answered 503"), BatchDeferred("it answered 429", 90))
    sender = sender_of(timed, receiver)
    await sender.sweep()
    assert (sender.standing.fault, sender.standing.stopped) == ("it answered 503", False)
    await sender.sweep()
    assert receiver.batches == 1
    clock.now_ms += 1_000
    await sender.sweep()
    clock.now_ms += 89_000
    await sender.sweep()
    assert receiver.batches == 2
    clock.now_ms += 1_000
    await sender.sweep()
    assert receiver.leaves == list(range(newest + 1))
    assert (sender.standing.fault, sender.standing.behind) == ("", 0)


@pytest.mark.both_stores
async def test_a_refusal_stops_it_by_a_signed_statement_until_a_person_lets_it_go_on(timed: Journal) -> None:
    newest = await logged(timed, 1)
    told: list[tuple[str, str]] = []

    async def tell(name: str, says: str) -> bool:
        told.append((name, says))
        return len(told) > 1  # the first notice is not delivered

    receiver = Receiver(BatchRefused("it answered 400"))
    part = ExportPart.model_validate({"url": "http://127.0.0.1:1", "begin": "first", "escalate": "on-call"})
    sender = ExportSender(timed, "siem", part, receiver, tell, "1.0")
    says = f"it answered 400 to the statements at leaves 0 to {newest}"
    for _ in range(3):
        await sender.sweep()
    assert told == [("siem", says)] * 2
    assert (receiver.batches, sender.standing.stopped, sender.standing.fault) == (1, True, says)
    assert _events(await timed.store.read("SELECT envelope FROM statements WHERE kind = 'escalation'")) == [
        ("stopped", "export/siem")
    ]
    with pytest.raises(AilyusError, match=f"the log has no leaf `{newest + 99}`"):
        await sender.resume(newest + 99, lambda facts: _signed(timed, facts))
    await sender.resume(None, lambda facts: _signed(timed, facts))
    with pytest.raises(AilyusError, match="the export `siem` is not stopped"):
        await sender.resume(None, lambda facts: _signed(timed, facts))
    await sender.sweep()
    # what was refused, and then what the log says of that
    assert receiver.leaves == list(range(newest + 3))
    assert _events([(Envelope.decode(orjson.dumps(line["envelope"])).encoded(),) for line in receiver.lines]) == [
        ("stopped", "export/siem"),
        ("resumed", "export/siem"),
    ]


async def test_what_a_person_leaves_out_is_seen_by_the_receiver(timed: Journal) -> None:
    newest = await logged(timed)
    receiver = Receiver(BatchRefused("it answered 413"))
    sender = sender_of(timed, receiver, batch=2)
    await sender.sweep()
    await sender.resume(3, lambda facts: _signed(timed, facts))
    await sender.sweep()
    assert receiver.leaves == list(range(4, newest + 3))
    assert receiver.lines[0]["after"] == 3  # and the receiver has no 3


async def test_a_hole_in_the_log_stops_it(timed: Journal) -> None:
    newest = await logged(timed)
    await timed.store.write(lambda txn: txn.write("DELETE FROM statements WHERE leaf_index = ?", newest - 1))
    receiver = Receiver()
    sender = sender_of(timed, receiver)
    await sender.sweep()
    assert receiver.leaves == list(range(newest - 1))
    assert sender.standing.fault == f"the statement at leaf {newest - 1} is missing: see `ailyus audit`"


async def test_a_tenant_gets_what_is_its_own(timed: Journal) -> None:
    await logged(timed, 1)
    receiver = Receiver()
    await sender_of(timed, receiver, tenant="globex").sweep()
    assert receiver.lines == []
    await sender_of(timed, receiver, tenant="acme", file=None).sweep()


@pytest.mark.both_stores
async def test_who_was_overtaken_moves_no_cursor(timed: Journal) -> None:
    await logged(timed, 1)
    others: list[str] = []

    class Slow(Receiver):
        async def put(self, lines: Sequence[bytes], first: int, last: int) -> BatchAnswer:
            """While it waits for its receiver, another replica takes the export over."""
            row = (await timed.store.read_aside(export_states.rows))["siem"]
            taken = row.state.model_copy(update={"fence": row.state.fence + 1})
            others.append((await timed.store.write(lambda txn: export_states.change(txn, row, taken))).text)
            return await super().put(lines, first, last)

    with pytest.raises(Conflict):
        await sender_of(timed, Slow()).sweep()
    row = (await timed.store.read_aside(export_states.rows))["siem"]
    assert ([row.text], row.state.cursor) == (others, -1)
    # in a database, who has a living claim is left alone; a file has one process, so that its claim is of a dead one
    receiver = Receiver()
    await sender_of(timed, receiver).sweep()
    assert (receiver.lines == []) is timed.store.shared
    assert row.state.claimed_ms - timed.store.now_ms() <= CLAIM_MS


async def test_a_kill_loses_nothing(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "store.db")
    newest = await logged(journal, 60)
    await journal.store.aclose()
    out = tmp_path / "out.jsonl"
    await asyncio.to_thread(_killed, tmp_path / "store.db", out)
    sent = [int(line.split(b":")[1].split(b",")[0]) for line in out.read_bytes().splitlines(keepends=True)[:-1]]
    assert len(sent) >= 4
    journal = await journal_at(tmp_path / "store.db")
    from server.operations.export_sink import FileSink

    part = ExportPart(file=str(out), begin="first")
    await ExportSender(journal, "siem", part, FileSink(out, 10**9), nobody, "1.0").sweep()
    lines = [orjson.loads(line) for line in out.read_bytes().splitlines()]
    # each once where the second time is left out, in order, and each after the one before it
    folded = {line["leaf_index"]: line["after"] for line in lines}
    assert list(folded) == list(range(journal.store.size))
    assert all(after == leaf - 1 for leaf, after in folded.items())
    assert len(lines) <= len(folded) + 2
    assert newest < journal.store.size
    await journal.store.aclose()


def _killed(store: Path, out: Path) -> None:
    """Run the export, and kill it as soon as it has written some lines."""
    command = [sys.executable, "-m", "tests.server.operations.export_process", str(store), str(out)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT, text=True)
    assert process.stdin is not None
    with process.stdin:
        process.stdin.write(KEY.private_bytes_raw().hex())
    end = time.monotonic() + scaled(30)
    while not (out.exists() and out.read_bytes().count(b"\n") >= 5) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    process.kill()
    process.wait()


def _signed(journal: Journal, facts: Any) -> Any:
    return journal.notary.sign_gateway_statement(
        facts, facts.escalation.replace("esc", "rcp"), "", {"x": "0" * 64}, journal.store.now_ms()
    )


def _events(rows: Sequence[tuple[Any, ...]]) -> list[tuple[str, str]]:
    predicates = [orjson.loads(Envelope.decode(bytes(row[0])).payload)["predicate"] for row in rows]
    return [(p["about"]["event"], p["about"]["of"]) for p in predicates if p["kind"] == "escalation"]
