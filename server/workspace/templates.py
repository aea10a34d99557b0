"""What `ailyus init` writes for the sandbox: kinds of workspaces on its twins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.workspace.free_port import free_port
from server.workspace.library_copy import copy_library
from server.workspace.new_folder import begin, name_of, write_development_keys, write_secret
from server.workspace.settings.file import FILE
from server.workspace.settings_text import CONNECTION, ESCALATION, SANDBOX


@dataclass(frozen=True, slots=True)
class TwinConnection:
    """A connection to the twin of a system, as one of its orgs; `more` is what its settings have besides."""

    system: str
    org: str = "acme"
    more: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sandbox workspace: its connections by name, policies, roles and escalation routes."""

    connections: Mapping[str, TwinConnection]
    policies: tuple[str, ...]
    roles: tuple[str, ...]
    routes: Mapping[str, str]


_OKTA: Final = 'scheme = "SSWS"\n'
_XERO: Final = TwinConnection("xero", more='headers = {Xero-Tenant-Id = "a3a4dbaf-3495-a808-ed7a-7b964388f53d"}\n')
_DEMO: Final = {
    "okta": TwinConnection("okta", more=_OKTA),
    **{name: TwinConnection(name) for name in ("zendesk", "apikeys", "integrations", "crm", "salesforce", "billing")},
    "xero": _XERO,
}
"""What the demo's workspace connects to."""
_VENDORS: Final = {
    "github": TwinConnection("github", more='headers = {X-GitHub-Api-Version = "2022-11-28"}\n'),
    **{name: TwinConnection(name) for name in ("intercom", "entra", "google", "quickbooks", "slack")},
}
"""What the library has a twin for besides."""
_ROUTES: Mapping[str, str] = {
    "identity-oncall": "security-oncall",
    "security-oncall": "",
    "support-oncall": "security-oncall",
    "data-oncall": "security-oncall",
    "accounting-oncall": "security-oncall",
}

TEMPLATES: Mapping[str, Kind] = {
    "everything": Kind(
        {**_DEMO, "okta-globex": TwinConnection("okta", "globex", _OKTA)},
        ("base", "support", "groups", "approvals", "operations"),
        ("Support", "Operations", "SecurityLead"),
        _ROUTES,
    ),
    "library": Kind(
        {**_DEMO, **_VENDORS},
        ("base", "support", "groups", "approvals", "operations", "slack", "github"),
        ("Support", "Operations", "SecurityLead"),
        _ROUTES,
    ),
    "back-office": Kind({"backoffice": TwinConnection("backoffice")}, ("base",), ("Support", "SecurityLead"), {}),
    "accounting-sync": Kind(
        {"billing": TwinConnection("billing"), "xero": _XERO},
        ("base", "accounting"),
        ("Operations", "SecurityLead"),
        {"accounting-oncall": ""},
    ),
}
"""What `ailyus init --template` knows."""


def init_sandbox(folder: Path, template: str = "everything", sandbox_port: int = 0) -> None:
    """Write a workspace on the sandbox (on a free port, if none is given), ready for `ailyus serve`."""
    # asked for before the folder exists, so that a misspelt name leaves nothing behind
    kind = TEMPLATES.get(template)
    if kind is None:
        hint = did_you_mean(template, TEMPLATES)
        raise AilyusError("bad_settings", f"there is no template `{template}`", hint=hint)
    begin(folder)
    port, sandbox_port = free_port(), sandbox_port or free_port()
    copy_library(folder, sorted({one.system for one in kind.connections.values()}), kind.policies)
    for name, one in kind.connections.items():
        # two credentials, as a real system has: what reads back is never what wrote
        for use in ("read", "write"):
            write_secret(folder / ".ailyus" / "secrets" / f"{name}-{use}", f"{one.system}-{use}-{one.org}")
    write_development_keys(folder)
    (folder / FILE).write_text(_sandbox_settings(kind, name_of(folder), port, sandbox_port))


def _sandbox_settings(kind: Kind, workspace: str, port: int, sandbox_port: int) -> str:
    connections = "".join(
        CONNECTION.format(name=name, kind=one.system, org=one.org, sandbox_port=sandbox_port, more=one.more)
        for name, one in kind.connections.items()
    )
    escalations = "\n".join(
        ESCALATION.format(name=n, sandbox_port=sandbox_port, following=f'next = "{f}"\n' if f else "").rstrip() + "\n"
        for n, f in kind.routes.items()
    )
    return SANDBOX.format(
        name=workspace,
        port=port,
        sandbox_port=sandbox_port,
        roles=", ".join(f'"{role}"' for role in kind.roles),
        # who asks holds every role but the one that approves
        requester=", ".join(f'"{role}"' for role in kind.roles if role != "SecurityLead"),
        connections=connections,
        escalations=escalations,
    )
