"""A token in software: SoftHSM's driver of PKCS #11, out of Debian's packages, which are unpacked and not installed."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from receipts.log.public_key import parse_public_key
from tests.slowness import scaled

INSTALL = "apt-get update && apt-get install -y --no-install-recommends softhsm2"
_PACKAGES = ("softhsm2", "libsofthsm2")
_FOLDER = Path(tempfile.gettempdir()) / f"ailyus-tests-softhsm-{os.geteuid()}"
_DRIVERS = ("/usr/lib/softhsm/libsofthsm2.so", f"{_FOLDER}/usr/lib/softhsm/libsofthsm2.so")
PIN = "274911"
# in a process of its own: a driver reads its configuration once
_GENERATE = """
import sys, pkcs11
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11.util.ec import encode_named_curve_parameters
module, token, label, pin = sys.argv[1:]
(found,) = pkcs11.lib(module).get_tokens(token_label=token)
with found.open(user_pin=pin, rw=True) as session:
    curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("1.3.101.112")}
    parameters = session.create_domain_parameters(pkcs11.KeyType.EC_EDWARDS, curve, local=True)
    public, _ = parameters.generate_keypair(
        mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=label
    )
    key = Ed25519PublicKey.from_public_bytes(public[pkcs11.Attribute.EC_POINT][-32:])
    print(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), end="")
"""


def _driver() -> str:
    """The path of the driver; fails with the command that installs it."""
    for path in _DRIVERS:
        if Path(path).exists():
            return path
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    with (_FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers ask together
        if _FOLDER.stat().st_uid == os.geteuid() and not Path(_DRIVERS[1]).exists():
            _unpack()
    if not Path(_DRIVERS[1]).exists():
        pytest.fail(f"there is no SoftHSM, and none could be fetched: run `{INSTALL}`", pytrace=False)
    return _DRIVERS[1]


def _unpack() -> None:
    download = ["apt-get", "download", "-q", *_PACKAGES]
    for commands in ((download,), (["apt-get", "update", "-q"], download)):
        if all(_done(command) for command in commands):
            for package in _FOLDER.glob("*softhsm2_*.deb"):
                _done(["dpkg-deb", "-x", str(package), str(_FOLDER)])
            return


def _done(command: list[str]) -> bool:
    try:
        return subprocess.run(command, cwd=_FOLDER, capture_output=True, timeout=300, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


@dataclass(frozen=True)
class Token:
    """One token in a folder of its own, whose configuration is in the environment variable `SOFTHSM2_CONF`."""

    folder: Path
    driver: str

    @classmethod
    def make(cls, folder: Path, monkeypatch: pytest.MonkeyPatch) -> "Token":
        driver = _driver()
        (folder / "tokens").mkdir(parents=True)
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
        monkeypatch.setenv("SOFTHSM2_CONF", str(config))
        program = shutil.which("softhsm2-util") or str(_FOLDER / "usr" / "bin" / "softhsm2-util")
        words = (
            "--module",
            driver,
            "--init-token",
            "--free",
            "--label",
            "ailyus",
            "--pin",
            PIN,
            "--so-pin",
            "99887766",
        )
        subprocess.run([program, *words], check=True, capture_output=True, timeout=scaled(60))
        return cls(folder, driver)

    def generate(self, label: str) -> str:
        """Make an Ed25519 key in it, and give its public half as PEM."""
        words = (self.driver, "ailyus", label, PIN)
        done = subprocess.run(
            [sys.executable, "-c", _GENERATE, *words], check=True, capture_output=True, text=True, timeout=scaled(60)
        )
        parse_public_key(done.stdout)
        return done.stdout

    def uri(self, label: str) -> str:
        return f"pkcs11:token=ailyus;object={label}?module-path={self.driver}"

    def take_away(self) -> None:
        (self.folder / "tokens").rename(self.folder / "away")

    def bring_back(self) -> None:
        (self.folder / "away").rename(self.folder / "tokens")
