"""Signers of the log for tests: a program and a token, each with a way to take it away and to bring it back."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from receipts.log.signing import create_key
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests import signer_program
from tests.softhsm import PIN, Token


@dataclass(frozen=True)
class LogSigner:
    """One signer: its table of the settings, and what makes it go and come again."""

    name: str
    table: str
    take_away: Callable[[], object]
    bring_back: Callable[[], object]


def program_signer(folder: Path, name: str = "kms", fault: str = "ends") -> LogSigner:
    """A key that a program signs with."""
    path, place = folder / f"{name}.pem", folder / f"{name}.fault"
    public = create_key(path).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    command = json.dumps([sys.executable, signer_program.__file__, str(path), str(place)])
    table = f'[log.signers.{name}]\npublic = """\n{public}"""\ntimeout = "3s"\ncommand = {command}\n'
    return LogSigner(name, table, lambda: place.write_text(fault), place.unlink)


def token_signer(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str = "hsm") -> LogSigner:
    """A key in SoftHSM."""
    token = Token.make(folder / name, monkeypatch)
    public = token.generate("log")
    monkeypatch.setenv("LOG_PIN", PIN)
    table = (
        f'[log.signers.{name}]\npublic = """\n{public}"""\npkcs11 = "{token.uri("log")}"\npin = "env:LOG_PIN"\n'
        'environment = ["SOFTHSM2_CONF"]\ntimeout = "20s"\n'
    )
    return LogSigner(name, table, token.take_away, token.bring_back)


def with_signers(workspace: Workspace, *signers: LogSigner) -> Workspace:
    """The same workspace, whose settings name these signers and no others."""
    path = workspace.root / FILE
    text = path.read_text().split("\n[log.signers.")[0].rstrip("\n")
    path.write_text("\n\n".join([text, *(one.table for one in signers)]))
    return Workspace.open(workspace.root)
