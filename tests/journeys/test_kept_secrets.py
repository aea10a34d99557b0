"""A target that shows the secret that was given to it: neither the new value nor the old one is kept in clear."""

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contracts.action.observation import Execution, Observation, Reading
from contracts.compiler.catalog import Complaints, load_catalog
from contracts.hiding import Hiding, values_before
from receipts.action.action_form import pack_observation, unpack_observation
from receipts.reconciliation.reconciliation import reconcile
from receipts.reconciliation.scope import hide_compared
from server.execution.evidence import kept, kept_health
from tests.leaks import places, unpacked
from tests.world import ROOT, Sandbox, World, add_records, gateway

pytestmark = pytest.mark.of_a_file
OLD = "canary-old-7d21c0e4"
KEEP = """\
contract: keep_secret
version: 1
title: Keep a secret in a record
summary: Put a secret into one record, which shows what it holds.
use_when: a test needs it
kind: write
risk: low
tags: [records]
verified_against: the sandbox's records
target: records
inputs:
  record: {type: string, pattern: "^[a-z0-9]{1,20}$", description: "Record id."}
  value: {type: secret, description: "The handle."}
observe: {record: {get: "/records/${inputs.record}"}}
resource: {type: Record, id: "${inputs.record}"}
require:
  - {that: "before.record.value != 'frozen'", else: "the record is frozen"}
says: "Put a secret into the record ${inputs.record}"
execute:
  - http: {put: "/records/${inputs.record}", json: {value: "${inputs.value}"}}
    ok: response.status == 200
detect: state
settle: 300ms
idempotent: the same value is written again
expect:
  - {that: "after.record.value != before.record.value && after.record.version != before.record.version", else: "it is the old one"}
unchanged: [record.events]
evidence: {http: [before, after, response]}
escalate: records-oncall
undo: none
"""
PLAN = """\
plan: give_secret
version: 1
title: Give a record a new secret
summary: Create a secret and put it into a record.
use_when: a test needs it
inputs:
  record: {type: string, pattern: "^[a-z0-9]{1,20}$", description: "Record id."}
steps:
  - {id: issue, contract: issue_secret, inputs: {account_name: slack-alerts}}
  - {id: keep, contract: keep_secret, inputs: {record: "${inputs.record}", value: "${steps.issue.outputs.api_key}"}}
observe: {record: {target: records, get: "/records/${inputs.record}"}}
expect:
  - {that: "after.record.value != before.record.value", else: "the record holds the old secret"}
on_failure: stop
"""


def contracts(folder: Path) -> None:
    """The two contracts and the plan, in a folder of contracts."""
    text = (ROOT / "contracts/library/apikeys/create_api_key.yaml").read_text()
    text = text.replace("contract: create_api_key", "contract: issue_secret")
    text = text.replace("update_integration_credential.credential", "keep_secret.value")
    (folder / "apikeys" / "issue_secret.yaml").write_text(text)
    (folder / "records" / "keep_secret.yaml").write_text(KEEP)
    (folder / "records" / "give_secret.yaml").write_text(PLAN)


