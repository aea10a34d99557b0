"""`uv run python -m tests.library_reference`: write `contracts/library/README.md` from the contracts of the library.

`tests/contracts/test_library_reference.py` fails while the file is another than this command would write.
"""

from pathlib import Path

from contracts.compiler.catalog import load_catalog
from contracts.compiler.program import Program

ROOT = Path(__file__).parent.parent
LIBRARY = ROOT / "contracts" / "library"
FILE = LIBRARY / "README.md"
COMMAND = "uv run python -m tests.library_reference"
LEVELS = ("description", "documentation", "third-party server", "twin only")
_SERVERS = ("moto ", "scim2-server ", "django-helpdesk ", "the admin of Django ")
_HEAD = f"""\
# The library

Contracts for systems that many teams have, one folder a system. `ailyus contract library` lists them, and
`ailyus contract add okta/unlock_user` brings one with all that it needs: other contracts, connections, policies, tests.
The command `{COMMAND}` writes this file.

Each contract is tried in the tests. The table says what else its requests and the answers of its twin were held
against (`verified_against`):

- **description**: the OpenAPI description that the vendor publishes. `uv run python -m tests.vendors
  ../shared/vendor-apis` checks path, parameters, body, statuses and fields ([how](../../tests/README.md#descriptions)).
- **documentation**: the named page of the vendor's documentation, read by us; there is no description of it.
- **third-party server**: it runs in the tests against a server that others wrote.
- **twin only**: a server of ours ([adapters/sandbox](../../adapters/README.md)). A system that every company builds for
  itself has no vendor; its contracts are to be changed for yours.
"""


def level_of(program: Program) -> str:
    """How far a contract was checked, by the first words of `verified_against`."""
    said = program.contract.verified_against
    if said.startswith(_SERVERS):
        return "third-party server"
    return next((level for level in LEVELS[:2] if said.startswith(f"{level} ")), "twin only")


def written() -> str:
    """The whole file."""
    lines = [_HEAD]
    by_folder: dict[str, list[str]] = {}
    catalog = load_catalog(LIBRARY)
    for file in sorted(LIBRARY.rglob("*.yaml")):
        program = catalog.programs.get(file.stem)
        if program is None:
            continue  # a plan, a flow, or what a whole system shares
        said = program.contract.verified_against.removeprefix(f"{level_of(program)} ")
        row = f"| `{program.name}` | {program.contract.kind}, {program.contract.risk} | {level_of(program)} | {said} |"
        by_folder.setdefault(file.parent.relative_to(LIBRARY).as_posix(), []).append(row)
    for folder, rows in by_folder.items():
        head = ["| contract | kind, risk | checked against | which |", "|---|---|---|---|"]
        lines += [f"\n## {folder}\n", *head, *rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(written())
