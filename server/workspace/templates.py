"""What `ailyus init` writes: a workspace on the sandbox, or on an Okta of one's own."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from contracts.errors import AilyusError
from receipts.log.signing import create_key
from server.workspace.free_port import free_port
from server.workspace.library_copy import copy_library, remove_policies
from server.workspace.settings.file import FILE
from server.workspace.settings_text import CONNECTION, ESCALATION, OKTA, SANDBOX


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sandbox workspace: its connections (name → org, system), policies, roles and escalation routes."""

    connections: Mapping[str, tuple[str, str]]
    policies: tuple[str, ...]
    roles: tuple[str, ...]
    routes: Mapping[str, str]


SYSTEMS = ("okta", "zendesk", "apikeys", "integrations", "crm", "salesforce", "billing", "xero")
"""What the demo's workspace connects to."""
VENDORS = (
    "github",
    "intercom",
    "entra",
    "google",
    "quickbooks",
    "slack",
)
"""What the library has a twin for besides."""
_LINES = {
    "github": 'headers = {X-GitHub-Api-Version = "2022-11-28"}\n',
    "okta": 'scheme = "SSWS"\n',
    "xero": 'headers = {Xero-Tenant-Id = "a3a4dbaf-3495-a808-ed7a-7b964388f53d"}\n',
}
"""What a system's connection needs besides."""
_ROUTES: Mapping[str, str] = {
    "identity-oncall": "security-oncall",
    "security-oncall": "",
    "support-oncall": "security-oncall",
    "data-oncall": "security-oncall",
    "accounting-oncall": "security-oncall",
}

TEMPLATES: Mapping[str, Kind] = {
    "everything": Kind(
        {
            **{name: ("acme", name) for name in SYSTEMS},
            "okta-globex": ("globex", "okta"),
        },
        ("base", "support", "groups", "approvals", "operations"),
        ("Support", "Operations", "SecurityLead"),
        _ROUTES,
    ),
    "library": Kind(
        {name: ("acme", name) for name in (*SYSTEMS, *VENDORS)},
        ("base", "support", "groups", "approvals", "operations", "slack", "github"),
        ("Support", "Operations", "SecurityLead"),
        _ROUTES,
    ),
    "back-office": Kind({"backoffice": ("acme", "backoffice")}, ("base",), ("Support", "SecurityLead"), {}),
    "accounting-sync": Kind(
        {"billing": ("acme", "billing"), "xero": ("acme", "xero")},
        ("base", "accounting"),
        ("Operations", "SecurityLead"),
        {"accounting-oncall": ""},
    ),
}
"""What `ailyus init --template` knows."""


def init_sandbox(folder: Path, template: str = "everything", sandbox_port: int = 0) -> None:
    """Write a workspace on the sandbox (on a free port, if none is given), ready for `ailyus serve`."""
    kind = TEMPLATES.get(template)
    if kind is None:
        hint = f"one of {', '.join(sorted(TEMPLATES))}"
        raise AilyusError("bad_settings", f"there is no template `{template}`", hint=hint)
    _begin(folder)
    port, sandbox_port = free_port(), sandbox_port or free_port()
    copy_library(folder, sorted({system for _, system in kind.connections.values()}), kind.policies)
    for name, (org, system) in kind.connections.items():
        for use in ("read", "write"):
            _secret(folder / ".ailyus" / "secrets" / f"{name}-{use}", f"{system}-{use}-{org}")
    for person in ("requester", "lead", "second-lead"):
        key = create_key(folder / ".ailyus" / "keys" / f"{person}.pem")
        public = key.public_key().public_bytes_raw().hex()
        content = orjson.dumps({"public": public, "person": person, "kind": "development"})
        _secret(folder / ".ailyus" / "keys" / f"{person}.pub", content.decode())
    (folder / FILE).write_text(_sandbox_settings(kind, _name(folder), port, sandbox_port))


def _sandbox_settings(kind: Kind, name: str, port: int, sandbox_port: int) -> str:
    connections = "".join(
        CONNECTION.format(
            name=connection,
            kind=system,
            org=org,
            sandbox_port=sandbox_port,
            scheme=_LINES.get(system, ""),
        )
        for connection, (org, system) in kind.connections.items()
    )
    escalations = "\n".join(
        ESCALATION.format(name=n, sandbox_port=sandbox_port, following=f'next = "{f}"\n' if f else "").rstrip() + "\n"
        for n, f in kind.routes.items()
    )
    return SANDBOX.format(
        name=name,
        port=port,
        sandbox_port=sandbox_port,
        roles=", ".join(f'"{role}"' for role in kind.roles),
        requester=", ".join(f'"{role}"' for role in kind.roles if role != "SecurityLead"),
        connections=connections,
        escalations=escalations,
    )


def init_okta(folder: Path, base_url: str, read: str, write: str) -> None:
    """Write a workspace on an Okta of one's own; `read` and `write` are names of environment variables."""
    for name in (read, write):
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise AilyusError(
                "bad_settings", f"`{name}` is no name of an environment variable", hint="such as OKTA_TOKEN"
            )
    _begin(folder)
    text = OKTA.format(name=_name(folder), port=free_port(), base_url=base_url, read=read, write=write)
    # without a ticket system the reset cannot be tied to a request, so it is not offered
    copy_library(
        folder,
        ["okta"],
        ["base", "support", "groups", "approvals"],
        without=("reset_user_mfa", "reset_user_factor", "restore_account_access"),
    )
    remove_policies(
        folder / "policies" / "support.cedar", ["mfa-reset-is-for-the-requester", "support-may-work-on-tickets"]
    )
    (folder / FILE).write_text(text)


def _begin(folder: Path) -> None:
    if (folder / FILE).exists():
        raise AilyusError("bad_settings", f"`{folder}` is a workspace already", hint="choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".ailyus").mkdir(mode=0o700, exist_ok=True)
    # keys and secrets lie there: a workspace belongs under version control, and they do not
    (folder / ".gitignore").write_text(".ailyus/\n")


def _secret(path: Path, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # 0600 from the first moment, whatever the umask is
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(value + "\n")


def _name(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", folder.resolve().name)[:40] or "w"
