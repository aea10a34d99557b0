"""The prover: asks the solver whether any request breaks a claim, and Cedar whether what it finds really does."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import z3  # type: ignore[import-untyped]  # the solver ships no py.typed
from cedarpy import pst

from policies.policy_slice import Slice
from policies.proof.counterexample import Counterexample, SolverModel, counterexample, decided, meets
from policies.proof.formula import FALSE, Unmodelled, conj, disj, neg
from policies.proof.invariant import Invariant
from policies.proof.policy_encoding import permitted, satisfied
from policies.proof.ruleset import Ruleset, looks_inside
from policies.proof.symbolic_request import SymbolicRequest, action_request, approval_request
from policies.proof.text_sort import TextSort
from policies.session_history import reads_session

Outcome = Literal["proven", "refuted", "unknown"]
NO_NEW_ACCESS = "this change permits nothing that was denied"
_OUT_OF_TIME = "the time is over"
_UNCONFIRMED = "Cedar does not confirm the solver's request"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of one claim. `about` is the number of actions it was asked for, `reasons` why it is unknown."""

    claim: str
    outcome: Outcome
    about: int
    examples: tuple[Counterexample, ...] = ()
    reasons: tuple[str, ...] = ()

    def says(self, most: int) -> list[str]:
        """The same in lines for people, with so many requests."""
        lines = [f"{self.outcome.upper()} {self.claim} ({self.about} actions)"]
        for one in self.examples[:most]:
            what = f"approval of {one.contract}" if one.approver is not None else one.contract
            lines.append(f"  {what}: {one.says}")
        if len(self.examples) > most:
            lines.append(f"  and {len(self.examples) - most} more actions")
        return [*lines, *(f"  {reason}" for reason in self.reasons)]


@dataclass(frozen=True, slots=True)
class _Question:
    """One action under the rules: the request, what would break the claim, and how Cedar confirms it."""

    request: SymbolicRequest
    connections: tuple[str, ...]
    broken: z3.BoolRef
    confirms: Callable[[Counterexample], bool]


