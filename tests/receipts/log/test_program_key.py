"""A signer that is a program: what it may answer, and that nothing else is ever used."""

import os
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.log import signing_key
from receipts.log.program_key import ProgramKey, SignerProgram
from receipts.log.signing import Signer, create_key
from receipts.log.signing_key import NoSignature
from tests import signer_program


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProgramKey:
    """The signer of `tests/signer_program.py`, asked again at once after a fault."""
    monkeypatch.setattr(signing_key, "_REST_SECONDS", 0.0)
    public = create_key(tmp_path / "key.pem").public_key()
    command = (sys.executable, signer_program.__file__, "key.pem", "fault")
    return ProgramKey("kms", public, SignerProgram(command, tmp_path, seconds=20.0))


def test_one_program_signs_one_after_the_other_and_whatever_is_given(key: ProgramKey) -> None:
    signer = Signer(key)
    for payload in (b"", b"{}", os.urandom(300_000)):  # more than a pipe holds
        assert signer.envelope(payload).holds({signer.keyid: signer.public})
    running = key._running
    signer.note("ailyus.test/x", "text\n")
    assert key._running is running
    key.close()
    assert running is not None
    assert running.returncode is not None


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("ends", "gave no answer"),
        ("shouts", "gave no answer"),
        ("lies", "not one of the log's key"),
        ("babbles", "another form than its protocol"),
        ("hangs", "gave no answer in 1 s"),
    ],
)
def test_a_fault_gives_no_signature_and_the_next_one_begins_anew(
    fault: str, says: str, key: ProgramKey, tmp_path: Path
) -> None:
    key.sign(b"before")
    running = key._running
    (tmp_path / "fault").write_text(fault)
    if fault == "hangs":
        key._program = SignerProgram(key._program.command, tmp_path, seconds=1.0)
    with pytest.raises(NoSignature) as caught:
        key.sign(b"meanwhile")
    assert says in caught.value.sentence
    assert "274911" not in str(caught.value)
    assert key.fault
    assert running is not None
    assert running.returncode is not None  # nothing of it is left
    (tmp_path / "fault").unlink()
    key._program = SignerProgram(key._program.command, tmp_path, seconds=20.0)
    assert len(key.sign(b"after")) == 64
    assert not key.fault


def test_after_a_fault_nobody_waits_for_it_a_second_time(
    key: ProgramKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing_key, "_REST_SECONDS", 3600.0)
    (tmp_path / "fault").write_text("ends")
    for _ in range(2):
        with pytest.raises(NoSignature, match="gave no answer"):
            key.sign(b"x")
        (tmp_path / "fault").unlink(missing_ok=True)


@pytest.mark.parametrize("command", [("/not/there",), ("key.pem",), ("./key.pem",)])
def test_a_program_that_cannot_run_is_said(command: tuple[str, ...], key: ProgramKey, tmp_path: Path) -> None:
    key._program = SignerProgram(command, tmp_path)
    with pytest.raises(NoSignature, match="is a program that"):
        key.sign(b"x")


def test_it_gets_the_variables_that_are_listed_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOLD", "1")
    monkeypatch.setenv("SECRET", "1")
    write = "import os, pathlib; pathlib.Path('seen').write_text(' '.join(sorted(os.environ)))"
    program = SignerProgram((sys.executable, "-c", write), tmp_path, 20.0, ("TOLD",))
    with pytest.raises(NoSignature):
        ProgramKey("kms", Ed25519PrivateKey.generate().public_key(), program).sign(b"x")
    seen = set((tmp_path / "seen").read_text().split())
    assert "TOLD" in seen
    assert "SECRET" not in seen


def test_what_it_started_ends_with_it(key: ProgramKey, tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, pathlib, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)'])\n"
        "pathlib.Path('child').write_text(str(child.pid))\n"
        "print('no', flush=True)\n"
        "time.sleep(3600)"
    )
    key._program = SignerProgram((sys.executable, "-c", script), tmp_path, 20.0)
    with pytest.raises(NoSignature, match="another form"):
        key.sign(b"x")
    child = Path(f"/proc/{(tmp_path / 'child').read_text()}/stat")
    assert not child.exists() or child.read_text().rsplit(")", 1)[1].split()[0] in "ZX"
