"""Is the effect confirmed? The contract's expectations are evaluated again, over the bodies that the file opens.

`effect_of` takes a proof that is authentic already. It believes the gateway that these bodies are what it read: the
signed statement commits to them. It does not believe that they mean what the outcome says.

- What is not opened, or cannot be decoded as JSON, MUST leave the answer open.
- Where the record says `confirmed` and an expectation does not hold, the answer MUST be no.
"""

from collections.abc import Mapping
from typing import Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from contracts.compiler.check import Check
from contracts.compiler.expressions import CelType, Expression, Names
from contracts.compiler.input_compiler import input_names
from contracts.errors import AilyusError
from contracts.schema.contract import Condition
from contracts.schema.input import Input
from contracts.schema.route import Observe
from receipts.audit.authorisation import release_of, steps_of
from receipts.audit.proof_answer import ProofAnswer, no, of_all, unknown, yes
from receipts.audit.proof_statement import Predicate
from receipts.audit.verify import AuthenticProof
from receipts.reconciliation.checks import checks_of
from receipts.statement.json_value import array_of, object_of

_OTHER: Final[Mapping[str, CelType]] = {
    "connection.tenant": "string",
    "connection.environment": "string",
    "response.status": "int",
    "response.headers": "dyn",
    "response.body": "dyn",
}
_UNDONE: Final = frozenset({"not_applied", "unavailable", "diverged", "compensated", "partial"})


class Expectation(BaseModel):
    """What of a contract's document says which state is expected, and how it is read."""

    # a document of the compiled form: the rest of it is written otherwise than in a file
    model_config = ConfigDict(extra="ignore", frozen=True)

    contract: str
    version: int
    inputs: dict[str, Input] = Field(default_factory=dict)
    observe: dict[str, Observe | Literal["system"]]
    expect: tuple[Condition, ...] = ()

    @property
    def checks(self) -> list[Check]:
        """The expectations, compiled. Raises `AilyusError`."""
        read = [f"{phase}.{name}" for name in self.observe for phase in ("before", "after")]
        names = Names.of({**input_names(self.inputs), **dict.fromkeys(read, "dyn"), **_OTHER})
        return [Check(Expression.compile(c.that, names), c.otherwise, c.so or "", c.absent or "") for c in self.expect]


def effect_of(proof: AuthenticProof) -> ProofAnswer:
    """Did the receipt's action have the effect that its contract expects, by what was read afterwards?"""
    action = proof.receipt.get("action")
    if not isinstance(action, str):
        return unknown("it is about the gateway itself, and no action")
    return _of_action(proof, action)


def _of_action(proof: AuthenticProof, action: str) -> ProofAnswer:
    own = [one for one in proof.statements if one.get("action") == action]
    ended = [one for one in own if one["kind"] in ("outcome", "recheck", "resolution")]
    if not ended:
        sent = any(one["kind"] == "intent" for one in own)
        return unknown("it had not ended") if sent or not own else no(f"nothing was sent: it is `{own[-1]['status']}`")
    last = ended[-1]
    status = str(last["status"])
    # a word outweighs no read, and is none
    if last["kind"] == "resolution":
        return unknown("a person settled it by their word, and no read")
    if status in _UNDONE:
        return no(f"it ended `{status}`")
    if status not in ("confirmed", "holds"):
        return unknown(f"it ended `{status}`") if status == "unknown" else no(f"a later look found `{status}`")
    if last.get("planOf") or last.get("steps"):
        found = [_of_action(proof, step) for _, step in _present(proof, action)]
        left = [unknown(f"the step `{name}` is not in the file") for name, _ in _absent(proof, action)]
        return of_all([*found, *left], f"each of {len(found)} steps was read back, and meets what is expected of it")
    return _evaluated(proof, last)


def _present(proof: AuthenticProof, action: str) -> list[tuple[str, str]]:
    there = {one.get("action") for one in proof.statements}
    return [(name, step) for name, step in steps_of(proof, action) if step in there]


def _absent(proof: AuthenticProof, action: str) -> list[tuple[str, str]]:
    there = _present(proof, action)
    return [one for one in steps_of(proof, action) if one not in there]


