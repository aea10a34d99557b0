"""One policy of the bundled library as text, with its comment: whom it is about, and whether approvals lift it."""

import re
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Final

from contracts.text.source import files_of
from policies.policy_file import read_policies
from policies.receipt_policy import APART
from server.workspace.library.shelf import LibraryFile

_STATEMENT: Final = re.compile(r'((?://[^\n]*\n)*)@id\("([^"]+)"\)\n[^;]*;\n')
_SCOPE: Final = re.compile(r'action (?:==|in) Action::"([^"]+)"')
_TYPE: Final = re.compile(r"resource is (\w+)")
_ID: Final = re.compile(r'@id\("([^"]+)"\)')

BASE: Final = "base"
"""The file of walls, which hold for every action."""
APPROVER: Final = "SecurityLead"
"""The role that the library's guards ask for."""


@dataclass(frozen=True, slots=True)
class PolicyStatement:
    """One policy. `scope` is the action or group that it is about, `type` the resource's; empty is every one."""

    file: str
    id: str
    text: str
    scope: str
    type: str

    @property
    def forbids(self) -> bool:
        """Is it a forbid? Permits of the library are not copied: they are for its own roles and tags."""
        return "\nforbid (" in self.text

    @property
    def is_guard(self) -> bool:
        """Do approvals lift it?"""
        return "context.approvals." in self.text

    def is_about(self, file: LibraryFile, resource_type: str) -> bool:
        """Does it decide about this contract's action?"""
        # without a scope it is about every action
        about = not self.scope or self.scope == file.key or self.scope in file.groups()
        return about and self.type in ("", resource_type)


def library_statements() -> list[PolicyStatement]:
    """Every policy about actions in the bundled library."""
    with as_file(files("policies").joinpath("library")) as root:
        texts = {path.stem: read_policies(path) for path in files_of(root, "*.cedar") if path.name not in APART}
    return [statement for file, text in texts.items() for statement in statements_of(file, text)]


def statements_of(file: str, text: str) -> list[PolicyStatement]:
    """The policies of a text, as the library writes them."""
    found = []
    for match in _STATEMENT.finditer(text):
        scope, kind = _SCOPE.search(match[0]), _TYPE.search(match[0])
        found.append(PolicyStatement(file, match[2], match[0], scope[1] if scope else "", kind[1] if kind else ""))
    return found


def ids_of(text: str) -> frozenset[str]:
    """Every `@id` that stands in a text of policies."""
    return frozenset(_ID.findall(text))
