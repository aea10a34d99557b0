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
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cedarpy
import orjson
from cedarpy import pst

from contracts.canonical import digest, sha256
from contracts.compiler.program import Program
from contracts.errors import AilyusError
from contracts.text.source import Malformed, read_source
from policies.folding import Known, facts_of, never_applies, no_approvals
from policies.parser_limits import MAX_BRACKETS, MAX_DEPTH, too_deep
from policies.schema import CONTEXT, RESERVED_ROLE, SENTINEL, generate_schema, meaning, membership
from policies.unsatisfiable import is_impossible

ENGINE = "cedarpy " + importlib.metadata.version("cedarpy")
MAX_FILE = 1024 * 1024
"""Bytes that one file of policies may have."""
MAX_VECTORS = 256
"""Vectors of approvals that one action's policies may span."""
MAX_AGE = 86_400
"""Seconds of age of an approval that a policy may accept: 900000 is what somebody writes who thinks of milliseconds."""
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
_COMPARE = {"greater_eq": 0, "greater": 1, "eq": 0, "less_eq": 1, "less": 0, "not_eq": 1}


@dataclass(frozen=True, slots=True)
class Slice:
    """The policies that can say anything about one action, parsed once, with their stable ids.

    `guards` are the ids of the forbids that approvals can lift; whether one of them asks is decided per request.
    `reads` are the keys of the context that they read, `params` the parameters (`*`: all of them).
    """

    policies: cedarpy.PolicySet
    nodes: Mapping[str, pst.Template]
    digest: str
    guards: frozenset[str]
    vectors: tuple[tuple[tuple[str, int], ...], ...]
    reads: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()


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
    base: cedarpy.Entities
    slices: Mapping[str, Slice]
    texts: Mapping[str, str]
    roles: frozenset[str]
    environments: frozenset[str]
    digest: str
    sources: Mapping[str, bytes] = field(default_factory=dict)

    def slice_document(self, action: str) -> bytes:
        """The policies of one action's slice as JSON, id → policy in Cedar's own form."""
        own = sorted(self.slices[action].nodes)
        return b"{" + b",".join(orjson.dumps(n) + b":" + self.sources[n] for n in own) + b"}"

    def entities(self, delta: list[dict[str, object]], base: cedarpy.Entities | None = None) -> cedarpy.Entities:
        """More entities on top of a checked base. The one place that builds them, always against the schema.

        INVARIANT: a handle built without the schema loses the action groups, and a group forbid never matches.
        """
        # guard: attributes with schema
        return (base or self.base).with_added_json_str(orjson.dumps(delta).decode(), self.schema)


def load_bundle(
    texts: Mapping[str, str], programs: Mapping[str, Program], roles: Iterable[str], environments: Iterable[str]
) -> Bundle:
    """Parse and validate policy files (name → text). Raises `AilyusError` `bad_policy` naming file and `@id`."""
    roles, environments = frozenset(roles), frozenset(environments)
    schema_text = generate_schema(programs.values(), roles, environments)
    try:
        schema = cedarpy.Schema.from_str(schema_text)
    except ValueError as error:
        raise AilyusError("bad_policy", f"the generated schema is not valid: {error}") from None
    nodes: dict[str, pst.Template] = {}
    sources: dict[str, str] = {}
    texts_of: dict[str, bytes] = {}
    for file, text in sorted(texts.items()):
        for name, node, source in _policies(file, text, schema):
            if name in nodes:
                raise AilyusError("bad_policy", f"the id `{name}` is used twice", field=file)
            _check(name, node, file, roles, programs)
            nodes[name], sources[name], texts_of[name] = node, sha256(source), source
    groups = _membership(programs)
    slices = {action: _slice(action, nodes, sources, groups[action], roles) for action in groups}
    schema_digest = sha256(meaning(schema_text))
    content = {"schema": schema_digest, "policies": sources}
    base = cedarpy.Entities.from_json_str("[]", schema)  # guard: entities with schema
    reads = {name: slices[name].reads for name in programs}
    narrow = cedarpy.Schema.from_str(generate_schema(programs.values(), roles, environments, reads))
    bundle = Bundle(
        schema_text,
        schema,
        narrow,
        schema_digest,
        base,
        slices,
        dict(texts),
        roles,
        environments,
        digest(content),
        texts_of,
    )
    canary(bundle)
    return bundle


