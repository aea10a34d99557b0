"""The compiled job of a contract: how its id is known, what is read of it, and when it has ended."""

from dataclasses import dataclass
from typing import Final, Literal

from contracts.compiler.check import cut_path
from contracts.compiler.expressions import Expression, Scope
from contracts.compiler.read_program import Read

JobState = Literal["unknown", "running", "done", "failed"]
"""`unknown`: nobody knows which job it is, or what it says of itself cannot be read."""
MAX_ID: Final = 200
"""Characters of a job's id."""


@dataclass(frozen=True, slots=True)
class JobProgram:
    """One job. `reads` are made once its id is known."""

    id: Expression
    found: Expression | None
    done: Expression
    failed: Expression
    every_ms: int
    reads: tuple[Read, ...]

    def named(self, scope: Scope) -> str:
        """The id that the answer gives; empty where it gives none."""
        return _id_of(self.id.value(scope))

    def search(self, scope: Scope, cut: frozenset[str]) -> str:
        """The id of the one job that can only be ours; empty where there is none, or more than one."""
        # INVARIANT: of two jobs nobody can say which one is ours, and half a list may lack the other
        if self.found is None or cut_path([self.found], scope, cut):  # guard: a job out of half a list
            return ""
        found = self.found.value(scope)
        return _id_of(found[0]) if isinstance(found, list) and len(found) == 1 else ""  # guard: one job is ours

    def finds_none(self, scope: Scope, cut: frozenset[str]) -> bool:
        """Is there no job that could be ours, as far as the contract can tell?"""
        return self.found is None or (not cut_path([self.found], scope, cut) and self.found.value(scope) == [])

    def state(self, scope: Scope) -> JobState:
        """What the job's reads say of it."""
        done, failed = self.done.value(scope), self.failed.value(scope)
        if not isinstance(done, bool) or not isinstance(failed, bool) or (done and failed):
            return "unknown"
        return "done" if done else "failed" if failed else "running"

    def shows(self, path: str) -> bool:
        """Is this path (`after.NAME…`) one of a read of the job?"""
        return path.split(".")[1] in {read.name for read in self.reads}


def _id_of(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    text = str(value)
    return text if len(text) <= MAX_ID else ""
