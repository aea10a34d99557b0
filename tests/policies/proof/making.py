"""A contract with a value of every type, and requests of it with random values, for tests of proofs."""

import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed

from contracts.compiler.catalog import load_catalog
from contracts.compiler.program import Program
from policies.bundle import load_bundle
from policies.decider import Decider
from policies.proof.ruleset import Ruleset

CONTRACT = """\
contract: pay_bill
version: 1
title: Pay a bill
summary: Pay one bill of the plain REST store.
use_when: a test needs it
kind: write
risk: high
tags: [bills]
verified_against: the sandbox's records
target: records
inputs:
  bill: {type: string, description: "Bill id."}
  cents: {type: integer, minimum: 0, maximum: 1000000, description: "How much."}
  rush: {type: boolean, optional: true, description: "Today?"}
  note: {type: string, optional: true, description: "A note."}
  speed: {type: string, enum: [slow, fast], description: "How fast."}
  labels: {type: array, items: {type: string}, optional: true, description: "Labels."}
  lines: {type: array, items: {type: integer}, description: "Lines."}
observe: {record: {get: "/records/${inputs.bill}"}}
resource:
  type: Bill
  id: "${inputs.bill}"
  attributes:
    locked: {type: Bool, value: "${before.record.locked}"}
    total: {type: Long, value: "${before.record.total}"}
    owner: {type: String, value: "${before.record.owner}"}
    rating: {type: Decimal, value: "${before.record.rating}"}
    teams: {type: SetOfString, value: "${before.record.teams}"}
says: "Pay the bill"
execute:
  - http: {put: "/records/${inputs.bill}", json: {value: "paid"}}
    ok: response.status == 200
detect: state
settle: {within: 300ms, because: the sandbox's reads show a write at once}
expect:
  - {that: "after.record.value == 'paid'", else: "the bill is not paid"}
evidence: {http: [before, after, response]}
escalate: records-oncall
"""
ROLES, ENVIRONMENTS = ("Support", "SecurityLead"), ("prod", "staging")
TEXTS = ("acme", "ann", "bot", "a*b", "ab", "", "a\\u{41}", "x")


@cache
def programs(risk: str = "high") -> dict[str, Program]:
    """The contract, compiled, with this risk."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "pay_bill.yaml").write_text(CONTRACT.replace("risk: high", f"risk: {risk}"))
        return dict(load_catalog(Path(folder)).programs)


def rules(text: str, time_zone: str = "UTC") -> Ruleset:
    """The contract under these policies."""
    bundle = load_bundle({"test.cedar": text}, programs(), ROLES, ENVIRONMENTS)
    return Ruleset(Decider(bundle, programs()), programs(), time_zone=time_zone)


class Assignment:
    """A value for each symbol, in the place of the solver's model."""

    def __init__(self, draw: random.Random, literal: Callable[[str], z3.ExprRef]) -> None:
        self._draw = draw
        self._literal = literal
        self._values: dict[str, tuple[z3.ExprRef, z3.ExprRef]] = {}

    def eval(self, term: z3.ExprRef, model_completion: bool = True) -> z3.ExprRef:
        """The term with the values, as a constant."""
        pairs = [self._pair(one) for one in symbols_of(term)]
        found = z3.simplify(z3.substitute(term, *pairs)) if pairs else z3.simplify(term)
        if not z3.is_bool(found) or z3.is_true(found) or z3.is_false(found):
            return found
        # simplification alone leaves some comparisons of sets and patterns open
        solver = z3.Solver()
        solver.add(found)
        return z3.BoolVal(solver.check() == z3.sat)

    def _pair(self, symbol: z3.ExprRef) -> tuple[z3.ExprRef, z3.ExprRef]:
        name = symbol.decl().name()
        if name not in self._values:
            self._values[name] = (symbol, self._value(name, symbol.sort()))
        return self._values[name]

    def _value(self, name: str, sort: z3.SortRef) -> z3.ExprRef:
        draw = self._draw
        if sort == z3.BoolSort():
            return z3.BoolVal(draw.random() < 0.6)
        if isinstance(sort, z3.ArraySortRef):
            found = z3.EmptySet(sort.domain())
            for _ in range(draw.randrange(3)):
                found = z3.SetAdd(found, self._value(name + "[]", sort.domain()))
            return found
        is_number = name.startswith(
            ("context.a", "context.r", "context.plan", "second", "ahead", "context.params.cents")
        )
        if is_number or name.startswith(("context.params.lines", "resource.total", "resource.rating", "context.env")):
            if name == "context.role":
                return self._literal(draw.choice(ROLES))
            return z3.IntVal(self._number(name))
        if name == "resource.environment":
            return self._literal(draw.choice(ENVIRONMENTS))
        if name == "context.params.speed":
            return self._literal(draw.choice(("slow", "fast")))
        # few are empty, which no declared attribute may be
        return self._literal(draw.choice(TEXTS if draw.random() < 0.2 else TEXTS[:4]))

    def _number(self, name: str) -> int:
        if name == "second":
            return self._draw.choice((1_577_836_800, 1_767_000_000, 2_208_988_799))
        if name.startswith("context.approvals"):
            return self._draw.randrange(4)
        if name == "resource.total":
            return self._draw.choice((-(2**63), -1, 0, 1, 7, 2**62, 2**63 - 1))
        if name == "resource.rating":
            return self._draw.choice((-50_000, 0, 4999, 5000, 5001, 9 * 10**15))
        return self._draw.choice((0, 1, 2, 10, 100))


def symbols_of(term: z3.ExprRef) -> Iterator[z3.ExprRef]:
    """Every symbol of a term, once."""
    seen: set[int] = set()
    stack = [term]
    while stack:
        one = stack.pop()
        if one.get_id() in seen:
            continue
        seen.add(one.get_id())
        if z3.is_const(one) and one.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            yield one
        stack.extend(one.children())
