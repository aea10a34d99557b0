"""What `ailyus init` writes: a workspace on the sandbox, or on an Okta of one's own."""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

import orjson

from contracts.errors import AilyusError
from contracts.text.source import files_of
from receipts.log.signing import create_key
from server.http_server import free_port
from server.workspace.schemas import with_line, write_schemas
from server.workspace.workspace import FILE

_SANDBOX = """\
#:schema .ailyus/schema/settings.json
# An Ailyus workspace on the sandbox: twins of real systems that run on this machine.
origin = "ailyus.local/{name}"
development = true                      # development keys count here, and receipts say `governed: false`
roles = [{roles}]
environments = ["prod", "staging"]

[server]
port = {port}

[console]
admins = ["SecurityLead"]               # two people who hold one of these roles vouch for new passkeys

[release]
roles = ["SecurityLead"]                # who may sign a release of this folder: `ailyus release --as PERSON`

[sandbox]
port = {sandbox_port}

# People to play: `requester`, for whom the agent acts, and two leads, who approve.
[[people]]
name = "requester"
tenant = "acme"
roles = [{requester}]

[[people]]
name = "lead"
tenant = "acme"
roles = ["SecurityLead"]

[[people]]
name = "second-lead"
tenant = "acme"
roles = ["SecurityLead"]

# Tenant and environment of every record come from here. Credentials are references, never values.
{connections}
# Who is told when an outcome is in doubt; unacknowledged after 15 minutes, the `next` route is told too.
{escalations}"""
_CONNECTION = """\
[connections.{name}]
kind = "{kind}"
base_url = "http://127.0.0.1:{sandbox_port}/{org}/{kind}"
tenant = "{org}"
environment = "prod"
{scheme}read = "file:.ailyus/secrets/{name}-read"
write = "file:.ailyus/secrets/{name}-write"
principal = "ailyus-writer"
direct = true

"""
_ESCALATION = """\
[escalations.{name}]
webhook = "http://127.0.0.1:{sandbox_port}/_sandbox/oncall"
{following}
"""
_OKTA = """\
#:schema .ailyus/schema/settings.json
# An Ailyus workspace on your own Okta. Credentials are the names of environment variables, never values.
origin = "ailyus.local/{name}"
development = false
roles = ["Support", "SecurityLead"]
environments = ["prod", "staging"]

[server]
port = {port}

[console]
admins = ["SecurityLead"]

[release]
roles = ["SecurityLead"]

[[people]]
name = "requester"
tenant = "main"
roles = ["Support"]

[[people]]
name = "lead"
tenant = "main"
roles = ["SecurityLead"]

[[people]]
name = "second-lead"
tenant = "main"
roles = ["SecurityLead"]

[connections.okta]
kind = "okta"
base_url = "{base_url}"
tenant = "main"
environment = "prod"
scheme = "SSWS"
read = "env:{read}"
write = "env:{write}"
principal = "ailyus"
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of sandbox workspace: its connections (name → org, system), policies, roles and escalation routes."""

    connections: Mapping[str, tuple[str, str]]
    policies: tuple[str, ...]
    roles: tuple[str, ...]
    routes: Mapping[str, str]


TEMPLATES: Mapping[str, Kind] = {
    "everything": Kind(
        {
            **{name: ("acme", name) for name in ("okta", "zendesk", "apikeys", "slack", "crm", "ledger")},
            "okta-globex": ("globex", "okta"),
        },
        ("base", "support", "approvals", "operations"),
        ("Support", "Operations", "SecurityLead"),
        {
            "identity-oncall": "security-oncall",
            "security-oncall": "",
            "support-oncall": "security-oncall",
            "data-oncall": "security-oncall",
            "accounting-oncall": "security-oncall",
        },
    ),
    "back-office": Kind({"backoffice": ("acme", "backoffice")}, ("base",), ("Support", "SecurityLead"), {}),
    "accounting-sync": Kind(
        {"ledger": ("acme", "ledger")},
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
    _library(folder, sorted({system for _, system in kind.connections.values()}), kind.policies)
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
        _CONNECTION.format(
            name=connection,
            kind=system,
            org=org,
            sandbox_port=sandbox_port,
            scheme='scheme = "SSWS"\n' if system == "okta" else "",
        )
        for connection, (org, system) in kind.connections.items()
    )
    escalations = "\n".join(
        _ESCALATION.format(name=n, sandbox_port=sandbox_port, following=f'next = "{f}"\n' if f else "").rstrip() + "\n"
        for n, f in kind.routes.items()
    )
    return _SANDBOX.format(
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
    text = _OKTA.format(name=_name(folder), port=free_port(), base_url=base_url, read=read, write=write)
    # without a ticket system the reset cannot be tied to a request, so it is not offered
    _library(folder, ["okta"], ["base", "support", "approvals"], without=("reset_user_mfa", "restore_account_access"))
    _without(folder / "policies" / "support.cedar", ["mfa-reset-is-for-the-requester", "support-may-comment"])
    (folder / FILE).write_text(text)


def _begin(folder: Path) -> None:
    if (folder / FILE).exists():
        raise AilyusError("bad_settings", f"`{folder}` is a workspace already", hint="choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".ailyus").mkdir(mode=0o700, exist_ok=True)
    (folder / ".gitignore").write_text(".ailyus/\n")


def _library(folder: Path, systems: Sequence[str], policies: Sequence[str], without: Sequence[str] = ()) -> None:
    with as_file(files("contracts").joinpath("library")) as library:
        for system in systems:
            (folder / "contracts" / system).mkdir(parents=True)
            if (library / system).is_dir():  # a back office is nobody else's: its contracts are drafted
                shutil.copytree(library / system, folder / "contracts" / system, dirs_exist_ok=True)
            for name in without:
                (folder / "contracts" / system / f"{name}.yaml").unlink(missing_ok=True)
    (folder / "policies").mkdir(exist_ok=True)
    with as_file(files("policies").joinpath("library")) as library:
        for name in policies:
            shutil.copy(library / f"{name}.cedar", folder / "policies" / f"{name}.cedar")
            tests = _tests_of((library / f"{name}.test.yaml").read_text(), folder / "contracts")
            if tests:
                (folder / "policies" / f"{name}.test.yaml").write_text(tests)
    write_schemas(folder)
    for path in (*files_of(folder / "contracts", "*.yaml"), *files_of(folder / "policies", "*.yaml")):
        path.write_text(with_line(folder, path, path.read_text(encoding="utf-8")), encoding="utf-8")


def _tests_of(text: str, contracts: Path) -> str:
    """The cases about contracts that are here, and those about every contract."""
    head, *cases = re.split(r"^(?=  - name:)", text, flags=re.MULTILINE)
    about = [re.search(r"^    action: (\w+)", case, re.MULTILINE) for case in cases]
    kept = [c for c, of in zip(cases, about, strict=True) if of is None or [*contracts.rglob(f"{of[1]}.yaml")]]
    return head + "".join(kept) if kept else ""


def _without(path: Path, ids: list[str]) -> None:
    text = path.read_text()
    for name in ids:
        text = re.sub(rf'(// [^\n]*\n)?@id\("{name}"\)[^;]*;\n*', "", text)
    path.write_text(text)


def _secret(path: Path, value: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(value + "\n")


def _name(folder: Path) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", folder.resolve().name)[:40] or "w"