def read_policies(path: Path) -> str:
    """The text of one file of policies; raises `AilyusError` `bad_policy`."""
    try:
        return read_source(path, MAX_FILE)
    except Malformed as error:
        hint = "see policies/README.md for the format"
        raise AilyusError("bad_policy", str(error), hint=hint, field=f"{path.name}:{error.line}") from None


def canary(bundle: Bundle) -> None:
    """Prove, with the handles that decisions use, that a forbid on a group denies a member of the group."""
    policies = cedarpy.PolicySet.from_str(
        'permit (principal, action, resource);forbid (principal, action in Action::"risk_at_least_low", resource);'
    )
    person: dict[str, object] = {
        "uid": {"type": "Person", "id": "canary"},
        "attrs": {"tenant": "canary"},
        "parents": [],
    }
    entities = bundle.entities([person])
    request = {
        "principal": {"type": "Person", "id": "canary"},
        "action": {"type": "Action", "id": SENTINEL},
        "resource": {"type": "Sentinel", "id": "canary"},
        "context": {},
    }
    if cedarpy.is_authorized(request, policies, entities).decision is not cedarpy.Decision.Deny:
        raise AilyusError("bad_policy", "a forbid on an action group does not deny: the entities lost their groups")


def _policies(file: str, text: str, schema: cedarpy.Schema) -> Iterator[tuple[str, pst.Template, bytes]]:
    if line := too_deep(text):
        sentence = f"line {line} nests deeper than {MAX_BRACKETS} brackets or {MAX_DEPTH} parts of a condition"
        hint = "write several policies, or a set with `contains`"
        raise AilyusError("bad_policy", sentence, hint=hint, field=file)
    try:
        parsed = cedarpy.policies_to_pst(text)
        sources = orjson.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    except ValueError as error:
        raise AilyusError("bad_policy", f"the file does not parse: {_lower(str(error))}", field=file) from None
    if parsed.templates:
        raise AilyusError("bad_policy", "templates with slots are not used here; write policies", field=file)
    result = cedarpy.validate_policies(text, schema)
    for fault in result.errors:
        name = result.id_annotations_by_policy_id.get(fault.policy_id, "")
        raise AilyusError("bad_policy", _lower(re.sub(r"policy `?policy\d+`?", f"`{name}`", fault.error)), field=file)
    for position, node in parsed.static_policies.items():
        name = node.annotations.get("id", "")
        # INVARIANT: an id by position shifts when the file is edited; only the written @id is ever recorded.
        if not _ID.fullmatch(name):  # guard: stable ids
            hint = 'put a line such as @id("prod-needs-lead") before the policy'
            raise AilyusError("bad_policy", f"a policy has no plain `@id` (`{name}`)", hint=hint, field=file)
        yield name, replace(node, id=name), orjson.dumps(sources[position], option=orjson.OPT_SORT_KEYS)


def _check(name: str, node: pst.Template, file: str, roles: frozenset[str], programs: Mapping[str, Program]) -> None:
    bodies = [clause.expr for clause in node.clauses]
    # guard: form of approvals
    if sum(_count_approvals(b) for b in bodies) != sum(1 for b in bodies for _ in _literals(b, roles)):
        hint = "compare each role with a number: `context.approvals.SecurityLead >= 1`"
        raise AilyusError("bad_policy", f"`{name}` uses approvals in another form", hint=hint, field=file)
    editable = {a.name for p in programs.values() for a in p.attributes if a.user_editable}
    # guard: user-editable attributes
    if node.effect == "forbid" and editable & {a for b in bodies for a in _resource_attributes(b)}:
        raise AilyusError("bad_policy", f"`{name}` forbids by an attribute that the target's user can edit", field=file)
    _check_guard(name, node, file, roles)
    if is_impossible(node, programs):  # guard: impossible policies
        hint = "no request can ever meet its conditions; mend or remove it"
        raise AilyusError("bad_policy", f"`{name}` can never apply", hint=hint, field=file)


