"""The policies and tests that come with contracts of the library: a permit each, the guards that are about them.

Permits are narrow: one contract, one role. The library's own permits are for its tags and for every read, so they would
let a role do more than what was added. Guards and walls are taken as the library has them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Final

from contracts.compiler.program import Program
from contracts.text.document import read_document
from contracts.text.source import files_of, read_source
from policies.case import CaseFile, Every
from policies.decider import Decider
from policies.templates import approve_cases_of, approve_permit_of, permit_of, permit_test_of
from policies.testing import run_tests
from server.workspace.library.policy_statement import APPROVER, BASE, ids_of, library_statements
from server.workspace.library.shelf import LibraryFile, Shelf
from server.workspace.policy_outcome import plain_outcome
from server.workspace.schemas import without_line

_HEAD: Final = "tests:\n"
_ASKING: Final = re.compile(r"roles: \[(?:Support|Operations)\]")
_OF_ROLES: Final = re.compile(r"\b(?:support|operations)\b")
_CASE: Final = re.compile(r"^(?=  - name:)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LibraryRoles:
    """The role that asks for the added actions, and the one that approves them where a guard asks."""

    asking: str
    approving: str


def policies_for(
    shelf: Shelf, added: Sequence[LibraryFile], roles: LibraryRoles, texts: Mapping[str, str]
) -> dict[str, str]:
    """The policy files that change, by name, each whole: what is there stays, what is missing comes after it."""
    new = dict(texts)
    known = ids_of("\n".join(texts.values()))
    actions = [file for file in added if file.kind in ("read", "write")]
    guarded: set[str] = set()
    for statement in library_statements():
        about = {file.key for file in actions if statement.is_about(file, shelf.resource_type(file))}
        # a permit of the library is for its own roles and tags: it would permit more than what was added
        if not statement.forbids or not (about or statement.file == BASE):
            continue
        if statement.is_guard and statement.file != BASE:
            guarded |= about
        if statement.id not in known:
            _append(new, f"{statement.file}.cedar", statement.text.replace(APPROVER, roles.approving))
    for file in actions:
        parts = [permit_of(file.key, roles.asking)]
        if file.key in guarded:
            parts.append(approve_permit_of(file.key, roles.approving))
        for part in parts:
            # an id that is there is somebody's decision, whatever it says now
            if not ids_of(part) & known:
                _append(new, f"{_slug(file.system)}.cedar", part)
    return {name: text for name, text in new.items() if texts.get(name) != text}


def tests_for(
    added: Sequence[LibraryFile],
    roles: LibraryRoles,
    decider: Decider,
    programs: Mapping[str, Program],
    texts: Mapping[str, str],
) -> dict[str, str]:
    """The files of policy tests that change, by name, each whole. `decider` has the policies that come with them."""
    new = dict(texts)
    names = {name for text in texts.values() for name in _names(text)}
    for system in sorted({file.system for file in added}):
        own = [file for file in added if file.system == system and file.kind in ("read", "write")]
        cases = [case for file in own for case in _cases_of(file.key, roles, decider, programs)]
        cases += _holding(_library_cases(own, roles), decider, programs)
        for case in cases:
            # a group's case is about all of its contracts, and stands there once
            if not set(_names(case)) & names:
                names |= set(_names(case))
                _append_case(new, f"{_slug(system)}.test.yaml", case)
    # walls without their test would count as policies that nobody has tried
    base = f"{BASE}.test.yaml"
    if base not in texts:
        with as_file(files("policies").joinpath("library")) as root:
            new[base] = read_source(root / base)
    return {name: text for name, text in new.items() if texts.get(name) != text}


def _cases_of(action: str, roles: LibraryRoles, decider: Decider, programs: Mapping[str, Program]) -> Iterator[str]:
    """What comes of the plain call, and, where people are asked, that approvals permit it and who may give them."""
    outcome = plain_outcome(decider, programs, action, roles.asking)
    yield permit_test_of(action, roles.asking, outcome.expected).removeprefix(_HEAD)
    *approved, may_approve = _CASE.split(approve_cases_of(action, roles.approving, roles.asking, outcome.need))
    # a case with approvals that nobody asks for would pass without them
    if outcome.need:
        yield from (case for case in approved if case)
    if ids_of(approve_permit_of(action, roles.approving)) & ids_of("\n".join(decider.bundle.policy_texts.values())):
        yield may_approve


def _library_cases(own: Iterable[LibraryFile], roles: LibraryRoles) -> list[str]:
    """The library's cases about these contracts, or about a tag of theirs; not those about what its own roles may."""
    keys = {file.key for file in own}
    tags = {group for file in own for group in file.groups() if group.startswith("tag_")}
    found = []
    with as_file(files("policies").joinpath("library")) as root:
        for path in files_of(root, "*.test.yaml"):
            for text in _CASE.split(read_source(path))[1:]:
                if _OF_ROLES.search(text.partition("\n")[0]):
                    continue
                (case,) = CaseFile.model_validate(read_document(_HEAD + text)[1]).tests
                if (case.action.every in tags) if isinstance(case.action, Every) else (case.action in keys):
                    found.append(_of_roles(text, roles))
    return found


def _of_roles(text: str, roles: LibraryRoles) -> str:
    """A case of the library with the roles of this workspace."""
    return _ASKING.sub(f"roles: [{roles.asking}]", text.replace(APPROVER, roles.approving))


def _holding(cases: Iterable[str], decider: Decider, programs: Mapping[str, Program]) -> list[str]:
    """The cases that hold here: others are about permits of the library that a workspace does not get."""
    found = []
    for text in cases:
        tests = CaseFile.model_validate(read_document(_HEAD + text)[1]).tests
        if not any(result.failure for result in run_tests(decider, programs, tests)):
            found.append(text)
    return found


def _names(text: str) -> list[str]:
    return re.findall(r"^  - name: (.*)$", text, re.MULTILINE)


def _append(texts: dict[str, str], name: str, part: str) -> None:
    before = texts.get(name, "")
    texts[name] = f"{before.rstrip()}\n\n{part}" if before.strip() else part


def _append_case(texts: dict[str, str], name: str, case: str) -> None:
    before = texts.get(name, "")
    texts[name] = f"{before.rstrip()}\n{case}" if without_line(before).strip() else _HEAD + case


def _slug(system: str) -> str:
    return system.replace("/", "-")