@dataclass(slots=True)
class Prover:
    """Proves claims about one set of rules within a time, in milliseconds of the process's clock."""

    rules: Ruleset
    milliseconds: int
    _numbers: TextSort = field(default_factory=lambda: TextSort(False))
    _strings: TextSort = field(default_factory=lambda: TextSort(True))
    # formulas are shared by the solver, so that equal ones have one id: most contracts ask the same
    _known: dict[int, tuple[z3.BoolRef, z3.CheckSatResult]] = field(default_factory=dict)
    # what one action's requests are does not depend on the claim
    _permits: dict[str, tuple[SymbolicRequest, z3.BoolRef]] = field(default_factory=dict)
    _until: float = field(init=False)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.milliseconds / 1000

    def invariant(self, invariant: Invariant) -> Verdict:
        """Does an invariant hold of every request that the rules permit?"""
        names = [name for name in sorted(self.rules.programs) if self._is_about(invariant.policy, name)]
        return self._verdict(invariant.name, names, lambda name: self._breaks(invariant, name))

    def no_new_access(self, live: Ruleset) -> Verdict:
        """Do the rules permit nothing that the live ones deny? Requests and approvals alike, of every tenant."""
        names = [f"{prefix}{name}" for prefix in ("", "approve:") for name in sorted(self.rules.programs)]
        found = self._verdict(NO_NEW_ACCESS, names, lambda name: self._widens(name, live))
        reasons = found.reasons
        if self.rules.bundle.releases.digest != live.bundle.releases.digest:
            reasons += ("`release.cedar` differs, and policies about releases have no translation",)
        if self.rules.bundle.receipts.digest != live.bundle.receipts.digest:
            reasons += ("`receipts.cedar` differs, and policies about receipts have no translation",)
        # one number stands for a count, whatever it counts: of another window or scope it says nothing
        defined = [one.bundle.budgets.by_name for one in (self.rules, live)]
        moved = sorted(name for name in defined[0].keys() & defined[1].keys() if defined[0][name] != defined[1][name])
        if moved:  # guard: a budget that counts otherwise is not proven
            reasons += (f"the budget `{moved[0]}` counts otherwise, and what is counted has no translation",)
        slices = self.rules.bundle.slices.values()
        if self.rules.session_hours < live.session_hours and any(reads_session(one.nodes.values()) for one in slices):
            reasons += ("`session_hours` is shorter, and for how long something was seen has no translation",)
        if reasons == found.reasons:
            return found
        outcome: Outcome = "refuted" if found.outcome == "refuted" else "unknown"
        return Verdict(found.claim, outcome, found.about, found.examples, reasons)

    def _is_about(self, policy: pst.Template, name: str) -> bool:
        groups = self.rules.groups[name]
        scope = policy.action
        return not isinstance(scope, pst.ActionIn) or any(one.id in groups for one in scope.entities)

    def _verdict(self, claim: str, names: list[str], ask: Callable[[str], _Question | None]) -> Verdict:
        examples: list[Counterexample] = []
        reasons: dict[str, list[str]] = {}
        for name, found in self._answers(names, ask):
            if isinstance(found, Counterexample):
                examples.append(found)
            elif found:
                reasons.setdefault(found, []).append(name)
        outcome: Outcome = "refuted" if examples else "unknown" if reasons else "proven"
        said = tuple(f"{why}: {_listed(of)}" for why, of in reasons.items())
        return Verdict(claim, outcome, len(names), tuple(examples), said)

    def _answers(
        self, names: list[str], ask: Callable[[str], _Question | None]
    ) -> Iterator[tuple[str, Counterexample | str]]:
        """For each action a counterexample, why it is unknown, or an empty text where the claim holds."""
        for name in names:
            try:
                question = ask(name)
                yield name, "" if question is None else self._answer(question)
            except Unmodelled as construct:
                yield name, f"{construct} has no translation"

    def _answer(self, question: _Question) -> Counterexample | str:
        request = question.request
        formula = conj(question.broken, *request.facts)
        known = self._known.get(formula.get_id())
        if known is not None and known[1] == z3.unsat:
            return ""
        left = int((self._until - time.monotonic()) * 1000)
        if left <= 0:
            return _OUT_OF_TIME
        solver = z3.Solver()
        solver.set("timeout", left)
        solver.add(formula)
        result = solver.check()
        self._known[formula.get_id()] = (formula, result)
        if result == z3.unsat:
            return ""
        if result != z3.sat:
            return _OUT_OF_TIME if time.monotonic() >= self._until else "the solver cannot say"
        model = SolverModel(solver.model(), request.asking[0].texts)
        example = counterexample(request, question.connections, model)
        # INVARIANT: the translation alone refutes nothing; Cedar has to find the same of this very request
        return example if question.confirms(example) else _UNCONFIRMED  # guard: Cedar confirms what a solver finds

    def _breaks(self, invariant: Invariant, name: str) -> _Question | None:
        sliced = self.rules.bundle.slices[name]
        texts = self._texts([*sliced.nodes.values(), invariant.policy])
        connections = tuple(sorted(self.rules.targets_of(self.rules.programs[name])))
        request, permits = self._permitted(name, texts, connections)
        found = [satisfied(invariant.policy, request.asking[place]) for place in invariant.principals]
        # a condition that errs is not one that holds, so it breaks the claim too
        met = disj(*(outcome.holds for outcome in found), *(outcome.error for outcome in found))
        if met is FALSE:
            return None

        def confirms(example: Counterexample) -> bool:
            record = decided(example, self.rules)
            return record is not None and any(meets(invariant.policies, record, invariant.principals, self.rules))

        return _Question(request, connections, conj(met, permits), confirms)

    def _permitted(
        self, name: str, texts: TextSort, connections: tuple[str, ...]
    ) -> tuple[SymbolicRequest, z3.BoolRef]:
        key = f"{name} {texts.looks_inside}"
        if key not in self._permits:
            request = action_request(name, self.rules, texts, connections)
            self._permits[key] = request, permitted(self.rules.bundle.slices[name], request)
        return self._permits[key]

    def _widens(self, action: str, live: Ruleset) -> _Question | None:
        name = action.removeprefix("approve:")
        make = action_request if action == name else approval_request
        sliced, former = self.rules.bundle.slices[action], live.bundle.slices.get(action)
        if former is not None and self._is_unmoved(name, sliced, former, live):
            return None
        texts = self._texts([*sliced.nodes.values(), *(former.nodes.values() if former is not None else ())])
        connections = tuple(sorted(self.rules.targets_of(self.rules.programs[name])))
        request = make(name, self.rules, texts, connections)
        before = FALSE
        facts = request.facts
        if former is not None:
            # the same symbols under the rules that are live: one request, decided twice
            again = make(name, live, texts, connections)
            before, facts = permitted(former, again), (*facts, *again.facts)
        broken = conj(permitted(sliced, request), neg(before), *facts)

        def confirms(example: Counterexample) -> bool:
            known = self._live_example(example, live)
            return decided(example, self.rules) is not None and (known is None or decided(known, live) is None)

        return _Question(request, connections, broken, confirms)

    def _live_example(self, example: Counterexample, live: Ruleset) -> Counterexample | None:
        """The same request as the live rules would see it: their connection says where it is. None without one."""
        target = next((one for one in live.targets if one.name == example.connection), None)
        if target is None:
            return None if example.connection and live.targets else example
        return example.at(target.tenant, target.environment)

    def _is_unmoved(self, name: str, sliced: Slice, former: Slice, live: Ruleset) -> bool:
        """Do the same policies decide about the same contract at the same places? Then nothing is asked."""
        mine, theirs = self.rules.programs[name], live.programs[name]
        places = {n: (t.tenant, t.environment) for n, t in self.rules.targets_of(mine).items()}
        before = {n: (t.tenant, t.environment) for n, t in live.targets_of(theirs).items()}
        return (
            sliced.digest == former.digest
            and places == before
            and self.rules.groups[name] == live.groups[name]
            and self.rules.bundle.schema_text == live.bundle.schema_text
        )

    def _texts(self, policies: list[pst.Template]) -> TextSort:
        return self._strings if looks_inside(policies) else self._numbers


def _listed(names: list[str], most: int = 5) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + rest
