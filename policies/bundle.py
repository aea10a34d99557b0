"""A validated set of Cedar policies, sliced per action. Nothing else ever decides.

`load_bundle` parses and checks all policy files of a release at once and gives an immutable `Bundle`, with the policies
that can say anything about each action (`Slice`). `Release.build` calls it, and so does `policy new` for a candidate.
It decides nothing itself: `Decider` asks Cedar with its handles. A changed file means another bundle with another
digest, and so another release (invariant 8).

- A policy without a plain `@id`, or with one that is there already, MUST be refused.
- A policy that can never apply, a guard that asks nobody, and a forbid on an attribute that the target's user can edit
  MUST be refused.
- Entities MUST be built against the schema: without it a forbid on a group of actions would not match (`canary`).
- The slice of an action MUST hold every policy whose scope covers the action.
"""

import importlib.metadata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import cedarpy
import orjson
from cedarpy import pst

from contracts.canonical import digest, sha256
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from policies.budget import FILE as BUDGET_FILE
from policies.budget import Budgets, budgets_of, names_of
from policies.cedar_schema import cedar_schema
from policies.policy_check import faults_of
from policies.policy_file import all_of, policies_of
from policies.policy_slice import Slice, groups_of, slices_of
from policies.receipt_policy import APART, ReceiptPolicies
from policies.receipt_policy import FILE as RECEIPT_FILE
from policies.release_policy import FILE as RELEASE_FILE
from policies.release_policy import ReleasePolicies
from policies.schema import SENTINEL, generate_schema, meaning

ENGINE = "cedarpy " + importlib.metadata.version("cedarpy")


@dataclass(frozen=True, slots=True)
class Bundle:
    """Policies, schema and slices as one immutable object.

    `narrow` is the same schema with the context of each action cut down to what its slice reads: Cedar parses every
    key of a context anew for each request, which took a sixth of a governed read's time.
    """

    schema_text: str
    schema: cedarpy.Schema
    narrow: cedarpy.Schema
    schema_digest: str
    slices: Mapping[str, Slice]
    texts: Mapping[str, str]
    roles: frozenset[str]
    environments: frozenset[str]
    digest: str
    releases: ReleasePolicies
    receipts: ReceiptPolicies
    # in Cedar's JSON and not as written: a comment that changes is no other policy
    sources: Mapping[str, bytes] = field(default_factory=dict)
    budgets: Budgets = field(default_factory=Budgets)

    @property
    def policy_texts(self) -> dict[str, str]:
        """The files of policies by name, without the one of budgets."""
        return {name: text for name, text in self.texts.items() if name != BUDGET_FILE}

    def slice_document(self, action: str) -> bytes:
        """The policies of one action's slice as JSON, id → policy in Cedar's own form."""
        own = sorted(self.slices[action].nodes)
        return b"{" + b",".join(orjson.dumps(n) + b":" + self.sources[n] for n in own) + b"}"

    def entities(self, document: bytes) -> cedarpy.Entities:
        """Entities from a list in Cedar's JSON, checked. The one place that builds them, always against the schema.

        Built anew for each decision: adding to a handle copies and checks all actions again, which takes six times as
        long. Raises ValueError where they do not fit the schema.

        INVARIANT: a handle built without the schema loses the action groups, and a group forbid never matches.
        """
        return cedarpy.Entities.from_json_str(document.decode(), self.schema)  # guard: entities with schema


def load_bundle(
    texts: Mapping[str, str], programs: Mapping[str, Program], roles: Iterable[str], environments: Iterable[str]
) -> Bundle:
    """Parse and validate files of policies and budgets (name → text). Raises `AilyusError` `bad_policy`."""
    roles, environments = frozenset(roles), frozenset(environments)
    budgets = budgets_of(texts.get(BUDGET_FILE, ""), programs)
    covering = {name: names_of(budgets.of(name)) for name in programs}
    schema_text = generate_schema(programs.values(), roles, environments, budgets=covering)
    try:
        schema = cedar_schema(schema_text)
    except ValueError as error:
        raise AilyusError("bad_policy", f"the generated schema is not valid: {error}") from None
    nodes: dict[str, pst.Template] = {}
    sources: dict[str, str] = {}
    texts_of: dict[str, bytes] = {}
    releases = ReleasePolicies.of(texts.get(RELEASE_FILE, ""), roles)
    receipts = ReceiptPolicies.of(texts.get(RECEIPT_FILE), roles)
    apart = releases.nodes.keys() | (receipts.nodes.keys() if RECEIPT_FILE in texts else set())
    # all faults at once: whoever mends one does not want to learn of the next one then
    faults: list[AilyusError] = []
    for file, text in sorted(texts.items()):
        if file == BUDGET_FILE or file in APART:
            continue
        try:
            for found in policies_of(file, text, schema):
                name = found.name
                if name in nodes or name in apart:
                    says = f"the id `{name}` is used twice"
                    faults.append(AilyusError("bad_policy", says, field=str(found.position)))
                    continue
                faults += faults_of(found, roles, programs)
                nodes[name], sources[name], texts_of[name] = found.node, sha256(found.source), found.source
        except AilyusError as error:
            faults.append(error)
    if faults:
        raise all_of(faults)
    # slices for approvals too: who may approve is a decision of its own
    slices = slices_of(nodes, sources, groups_of(programs), roles)
    schema_digest = sha256(meaning(schema_text))
    # names of files are left out, since a renamed file decides the same
    content: dict[str, object] = {"schema": schema_digest, "policies": sources}
    # left out where there are none, so that an older set keeps its digest
    content |= {"releases": releases.digest} if releases.nodes else {}
    content |= {"receipts": receipts.digest} if RECEIPT_FILE in texts else {}
    content |= {"budgets": budgets.content} if budgets.by_name else {}
    reads = {name: slices[name].reads for name in programs}
    narrow_text = generate_schema(programs.values(), roles, environments, reads, covering)
    narrow = cedar_schema(narrow_text)
    content_digest = digest(content)
    bundle = Bundle(
        schema_text, schema, narrow, schema_digest, slices, dict(texts), roles, environments, content_digest, releases,
        receipts, texts_of, budgets,
    )  # fmt: skip
    # INVARIANT 9: proven with the very handles that decide, before any of them does
    canary(bundle)
    return bundle


def canary(bundle: Bundle) -> None:
    """Prove, with the handles that decisions use, that a forbid on a group denies a member of the group."""
    policies = cedarpy.PolicySet.from_str(
        'permit (principal, action, resource);forbid (principal, action in Action::"risk_at_least_low", resource);'
    )
    person: dict[str, object] = {
        "uid": {"type": "Person", "id": "canary"},
        "attrs": {"tenant": "canary", "name": "canary", "subject": "canary", "onCall": False},
        "parents": [],
    }
    entities = bundle.entities(orjson.dumps([person]))
    request = {
        "principal": {"type": "Person", "id": "canary"},
        "action": {"type": "Action", "id": SENTINEL},
        "resource": {"type": "Sentinel", "id": "canary"},
        "context": {},
    }
    if cedarpy.is_authorized(request, policies, entities).decision is not cedarpy.Decision.Deny:
        raise AilyusError("bad_policy", "a forbid on an action group does not deny: the entities lost their groups")
