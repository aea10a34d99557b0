"""What `ailyus init` writes: a workspace on the sandbox, or on an Okta of one's own."""

import os
import re
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import orjson

from contracts.errors import AilyusError
from receipts.signing import create_key
from server.app import free_port
from server.settings import FILE

_SANDBOX = """\
# An Ailyus workspace on the sandbox: twins of real systems that run on this machine.
origin = "ailyus.local/{name}"
development = true                      # development keys count here, and receipts say `governed: false`
roles = ["Support", "Operations", "SecurityLead"]
environments = ["prod", "staging"]

[server]
port = {port}

[sandbox]
port = {sandbox_port}

# Two people to play: `requester`, for whom the agent acts, and `lead`, who approves.
[[people]]
name = "requester"
tenant = "acme"
roles = ["Support", "Operations"]

[[people]]
name = "lead"
tenant = "acme"
roles = ["SecurityLead"]

# Tenant and environment of every record come from here. Credentials are references, never values.
[connections.okta]
kind = "okta"
base_url = "http://127.0.0.1:{sandbox_port}/acme/okta"
tenant = "acme"
environment = "prod"
scheme = "SSWS"
read = "file:.ailyus/secrets/okta-read"
write = "file:.ailyus/secrets/okta-write"
principal = "ailyus-writer"
direct = true

[connections.zendesk]
kind = "zendesk"
base_url = "http://127.0.0.1:{sandbox_port}/acme/zendesk"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/zendesk-read"
write = "file:.ailyus/secrets/zendesk-write"
principal = "ailyus-writer"
direct = true

[connections.apikeys]
kind = "apikeys"
base_url = "http://127.0.0.1:{sandbox_port}/acme/apikeys"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/apikeys-read"
write = "file:.ailyus/secrets/apikeys-write"
principal = "ailyus-writer"
direct = true

[connections.slack]
kind = "slack"
base_url = "http://127.0.0.1:{sandbox_port}/acme/slack"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/slack-read"
write = "file:.ailyus/secrets/slack-write"
principal = "ailyus-writer"
direct = true

[connections.crm]
kind = "crm"
base_url = "http://127.0.0.1:{sandbox_port}/acme/crm"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/crm-read"
write = "file:.ailyus/secrets/crm-write"
principal = "ailyus-writer"
direct = true

[connections.ledger]
kind = "ledger"
base_url = "http://127.0.0.1:{sandbox_port}/acme/ledger"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/ledger-read"
write = "file:.ailyus/secrets/ledger-write"
principal = "ailyus-writer"
direct = true

# Who is told when an outcome is in doubt; unacknowledged after 15 minutes, the next route is told too.
[escalations.identity-oncall]
webhook = "http://127.0.0.1:{sandbox_port}/_sandbox/oncall"
next = "security-oncall"

[escalations.security-oncall]
webhook = "http://127.0.0.1:{sandbox_port}/_sandbox/oncall"

[escalations.data-oncall]
webhook = "http://127.0.0.1:{sandbox_port}/_sandbox/oncall"

[escalations.accounting-oncall]
webhook = "http://127.0.0.1:{sandbox_port}/_sandbox/oncall"

[connections.okta-globex]
kind = "okta"
base_url = "http://127.0.0.1:{sandbox_port}/globex/okta"
tenant = "globex"
environment = "prod"
scheme = "SSWS"
read = "file:.ailyus/secrets/okta-globex-read"
write = "file:.ailyus/secrets/okta-globex-write"
principal = "ailyus-writer"
direct = true
"""
_OKTA = """\
# An Ailyus workspace on your own Okta. Credentials are the names of environment variables, never values.
origin = "ailyus.local/{name}"
development = false
roles = ["Support", "SecurityLead"]
environments = ["prod", "staging"]

[server]
port = {port}

[[people]]
name = "requester"
tenant = "main"
roles = ["Support"]

[[people]]
name = "lead"
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


_TWINS = ("apikeys", "slack", "crm", "ledger")


def init_sandbox(folder: Path) -> None:
    """Write a workspace on the sandbox, ready for `ailyus serve`."""
    _begin(folder)
    port, sandbox_port = free_port(), free_port()
    text = _SANDBOX.format(name=_name(folder), port=port, sandbox_port=sandbox_port)
    _library(folder, ["okta", "zendesk", *_TWINS], ["base", "support", "approvals", "operations"])
    own = [("acme", system) for system in ("okta", "zendesk", *_TWINS)]
    for org, system in (*own, ("globex", "okta")):
        name = system if org == "acme" else f"{system}-{org}"
        for use in ("read", "write"):
            _secret(folder / ".ailyus" / "secrets" / f"{name}-{use}", f"{system}-{use}-{org}")
    for person in ("requester", "lead"):
        key = create_key(folder / ".ailyus" / "keys" / f"{person}.pem")
        public = key.public_key().public_bytes_raw().hex()
        content = orjson.dumps({"public": public, "person": person, "kind": "development"})
        _secret(folder / ".ailyus" / "keys" / f"{person}.pub", content.decode())
    (folder / FILE).write_text(text)


def init_okta(folder: Path, base_url: str, read: str, write: str) -> None:
    """Write a workspace on an Okta of one's own; `read` and `write` are names of environment variables."""
    for name in (read, write):
        if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
            raise AilyusError(
                "bad_settings", f"`{name}` is no name of an environment variable", hint="such as OKTA_TOKEN"
            )
    _begin(folder)
    text = _OKTA.format(name=_name(folder), port=free_port(), base_url=base_url, read=read, write=write)
    _library(folder, ["okta"], ["base", "support", "approvals"])
    # without a ticket system the reset cannot be tied to a request, so it is not offered
    for name in ("reset_user_mfa", "restore_account_access"):
        (folder / "contracts" / "okta" / f"{name}.yaml").unlink()
    _without(folder / "policies" / "support.cedar", ["mfa-reset-is-for-the-requester", "support-may-comment"])
    (folder / "policies" / "support.test.yaml").unlink()
    tests = folder / "policies" / "approvals.test.yaml"
    tests.write_text(tests.read_text().replace("reset_user_mfa", "suspend_user"))
    (folder / FILE).write_text(text)


def _begin(folder: Path) -> None:
    if (folder / FILE).exists():
        raise AilyusError("bad_settings", f"`{folder}` is a workspace already", hint="choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".ailyus").mkdir(mode=0o700, exist_ok=True)
    (folder / ".gitignore").write_text(".ailyus/\n")


def _library(folder: Path, systems: list[str], policies: list[str]) -> None:
    with as_file(files("contracts").joinpath("library")) as library:
        for system in systems:
            shutil.copytree(library / system, folder / "contracts" / system)
    (folder / "policies").mkdir(exist_ok=True)
    with as_file(files("policies").joinpath("library")) as library:
        for name in policies:
            for path in (library / f"{name}.cedar", library / f"{name}.test.yaml"):
                if path.exists():
                    shutil.copy(path, folder / "policies" / path.name)


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
