"""`policy new test RECEIPT`: a policy test out of a decision that was made, written so that it passes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydantic import ValidationError
from yaml import safe_dump

from contracts.errors import AilyusError
from policies.case import Case, What
from policies.recorded_case import case_of, least_case
from policies.recorded_request import RecordedRequest
from policies.testing import run_tests
from receipts.statement.recorded_decisions import RecordedDecision, decision_of
from server.workspace.schemas import write_file
from server.workspace.stores import reading

if TYPE_CHECKING:
    from policies.release import Release
    from server.workspace.workspace import Workspace

_HINT = "take another receipt of the action: `ailyus receipt find`"


def write_recorded_test(workspace: "Workspace", receipt: str) -> Sequence[str]:
    """Write the test beside the policies; returns what was written, in sentences. Raises `AilyusError`."""
    recorded = _found(workspace, receipt)
    release = workspace.release()
    case = _case(release, recorded)
    (result,) = run_tests(release.decider, release.catalog.programs, [case])
    if result.failure:
        raise AilyusError("bad_policy", f"the decision of `{receipt}` makes no test: {result.failure}", hint=_HINT)
    file = f"{str(case.action).replace('_', '-')}-{receipt[-8:].lower()}.test.yaml"
    path = workspace.root / "policies" / file
    if path.exists():
        raise AilyusError("bad_policy", f"`{file}` exists already", hint="edit it")
    document = case.model_dump(mode="json", exclude_defaults=True)
    write_file(workspace.root, path, safe_dump({"tests": [document]}, sort_keys=False, width=110))
    expected = f"`{case.expect}`" + (f" by {', '.join(case.because)}" if case.because else "")
    return (
        f"wrote policies/{file}: the files decide {expected}, and the test expects that",
        "look whether it is what you want; what the outcome does not hang on was left out",
    )


def recorded_case(release: "Release", recorded: RecordedDecision) -> Case:
    """The whole situation of a recorded decision, as this release is asked about it. Raises `AilyusError`."""
    target = release.targets.get(recorded.connection)
    environment = target.environment if target is not None else None
    bundle = release.decider.bundle
    try:
        asked = RecordedRequest.of(recorded.requests, recorded.entities, bundle.roles, environment)
        # an early denial keeps no resource: it is decided where its connection is
        place = What(tenant=target.tenant, environment=target.environment) if target is not None else What()
        whole = case_of(asked, place, release.time_zone)
    except (KeyError, TypeError, ValueError, ValidationError):
        sentence = f"what `{recorded.receipt}` keeps was decided by another version, and fits no test"
        raise AilyusError("bad_policy", sentence, hint=_HINT) from None
    if target is None and asked.is_early:
        sentence = f"`{recorded.receipt}` was denied early at a connection that is not known any more"
        raise AilyusError("bad_policy", sentence, hint=_HINT)
    return whole.model_copy(update={"name": f"{asked.action} as in {recorded.receipt}"})


def case_of_receipt(workspace: "Workspace", release: "Release", receipt: str) -> tuple[Case, str]:
    """The whole situation of a receipt of this workspace, and its connection. Raises `AilyusError`."""
    recorded = _found(workspace, receipt)
    return recorded_case(release, recorded), recorded.connection


def _found(workspace: "Workspace", receipt: str) -> RecordedDecision:
    with reading(workspace) as read:
        recorded = decision_of(read, receipt)
    if recorded is None:
        sentence = f"no receipt `{receipt}` keeps what was decided"
        raise AilyusError(
            "not_found", sentence, hint="list receipts with `ailyus receipt find`; evidence may be erased"
        )
    return recorded


def _case(release: "Release", recorded: RecordedDecision) -> Case:
    return least_case(release.decider, release.catalog.programs, recorded_case(release, recorded))
