"""Health, one finding per layer, each failure with the exact next command."""

from collections.abc import Callable
from pathlib import Path

from contracts.errors import AilyusError
from policies.release import Release
from receipts.log.signing import Signer
from server.admin.browser_health import browser_finding
from server.admin.browser_install import install_browser
from server.admin.client import ask_owner, find_owner
from server.admin.connection_health import (
    adapter_findings,
    connection_findings,
    issuer_findings,
    server_findings,
    tenant_finding,
)
from server.admin.export_health import export_findings
from server.admin.finding import Finding
from server.admin.health.page_use import uses_pages
from server.admin.machine_health import certificate_finding, disk_finding, secrets_finding
from server.admin.signer_health import signer_findings
from server.admin.store_health import store_findings
from server.admin.witness_health import witness_finding
from server.results.timestamp import iso
from server.workspace.log_key import open_log_key
from server.workspace.policy_editor import install_editor
from server.workspace.releases import begin, last_released
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace

UNASKED = "ailyus policy new require-approval --action ACTION; keep the policy `high-risk-needs-a-guard`"


def examine(folder: Path) -> list[Finding]:
    """Look at every layer of a workspace without changing anything."""
    try:
        workspace = Workspace.open(folder)
    except AilyusError as error:
        return [Finding("workspace", False, error.sentence, error.hint)]
    findings = [Finding("workspace", True, str(folder))]
    release, found = _release(workspace)
    findings.extend(found)
    if release is None:
        return findings
    findings.extend(
        Finding(f"guards {at.target.name}", at.denied, at.says, "" if at.denied else UNASKED) for at in release.guards()
    )
    findings.append(tenant_finding(workspace, release))
    findings.append(_routes(workspace, release))
    findings.append(browser_finding(workspace, release))
    findings += [disk_finding(workspace), secrets_finding(workspace), certificate_finding(workspace)]
    findings.extend(server_findings(workspace))
    findings.extend(adapter_findings(workspace))
    findings.extend(issuer_findings(workspace, release))
    owner = find_owner(workspace)  # by its socket: a file that a killed gateway left says nothing
    findings.extend(connection_findings(workspace, release, running=owner is not None))
    says = f"pid {owner.pid} at {owner.url}" if owner else "not running"
    findings.append(Finding("gateway", owner is not None, says, "" if owner else "ailyus serve"))
    findings.extend(_not_taken(workspace) if owner is not None else ())
    findings.extend(store_findings(workspace, sorted(release.catalog.programs)))
    if workspace.settings.development:
        says, following = "development keys count here; receipts say `governed: false`", "set `development = false`"
        findings.append(Finding("keys", True, says, following, warns=True))
    findings.extend(signer_findings(workspace))
    findings.append(witness_finding(workspace))
    findings.extend(export_findings(workspace))
    return findings


def _release(workspace: Workspace) -> tuple[Release | None, list[Finding]]:
    """What the files say and what was released last; the release that the gateway serves, or would."""
    findings, release = [], None
    try:
        release = workspace.release()
        count, policies = len(release.catalog.programs), len(release.decider.bundle.texts)
        says = f"{count} contracts, {policies} policy files, digest {release.digest[:12]}"
        findings.append(Finding("release", True, says))
    except AilyusError as error:
        following = "ailyus contract check; ailyus policy check"
        findings.append(Finding("release", False, str(error).split("\n")[0], following))
    try:
        signer = Signer(open_log_key(workspace, make=False))  # a look makes no key
        last = last_released(workspace, signer)
        if last is None:
            return release, [*findings, Finding("live", True, "nothing is released yet")]
        by = f" by {last.author}" if last.author else ""
        says = f"release {last.digest[:12]}{by}, {'signed' if last.signed else 'unsigned'}"
        if release is not None and release.digest == last.digest:
            return release, [*findings, Finding("live", True, f"{says}: what the files say")]
        following = "see what differs: ailyus release diff; then release it: ailyus release apply --as PERSON"
        says = f"{says}: NOT what the files say"
        findings.append(Finding("live", release is not None, says, following, warns=True))
        return release or begin(workspace, signer).release, findings
    except AilyusError as error:
        findings.append(Finding("live", False, error.sentence, error.hint))
        return release, findings


def _not_taken(workspace: Workspace) -> list[Finding]:
    """What the running gateway did not take: a candidate, or what another replica has released."""
    try:
        status = ask_owner(workspace, "GET", "/status")
    except AilyusError as error:
        return [Finding("candidate", False, error.sentence, error.hint)]
    found = []
    for name, layer, after in (
        ("refused", "candidate", "the former release stays live"),
        ("behind", "replica", "it serves nobody until it takes what another replica has released"),
    ):
        told = status.get(name) if isinstance(status, dict) else None
        if isinstance(told, dict):
            says = f"refused at {iso(int(str(told['at_ms'])))}, {after}: {told['sentence']}"
            found.append(Finding(layer, False, says, str(told["hint"])))
    return found


def repair(folder: Path, say: Callable[[str], None]) -> None:
    """Install what is missing: the editor of policies, and a browser unless the workspace's contracts use none."""
    try:
        workspace = Workspace.open(folder)
        try:
            install_editor(workspace.root, say)
        except AilyusError as error:  # colours are no need
            say(f"{error.sentence}; {error.hint}")
        if uses_pages(workspace.release()):
            install_browser(say, workspace.settings.browser.path)
    except AilyusError as error:  # no workspace here: whoever asks for `--fix` wants the browser
        if error.code == "no_browser":
            raise
        install_browser(say)


def _routes(workspace: Workspace, release: Release) -> Finding:
    named = {p.contract.escalate for p in release.catalog.programs.values() if p.contract.escalate}
    named |= {p.plan.escalate for p in release.catalog.plans.values() if p.plan.escalate}
    missing = sorted(n for n in named if n not in workspace.settings.escalations)
    if not missing:
        return Finding("escalation", True, f"{len(named)} routes have somewhere to go")
    following = f"add [escalations.{missing[0]}] with a `webhook` to {FILE}"
    return Finding(
        "escalation", True, f"nobody is told by {', '.join(f'`{m}`' for m in missing)}", following, warns=True
    )
