"""The addition of contracts of the library to a workspace, with what they need; nothing that is there is changed."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.compiler.catalog import SYSTEM_FILE, load_catalog
from contracts.errors import AilyusError
from contracts.text.source import files_of, read_source
from policies.bundle import load_bundle
from policies.decider import Decider
from server.workspace.library.connection_text import ConnectionText, connection_text
from server.workspace.library.policy_statement import APPROVER
from server.workspace.library.policy_texts import LibraryRoles, policies_for, tests_for
from server.workspace.library.shelf import LibraryFile, Shelf
from server.workspace.release_files import sources_of, written_files
from server.workspace.schemas import with_line, write_schemas
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants: names such as `okta` or `okta/unlock_user`, and the roles that ask and approve.

    `said` are values for new connections, by kind and key. With `systems` only those are connected, and a contract that
    needs another one is left out.
    """

    names: Sequence[str]
    asking: str = ""
    approving: str = ""
    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    systems: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """What was added. `kept` were there, `left_out` need another system, `to_do` is for people."""

    written: tuple[str, ...]
    extended: tuple[str, ...]
    connections: tuple[str, ...]
    kept: tuple[str, ...]
    left_out: tuple[str, ...]
    to_do: tuple[str, ...]


def add(workspace: Workspace, wanted: Wanted) -> Addition:
    """Add what is wanted and what it needs; everything is compiled together before a byte is written."""
    shelf = Shelf.read()
    files, left_out = _chosen(shelf, wanted)
    here = _keys_of(workspace.root)
    new = [file for file in files if file.key not in here]
    connections = _connections(workspace, new, wanted)
    root = workspace.root
    texts = {file.path: file.text for file in new}
    for folder in sorted({file.system for file in new} & set(shelf.shared)):
        path = f"contracts/{folder}/{SYSTEM_FILE}"
        if not (root / path).exists():
            texts[path] = shelf.shared[folder]
    texts = {path: with_line(root, root / path, text) for path, text in texts.items()}
    # what was here already has the policies that its owner wants for it, perhaps none
    if new:
        texts |= _policies(workspace, shelf, new, _roles(workspace, wanted), texts)
    # before anything is written: afterwards each of them exists
    changed = [path for path in texts if (root / path).exists()]
    _write(workspace, texts, connections)
    return Addition(
        tuple(path for path in texts if path not in changed),
        tuple(changed),
        tuple(connection.kind for connection in connections),
        tuple(sorted(file.key for file in files if file.key in here)),
        left_out,
        tuple(dict.fromkeys(step for connection in connections for step in connection.to_do)),
    )


def _chosen(shelf: Shelf, wanted: Wanted) -> tuple[list[LibraryFile], tuple[str, ...]]:
    """What is wanted with what it needs, and what is left out because it needs a system that is not."""
    found: dict[str, LibraryFile] = {}
    left_out = []
    for file in (file for name in wanted.names for file in shelf.named(name)):
        needed = shelf.with_needs([file])
        others = {target for one in needed for target in one.targets} - (wanted.systems or frozenset())
        # half of a contract's systems would leave it denied at each call
        if wanted.systems is not None and others:
            left_out.append(f"{file.name} (needs {', '.join(sorted(others))})")
        else:
            found |= {one.name: one for one in needed}
    return [found[name] for name in sorted(found)], tuple(left_out)


def _keys_of(root: Path) -> frozenset[str]:
    """The contracts, plans and flows that the workspace has, whoever wrote them."""
    found = set()
    for path in files_of(root / "contracts", "*.yaml"):
        # by text: a file that is still written on may not load, and its name is taken all the same
        for line in read_source(path).splitlines():
            key, colon, value = line.partition(":")
            if colon and key in ("contract", "plan", "flow"):
                found.add(value.strip())
                break
    return frozenset(found)


def _connections(workspace: Workspace, new: Sequence[LibraryFile], wanted: Wanted) -> list[ConnectionText]:
    kinds = {connection.kind for connection in workspace.settings.connections.values()}
    needed = sorted({target for file in new for target in file.targets})
    if unused := sorted(set(wanted.said) - set(needed)):
        raise AilyusError("bad_settings", f"nothing here is about `{unused[0]}`", hint=f"one of {', '.join(needed)}")
    return [
        connection_text(kind, workspace.settings, wanted.said.get(kind, {})) for kind in needed if kind not in kinds
    ]


def _roles(workspace: Workspace, wanted: Wanted) -> LibraryRoles:
    declared = list(workspace.settings.roles)
    approving = wanted.approving or (APPROVER if APPROVER in declared else "")
    # who approves is not who asks, unless somebody says so
    others = [role for role in declared if role != approving]
    asking = wanted.asking or (others[0] if len(others) == 1 else "")
    for option, role in (("--approver", approving), ("--role", asking)):
        if role not in declared:
            sentence = f"the role `{role}` is not declared" if role else "it is not clear which role is meant"
            hint = f"name one with {option}: {', '.join(declared)}"
            raise AilyusError("bad_settings", sentence, hint=hint)
    return LibraryRoles(asking, approving)


def _policies(
    workspace: Workspace, shelf: Shelf, new: Sequence[LibraryFile], roles: LibraryRoles, texts: Mapping[str, str]
) -> dict[str, str]:
    """Policies and tests, by their paths, as the workspace will have them."""
    settings, root = workspace.settings, workspace.root
    before = workspace.policies()
    policies = policies_for(shelf, new, roles, before)
    tests = {str(p.relative_to(root / "policies")): read_source(p) for p in files_of(root / "policies", "*.test.yaml")}
    with written_files(sources_of(root) | {path: text.encode() for path, text in texts.items()}) as folder:
        programs = load_catalog(folder / "contracts").programs
    bundle = load_bundle({**before, **policies}, programs, settings.roles, settings.environments)
    cases = tests_for(new, roles, Decider(bundle, programs), programs, tests)
    out = {f"policies/{name}": text for name, text in policies.items()}
    return out | {f"policies/{name}": with_line(root, root / "policies" / name, t) for name, t in cases.items()}


def _write(workspace: Workspace, texts: Mapping[str, str], connections: Sequence[ConnectionText]) -> None:
    root = workspace.root
    if connections:  # first: a setting that does not load leaves the folder as it was
        settings = root / FILE
        before = settings.read_text(encoding="utf-8")
        added = "\n".join(connection.text for connection in connections)
        settings.write_text(f"{before.rstrip()}\n\n{added}", encoding="utf-8")
        try:
            Workspace.open(root)
        except AilyusError:
            settings.write_text(before, encoding="utf-8")
            raise
    for path, text in texts.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    if texts:
        with contextlib.suppress(AilyusError):  # `.ailyus/` may belong to the gateway's own user: see `write_file`
            write_schemas(root)
