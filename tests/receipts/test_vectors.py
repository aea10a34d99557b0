"""Golden vectors: what a statement of each kind says, byte for byte. A change here is a change of the format."""

import os
from typing import get_args

import pytest

from contracts.canonical import canonical
from receipts.statement.action_facts import (
    CedarDecision,
    DecisionFacts,
    IntentFacts,
    OutcomeFacts,
    RecheckFacts,
    ResolutionFacts,
)
from receipts.statement.attempt_facts import AttemptFact, CheckFact, ReadFact, SkippedRouteFact
from receipts.statement.facts import ActionFacts, GatewayFacts, Kind
from receipts.statement.gateway_facts import (
    AccessFacts,
    AgentFacts,
    ArchiveFacts,
    CandidateFacts,
    ClockFacts,
    ConnectionFacts,
    ErasureFacts,
    EscalationFacts,
    HaltFacts,
    KeyFacts,
    LossFacts,
    ReleaseFacts,
    RoleFacts,
    RotationFacts,
    ShadowFacts,
    StateFacts,
    TenantFacts,
)
from receipts.statement.plan_facts import PlanRef, PlanStepFact, PlanStepRef
from tests.world import ROOT

FOLDER = ROOT / "tests" / "vectors" / "statements"
A, B, C = (letter * 64 for letter in "abc")
DECISION = CedarDecision(
    policies={"agent": ("support-may-reset", "prod-high-needs-lead"), "person": ("support-may-reset",)},
    errors=0,
    slice=A,
    schema_=B,
    entities=C,
    requests=A,
    engine="cedarpy 4.12",
)
READS = {
    "user": ReadFact(status=200, at_ms=1, request_id="req-1"),
    "factors": ReadFact(status=404, at_ms=2, request_id=None),
}
STEP = PlanStepRef(action="act_p", step="each[3]", position=3, of=9, wave=2, digest=A)
ATTEMPT = AttemptFact(
    attempt=1, route=0, delivery="in_doubt", method="POST", request_digest=A, status=None, fault="no answer in time",
    started_ms=10, ended_ms=20, idempotency_key=None, request_id=None, identity="svc", via="http",
    notes=("a dialog was dismissed",),
)  # fmt: skip
CHECKS = (
    CheckFact(that="no factor is enrolled", met=True, else_="a factor is enrolled"),
    CheckFact(that="no factor is enrolled", met=None, else_="a factor is enrolled", not_read="the target answered 503"),
)
STEPS = (
    PlanStepFact(id="one", tool="set_value", state="undone", wave=1, action_id="act_1", receipt_id="rcp_1"),
    PlanStepFact(id="two", tool="set_value", state="done", wave=1, action_id="act_2", receipt_id="rcp_2", kept="why"),
    PlanStepFact(id="three", tool="set_value", state="untouched", wave=2),
)
FACTS: dict[str, ActionFacts | GatewayFacts] = {
    "intent": IntentFacts(
        decision=DECISION, approvals=("apr_1",), before=READS, called_ms=1, attempt=2, route=1, via="browser",
        deadline_ms=3, settle_ms=4, request_digest=A, action_digest=B, epoch=5, fence=6, plan=STEP, undoes="act_0",
        skipped=(SkippedRouteFact(route=0, why="its breaker is open"),),
    ),
    "outcome": OutcomeFacts(
        intent="rcp_i", attempts=(ATTEMPT,), checks=CHECKS, after=READS, attribution="ours", observer="same_channel",
        reason="met when read back", answer=A, escalated_to=None, limits=("one",), drifted=("user.name",), plan=STEP,
    ),
    "outcome_unsent": OutcomeFacts(
        decision=None, attempts=(), before=READS, called_ms=1, answer=A, required=CHECKS[:1]
    ),
    "outcome_of_a_plan": OutcomeFacts(
        plan_of=PlanRef(name="rotate", digest=A, units=3), steps=STEPS, checks=CHECKS, reason="it was cancelled",
        answer=A, escalated_to="oncall", called_ms=1, limits=("one",),
    ),
    "decision_asked": DecisionFacts(
        decision=DECISION, needs=({"SecurityLead": 2},), display=A, before=READS, called_ms=1, expires_ms=2
    ),
    "decision_early": DecisionFacts(
        decision=DECISION.model_copy(update={"partial": True}), code=None, called_ms=1, answer=A
    ),
    "decision_unavailable": DecisionFacts(decision=None, code="unreachable", unavailable="okta", called_ms=1, answer=A),
    "decision_approved": DecisionFacts(approval="apr_1", role="SecurityLead", keyid="k", approver=B),
    "decision_preview_of_a_plan": DecisionFacts(
        needs=(), plan_of=PlanRef(name="rotate", units=3), before={"one": READS}, called_ms=1, answer=A
    ),
    "recheck": RecheckFacts(
        was="unknown", checks=CHECKS, after=READS, attribution=None, observer="separate_system", reason="r", limits=("one",)
    ),
    "recheck_of_a_plan": RecheckFacts(was="unknown", steps=STEPS, checks=(), reason="r", answer=A, limits=("one",)),
    "resolution": ResolutionFacts(resolver=B, keyid="k", was="unknown"),
    "release": ReleaseFacts(
        release=A, author="lead", governed=True, contracts={"reset": "1"}, policies=B, schema_=C, engine="cedarpy 4.12",
        keyid="k", signed=A, reason="a new guard",
    ),
    "key_linked": KeyFacts(
        event="linked", keyid="k", public="00", key_kind="passkey", holder=B, authority="terminal", credential="c",
        rp_id="localhost", origin="http://localhost",
    ),
    "key_revoked": KeyFacts(event="revoked", keyid="k", last_good_size=7),
    "agent": AgentFacts(event="added", agent="bot", observe_only=True, registration=A),
    "agent_revoked": AgentFacts(event="revoked", agent="bot"),
    "halt": HaltFacts(event="halted", scope="contract", name="reset", allow_undo=True, by="lead"),
    "escalation": EscalationFacts(event="acknowledged", escalation="esc_1", route="oncall", of="act_1", by=B),
    "state": StateFacts(running=1, waiting=2, actions=("act_1",)),
    "access": AccessFacts(reader="terminal", of="rcp_1", label="before/user"),
    "tenant": TenantFacts(event="keyed", tenant="acme", key_digest=A),
    "role": RoleFacts(event="told", holder=B, fact=C),
    "clock": ClockFacts(event="clock", from_=2, to=1, by="lead", reason="it ran ahead"),
    "loss": LossFacts(
        event="accepted", remembered_size=9, remembered_root=A, restored_size=7, restored_root=B, by="lead", keyid="k",
        signed=C, reason="the disk broke", actions=("act_1",),
    ),
    "archive": ArchiveFacts(
        event="written", archive=A, name="2026.archive", before_ms=1, actions=2, statements=6, first_leaf=3, last_leaf=9
    ),
    "connection": ConnectionFacts(
        event="connected", connection="books", target=A, side="both", account=B, by=C, scopes=("read",), declared=("read",)
    ),
    "connection_refused": ConnectionFacts(
        event="refused", connection="books", target=A, side="write", holder=B, by=B, scopes=("read", "admin"),
        declared=("read",), reason="wider_scopes", revoked=True,
    ),
    "connection_ended": ConnectionFacts(
        event="disconnected", connection="books", target=A, side="read", account=B, by=C, revoked=False
    ),
    "candidate": CandidateFacts(
        event="proposed", candidate=A, release=B, live=C, after=3, by="lead", keyid="k", signed=A,
        comment="a new guard", expires_ms=9,
    ),
    "candidate_approved": CandidateFacts(
        event="approved", candidate=A, release=B, live=C, after=3, by="second", role="SecurityLead", keyid="k", signed=B,
        comment="seen",
    ),
    "shadow": ShadowFacts(event="began", candidate=A, name="the files", live=C, by="lead", until_ms=9),
    "shadow_ended": ShadowFacts(
        event="ended", candidate=A, name="the files", live=C, by="second", same=5, wider=1, narrower=0, unfit=2, dropped=3
    ),
    "rotation": RotationFacts(
        of="log", keyid=A, former_keyid=B, public=C, former_public=A, by="lead", reason="it is a year old"
    ),
    "rotation_of_secrets": RotationFacts(
        of="secrets", keyid=A, former_keyid=B, resealed=7, by="lead", reason="a disk was sold"
    ),
    "erasure": ErasureFacts(receipt="rcp_1", labels=("before/user",)),
}  # fmt: skip


def test_every_kind_has_a_vector() -> None:
    assert {facts.of_kind for facts in FACTS.values()} == set(get_args(Kind))
    assert {path.stem for path in FOLDER.glob("*.json")} == FACTS.keys()


@pytest.mark.parametrize("name", FACTS)
def test_what_is_said_is_what_was_said(name: str) -> None:
    path, said = FOLDER / f"{name}.json", canonical(FACTS[name].said)
    if os.environ.get("AILYUS_WRITE_VECTORS"):
        path.write_bytes(said)
    assert said == path.read_bytes()
    assert type(FACTS[name]).model_validate_json(said) == FACTS[name]
