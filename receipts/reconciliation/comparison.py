"""The state before and after, compared on the paths that a contract names."""

from collections.abc import Sequence
from dataclasses import replace

from pydantic import JsonValue

from contracts.action.observation import Observation, Reading
from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.program import Program
from contracts.compiler.read_program import AnyRead, Read
from contracts.hiding import Hiding
from receipts.reconciliation.checks import are_cut


def evened(reads: Sequence[AnyRead], before: Observation, after: Observation) -> tuple[Observation, Observation]:
    """Both looks, with an empty list where one look holds a list that the target leaves out when it is empty.

    A list that neither look holds stays absent: it proves nothing.
    """
    for read in reads:
        for path in read.omits_empty if isinstance(read, Read) else ():
            one, other = before.readings.get(read.name), after.readings.get(read.name)
            if one is None or other is None:
                continue
            names = path.split(".")
            before = _emptied(before, one, names) if _has_list(other.value, names) else before
            after = _emptied(after, other, names) if _has_list(one.value, names) else after
    return before, after


def _has_list(value: JsonValue, names: Sequence[str]) -> bool:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return isinstance(value, list)


def _emptied(observation: Observation, reading: Reading, names: Sequence[str]) -> Observation:
    value = _with_empty(reading.value, names)
    return replace(observation, readings={**observation.readings, reading.name: replace(reading, value=value)})


def _with_empty(value: JsonValue, names: Sequence[str]) -> JsonValue:
    if not isinstance(value, dict):
        return value
    name, *deeper = names
    if deeper:
        return {**value, name: _with_empty(value[name], deeper)} if name in value else value
    return value if name in value else {**value, name: []}


def same(paths: tuple[str, ...], before: Observation, after: Observation) -> bool:
    """Is the state the same on these `before.*` paths? Absent equals absent, and a kept digest what it is of."""
    old, new = before.scope("before"), after.scope("before")
    hiding = before.hiding or after.hiding
    return all(equal(_seen(lookup(p, old), hiding), _seen(lookup(p, new), hiding)) for p in paths)


def _seen(value: object, hiding: Hiding | None) -> object:
    return value if hiding is None or value is ABSENT else hiding.all(value)  # type: ignore[arg-type]  # JSON


def drifted_paths(program: Program, before: Observation, after: Observation) -> tuple[str, ...]:
    """What changed although the contract declares it `unchanged`, as the contract names it.

    A list that is not whole is left out: it may have changed, and what is seen of it proves neither.
    """
    return tuple(
        p
        for p in program.contract.unchanged
        if not are_cut([name := f"before.{p.removeprefix('before.')}"], before, after)
        and not same((name,), before, after)
    )


def is_blind(program: Program, before: Observation, after: Observation) -> bool:
    """Is a list that must not change not whole, in either look?"""
    return are_cut([f"before.{p.removeprefix('before.')}" for p in program.contract.unchanged], before, after)


def equal(one: object, other: object) -> bool:
    """Are two values of a record the same, as JSON? Absent equals only absent, and yes is not 1."""
    if one is ABSENT or other is ABSENT:
        return one is other
    if isinstance(one, bool) or isinstance(other, bool):  # guard: yes is not 1
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    return one == other
