"""What the doctor sees around a gateway: the disk, the certificate, the passkeys."""

import datetime as dt
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from server.admin import machine_health
from server.admin.machine_health import LOW, certificate_finding, disk_finding, passkey_finding, secrets_finding
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.certificates import authority

HEAD = 'origin = "test"\nroles = ["SecurityLead"]\nenvironments = ["prod"]\n'
PERSON = '[[people]]\nname = "{0}"\ntenant = "acme"\nroles = ["SecurityLead"]\n'


def workspace(root: Path, text: str = "") -> Workspace:
    root.mkdir(exist_ok=True)
    (root / FILE).write_text(HEAD + text)
    return Workspace.open(root)


def test_a_disk_warns_before_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    for free, level in ((LOW, "OK"), (LOW - 1, "WARN"), (machine_health.FULL - 1, "FAIL")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage(free))
        found = disk_finding(workspace(tmp_path / "w"))
        assert (found.level, bool(found.next)) == (level, level != "OK")


def test_a_secret_that_others_may_read_is_named(tmp_path: Path) -> None:
    space = workspace(tmp_path / "w")
    for name, mode in (("secrets/okta-read", 0o600), ("keys/lead.pub", 0o644), ("log.pem", 0o640)):
        path = space.private / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        path.chmod(mode)
    found = secrets_finding(space)
    assert (found.level, found.says) == ("OK", "2 files hold secrets; others may read none of them")
    (space.private / "secrets" / "okta-read").chmod(0o644)
    found = secrets_finding(space)
    assert (found.level, found.says) == ("WARN", "others may read `.ailyus/secrets/okta-read`")
    assert found.next == "chmod o-rwx .ailyus/secrets/okta-read"


def test_who_listens_to_others_needs_tls(tmp_path: Path) -> None:
    assert certificate_finding(workspace(tmp_path / "w")).level == "OK"
    bare = certificate_finding(workspace(tmp_path / "w", '[server]\nhost = "0.0.0.0"\n'))
    assert (bare.level, bare.says) == ("FAIL", "it listens on 0.0.0.0 without TLS")
    ended = '[server]\nhost = "0.0.0.0"\ntls_terminated_by = ["10.0.0.5"]\n'
    assert certificate_finding(workspace(tmp_path / "w", ended)).says == "it ends at a proxy: 10.0.0.5"


@pytest.mark.parametrize(("days", "level"), [(30, "OK"), (3, "WARN"), (-1, "FAIL")])
def test_a_certificate_warns_before_it_ends(tmp_path: Path, days: int, level: str) -> None:
    space = workspace(tmp_path / "w", '[server]\ncertificate = "cert.pem"\nkey = "key.pem"\n')
    authority().write(space.root, valid=dt.timedelta(days=days))
    found = certificate_finding(space)
    assert (found.level, bool(found.next)) == (level, level != "OK")
    (space.root / "cert.pem").write_text("none")
    assert certificate_finding(space).level == "FAIL"


def test_passkeys_of_admins_are_counted(tmp_path: Path) -> None:
    space = workspace(
        tmp_path / "w", PERSON.format("ada") + PERSON.format("bo") + '[console]\nadmins = ["SecurityLead"]\n'
    )
    nobody = passkey_finding(space, [])
    assert (nobody.level, nobody.next) == ("WARN", "ailyus person invite PERSON")
    one = passkey_finding(space, ["ada"])
    assert (one.level, one.says) == ("WARN", "ada can decide with a passkey; admins without one: bo")
    assert passkey_finding(space, ["ada", "bo"]).level == "OK"
