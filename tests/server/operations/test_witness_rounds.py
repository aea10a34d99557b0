"""Rounds over real witnesses: the newest checkpoint is cosigned, what is down is asked again, a refusal is told once."""

from pathlib import Path

import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from contracts.errors import AilyusError
from receipts.audit.attestation import attestation, witness_faults
from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots
from receipts.audit.verify import verify
from receipts.log.log_keys import LogKeys
from server.admin.health.witness_check import witness_check
from server.operations.witness_rounds import WitnessStanding
from server.workspace.free_port import free_port
from tests.receipts.making import SIGNER, journal_at
from tests.server.operations.witnesses import ORIGIN, log_one, part_of, rounds_of, serving
from tests.world import app_serving


async def test_a_proof_is_witnessed_after_the_next_round_with_as_many_witnesses_as_are_up(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "store.db")
    ports = {"w.test/1": free_port(), "w.test/2": free_port()}
    part = part_of(ports, tmp_path, quorum=2)
    rounds, roots = rounds_of(journal, part), Roots.of(ORIGIN, LogKeys.of(SIGNER), part.roots)
    receipt = await log_one(journal)
    async with serving(tmp_path, "w.test/1", ports["w.test/1"]):
        await rounds.round()
        size = journal.store.size
        assert rounds.standing == WitnessStanding(2, 1, 0, 0)
        assert await journal.store.read_aside(lambda read: attestation(read, roots)) is None
        async with serving(tmp_path, "w.test/2", ports["w.test/2"]):
            await rounds.round()
            assert rounds.standing == WitnessStanding(2, 2, 0, size)
    # both are away now, and the log goes on: an older receipt's proof ends where it was cosigned
    newer = await log_one(journal)
    await rounds.round()
    assert rounds.standing == WitnessStanding(2, 0, 0, size)
    proof = await journal.store.read_aside(lambda read: write_proof(read, receipt, None, True))
    verified = verify(proof.encoded(), roots)
    assert (verified.checkpoint.size, set(verified.witnessed)) == (size, set(ports))
    late = await journal.store.read_aside(lambda read: write_proof(read, newer, None, True))
    with pytest.raises(AilyusError, match="cosigned by 0 of 2 witnesses: 2 must be"):
        verify(late.encoded(), roots)
    says = (await witness_check(rounds).look()).says
    assert says == f"{size} statements are witnessed; 0 of 2 witnesses are up to date"
    await rounds.close()
    await journal.store.aclose()


async def test_a_witness_that_saw_more_or_another_log_refuses_and_people_are_told_once(tmp_path: Path) -> None:
    told: list[object] = []

    async def hook(request: Request) -> Response:
        told.append(orjson.loads(await request.body()))
        # the first delivery fails: it is tried again in the next round
        return Response(status_code=500 if len(told) == 1 else 200)

    journal = await journal_at(tmp_path / "store.db")
    other = await journal_at(tmp_path / "other.db")
    await log_one(other)
    await log_one(other)
    ports, port = {"w.test/1": free_port()}, free_port()
    part = part_of(ports, tmp_path, escalate="on-call")
    async with serving(tmp_path, "w.test/1", ports["w.test/1"]) as witness:
        first = rounds_of(other, part, f"http://127.0.0.1:{port}/")
        await first.round()
        await first.close()
        async with app_serving(Starlette(routes=[Route("/", hook, methods=["POST"])]), port):
            rounds = rounds_of(journal, part, f"http://127.0.0.1:{port}/")
            for _ in range(4):
                await rounds.round()
        assert len(witness.store.refusals()) >= 1
    assert rounds.standing.refusing == 1
    assert [one["says"] for one in told if isinstance(one, dict)] == [
        f"it has seen {other.store.size} statements, and the log has 2",
        # the log says of itself that it is refused, and is longer by that
        f"it has seen {other.store.size} statements, and the log has 3",
    ]
    said = await journal.store.read("SELECT count(*) FROM statements WHERE kind = 'escalation'")
    assert said == [(1,)]
    assert (await witness_check(rounds).look()).says == "1 of 1 witnesses refuse the log: see `ailyus audit`"
    faults = await journal.store.read_aside(
        lambda read: list(witness_faults(read, Roots.of(ORIGIN, LogKeys.of(SIGNER))))
    )
    assert len(faults) == 1
    await rounds.close()
    for one in (journal, other):
        await one.store.aclose()


async def test_an_answer_that_proves_nothing_changes_nothing(tmp_path: Path) -> None:
    answers = [(200, ""), (200, "— w.test/1 AAAA\n"), (403, ""), (404, ""), (500, ""), (409, "x"), (200, "x" * 70_000)]

    async def witness(request: Request) -> Response:
        status, body = answers[0]
        return Response(body, status)

    journal, port = await journal_at(tmp_path / "store.db"), free_port()
    rounds = rounds_of(journal, part_of({"w.test/1": port}, tmp_path))
    before = await journal.store.newest()
    async with app_serving(Starlette(routes=[Route("/add-checkpoint", witness, methods=["POST"])]), port):
        while answers:
            await rounds.round()
            assert rounds.standing == WitnessStanding(1, 0, 0, 0), answers[0]
            answers.pop(0)
    assert await journal.store.newest() == before
    await rounds.close()
    await journal.store.aclose()


async def test_an_escalation_that_is_not_in_the_settings_is_refused_at_the_start(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "store.db")
    with pytest.raises(AilyusError, match="there is no escalation `on-call`"):
        rounds_of(journal, part_of({"w.test/1": 1}, tmp_path, escalate="on-call"))
    await journal.store.aclose()
