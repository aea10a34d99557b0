"""Was it authorised? Cedar is run again on what the file opens, and the approvals that it was told of are counted.

`authorised` takes a proof that is authentic already: `verify` checked the signatures of people, and that each is about
this very action. What the log recorded is not believed here: the policies, the schema, the entities and the request are
the evidence that the signed statements commit to, and the answer and the ids of the policies must be the same.

- Nothing is authorised whose decision cannot be run: then the answer MUST be that the file cannot say it.
- An approval that Cedar was told of MUST be in the file, of a person of that role who is not the requester.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import cedarpy
import orjson
from pydantic import JsonValue, ValidationError

from contracts.canonical import digest, sha256
from policies.approval import SignedApproval
from policies.bundle import ENGINE
from policies.cedar_schema import cedar_schema
from policies.schema import RESERVED_ROLE, meaning
from receipts.audit.disclosure import Disclosed
from receipts.audit.proof_answer import ProofAnswer, no, of_all, unknown, yes
from receipts.audit.proof_statement import Predicate
from receipts.audit.verify import AuthenticProof
from receipts.statement.json_value import array_of, object_of

_WHO: Final = ("agent", "person")
_ENDED: Final = frozenset({"denied", "refused", "expired", "cancelled", "unavailable", "previewed"})


def authorised(proof: AuthenticProof) -> ProofAnswer:
    """Does Cedar permit, again, whatever was sent or read for the receipt's action, with the approvals of the file?"""
    action = proof.receipt.get("action")
    if not isinstance(action, str):
        return unknown("it is about the gateway itself, and no action")
    own = [one for one in proof.statements if action in _actions_of(one)]
    let_through = [one for one in own if one["kind"] in ("intent", "outcome") and one.get("decision")]
    if let_through:
        found = [_run(one, proof) for one in let_through]
        policies = sorted({name for one in let_through for name in _policies(one)})
        whole = f"Cedar permits it again ({len(found)} decisions, by {', '.join(f'`{name}`' for name in policies)})"
        return of_all([*found, *_missing_steps(proof, action)], f"{whole}{_approved(let_through)}")
    return _nothing_let_through(own, proof)


def _actions_of(one: Predicate) -> tuple[JsonValue, JsonValue]:
    plan = one.get("plan")
    return one.get("action"), plan.get("action") if isinstance(plan, dict) else None


def _nothing_let_through(own: Sequence[Predicate], proof: AuthenticProof) -> ProofAnswer:
    last = own[-1] if own else proof.receipt
    status = str(last.get("status"))
    if status not in _ENDED:
        return unknown("the file holds no decision that let anything through")
    if status == "denied" and last.get("decision"):
        again = _run(last, proof)
        if again.contradicts:
            return again
    return no(f"nothing was let through: it ended `{status}`")


def _missing_steps(proof: AuthenticProof, action: str) -> Iterator[ProofAnswer]:
    """A plan is authorised with all of its steps: those that it names and the file leaves out cannot be judged."""
    # a decision about a step is no step that was let through
    there = {one.get("action") for one in proof.statements if one["kind"] in ("intent", "outcome")}
    for name, step in steps_of(proof, action):
        if step not in there:  # guard: a plan with all of its steps
            yield unknown(f"the step `{name}` of the plan is not in the file")


def steps_of(proof: AuthenticProof, action: str) -> Iterator[tuple[str, str]]:
    """The steps of a plan that became actions, by its newest statement: name and action of each."""
    # the newest: a later look may have settled a step that was in doubt
    told = [one for one in proof.statements if one.get("action") == action and isinstance(one.get("steps"), list)]
    steps = told[-1]["steps"] if told else []
    for step in steps if isinstance(steps, list) else []:
        if isinstance(step, dict) and step.get("action_id"):
            yield str(step["id"]), str(step["action_id"])


def release_of(proof: AuthenticProof, predicate: Predicate) -> str | None:
    """The receipt of the release under which this was decided, where the file holds it."""
    for one in proof.statements:
        about = one.get("about")
        if one["kind"] == "release" and isinstance(about, dict) and about.get("release") == predicate.get("release"):
            return str(one["receipt"])
    return None


