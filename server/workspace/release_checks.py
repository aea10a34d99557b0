"""What must be right about a workspace's files before they are released; `policy check`, `release` and `serve` ask."""

from typing import TYPE_CHECKING

from contracts.errors import AilyusError
from policies.approvers import unapprovable, unapprovable_release
from policies.case import load_tests
from policies.testing import run_tests
from server.workspace.widening import require_allowed, wider_than_live

if TYPE_CHECKING:
    from policies.release import Release
    from server.workspace.workspace import Workspace


def require_sound(workspace: "Workspace", release: "Release", allow_wider: bool = False) -> list[str]:
    """Refuse approvals that nobody can give, and what widens the live release unless that is allowed.

    Returns what people must know of it: what it widens. Raises `AilyusError`.
    """
    # first: a guard whose approval nobody can give is wrong, whatever somebody allows
    require_approvable(workspace, release)
    wider = wider_than_live(workspace, release)
    require_allowed(wider, allow_wider)
    return [change.says for change in wider]


def require_approvable(workspace: "Workspace", release: "Release") -> None:
    """Raise `AilyusError` `bad_policy` for the guards whose approvals nobody can give, all of them at once."""
    errors = approval_faults(workspace, release)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        sentence = "approvals are asked for that nobody can give\n  " + "\n  ".join(e.sentence for e in errors)
        raise AilyusError("bad_policy", sentence, hint=errors[0].hint, field=errors[0].field)


def approval_faults(workspace: "Workspace", release: "Release") -> list[AilyusError]:
    """Each guard whose approvals nobody can give, of actions and of releases."""
    oidc = workspace.settings.console.oidc
    # whose roles a provider tells holds any role that it may tell of
    claims = {oidc.issuer: frozenset(oidc.roles.values())} if oidc else {}
    errors = [fault.error for fault in unapprovable(release, claims)]
    if (error := unapprovable_release(release, claims)) is not None:
        errors.append(error)
    return errors


def require_tested(workspace: "Workspace", release: "Release") -> None:
    """Raise `AilyusError` `bad_policy` when a test of the policies fails, or when there is none."""
    cases = [case for _, case in load_tests(workspace.root / "policies")]
    failed = [r for r in run_tests(release.decider, release.catalog.programs, cases) if r.failure]
    if failed:
        lines = "\n  ".join(f"{r.case.name}: {r.failure}" for r in failed[:20])
        sentence = f"{len(failed)} tests of the policies fail\n  {lines}"
        raise AilyusError("bad_policy", sentence, hint="correct the policies or the tests; `ailyus policy test`")
