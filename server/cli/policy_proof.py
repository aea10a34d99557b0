"""The command `ailyus policy prove`: over all requests at once, by a solver, with a request that Cedar confirms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from server.cli.answer import Answer, verb
from server.cli.document_part import part
from server.cli.exit_code import DONE, REFUSED
from server.cli.release_candidate import CandidateOption
from server.cli.workspace_option import WorkspaceOption, open_workspace

_MOST = 5
"""How many requests a person reads of one claim; programs get all."""


@dataclass(frozen=True, slots=True)
class ProvenClaim:
    """One claim: proven, refuted by these requests, or unknown for these reasons; asked of so many actions."""

    claim: str
    outcome: str
    actions: int
    counterexamples: list[
        Annotated[Mapping[str, object], part("policies.proof.counterexample_document:CounterexampleDocument")]
    ]
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Proofs:
    """What is proven, claim by claim; `holds`: all of it."""

    holds: bool
    claims: list[ProvenClaim]


def prove_policies(
    candidate: CandidateOption = None,
    allow_new_access: Annotated[
        bool, typer.Option("--allow-new-access", help="Prove invariants alone: the files may permit more than before.")
    ] = False,
    timeout: Annotated[int, typer.Option(min=1, max=3600, help="Seconds for all claims together.")] = 120,
    bundled: Annotated[
        bool, typer.Option("--bundled", help="The policies and contracts that come with Ailyus.")
    ] = False,
    workspace: WorkspaceOption = ".",
) -> Answer[Proofs]:
    """Prove over all requests that invariants hold and that nothing new is permitted; exit 1 if it is not proven."""
    from server.workspace.policy_proof import ProofWish, prove_bundled, prove_workspace

    if bundled:
        verdicts = prove_bundled(timeout)
    else:
        verdicts = prove_workspace(open_workspace(workspace), ProofWish(candidate, timeout, allow_new_access))
    claims = [
        ProvenClaim(one.claim, one.outcome, one.about, [e.document for e in one.examples], list(one.reasons))
        for one in verdicts
    ]
    holds = all(one.outcome == "proven" for one in verdicts)
    lines = [line for one in verdicts for line in one.says(_MOST)]
    return Answer(Proofs(holds, claims), lines, code=DONE if holds else REFUSED)


def register(of: typer.Typer) -> None:
    """Add it to the commands about policies."""
    verb(of, "prove")(prove_policies)
