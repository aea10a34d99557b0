"""The signers of the log that the settings name: programs, and keys in tokens, each as a key that the log is given."""

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import orjson

from contracts.errors import AilyusError
from receipts.log.program_key import ProgramKey, SignerProgram
from receipts.log.public_key import parse_public_key
from server.workspace.credentials import credentials_of
from server.workspace.settings.store import SignerPart

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

_DRIVER: Final = "receipts.log.pkcs11_signer"


def signers_of(workspace: "Workspace") -> tuple[ProgramKey, ...]:
    """The signers of `[log.signers]` in their order. None is started before it signs. Raises `bad_settings`."""
    return tuple(_signer(workspace, name, part) for name, part in workspace.settings.log.signers.items())


def _signer(workspace: "Workspace", name: str, part: SignerPart) -> ProgramKey:
    public, seconds = parse_public_key(part.public), part.timeout / 1000
    if part.command:
        return ProgramKey(name, public, SignerProgram(part.command, workspace.root, seconds, part.environment))
    if find_spec("pkcs11") is None:
        hint = "install the extra: `uv tool install '.[pkcs11]'`"
        raise AilyusError("bad_settings", f"the signer `{name}` needs python-pkcs11", hint=hint)
    command = (sys.executable, "-P", "-m", _DRIVER, part.pkcs11)
    program = SignerProgram(command, workspace.root, seconds, part.environment)

    def opening() -> bytes:
        # on its input: what stands in arguments or variables can be read by others
        return orjson.dumps({"pin": credentials_of(workspace).read(part.pin) or ""}) + b"\n"

    return ProgramKey(name, public, program, opening)