def _check_guard(name: str, node: pst.Template, file: str, roles: frozenset[str]) -> None:
    asked = [(clause.expr, role, n) for clause in node.clauses for role, n in _literals(clause.expr, roles)]
    if any(role == RESERVED_ROLE and n > MAX_AGE for _, role, n in asked):
        hint = f"an age is a number of seconds, and at most {MAX_AGE} (one day)"
        raise AilyusError("bad_policy", f"`{name}` takes approvals of any age", hint=hint, field=file)
    # INVARIANT: a guard forbids while nobody has approved; one that does not asks nobody, and protects nothing
    if node.effect == "forbid" and asked and never_applies(node, no_approvals(roles)):  # guard: a guard asks somebody
        hint = "write that it is forbidden `unless { context.approvals.ROLE >= 1 }`, with 1 or more"
        raise AilyusError(
            "bad_policy", f"the guard `{name}` asks nobody: it allows what nobody has approved", hint=hint, field=file
        )


def _membership(programs: Mapping[str, Program]) -> dict[str, frozenset[str]]:
    members: dict[str, frozenset[str]] = {}
    for program in programs.values():
        members[program.name] = membership(program) | {program.name}
        members[f"approve:{program.name}"] = frozenset({f"approve:{program.name}", "approve"})
    return members


def matches(constraint: pst.ActionConstraint, member_of: frozenset[str]) -> bool:
    """Does a policy's action scope cover an action that is in these groups (itself included)?"""
    if isinstance(constraint, pst.ActionEq):
        return constraint.entity.id in member_of
    if isinstance(constraint, pst.ActionIn):
        return any(entity.id in member_of for entity in constraint.entities)
    return True


def _slice(
    action: str,
    nodes: Mapping[str, pst.Template],
    sources: Mapping[str, str],
    member_of: frozenset[str],
    roles: frozenset[str],
) -> Slice:
    own = {n: node for n, node in nodes.items() if matches(node.action, member_of)}
    needs: dict[str, int] = {}
    guards: set[str] = set()
    for name, node in own.items():
        for clause in node.clauses:
            for role, count in _literals(clause.expr, roles):
                if node.effect == "forbid":
                    guards.add(name)
                if role != RESERVED_ROLE:
                    needs[role] = max(needs.get(role, 0), count)
    policies = cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=own, template_links=()))
    bodies = [clause.expr for node in own.values() for clause in node.clauses]
    reads = frozenset(key for body in bodies for key in _context_keys(body))
    reads = CONTEXT if "*" in reads else reads
    params = frozenset(key for body in bodies for key in _param_keys(body))
    digested = digest({n: sources[n] for n in own})
    return Slice(policies, own, digested, frozenset(guards), _vectors(action, needs), reads, params)


def _context_keys(expr: pst.Expr) -> Iterator[str]:
    """The keys of the context that a policy reads; the whole of it used in any other way counts as all of them."""
    context = pst.Var("context")
    for node in walk(expr):
        match node:
            case pst.GetAttr(base=base, attr=name) if base == context:
                yield name
            case pst.HasAttr(base=base, attrs=names) if base == context:
                yield names[0]
            case _ if context in _children(node):
                yield "*"


def _param_keys(expr: pst.Expr) -> Iterator[str]:
    """The parameters that a policy reads; the whole record used in any other way counts as all of them."""
    params = pst.GetAttr(base=pst.Var("context"), attr="params")
    for node in walk(expr):
        match node:
            case pst.GetAttr(base=base, attr=name) if base == params:
                yield name
            case pst.HasAttr(base=base, attrs=names) if base == params:
                yield names[0]
            case pst.HasAttr(base=pst.Var(name="context"), attrs=("params", *_)):
                yield "*"
            case _ if params in _children(node) or pst.Var("context") in _children(node):
                if not isinstance(node, (pst.GetAttr, pst.HasAttr)):
                    yield "*"