def _run(one: Predicate, proof: AuthenticProof) -> ProofAnswer:
    """Decide one statement's decision again."""
    said, receipt, release = one["decision"], str(one["receipt"]), release_of(proof, one)
    contract, kind = one["contract"], str(one["kind"])
    if not isinstance(said, dict) or not isinstance(contract, dict):
        return unknown(f"the {kind} has no decision")
    if said.get("partial"):
        return unknown("it was decided before the record was looked at, which is not run again here")
    if release is None:
        return unknown("the release that decided is not in the file")
    labels = (
        (receipt, "cedar/requests"),
        (receipt, "cedar/entities"),
        (release, f"slice/{contract['id']}"),
        (release, "schema"),
    )
    pieces = [proof.disclosed.get(label) for label in labels]
    if None in pieces:
        closed = labels[pieces.index(None)][1]
        return unknown(f"`{closed}` of the {kind} is not opened")
    requests, entities, policies, schema = (piece or b"" for piece in pieces)
    try:
        known = orjson.loads(policies)
        sources = {name: sha256(orjson.dumps(policy, option=orjson.OPT_SORT_KEYS)) for name, policy in known.items()}
        computed = {
            "requests": sha256(requests),
            "entities": sha256(entities),
            "slice": digest(sources),
            "schema": sha256(meaning(schema.decode())),
        }
        for name, value in computed.items():
            if said.get(name) != value:  # guard: what decided is what is run again
                return no(f"the {kind} names another `{name}` than the file opens", contradicts=True)
        permits, reasons = _decided(requests, entities, known, schema.decode())
        asked = orjson.loads(requests)
    except (ValueError, KeyError, TypeError, AttributeError):
        return unknown("Cedar cannot read what the file opens")
    return _compared(one, said, permits, reasons) or _asked(one, asked, proof) or yes("Cedar decides the same")


def _decided(
    requests: bytes, entities: bytes, policies: Mapping[str, JsonValue], schema_text: str
) -> tuple[bool, dict[str, list[str]]]:
    """Is it permitted to everybody who asks, and the ids of the policies that decided for each?"""
    schema = cedar_schema(schema_text)
    document = {"templates": {}, "staticPolicies": dict(policies), "templateLinks": []}
    parsed = cedarpy.PolicySet.from_json_str(orjson.dumps(document).decode())
    # INVARIANT: with the schema, as the gateway asks: without it a forbid on a group of actions would not match
    known = cedarpy.Entities.from_json_str(entities.decode(), schema)
    asked = [
        {**one, "context": orjson.dumps(_context(one["context"], policies)).decode()} for one in orjson.loads(requests)
    ]
    results = cedarpy.is_authorized_batch(asked, parsed, known, schema)
    permits = [r.decision is cedarpy.Decision.Allow and not r.diagnostics.errors for r in results]
    reasons = {who: sorted(r.diagnostics.reasons) for who, r in zip(_WHO, results, strict=True)}
    return all(permits), reasons