@pytest.fixture
async def telling(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    workspace = add_records(tmp_path / "w", sandbox)
    contracts(workspace.root / "contracts")
    state = sandbox.state()
    state["acme"]["records"]["records"]["a"] = {"id": "a", "version": "1", "value": OLD, "events": []}
    sandbox.put(state)
    async with gateway(workspace, sandbox) as world:
        yield world


def everywhere(world: World, secret: str, said: list[Any]) -> list[str]:
    """The same as `places`, in every table that the store has."""
    found = places(world, secret, said)
    forms = [secret.encode(), base64.b64encode(secret.encode())]
    for (table,) in world.rows("SELECT name FROM sqlite_master WHERE type = 'table'"):
        for row in world.rows(f'SELECT * FROM "{table}"'):
            for value in row:
                raw = bytes(value) if isinstance(value, bytes) else str(value).encode()
                raw += unpacked(raw)
                found += [str(table) for form in forms if form in raw]
    return found


def held(world: World) -> str:
    return str(world.sandbox.state()["acme"]["records"]["records"]["a"]["value"])


async def test_no_table_holds_the_secret_or_the_one_before_it(telling: World) -> None:
    answer = await telling.approved("give_secret", {"record": "a", "reason": "the secret is due"})
    assert answer["status"] == "confirmed", answer
    assert held(telling) != OLD
    assert any(b"hmac-sha256:" in before for (before,) in telling.rows("SELECT before FROM intents"))
    for secret in (held(telling), OLD):
        assert everywhere(telling, secret, [answer]) == []


@pytest.mark.parametrize("how", ["refused", "unmet", "asked"])
async def test_nor_where_nothing_was_sent(telling: World, how: str) -> None:
    made = await telling.approved("issue_secret", {"account_name": "slack-alerts", "reason": "a secret is due"})
    arguments: dict[str, Any] = {"record": "a", "value": made["outputs"]["api_key"]}
    if how == "refused":
        telling.sandbox.fault("refuse", "records/a", "records", times=9)
    if how == "unmet":
        state = telling.sandbox.state()
        state["acme"]["records"]["records"]["a"] |= {"value": "frozen", "events": [OLD]}
        telling.sandbox.put(state)
    answer = await telling.call("keep_secret", {**arguments, "preview": how == "asked"})
    assert answer["status"] == ("previewed" if how == "asked" else "not_applied"), answer
    assert everywhere(telling, OLD, [answer]) == []


async def test_the_look_before_outlives_the_process_as_digests(telling: World) -> None:
    """What a probe after a crash compares: found, provably absent, or changed by somebody else."""
    program = load_catalog(telling.workspace.root / "contracts").programs["keep_secret"]
    hiding = telling.app.journal.hiding
    base = {"inputs.record": "a", "connection.tenant": "acme", "connection.environment": "staging"}
    before = unpack_observation(pack_observation(kept(program, record(OLD, "1"), hiding)), hiding)
    lost = Execution(0, 1, "in_doubt", 1, 2, "PUT", "u", "d")
    verdicts = [
        reconcile(program, base, before, lost, after).verdict
        for after in (record("new", "2"), record(OLD, "1"), record(OLD, "2"))
    ]
    assert verdicts == ["confirmed", "again", "contended"]
    stranger = Hiding(b"another key")
    wrong = replace(before, hiding=stranger)
    assert reconcile(program, base, wrong, lost, record(OLD, "1")).verdict != "again"


async def test_the_health_of_a_plan_outlives_the_process_as_digests(telling: World) -> None:
    """After a restart a value that did not change is still seen as unchanged."""
    plan = load_catalog(telling.workspace.root / "contracts").plans["give_secret"]
    hiding = telling.app.journal.hiding
    stored = unpack_observation(pack_observation(kept_health(plan, record(OLD, "1"), hiding)), hiding)
    held = []
    for after in (record("new", "2"), record(OLD, "1")):
        scope: dict[str, object] = {**stored.scope("before"), **after.scope("after")}
        hide_compared(scope, plan.compared, stored.hiding)
        held.append(plan.expect[0].expression.holds(scope))
    assert held == [True, False]


def record(value: str, version: str) -> Observation:
    tree: dict[str, Any] = {"id": "a", "version": version, "value": value, "events": []}
    return Observation({"record": Reading("record", 200, tree, b"", 1)}, 1, "separate_credential")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (KEEP.replace("after.record.value != before.record.value", "before.record.value == ''"), "in clear"),
        (KEEP.replace("says: \"Put", "says: \"${before.record.value} Put"), "in clear"),
        (KEEP.replace("undo: none", "undo: {contract: set_value, inputs: {record: a, value: \"${before.record.value}\"}}"), "in clear"),
        (KEEP + "shows: [before.record]\n", "in clear"),
        (KEEP + "not_secret: [record.value]\n", "carries the secret"),
        (KEEP + "not_secret: [ticket.value]\n", "observed nowhere"),
    ],
)  # fmt: skip
async def test_an_expectation_that_needs_the_value_is_refused(telling: World, text: str, word: str) -> None:
    path = telling.workspace.root / "contracts" / "records" / "keep_secret.yaml"
    await asyncio.to_thread(path.write_text, text)
    with pytest.raises(Complaints) as refused:
        load_catalog(telling.workspace.root / "contracts")
    assert word in str(refused.value)
    assert "keep_secret.yaml:" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("after.x.v != before.x.v", set()),
        ("before.x.v == after.x.v && size(before.x.l) == 1", {"x.l"}),
        ("after.x.v != before.x.w", {"x.w"}),
        ("before.x.l.all(b, !after.x.l.exists(a, a.id == b.id))", {"x.l.id"}),
        ("after.x.l.exists_one(a, !before.x.l.exists(b, b.id == a.id && b.name.startsWith('q')))", {"x.l.id", "x.l.name"}),
        ("before.x.l.exists(b, b == 'q')", {"x.l"}),
        ("before.x.l.map(b, b.id) == after.x.l", {"x.l"}),
        ("has(before.x.v) && before.x.v.contains('q')", {"x.v"}),
        ("'before.x.v' == after.x.v", set()),
        ("after.x.v != before.x.v[0]", {"x.v"}),
    ],
)  # fmt: skip
def test_what_an_expression_needs_of_the_state_before(text: str, paths: set[str]) -> None:
    assert values_before(text) == paths
