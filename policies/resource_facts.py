"""What Cedar is told about a resource: attributes that were read from the target just now, or a denial."""

from pydantic import JsonValue

from contracts.action.observation import Observation
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.check import cut_path
from contracts.compiler.expressions import Fault, Scope
from contracts.compiler.list_search import only_finds
from contracts.compiler.program import CedarAttribute, Program
from contracts.compiler.read_program import Read
from policies.decision import Denied, ResourceFacts, Unavailable


def establish_facts(
    program: Program, request: ActionRequest, target: Target, before: Observation
) -> ResourceFacts | Denied:
    """Facts from an observation. Whatever cannot be established denies: absent, null, erroring or ill-typed."""
    if before.outage is not None:  # guard: an outage is no refusal
        return Unavailable(before.outage.sentence, None, before.outage.outage, before.outage.connection)
    if not before.ok:
        return Denied(before.fault or _no_record(program, before))
    scope = {**program.scope(request.params, target.tenant, target.environment), **before.scope("before")}
    if half := _half_read(program, scope, before):
        why = before.readings[half.split(".")[1]].why_cut
        sentence = f"`{half}` was not read whole, so nothing can be decided on it" + (f": {why}" if why else "")
        return Unavailable(sentence, None, "target_failed", target.name)
    resource_id = program.resource_id.text(scope)
    if isinstance(resource_id, Fault) or not resource_id:
        return Denied("cannot establish the resource's id")
    # INVARIANT: what is decided about is the record that was read, not the one that was named
    # guard: the record is the resource
    if program.resource_shown is not None and program.resource_shown.text(scope) != resource_id:
        return Denied("the record that was read is another one than the resource")
    attributes: dict[str, JsonValue] = {}
    for attribute in program.attributes:
        value = cedar_value(attribute, attribute.value.filled(scope))
        if isinstance(value, Fault):
            return Denied(f"cannot establish `{attribute.name}`")
        attributes[attribute.name] = value
    label = program.resource_label.text(scope) if program.resource_label else None
    asked = None
    if program.asked:
        verified, subject = program.asked
        asked = {"verified": verified.holds(scope), "requesterIsSubject": subject.holds(scope)}
    return ResourceFacts(
        resource_type=program.resource_type,
        resource_id=resource_id,
        label=None if isinstance(label, Fault) else label,
        attributes=attributes,
        asked=asked,
        tenant=target.tenant,
        environment=target.environment,
        origin_trusted=target.origin_trusted,
    )


def _half_read(program: Program, scope: Scope, before: Observation) -> str | None:
    """A list that is not whole, on which depends what policies decide, what people read, or what a read gives back."""
    cut = before.cut("before")
    if not cut:
        return None
    texts = [program.resource_id, *(a.value for a in program.attributes)]
    texts += [t for t in (program.resource_shown, program.resource_label, program.says) if t is not None]
    used = [e for text in texts for e in text.expressions]
    used += [e for e in program.asked or () if not (e.holds(scope) and only_finds(e.text, e.paths()))]
    used += [program.widens] if program.widens is not None else []
    if half := cut_path(used, scope, cut):  # guard: half a list decides nothing
        return half
    # a read that declares no pages gives back the one that it asked for
    paged = frozenset(f"before.{r.name}" for r in program.reads if isinstance(r, Read) and r.pages is not None)
    given = [] if program.is_write else [e for _, text in program.outputs for e in text.expressions]
    return cut_path(given, scope, cut & paged)


def _no_record(program: Program, before: Observation) -> str:
    found = {name for name, reading in before.readings.items() if reading.status != 404}
    absent = [f"`{r.name}`" for r in program.reads if not r.may_be_absent and r.name not in found]
    return f"the record does not exist: the target answered 404 to the read {', '.join(absent)}"


def cedar_value(attribute: CedarAttribute, value: JsonValue | Fault) -> JsonValue | Fault:
    """The value as Cedar takes it, or a fault that denies."""
    # INVARIANT: an absent attribute makes a guard vanish, so there is none: a strict default, or no decision.
    if isinstance(value, Fault) or value is None:
        value = attribute.default  # guard: absent attributes deny
    wrong = Fault(f"`{attribute.name}` is not a {attribute.type}")
    match attribute.type:
        case "Bool":
            return value if isinstance(value, bool) else wrong
        case "Long":
            fits = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
            return value if fits else wrong
        case "String":
            return value if isinstance(value, str) and value else wrong
        case "Decimal":
            if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) >= 9e14:
                return wrong
            return {"__extn": {"fn": "decimal", "arg": f"{value:.4f}"}}
        case _:
            return value if isinstance(value, list) and all(isinstance(v, str) for v in value) else wrong