def _evaluated(proof: AuthenticProof, last: Predicate) -> ProofAnswer:
    """Evaluate the expectations of an outcome, or of a later look, again."""
    if last["kind"] == "outcome" and not {"attempts", "intent", "checks"} & last.keys():
        return yes("it was a read, and nothing was to change")
    try:
        expected = _expectation(proof, last)
        checks, scope = expected.checks, _scope(proof, last, expected)
    except _NotShown as gap:
        return unknown(str(gap))
    except AilyusError:
        return unknown("the contract cannot be compiled from the file")
    results = checks_of(checks, scope)
    said = [one.get("met") for one in map(object_of, array_of(last.get("checks")))]
    for result in results:
        if result.unmet:  # guard: an expectation that does not hold
            return no(f"an expectation does not hold: {result.that}", contradicts=True)
    if len(said) != len(results) or not all(said):
        return no("the statement names other expectations than its contract", contradicts=True)
    unread = next((result for result in results if not result.met), None)
    if unread is not None:
        return unknown(f"an expectation cannot be evaluated again: {unread.fault}")
    observer = last.get("observer") or "the record"
    return yes(f"{len(results)} of {len(results)} expectations hold in what was read back through `{observer}`")


class _NotShown(Exception):
    """What keeps the expectations from being evaluated."""


def _expectation(proof: AuthenticProof, one: Predicate) -> Expectation:
    named, release = object_of(one.get("contract")), release_of(proof, one)
    data = proof.disclosed.get((release or "", f"contract/{named.get('id')}"))
    if data is None:
        raise _NotShown(f"the contract `{named.get('id')}` of the release is not opened")
    try:
        found = Expectation.model_validate_json(data)
    except ValidationError:
        raise _NotShown("the contract cannot be read") from None
    # a proof of an older action carries the release that followed, which may judge by other words
    if (found.contract, found.version) != (named.get("id"), named.get("version")):
        raise _NotShown("the contract of the release has another version")
    return found


def _scope(proof: AuthenticProof, last: Predicate, expected: Expectation) -> dict[str, object]:
    """The names of the phase after, as far as the file opens what they hold."""
    intents = [p for p in proof.statements if p["kind"] == "intent" and p.get("action") == last.get("action")]
    intent = next((p for p in intents if p["receipt"] == last.get("intent")), intents[-1] if intents else last)
    scope: dict[str, object] = {"connection.tenant": last["tenant"]}
    params = proof.disclosed.get((str(intent["receipt"]), "params"))
    if params is None:
        raise _NotShown("the parameters are not opened")
    scope |= {f"inputs.{name}": value for name, value in orjson.loads(params).items()}
    scope |= _read(proof, intent, "before", expected)
    # where nothing was sent, the state before met every expectation already
    after = last if last.get("after") else intent
    values = _read(proof, after, "after" if last.get("after") else "before", expected)
    scope |= {f"after.{name.split('.', 1)[1]}": value for name, value in values.items()}
    attempts = array_of(last.get("attempts"))
    if attempts and (status := object_of(attempts[-1]).get("status")) is not None:
        scope["response.status"] = status
        body = _decoded(proof.disclosed.get((str(last["receipt"]), "response")))
        if body is not None:
            scope["response.body"] = body
    return scope


def _read(proof: AuthenticProof, one: Predicate, phase: str, expected: Expectation) -> dict[str, object]:
    """The decoded bodies of a look, by their names in this phase."""
    found: dict[str, object] = {}
    for name, fact in object_of(one.get(phase)).items():
        declared = expected.observe.get(name)
        # a 404 that the contract allows is read as null, whatever its body says
        if object_of(fact).get("status") == 404:
            found[f"{phase}.{name}"] = None
            continue
        if isinstance(declared, Observe) and (declared.decode != "json" or declared.pages or not _by_http(declared)):
            raise _NotShown(f"`{name}` is no single JSON answer, which is not read again here")
        data = proof.disclosed.get((str(one["receipt"]), f"{phase}/{name}"))
        if data is None:
            raise _NotShown(f"`{phase}/{name}` is not opened")
        value = _decoded(data)
        if value is None:
            raise _NotShown(f"`{phase}/{name}` is withheld, or no JSON")
        found[f"{phase}.{name}"] = value
    return found


def _by_http(declared: Observe) -> bool:
    return declared.get is not None or declared.post is not None


def _decoded(data: bytes | None) -> JsonValue:
    try:
        value: JsonValue = orjson.loads(data or b"")
    except ValueError:
        return None
    return value
