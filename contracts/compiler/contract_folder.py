"""The folder of contracts, plans and flows: each file is read and compiled, and each fault is told with its line."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.compiler.schema_fault import explained, tried
from contracts.errors import AilyusError
from contracts.schema.contract import System
from contracts.schema.flow import Flow
from contracts.text.document import read_document
from contracts.text.node import line_of, without
from contracts.text.source import MalformedSource, read_source
from contracts.text.todo import todos

_REFERRED_TO_BY_NOTHING = frozenset(
    {"request", "require", "says", "shows", "execute", "expect", "foreign", "unchanged", "disclose", "evidence", "undo"}
)
"""Parts of a contract or plan without which the rest can still be looked at."""
MAX_FAULTS = 50
"""Faults of one file that are told at once."""
M = TypeVar("M", bound=BaseModel)
P = TypeVar("P", Program, PlanProgram)


class ContractFolder:
    """One folder while it is loaded. `faults` grows with every file, so that one look shows all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults: list[AilyusError] = []

    def place(self, path: Path, line: int) -> str:
        """A file and a line, as a fault names them."""
        return f"{path.relative_to(self._folder.parent)}:{line}"

    def refuse(self, code: str, sentence: str, path: Path) -> None:
        """A fault of a whole file."""
        self.faults.append(AilyusError(code, sentence, field=self.place(path, 1)))

    def system(self, path: Path) -> System | None:
        """The declarations that the contracts of one system share."""
        read = self.read(path, System)
        return read[0] if read else None

    def flows(self, files: Sequence[Path]) -> dict[str, Flow]:
        """Every flow by its name."""
        flows: dict[str, Flow] = {}
        for path in files:
            read = self.read(path, Flow)
            if read is None:
                continue
            if read[0].flow in flows:
                self.refuse("bad_contract", f"the flow `{read[0].flow}` exists twice", path)
            flows[read[0].flow] = read[0]
        return flows

    def read(self, path: Path, model: type[M]) -> tuple[M, yaml.Node, Mapping[str, object]] | None:
        """One file as its model, with the node and the content that it was made of; None where it has faults."""
        try:
            # the node gives lines, the content gives values: YAML is read once for both
            node, content = read_document(read_source(path))
            if node is None or not isinstance(content, dict):
                raise AilyusError("bad_contract", "the file holds no YAML object", field=self.place(path, 1))
            if open_ends := [
                AilyusError(
                    "bad_contract",
                    f"`{'.'.join(where)}` is still to do{': ' if what else ''}{what}",
                    field=self.place(path, line_of(node, where)),
                )
                for where, what in todos(content)  # guard: what is still to do
            ]:
                self.faults.extend(open_ends)
                return None
            return model.model_validate(content), node, content
        except MalformedSource as error:
            self.faults.append(AilyusError("bad_contract", f"no YAML: {error}", field=self.place(path, error.line)))
        except ValidationError as error:
            at = partial(self.place, path)
            self.faults.extend(explained(problem, node, at) for problem in tried(error.errors(), node))
        except AilyusError as error:
            self.faults.append(error)
        return None

    def compiled(self, path: Path, model: type[M], compile_: Callable[[M], P]) -> P | None:
        """The program, or every fault of the file: after each, what was faulty is left out and the rest compiled."""
        read = self.read(path, model)
        if read is None:
            return None
        written, node, content = read
        rest: object = content
        # a program of a file with faults is never handed out
        clean = True
        for _ in range(MAX_FAULTS):
            try:
                program = compile_(written)
                return program if clean else None
            except AilyusError as error:
                clean = False
                where = (error.field or "").split(".")
                line = line_of(node, where)
                fault = AilyusError(error.code, error.sentence, hint=error.hint, field=self.place(path, line))
                # compiling again gives the same fault where leaving out did not help
                if any(str(known) == str(fault) for known in self.faults):
                    return None
                self.faults.append(fault)
                rest, node = without(rest, node, where)
                left = rest.get(where[0]) if isinstance(rest, dict) else None
                if where[0] not in _REFERRED_TO_BY_NOTHING or (where[0] in ("expect", "execute") and not left):
                    return None  # what refers to it, or needs it, would only be a fault because it was left out
                try:
                    written = model.model_validate(rest)
                except ValidationError:
                    return None  # what was faulty cannot be left out
        return None
