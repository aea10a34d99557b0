"""The health of what stands around the gateway: the disk of the store, secret files, its certificate, passkeys."""

import datetime as dt
import shlex
import shutil
import stat
from collections.abc import Collection
from typing import Final

from contracts.errors import AilyusError
from server.admin.finding import Finding
from server.listener.certificate import SOON, Certificate
from server.workspace.workspace import Workspace

FULL: Final = 64 * 1024 * 1024
"""Bytes left with which nothing is sent soon: the gateway itself stops at 8 MiB."""
LOW: Final = 1024 * 1024 * 1024
"""Bytes left with which somebody should look."""
SECRETS: Final = ("secrets/*", "agents/*", "keys/*.pem", "*.pem", "*.secrets")
"""What holds a secret in `.ailyus`: credentials, tokens of agents, keys of people and of the gateway."""
SHOWN: Final = 3
"""How many files are named."""


def disk_finding(workspace: Workspace) -> Finding:
    """Is there room where the store stands?"""
    folder = workspace.private if workspace.private.is_dir() else workspace.root
    free = shutil.disk_usage(folder).free
    says = f"{free / 1e9:.1f} GB are free where the store stands"
    following = "free disk space, or move closed actions out: ailyus store archive FILE --before 90d"
    return Finding("disk", free >= FULL, says, following if free < LOW else "", warns=free < LOW)


def secrets_finding(workspace: Workspace) -> Finding:
    """Can anybody but their owner read the files of `.ailyus` that hold secrets?"""
    private = workspace.private
    found = [path for pattern in SECRETS for path in sorted(private.glob(pattern)) if path.is_file()]
    opened = [path for path in found if path.stat().st_mode & stat.S_IRWXO]
    if not opened:
        return Finding("secrets", True, f"{len(found)} files hold secrets; others may read none of them")
    names = ", ".join(f"`{path.relative_to(workspace.root)}`" for path in opened[:SHOWN])
    more = f" and {len(opened) - SHOWN} more" if len(opened) > SHOWN else ""
    following = f"chmod o-rwx {shlex.quote(str(opened[0].relative_to(workspace.root)))}"
    return Finding("secrets", True, f"others may read {names}{more}", following, warns=True)


def certificate_finding(workspace: Workspace) -> Finding:
    """Does it speak HTTPS, with a certificate that is good for a while; or who does?"""
    server = workspace.settings.server
    if not server.certificate:
        return _without_certificate(workspace)
    try:
        certificate = Certificate(workspace.root / server.certificate, workspace.root / server.key)
    except AilyusError as error:
        return Finding("tls", False, error.sentence, error.hint)
    ends = dt.datetime.fromtimestamp(certificate.ends, dt.UTC)
    says = f"the certificate ends on {ends:%Y-%m-%d}"
    following = "write a newer one to the files that [server] names; it is taken without a restart"
    soon = ends - dt.datetime.now(dt.UTC) < SOON
    return Finding("tls", certificate.is_valid, says, following if soon else "", warns=soon)


def passkey_finding(workspace: Workspace, holders: Collection[str]) -> Finding:
    """Who can decide at the console, and which admins cannot yet."""
    settings = workspace.settings
    admins = sorted(p.name for p in settings.people if set(p.roles) & set(settings.console.admins))
    without = [name for name in admins if name not in holders]
    can = f"{', '.join(sorted(holders))} can decide with a passkey" if holders else "nobody has a passkey yet"
    if not holders:
        return Finding("passkeys", True, can, "ailyus person invite PERSON", warns=True)
    if without:
        says = f"{can}; admins without one: {', '.join(without)}"
        return Finding("passkeys", True, says, "admins who have one introduce them at the console", warns=True)
    return Finding("passkeys", True, can)


def _without_certificate(workspace: Workspace) -> Finding:
    server = workspace.settings.server
    if server.tls_terminated_by:
        return Finding("tls", True, f"it ends at a proxy: {', '.join(server.tls_terminated_by)}")
    if server.socket or server.host in ("127.0.0.1", "::1", "localhost"):
        return Finding("tls", True, "not needed: it listens on this machine alone")
    following = "name `certificate` and `key` under [server], or the proxy under `tls_terminated_by`"
    return Finding("tls", False, f"it listens on {server.host} without TLS", following)
