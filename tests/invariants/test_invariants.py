"""The ten invariants of the architecture, each by its number. They are the product."""

import asyncio
import base64
import itertools
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.action.dispatch import Dispatch
from contracts.action.observation import Delivery, Execution, Observation, Reading, Response
from contracts.compiler.catalog import Complaints, load_catalog
from receipts.journal.intent import Stale
from receipts.log.checkpoint import Checkpoint
from receipts.log.merkle import consistency_proof, consistent
from receipts.log.signing import Envelope, open_note
from receipts.reconciliation.reconciliation import reconcile
from receipts.store.transaction import Conflict, Txn
from tests.contracts.bad import BAD, folder
from tests.plans.records import changed_meanwhile_stays
from tests.receipts.making import SIGNER, action, approval, conclude, intend, journal_at, seal, try_to_intend
from tests.until import until
from tests.world import LEO, MARIA, ROOT, World

NO_DEADLINE = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


async def test_invariant_1_no_byte_of_a_write_without_a_committed_signed_intent(records: World) -> None:
    """Under every fault: each write at the target has its own intent, signed, logged and committed before it."""
    dice = random.Random(3)
    faults = ["lost_reply", "lost_request", "503", "429", "refuse", "lying_200", "late_effect", "retrying_proxy"]
    for number in range(12):
        records.sandbox.fault(dice.choice(faults), "records", "records", ms=100)
        await records.call("add_event", {"record": "r1", "name": f"e{chr(97 + number)}"})
        records.sandbox._client.delete("/faults")
    intents = records.rows("SELECT action_digest, request_digest, receipt_id FROM intents")
    assert len(intents) == records.sandbox.writes()
    keys = {records.app.signer.keyid: records.app.signer.public}
    for action_digest, request_digest, receipt in intents:
        ((raw, kind),) = records.rows("SELECT envelope, kind FROM statements WHERE id = ?", receipt)
        envelope = Envelope.decode(raw)
        predicate = orjson.loads(envelope.payload)["predicate"]
        assert envelope.holds(keys)
        assert (kind, predicate["actionDigest"], predicate["requestDigest"]) == (
            "intent",
            action_digest,
            request_digest,
        )