def _vectors(action: str, needs: Mapping[str, int]) -> tuple[tuple[tuple[str, int], ...], ...]:
    total = 1
    for count in needs.values():
        total *= count + 1
        if not 0 <= count <= 10 or total > MAX_VECTORS:
            raise AilyusError("bad_policy", f"the approvals asked for by `{action}` span more than {MAX_VECTORS} ways")
    vectors: list[tuple[tuple[str, int], ...]] = [()]
    for role in sorted(needs):
        vectors = [(*v, (role, n)) for v in vectors for n in range(needs[role] + 1)]
    return tuple(sorted(vectors, key=lambda v: (sum(n for _, n in v), v)))


def _literals(expr: pst.Expr, roles: frozenset[str]) -> Iterator[tuple[str, int]]:
    for node in walk(expr):
        if not isinstance(node, pst.BinaryOp) or node.op not in _COMPARE:
            continue
        match node.left, node.right:
            case pst.GetAttr(base=base, attr=role), pst.LongLit(value=count) if _is_approvals(base):
                if role in roles or role == RESERVED_ROLE:
                    yield role, count + _COMPARE[node.op]


def _is_approvals(expr: pst.Expr) -> bool:
    return isinstance(expr, pst.GetAttr) and expr.attr == "approvals" and expr.base == pst.Var("context")


def _count_approvals(expr: pst.Expr) -> int:
    found = 0
    for node in walk(expr):
        found += isinstance(node, pst.GetAttr) and _is_approvals(node)
        found += isinstance(node, pst.HasAttr) and "approvals" in node.attrs
        # the whole context in a comparison, a set or a record would carry the approvals with it
        found += isinstance(node, (pst.BinaryOp, pst.Set, pst.Record)) and pst.Var("context") in _children(node)
    return found


def _resource_attributes(expr: pst.Expr) -> Iterator[str]:
    for node in walk(expr):
        if isinstance(node, pst.GetAttr) and node.base == pst.Var("resource"):
            yield node.attr


def walk(expr: pst.Expr) -> Iterator[pst.Expr]:
    """Every expression at or below `expr`."""
    stack: list[pst.Expr] = [expr]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(_children(node))


def _children(node: pst.Expr) -> list[pst.Expr]:
    match node:
        case pst.UnaryOp():
            return [node.arg]
        case pst.BinaryOp():
            return [node.left, node.right]
        case pst.GetAttr() | pst.HasAttr() | pst.Like():
            return [node.base]
        case pst.Is():
            return [node.base, *([node.in_expr] if node.in_expr else [])]
        case pst.IfThenElse():
            return [node.cond, node.then_expr, node.else_expr]
        case pst.Set():
            return list(node.elements)
        case pst.Record():
            return list(node.fields.values())
        case _:
            return []


def bind_resource(nodes: Mapping[str, pst.Template], tenant: str, environment: str) -> cedarpy.PolicySet:
    """The slice with what a connection fixes about every resource filled in, for the early decision."""
    return bound_policies(nodes, facts_of(tenant, environment))


def bound_policies(nodes: Mapping[str, pst.Template], known: Known) -> cedarpy.PolicySet:
    """Policies with what is known filled in."""

    def bound(expr: pst.Expr) -> pst.Expr:
        match expr:
            case pst.GetAttr() if expr in known:
                return known[expr]
            case pst.UnaryOp():
                return replace(expr, arg=bound(expr.arg))
            case pst.BinaryOp():
                return replace(expr, left=bound(expr.left), right=bound(expr.right))
            case pst.IfThenElse():
                return pst.IfThenElse(bound(expr.cond), bound(expr.then_expr), bound(expr.else_expr))
            case _:
                return expr

    policies = {
        name: replace(node, clauses=tuple(replace(c, expr=bound(c.expr)) for c in node.clauses))
        for name, node in nodes.items()
    }
    return cedarpy.PolicySet.from_pst(pst.PolicySet(templates={}, static_policies=policies, template_links=()))


def _lower(sentence: str) -> str:
    first = sentence.split("\n")[0].strip()
    return first[:1].lower() + first[1:]
