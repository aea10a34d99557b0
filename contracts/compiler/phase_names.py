"""The names that the expressions of a contract may use, by the phase of an action in which they are evaluated."""

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.compiler.expressions import CelType, Names
from contracts.compiler.input_compiler import input_names
from contracts.schema.contract import Contract


@dataclass(frozen=True, slots=True)
class PhaseNames:
    """What is known before anything is read, after the first look, with the answer, after the second look.

    `undoing` is for the arguments of an undo, `made` for one object of a list in which an action made another.
    """

    early: Names
    before: Names
    answer: Names
    after: Names
    undoing: Names
    made: Names

    @classmethod
    def of(cls, contract: Contract, observe: Iterable[str], later: frozenset[str] = frozenset()) -> "PhaseNames":
        """The names of a contract with these reads; those of `later` are made only after the send."""
        observe = tuple(observe)
        inputs = input_names(contract.inputs)
        outputs: dict[str, CelType] = {f"outputs.{name}": "dyn" for name in contract.outputs}
        # only an object of a new list is judged by when it was made
        window: dict[str, CelType] = {
            "it": "dyn",
            "window.start": "string",
            "window.end": "string",
            "connection.exclusive": "bool",
        }
        connection: dict[str, CelType] = {"connection.tenant": "string", "connection.environment": "string"}
        before: dict[str, CelType] = {f"before.{name}": "dyn" for name in observe if name not in later}
        after: dict[str, CelType] = {f"after.{name}": "dyn" for name in observe}
        response: dict[str, CelType] = {"response.status": "int", "response.headers": "dyn", "response.body": "dyn"}
        return cls(
            early=Names.of({**inputs, **connection}),
            before=Names.of({**inputs, **connection, **before}),
            answer=Names.of({**inputs, **connection, **before, **response}),
            after=Names.of({**inputs, **connection, **before, **after, **response}),
            # without `after`: an undo is planned before the action, and shown to who approves it
            undoing=Names.of({**inputs, **connection, **before, **outputs}),
            made=Names.of({**inputs, **connection, **window}),
        )
