"""What a contract would do to a record, in its own words: one sentence, and the values that it shows."""

from collections.abc import Mapping

import orjson

from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.errors import AilyusError


def says_of(program: Program, scope: Mapping[str, object]) -> str:
    """What will change, in one sentence with the values of the record."""
    says = program.says.text(scope) if program.says else program.contract.title
    if isinstance(says, Fault):
        raise AilyusError("internal", "what will change cannot be said")
    return says


def shows_of(program: Program, scope: Mapping[str, object]) -> dict[str, str]:
    """What the contract shows of the record as it is, by path."""
    return {path: shown(lookup(path, scope)) for path in program.contract.shows}


def shown(value: object) -> str:
    """A value as text."""
    if value is ABSENT:
        return "(absent)"
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
