"""The folder of contracts, plans and flows: each file is read and compiled, and each fault is told with its line."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from contracts.compiler.plan_program import PlanProgram
from contracts.compiler.program import Program
from contracts.compiler.remaining_document import RemainingDocument
from contracts.compiler.schema_fault import explained, tried, written
from contracts.errors import AilyusError
from contracts.schema.contract import System
from contracts.schema.flow import Flow
from contracts.text.document import read_document
from contracts.text.source import MalformedSource, read_source
from contracts.text.todo import todos

MAX_FAULTS = 50
"""Faults of one file that are told at once."""
M = TypeVar("M", bound=BaseModel)
P = TypeVar("P", Program, PlanProgram)


class ContractFolder:
    """One folder while it is loaded. `faults` grows with every file, so that one look shows all of them.

    `missing` are the names of contracts, flows and shared files that have faults: what names them is no fault besides.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.faults: list[AilyusError] = []
        self.missing: set[str] = set()

    def place(self, path: Path, line: int) -> str:
        """A file and a line, as a fault names them."""
        return f"{path.relative_to(self._folder.parent)}:{line}"

    def refuse(self, code: str, sentence: str, path: Path) -> None:
        """A fault of a whole file."""
        self.faults.append(AilyusError(code, sentence, field=self.place(path, 1)))

    def system(self, path: Path) -> System | None:
        """The declarations that the contracts of one system share."""
        return self.read(path, System)

    def flows(self, files: Sequence[Path]) -> dict[str, Flow]:
        """Every flow by its name."""
        flows: dict[str, Flow] = {}
        for path in files:
            flow = self.read(path, Flow)
            if flow is None:
                continue
            if flow.flow in flows:
                self.refuse("bad_contract", f"the flow `{flow.flow}` exists twice", path)
            flows[flow.flow] = flow
        return flows

    def compiled(self, path: Path, model: type[M], compile_: Callable[[M], P]) -> P | None:
        """The program, or every fault of the file: after each, what was faulty is left out and the rest compiled."""
        known = len(self.faults)
        document = self._document(path)
        written = self._modelled(path, document, model) if document is not None else None
        for _ in range(MAX_FAULTS):
            if document is None or written is None:
                break
            try:
                program = compile_(written)
            except AilyusError as error:
                where = (error.field or "").split(".")
                follows = document.follows(error, where)
                if not follows and not self._told(path, document, error, where):
                    break  # compiling again gives the same fault where leaving out did not help
                written = _model(document, model) if document.leave_out([where]) else None
                continue
            if len(self.faults) == known and document.is_whole:
                return program  # a program of a file with faults is never handed out
            break
        self.missing.add(_name(path, document))
        return None

    def read(self, path: Path, model: type[M]) -> M | None:
        """One file as its model; None where it has faults."""
        known, document = len(self.faults), self._document(path)
        written = self._modelled(path, document, model) if document is not None else None
        if len(self.faults) == known:
            return written
        self.missing.add(_name(path, document))
        return None

    def _document(self, path: Path) -> RemainingDocument | None:
        try:
            # the node gives lines, the content gives values: YAML is read once for both
            node, content = read_document(read_source(path))
        except MalformedSource as error:
            self.faults.append(AilyusError("bad_contract", f"no YAML: {error}", field=self.place(path, error.line)))
            return None
        if node is None or not isinstance(content, dict):
            self.refuse("bad_contract", "the file holds no YAML object", path)
            return None
        return RemainingDocument(content, node, self.missing)

    def _modelled(self, path: Path, document: RemainingDocument, model: type[M]) -> M | None:
        """The model of a file. Each fault of its form is told, and then it is that of the rest, if there is one."""
        places: list[Sequence[str]] = []
        content = document.content if isinstance(document.content, dict) else {}
        for where, what in todos(content):  # guard: what is still to do
            sentence = f"`{'.'.join(where)}` is still to do{': ' if what else ''}{what}"
            self.faults.append(AilyusError("bad_contract", sentence, field=self.place(path, document.line(where))))
            places.append(where)
        is_todo = {tuple(where) for where in places}
        try:
            whole = model.model_validate(document.content)
        except ValidationError as error:
            at = partial(self.place, path)
            for problem in tried(error.errors(), document.node):
                where = tuple(written(document.node, problem))
                if where not in is_todo:
                    self.faults.append(explained(problem, document.node, at))
                    places.append(where)
        if not places:
            return whole
        return _model(document, model) if document.leave_out(places) else None

    def _told(self, path: Path, document: RemainingDocument, error: AilyusError, where: Sequence[str]) -> bool:
        """Tell a fault with its line; False where it is known."""
        place = self.place(path, document.line(where))
        fault = AilyusError(error.code, error.sentence, hint=error.hint, field=place)
        if any(str(known) == str(fault) for known in self.faults):
            return False
        self.faults.append(fault)
        return True


def _model(document: RemainingDocument, model: type[M]) -> M | None:
    try:
        return model.model_validate(document.content)
    except ValidationError:
        return None  # what was faulty cannot be left out


def _name(path: Path, document: RemainingDocument | None) -> str:
    """What others call a file: the name that stands in it, else that of the file."""
    content = document.content if document is not None and isinstance(document.content, dict) else {}
    found = next((content[key] for key in ("contract", "plan", "flow") if key in content), None)
    return found if isinstance(found, str) and found else path.name if path.name.startswith("_") else path.stem
