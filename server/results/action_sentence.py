"""The sentence of an action out of its contract or plan: what it does to whom, as lists, pages and receipts say it."""

from collections.abc import Iterable, Mapping

from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.schema.input import Input
from policies.run_plan_schema import RUN_PLAN
from receipts.action.sentence import ActionSentence

_NAMED = 3
"""Records that the sentence of a plan names."""


def sentence_of(program: Program, scope: Mapping[str, object]) -> ActionSentence:
    """`says` with the values of the record; where those are not known, the title and what it is about."""
    said = program.says.told(scope) if program.says else None
    if said is not None and not isinstance(said, Fault):
        return ActionSentence.of(*said)
    values = {name.removeprefix("inputs."): value for name, value in scope.items() if name.startswith("inputs.")}
    return ActionSentence.about(program.contract.title, _about(program.contract.inputs, values))


def names_of(program: Program, scope: Mapping[str, object], indexed: Mapping[str, str]) -> frozenset[str]:
    """The values by which an action is found exactly: the record's id and label, and indexed inputs."""
    texts = [t for t in (program.resource_id, program.resource_label) if t is not None]
    found = [text.text(scope) for text in texts]
    return frozenset([*indexed.values(), *(one for one in found if isinstance(one, str) and one)])


def plan_sentence(
    name: str, title: str, inputs: Mapping[str, Input], values: Mapping[str, object], records: Iterable[str] = ()
) -> ActionSentence:
    """The title of a plan and the records that it is about, where they are known; else its indexed inputs."""
    if name == RUN_PLAN:  # INVARIANT: its title is the agent's
        return ActionSentence.of("Carry out a plan of the agent: [1]", (title,))  # guard: the title of an agent's plan
    known = list(dict.fromkeys(records))
    more = [f"+{len(known) - _NAMED}"] if len(known) > _NAMED else []
    return ActionSentence.about(title, [*known[:_NAMED], *more] or _about(inputs, values))


def _about(inputs: Mapping[str, Input], values: Mapping[str, object]) -> list[str]:
    """The values of indexed inputs, or of the first one where none is indexed; never of a secret."""
    shown = {n: str(v) for n, v in values.items() if n in inputs and _is_said(inputs[n], v)}
    indexed = [value for name, value in shown.items() if inputs[name].index]
    return indexed or list(shown.values())[:1]


def _is_said(field: Input, value: object) -> bool:
    return field.type != "secret" and isinstance(value, str | int) and not isinstance(value, bool) and value != ""