def _context(recorded: Mapping[str, JsonValue], policies: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """The recorded context as the schema takes it."""
    # an empty record (no budget covers the action) has no key in the schema, and no policy can read it
    kept = {key: value for key, value in recorded.items() if value != {} or key == "params"}
    # what no policy of the slice reads was not looked up; one that reads it must err here as it did there
    if "session" not in kept and b'"session"' not in orjson.dumps(policies):
        kept["session"] = {"saw": []}
    return kept


def _compared(
    one: Predicate, said: Mapping[str, JsonValue], permits: bool, reasons: Mapping[str, Sequence[str]]
) -> ProofAnswer | None:
    """The answer where Cedar does not say what the record says."""
    version = f" ({ENGINE} here, {said['engine']} then)" if said.get("engine") != ENGINE else ""
    let_through = one["kind"] != "decision"
    if permits is not let_through:  # guard: Cedar has the last word
        word = "permits" if permits else "denies"
        return no(f"Cedar {word} what the {one['kind']} says was `{one['status']}`{version}", contradicts=True)
    if said.get("policies") != {who: list(names) for who, names in reasons.items()}:
        return no(f"other policies decide than the {one['kind']} names{version}", contradicts=True)
    return None


def _asked(one: Predicate, asked: Sequence[Mapping[str, JsonValue]], proof: AuthenticProof) -> ProofAnswer | None:
    """The answer where Cedar was asked about something else, or told of approvals that nobody gave."""
    contract = one["contract"]
    wanted = ({"type": "Action", "id": contract["id"]} if isinstance(contract, dict) else None, one["agent"])
    principal = asked[0]["principal"]
    agent = principal.get("id") if isinstance(principal, dict) else None
    if len(asked) != len(_WHO) or any((each["action"], agent) != wanted for each in asked):
        return no("Cedar was asked about another action", contradicts=True)
    contexts = [each["context"] for each in asked]
    if any(context != contexts[0] for context in contexts) or not isinstance(contexts[0], dict):
        return no("agent and person were decided in different circumstances", contradicts=True)
    if isinstance(other := _other_params(one, contexts[0], proof.disclosed), ProofAnswer):
        return other
    return _told_of(one, contexts[0].get("approvals"), proof)


def _other_params(one: Predicate, context: Mapping[str, JsonValue], disclosed: Disclosed) -> ProofAnswer | None:
    data, params = disclosed.get((str(one["receipt"]), "params")), context.get("params")
    # what arrives late in a plan was decided on with a placeholder
    if data is None or one.get("plan") or not isinstance(params, dict):
        return None
    plain = {name: _plain(value) for name, value in params.items()}
    if plain != {name: _plain(value) for name, value in orjson.loads(data).items()}:
        return no("Cedar was asked about other parameters", contradicts=True)
    return None


def _plain(value: JsonValue) -> JsonValue:
    """A value of an input as it was called with: Cedar knows those of a list of values as entities."""
    inner = value.get("__entity") if isinstance(value, dict) else None
    return inner.get("id") if isinstance(inner, dict) else value


def _slots(one: Predicate, proof: AuthenticProof) -> list[tuple[str, str]]:
    """Where the approvals stand by which this was let through: each is named once, by the first intent that used it."""
    # an approval is used once: a plan's stands at its first step, an action's at its first attempt
    home = set(_actions_of(one)) - {None}
    return [
        (str(intent["receipt"]), f"approval/{place}")
        for intent in proof.statements
        if intent["kind"] == "intent" and home & set(_actions_of(intent))
        for place in range(len(array_of(intent.get("approvals"))))
    ]


def _told_of(one: Predicate, told: JsonValue, proof: AuthenticProof) -> ProofAnswer | None:
    """The answer where not every approval that Cedar was told of is in the file."""
    counts = {r: n for r, n in told.items() if r != RESERVED_ROLE and n} if isinstance(told, dict) else {}
    if not counts or one["kind"] == "decision":
        return None
    slots, disclosed = _slots(one, proof), proof.disclosed
    try:
        given = [SignedApproval.model_validate_json(disclosed[slot]) for slot in slots if slot in disclosed]
    except ValidationError:
        return no("an approval is malformed", contradicts=True)
    at = one.get("atMs")
    for approval in given:
        binding = approval.binding
        if binding.approver == binding.subject.person:  # guard: nobody approves what they asked for
            return no(f"`{binding.approver}` approved what they asked for themselves", contradicts=True)
        if isinstance(at, int) and at > binding.expires_ms:
            return no(f"the approval of `{binding.approver}` had expired", contradicts=True)
    # one person with two keys is one approver
    held = Counter(role for _, role in {(a.binding.approver, a.binding.role) for a in given})
    short = {role: n for role, n in counts.items() if not isinstance(n, int) or held[role] < n}
    if not short:
        return None
    words = ", ".join(f"{n} of `{role}`" for role, n in short.items())
    if len(given) < len(slots):
        return unknown(f"Cedar was told of {words}: {len(slots) - len(given)} approvals are not in the file")
    # guard: no approval that nobody gave
    return no(f"Cedar was told of {words}, and the intents name fewer", contradicts=True)


def _approved(let_through: Sequence[Predicate]) -> str:
    named = {str(one) for p in let_through for one in array_of(p.get("approvals"))}
    return f"; {len(named)} approvals of people hold" if named else ""


def _policies(one: Predicate) -> Iterator[str]:
    for names in object_of(object_of(one.get("decision")).get("policies")).values():
        yield from (str(name) for name in array_of(names))