async def test_invariant_1_whatever_is_refused_leaves_nothing_to_run(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    await world.app.inbox.decide(await world.sign(asked["action_id"], verdict="refuse"))
    await world.call("reset_user_mfa", {**LEO, "ticket": "4711"})
    assert world.rows("SELECT count(*) FROM intents") == [(0,)]
    assert await world.app.recovery.scan() == []
    assert world.sandbox.writes() == 0


@NO_DEADLINE
@given(st.lists(st.integers(0, 4), min_size=2, max_size=12))
def test_invariant_2_an_approval_is_used_at_most_once(uses: list[int]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as path:
            journal = await journal_at(Path(path) / "s.db")
            signed = approval(action("r0"))
            calls = [try_to_intend(journal, action(f"r{n}-{i}"), approvals=[signed]) for i, n in enumerate(uses)]
            results = await asyncio.gather(*calls)
            assert sum(isinstance(r, Dispatch) for r in results) == 1
            assert await journal.store.read("SELECT count(*) FROM intents") == [(1,)]
            assert await journal.store.read("SELECT count(*) FROM approval_uses") == [(1,)]
            journal.store.close()

    asyncio.run(run())


async def test_invariant_3_a_release_that_changed_in_between_sends_nothing_more(world: World) -> None:
    """The first send is lost; before the second the policies forbid it."""
    arguments = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
    world.sandbox.fault("hang_after_effect", "unlock", ms=10)
    world.sandbox._client.delete("/faults")
    world.sandbox.fault("lost_request", "unlock")
    task = asyncio.create_task(world.call("unlock_user", arguments))
    await until(world.sandbox.writes)
    (world.workspace.root / "policies" / "stop.cedar").write_text(
        '@id("stop") forbid (principal, action == Action::"unlock_user", resource);'
    )
    await world.app.replace(await asyncio.to_thread(world.workspace.release, dev=True))
    answer = await task
    assert answer["status"] in ("not_applied", "unknown"), answer
    assert world.sandbox.writes() == 1


async def test_invariant_3_attributes_that_changed_in_between_send_nothing_more(world: World) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    world.sandbox.fault("lost_request")
    await world.approve(asked["action_id"])
    await until(world.sandbox.writes)
    state = world.sandbox.state()
    state["acme"]["okta"]["users"][MARIA["user_id"]]["profile"]["userType"] = "vip"
    world.sandbox.put(state)
    answer = await world.get(asked["action_id"])
    assert answer["status"] == "not_applied"
    assert world.sandbox.writes() == 1


@NO_DEADLINE
@given(
    st.sampled_from(["in_doubt"]),
    st.lists(st.sampled_from("abcd"), max_size=4, unique=True),
    st.sampled_from(["state", "none", "new_object"]),
)
def test_invariant_4_only_a_provably_unchanged_state_is_sent_again(
    delivery: Delivery, after: list[str], detect: Any
) -> None:
    program = replace(PROGRAM, contract=PROGRAM.contract.model_copy(update={"detect": detect}))
    outcome = reconcile(program, BASE, seen(["a", "b"]), execution(delivery), seen(after))
    if outcome.verdict == "again":
        assert after == ["a", "b"]
        assert detect == "state"


@NO_DEADLINE
@given(st.lists(st.integers(0, 1), min_size=2, max_size=10))
def test_invariant_5_the_same_call_is_one_action_while_it_is_open(names: list[int]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as path:
            journal = await journal_at(Path(path) / "s.db")
            results = await asyncio.gather(*(try_to_intend(journal, action(f"r{n}")) for n in names))
            opened = [r for r in results if isinstance(r, Dispatch)]
            assert len(opened) == len(set(names))
            assert all(r == Stale(moved=True) for r in results if not isinstance(r, Dispatch))
            journal.store.close()

    asyncio.run(run())


PROGRAM = load_catalog(ROOT / "contracts" / "library").programs["reset_user_mfa"]
BASE = {"inputs.user_id": "00u1", "inputs.ticket": "1", "connection.tenant": "acme", "connection.environment": "prod"}
DELIVERIES: list[Delivery] = ["not_sent", "answered", "refused", "declined", "no_effect", "in_doubt"]


def seen(factors: list[str], status: str = "ACTIVE") -> Observation:
    values: dict[str, Any] = {
        "user": {"status": status, "profile": {"email": "m@e.com"}},
        "factors": [{"id": f} for f in factors],
        "ticket": {},
    }
    return Observation({n: Reading(n, 200, v, b"", 1) for n, v in values.items()}, 1, "separate_credential")


def execution(delivery: Delivery, status: int | None = None) -> Execution:
    response = Response(status, {}, {}, b"{}") if status else None
    return Execution(0, 1, delivery, 1, 2, "POST", "u", "d", response)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(DELIVERIES),
    st.sampled_from([None, 200, 403, 404, 500]),
    st.lists(st.sampled_from("abcd"), max_size=4, unique=True),
    st.sampled_from(["ACTIVE", "SUSPENDED"]),
    st.booleans(),
)
def test_invariant_6_confirmed_only_after_a_read_that_meets_every_expectation(
    delivery: Delivery, status: int | None, after: list[str], state: str, readable: bool
) -> None:
    later = seen(after, state) if readable else Observation({}, 1, "separate_credential", fault="x")
    outcome = reconcile(PROGRAM, BASE, seen(["a", "b"]), execution(delivery, status), later)
    if outcome.verdict == "confirmed":
        assert readable
        assert delivery in ("answered", "in_doubt")
        assert not {"a", "b"} & set(after)
        assert state == "ACTIVE"
        assert all(check.met for check in outcome.checks)
        assert "factors_removed" in outcome.outputs


def test_invariant_7_an_undo_names_an_action_that_exists(tmp_path: Path) -> None:
    with pytest.raises(Complaints, match="no action of this catalog"):
        load_catalog(folder(tmp_path, BAD["undo"][0]))


async def test_invariant_7_an_undo_leaves_what_somebody_else_changed(records: World) -> None:
    await changed_meanwhile_stays(records)


async def test_invariant_8_editing_a_file_or_a_row_changes_nothing_that_is_live(world: World) -> None:
    policy = world.workspace.root / "policies" / "approvals.cedar"
    policy.write_text("")
    contract = world.workspace.root / "contracts" / "okta" / "reset_user_mfa.yaml"
    contract.write_text(contract.read_text().replace("risk: high", "risk: low"))
    answer = await world.call("reset_user_mfa", MARIA)
    assert answer["status"] == "approval_required"
    await world.app.store.write(lambda txn: txn.write("UPDATE meta SET value = 'forged' WHERE key = 'release'"))
    arguments = {"user_id": LEO["user_id"], "reason": "locked out since this morning"}
    blocked = await world.call("unlock_user", arguments)
    assert (blocked["status"], blocked["error"]["code"]) == ("invalid", "release_changed")
    assert world.sandbox.writes() == 0


async def test_invariant_9_secrets_and_other_peoples_actions_stay_where_they_are(world: World) -> None:
    outcome = await world.reset()
    other = await world.app.agents.add("other-bot", "acme", "requester", None, frozenset({"Support"}), False)
    for tool, arguments in (("get_action", {"action_id": outcome["action_id"]}),):
        answer = await world.call(tool, arguments, other)
        assert (answer["status"], answer["error"]["code"]) == ("invalid", "not_found")
    assert (await world.call("find_receipts", {}, other))["data"]["receipts"] == []
    async with world.client() as client:
        listed = (await client.list_tools()).model_dump_json()
    everything = listed.encode() + b"".join(p.read_bytes() for p in world.workspace.private.glob("store.db*"))
    everything += b"".join(
        base64.b64decode(orjson.loads(r[0])["payload"]) for r in world.rows("SELECT envelope FROM statements")
    )
    secrets = [p.read_text().strip() for p in (world.workspace.private / "secrets").iterdir()] + [world.token, other]
    for secret in secrets:
        for form in (secret.encode(), base64.b64encode(secret.encode()).rstrip(b"=")):
            assert form not in everything


@NO_DEADLINE
@given(st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=8))
def test_invariant_10_the_log_never_forks_or_shrinks(groups: list[tuple[int, bool]]) -> None:
    """Entries that fail between entries that stay: every checkpoint continues every earlier one."""

    async def run() -> None:
        with tempfile.TemporaryDirectory() as path:
            journal = await journal_at(Path(path) / "s.db")
            store, heads = journal.store, [journal.store.head()]

            def bad(txn: Txn) -> None:
                seal(journal, action("x"), "decision", "denied").insert(txn)
                raise Conflict

            for count, poisoned in groups:
                work = [store.write(seal(journal, action(f"r{i}"), "decision", "denied").insert) for i in range(count)]
                await asyncio.gather(*work, *([store.write(bad)] if poisoned else []), return_exceptions=True)
                heads.append(store.head())
            points = [Checkpoint.parse(open_note(h, store.origin, SIGNER.public)) for h in heads]

            rows = await store.read("SELECT level, idx, hash FROM nodes")
            nodes = {(level, index): bytes(hash) for level, index, hash in rows}  # type: ignore[arg-type]
            for old, new in itertools.pairwise(points):
                proof = consistency_proof(old.size, new.size, lambda level, index: nodes[level, index])
                assert consistent(old.size, old.root, new.size, new.root, proof)
            assert points[-1].size == 2 + sum(count for count, _ in groups)  # the release's and the tenant's
            store.close()
            again = await journal_at(Path(path) / "s.db")
            assert Checkpoint.parse(open_note(again.store.head(), store.origin, SIGNER.public)).size >= points[-1].size
            again.store.close()

    asyncio.run(run())


async def test_a_running_action_is_not_concluded_twice(tmp_path: Path) -> None:
    journal = await journal_at(tmp_path / "s.db")
    asked = action()
    dispatch = await intend(journal, asked)
    await conclude(journal, asked, dispatch.fence)
    with pytest.raises(Conflict):
        await conclude(journal, asked, dispatch.fence)
    journal.store.close()
