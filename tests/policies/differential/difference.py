"""The difference of our decisions from the judge's: in outcome, in reasons, in errors, in approvals that are missing."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any

import orjson

from contracts.action.request import ActionRequest, Caller
from contracts.action.target import Target
from policies.bundle import Bundle
from policies.decider import Decider
from policies.decision import ApprovalRequired, DecisionContext, DecisionRecord, Denied, Permitted, Rate, ResourceFacts
from policies.principal import People, Person, PersonAttributes
from policies.recorded_request import RecordedRequest
from tests.policies.differential.judge import Judge
from tests.policies.differential.random_requests import Drawn, drawn
from tests.policies.differential.random_rules import rules
from tests.policies.differential.worlds import WORLDS, programs
from tests.policies.proof.making import ROLES

AT_ONCE = 25
"""Requests under one set of policies."""
Spoil = Callable[[Bundle], Bundle]
_NAMED = re.compile(r"while evaluating policy `([^`]+)`")
Said = dict[str, Any]


@dataclass
class Count:
    """How many requests came out how, and the first ones that came out otherwise than the judge's."""

    asked: int = 0
    permitted: int = 0
    approvals: int = 0
    denied: int = 0
    erring: int = 0
    unfit: int = 0
    approvers: int = 0
    early: int = 0
    differ: list[str] = field(default_factory=list)

    def add(self, other: "Count") -> None:
        """Count what another one counted."""
        for name in ("asked", "permitted", "approvals", "denied", "erring", "unfit", "approvers", "early"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differ += other.differ


def differences(judge: Judge, seed: int, requests: int = AT_ONCE, spoil: Spoil = lambda bundle: bundle) -> Count:
    """Decide some requests under one random set of policies by both; `spoil` is what a test plants in ours."""
    draw, world, count = random.Random(seed), WORLDS[seed % len(WORLDS)], Count()
    policies = rules(draw, world)
    guards = [name for name, text in policies.items() if "forbid" in text and "context.approvals" in text]
    bundle = spoil(world.bundle(policies))
    asked = [drawn(draw, world) for _ in range(requests)]
    # where nothing reads approvals, one vector shows that it changes nothing
    most = 2 if any("context.approvals" in text for text in policies.values()) else 0
    questions = [_question(one, most, approves=not world.is_rich) for one in asked]
    said = judge.of(policies, world.schema, guards, questions)
    for one, theirs in zip(asked, said, strict=True):
        ours = (
            _again(Decider(bundle, programs()), one)
            if world.is_rich
            else _live(Decider(bundle, programs(), _people(one)), one)
        )
        _tally(count, ours, theirs)
        if ours.get("early") and (theirs.get("permitted") or theirs.get("needs")):
            count.differ.append(f"denied early, and not by the judge: {policies} {one}")
        # who may approve is asked of a live request, and of whoever holds the role
        theirs["approval"] = theirs.get("approval") if "approval" in ours else "not asked"
        if _plain(ours) != _plain(theirs):
            count.differ.append(f"{policies}\n{one}\nours {_plain(ours)}\ntheirs {_plain(theirs)}")
    return count


def _tally(count: Count, ours: Said, theirs: Said) -> None:
    count.asked += 1
    count.unfit += not theirs["fits"]
    count.permitted += bool(theirs.get("permitted"))
    count.approvals += bool(theirs.get("needs"))
    count.denied += not theirs.get("permitted") and not theirs.get("needs")
    count.erring += any(one["errors"] for one in theirs.get("held", ()))
    count.approvers += theirs.get("approval") is not None
    count.early += bool(ours.get("early"))


def _plain(said: Said) -> Said:
    """What both must agree on."""
    if not said["fits"]:
        return {"fits": False}
    held = [(one["reasons"], one["errors"]) for one in said["held"]]
    needs = sorted(sorted((role, n) for role, n in one.items() if n) for one in said["needs"])
    approval = said.get("approval", "not asked")
    # errors are of one list in our record, in the order of both principals
    reasons, errors = [one[0] for one in held], sorted(name for one in held for name in one[1])
    return {"permitted": said["permitted"], "reasons": reasons, "errors": errors, "needs": needs, "approval": approval}


def _question(one: Drawn, most: int, *, approves: bool) -> dict[str, object]:
    """What the judge is asked: the whole request, and every vector of approvals up to so many of each role."""
    resource, action = one.bill["uid"], {"type": "Action", "id": one.action}
    vectors = [
        dict(zip(ROLES, counts, strict=True)) for counts in product(range(most + 1), repeat=len(ROLES)) if any(counts)
    ]
    vectors = vectors or [dict.fromkeys(ROLES, 1)]
    person = one.context["person"]
    approval = {
        "principal": one.entities[2]["uid"],
        "action": {"type": "Action", "id": f"approve:{one.action}"},
        "resource": resource,
        "entities": one.entities,
        "context": {
            "role": {"__entity": {"type": "Role", "id": one.role}},
            "params": one.context["params"],
            "requester": person,
            "agent": {"__entity": one.entities[0]["uid"]},
            "env": one.context["env"],
        },
    }
    # a live decision knows agent, person and record; whoever would approve it comes later
    own = [*one.entities[:2], one.bill] if approves else one.entities
    return {
        "principals": one.principals, "action": action, "resource": resource, "entities": own,
        "context": one.context, "held": one.held, "oldest": one.oldest, "vectors": vectors, "approval": approval if approves and one.holds_role else None,
    }  # fmt: skip


def _again(decider: Decider, one: Drawn) -> Said:
    """By `decide_again`, as `policy simulate` does: the request and its entities as a record keeps them."""
    action, resource = {"type": "Action", "id": one.action}, one.bill["uid"]
    context = {**one.context, "approvals": {**one.held, "oldestSeconds": one.oldest}, "guarded": True}
    asked = [{"principal": who, "action": action, "resource": resource, "context": context} for who in one.principals]
    recorded = RecordedRequest.of(orjson.dumps(asked), orjson.dumps(one.entities), ROLES, None)
    try:
        answer = decider.decide_again(recorded)
    except ValueError:
        return {"fits": False}
    return _said(answer.permitted, answer.record, [dict(need) for need in answer.needs])


def _live(decider: Decider, one: Drawn) -> Said:
    """By `decide`, `denied_early` and `may_approve`, as a call does."""
    caller, approver, facts = _caller(one, 1), _caller(one, 2), _facts(one)
    request, context = _request(one), _decision_context(one)
    decision = decider.decide(request, caller, facts, context, one.held, one.oldest)
    if decision.record is None:
        return {"fits": False}
    needs = [dict(need) for need in decision.needs] if isinstance(decision, ApprovalRequired) else []
    said = _said(isinstance(decision, Permitted), decision.record, needs)
    place = Target("records", "records", "http://127.0.0.1:1", facts.tenant, facts.environment, "none", "none", "p")
    said["early"] = isinstance(decider.denied_early(one.action, caller, place), Denied)
    allowed = decider.may_approve(request, caller, facts, context, approver, one.role)
    # the judge knows Cedar only: that an approver holds the role is asked before
    if one.role in approver.person_roles:
        said["approval"] = sorted(allowed) if allowed is not None else None
    else:
        assert allowed is None
    return said


def _said(permitted: bool, record: DecisionRecord, needs: Sequence[Mapping[str, int]]) -> Said:
    errors = [found.group(1) for text in record.errors if (found := _NAMED.search(text))]
    assert len(errors) == len(record.errors), record.errors
    reasons = [list(record.policies[who]) for who in ("agent", "person")]
    held = [{"reasons": reasons[0], "errors": errors}, {"reasons": reasons[1], "errors": []}]
    return {"fits": True, "permitted": permitted, "held": held, "needs": needs}


def _caller(one: Drawn, place: int) -> Caller:
    agent, person = one.entities[0], one.entities[place]
    agent_roles, roles = (frozenset(parent["id"] for parent in who["parents"]) for who in (agent, person))
    # an undeclared role must count for nothing
    return Caller("bot", agent["attrs"]["tenant"], person["uid"]["id"], "", agent_roles | {"Ghost"}, roles | {"Ghost"})


def _people(one: Drawn) -> People:
    found = {}
    for entity in one.entities[1:3]:
        known, name = entity["attrs"], entity["uid"]["id"]
        texts = {key: known.get(key, "") for key in ("team", "manager", "region", "employment")}
        attributes = PersonAttributes(**texts, on_call=known["onCall"])
        found[name] = Person(name, "", known["subject"], "elsewhere", frozenset(), attributes)
    return People(found)


def _facts(one: Drawn) -> ResourceFacts:
    attributes = dict(one.bill["attrs"])
    tenant, environment = attributes.pop("tenant"), attributes.pop("environment")["__entity"]["id"]
    uid, trusted = one.bill["uid"], one.context["origin"]["trusted"]
    return ResourceFacts(uid["type"], uid["id"], None, attributes, None, tenant, environment, trusted)


def _request(one: Drawn) -> ActionRequest:
    program = programs()[one.action]
    params = {**one.context["params"], "speed": one.context["params"]["speed"]["__entity"]["id"]}
    contract = program.contract
    person, tenant = str(one.principals[1]["id"]), one.entities[0]["attrs"]["tenant"]
    return ActionRequest(
        one.action, 1, program.digest, contract.kind, contract.risk, tenant, "bot", person, "", "records", "t", params, None, None
    )  # fmt: skip


def _decision_context(one: Drawn) -> DecisionContext:
    context, rate = one.context, one.context["rate"]
    now = datetime.fromisoformat(context["env"]["now"]["__extn"]["arg"])
    return DecisionContext(
        int(now.timestamp() * 1000),
        context["env"]["changeFreeze"],
        context["repeat"],
        Rate(rate["lastHour"], rate["lastDay"], rate["spentLastDay"]),
        rate["spends"],
        context["plan"]["size"],
        context["plan"]["wave"],
        context["resourceOpenIncident"],
        context["env"]["incident"],
        saw=frozenset(context["session"]["saw"]),
    )
