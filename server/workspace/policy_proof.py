"""`policy prove`: what is proven of a workspace's files or of a candidate, and against which rules that are live."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.compiler.catalog import load_catalog
from contracts.errors import AilyusError
from policies.bundle import load_bundle
from policies.decider import Decider
from policies.release import Release
from receipts.statement import releases
from server.workspace.release_archive import archived
from server.workspace.release_package import candidate_of
from server.workspace.roots import trusted_keys
from server.workspace.stores import is_made, reading
from server.workspace.workspace import Workspace

if TYPE_CHECKING:
    from policies.proof.invariant import InvariantText
    from policies.proof.prover import Prover, Verdict
    from policies.proof.ruleset import Ruleset

BUNDLED_ROLES = ("Support", "Operations", "SecurityLead")
"""The roles that the bundled policies name."""


@dataclass(frozen=True, slots=True)
class ProofWish:
    """What is to be proven: of which files, within how many seconds, and whether they may permit more than before."""

    candidate: Path | None = None
    seconds: int = 120
    is_new_access_fine: bool = False


def prove_workspace(space: Workspace, wish: ProofWish) -> "list[Verdict]":
    """The verdicts about the shipped invariants, the workspace's own ones, and new access. Raises `AilyusError`."""
    require_solver()
    from policies.proof.prover import Prover
    from policies.proof.ruleset import Ruleset

    release, _ = candidate_of(space, wish.candidate)
    rules, root = Ruleset.of(release), (wish.candidate or space.root).resolve()
    prover = Prover(rules, wish.seconds * 1000)
    verdicts = [] if wish.is_new_access_fine else [prover.no_new_access(one) for one in _before(space, wish.candidate)]
    own = _own_invariants(root / "policies")
    return [*verdicts, *_invariants(prover, [*_fitting(rules), *own])]


def claims_of(space: Workspace, release: Release, folder: Path, milliseconds: int) -> "list[Verdict]":
    """The verdicts about a release with these files, beside what is live in the workspace's store."""
    from policies.proof.prover import Prover
    from policies.proof.ruleset import Ruleset

    rules = Ruleset.of(release)
    prover, own = Prover(rules, milliseconds), _own_invariants(folder / "policies")
    access = [prover.no_new_access(one) for one in _before(space, None)]
    return [*access, *_invariants(prover, [*_fitting(rules), *own])]


def prove_bundled(seconds: int) -> "list[Verdict]":
    """The verdicts about the shipped invariants over the bundled policies and contracts."""
    require_solver()
    from policies.proof.prover import Prover
    from policies.proof.ruleset import Ruleset

    folder = Path(str(files("policies").joinpath("library")))
    programs = load_catalog(Path(str(files("contracts").joinpath("library")))).programs
    texts = {path.name: path.read_text() for path in folder.glob("*.cedar")}
    bundle = load_bundle(texts, programs, BUNDLED_ROLES, ("prod", "staging"))
    rules = Ruleset(Decider(bundle, programs), programs)
    return _invariants(Prover(rules, seconds * 1000), list(_fitting(rules)))


def require_solver() -> None:
    """Raise `AilyusError` where the solver is not installed."""
    if find_spec("z3") is None:
        hint = "install the extra: `uv tool install '.[prove]'`"
        raise AilyusError("not_supported_yet", "proofs need the solver z3, which is not installed", hint=hint)


def _invariants(prover: "Prover", texts: "Sequence[InvariantText]") -> "list[Verdict]":
    from policies.proof.invariant import parse_invariant

    # all are parsed before the first is asked: a mistake is told at once
    parsed = [parse_invariant(text, prover.rules.bundle) for text in texts]
    return [prover.invariant(one) for one in parsed]


def _fitting(rules: "Ruleset") -> "Iterator[InvariantText]":
    """The shipped invariants, but those about an environment that is not declared here."""
    from policies.proof.invariant import shipped_invariants

    environments = rules.bundle.environments
    return (text for text in shipped_invariants() if not text.environment or text.environment in environments)


def _own_invariants(folder: Path) -> "tuple[InvariantText, ...]":
    from policies.proof.invariant import FILE, read_invariants

    return read_invariants(folder / FILE) if (folder / FILE).exists() else ()


def _before(space: Workspace, candidate: Path | None) -> "Iterator[Ruleset]":
    """The rules to compare with: the live release's; where nothing is released, those of the workspace's own files."""
    from policies.proof.ruleset import Ruleset

    if space.settings.has_database or space.store.exists():
        with reading(space) as read:
            keys = trusted_keys(space, read)
            record = releases.newest(read, keys) if is_made(space, read) else None
            kept = archived(read, record, keys) if record is not None else None
        if kept is not None:
            yield Ruleset.of(kept.rebuilt(space))
            return
    if candidate is not None:
        yield Ruleset.of(space.release())
