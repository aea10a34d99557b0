"""Commands of a witness, which need no workspace, and the one by which a workspace trusts some."""

import asyncio
import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, group, verb
from server.cli.output import table
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from receipts.log.log_keys import LogKeys
    from receipts.witness.witness import Witness

witness = group("A witness of logs: its key, its server, what it has seen.")

NameOption = Annotated[str, typer.Option(help="The witness's name: a URL without its scheme, such as w.example.com/1.")]
KeyOption = Annotated[Path, typer.Option("--key", help="The file of its private key (PEM).")]
StoreOption = Annotated[Path, typer.Option("--store", help="The file of what it has seen (SQLite).")]


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """The name of a witness, the line by which others know it, and the file of its private key."""

    name: str
    verifier_key: str
    file: str


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """The newest checkpoint that a witness cosigned of a log (UTC), and how many others of it it refused."""

    origin: str
    size: int
    root: str
    cosigned: str
    refused: int


@dataclass(frozen=True, slots=True)
class ForgottenLog:
    """A log that a witness lets begin anew: how far it had cosigned, and the root there."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class TrustedWitnesses:
    """The file of trusted roots, the witnesses that it names now, and how many of them must have cosigned."""

    file: str
    quorum: int
    cosigners: list[str]


@verb(witness, "key")
def make_key(name: NameOption, key: KeyOption = Path("witness.pem")) -> Answer[WitnessKey]:
    """Print the line by which others know a witness; the private key is made where there is none."""
    from receipts.log.cosignature import Cosigner
    from receipts.log.signing import create_key, load_key

    _require_name(name)
    private = load_key(key) if key.exists() else create_key(key)
    cosigner = Cosigner(name, private.public_key().public_bytes_raw())
    following = "next: ailyus witness serve; the line belongs into [witness] of whoever asks it, and into their roots"
    return Answer(WitnessKey(name, cosigner.verifier_key, str(key)), lines=[cosigner.verifier_key], says=[following])


@verb(witness, "serve")
def serve(
    name: NameOption,
    log: Annotated[list[Path], typer.Option("--log", help="The roots.json of a log that it knows (repeatable).")],
    listen: Annotated[str, typer.Option(help="Address and port; the network needs a proxy with TLS before it.")] = (
        "127.0.0.1:8440"
    ),
    key: KeyOption = Path("witness.pem"),
    store: StoreOption = Path("witness.db"),
    new: Annotated[
        bool, typer.Option("--new", help="Make the store: for a key that has cosigned nothing yet.")
    ] = False,
) -> None:
    """Cosign checkpoints of logs until it is ended (C2SP tlog-witness): one that rewrites its past is refused."""
    from receipts.log.signing import load_key
    from receipts.witness.witness import Witness
    from receipts.witness.witness_store import WitnessStore

    _require_name(name)
    host, port = _address(listen)
    private = load_key(key)
    logs = _logs(log)
    _require_store(store, new=new)
    served = Witness(name, private, logs, WitnessStore(store))
    with contextlib.suppress(KeyboardInterrupt):  # pressed before the handlers of the loop are there
        asyncio.run(_serve(served, host, port, sorted(logs)))


@verb(witness, "list")
def list_logs(store: StoreOption = Path("witness.db")) -> Answer[list[WitnessedLog]]:
    """List the logs that a witness has seen: how far, when, and how often it refused one."""
    from receipts.witness.witness_store import WitnessStore
    from server.results.timestamp import iso

    _require_store(store, new=False)
    opened = WitnessStore(store)
    try:
        rows = [
            WitnessedLog(one.origin, one.size, one.root, iso(one.at_s * 1000) if one.at_s else "", one.refused)
            for one in opened.logs()
        ]
    finally:
        opened.close()
    return Answer(rows, table(rows, ("origin", "size", "root", "cosigned", "refused")))


@verb(witness, "forget")
def forget(
    origin: Annotated[str, typer.Argument(help="The log, as `witness list` names it.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept beside the last checkpoint that was cosigned.")],
    store: StoreOption = Path("witness.db"),
) -> Answer[ForgottenLog]:
    """Let a log begin anew that lost its end and came out of a backup; what was cosigned of it stays as proof."""
    import time

    from receipts.witness.witness_store import WitnessStore

    if len(reason.strip()) < 3:
        raise AilyusError("bad_settings", f"`{reason[:60]}` is no reason", hint="say why in 3 characters or more")
    _require_store(store, new=False)
    opened = WitnessStore(store)
    try:
        was = opened.forget(origin, reason, int(time.time()))
    finally:
        opened.close()
    if was is None:
        hint = "`ailyus witness list` names those that there are"
        raise AilyusError("not_found", f"nothing of the log `{origin[:100]}` was cosigned", hint=hint)
    said = f"the log {origin} may begin anew; its {was.size} statements so far stay as proof of what was cosigned"
    return Answer(ForgottenLog(origin, was.size, was.root.hex()), says=[said])


@verb(witness, "trust")
def trust(workspace: WorkspaceOption = ".") -> Answer[TrustedWitnesses]:
    """Name the witnesses of the settings in roots.json: by it a proof counts only if enough of them cosigned."""
    from server.workspace.log_key import ROOTS
    from server.workspace.roots import trust_witnesses

    space = open_workspace(workspace)
    named = trust_witnesses(space).witness
    # the settings have them, else it was refused
    quorum, keys = (named.quorum, list(named.cosigners)) if named is not None else (0, [])
    said = f"{ROOTS} asks for {quorum} of {len(keys)} witnesses; next: hand it to whoever verifies"
    return Answer(TrustedWitnesses(str(space.root / ROOTS), quorum, keys), says=[said])


def _require_name(name: str) -> None:
    import re

    from receipts.log.cosignature import NAME

    if not re.fullmatch(NAME, name):
        hint = "a URL without its scheme, in ASCII, without a space or a plus: --name witness.example.com/1"
        raise AilyusError("bad_settings", f"`{name[:80]}` is no name of a witness", hint=hint)


def _require_store(store: Path, *, new: bool) -> None:
    if new is store.exists():
        # with an empty store it would cosign a second past of a log under the same key
        said = f"there is a store `{store}` already" if new else f"there is no store `{store}`"
        hint = "leave `--new` out" if new else "name its file with --store; `--new` makes one, with a new key only"
        raise AilyusError("bad_settings", said, hint=hint)


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise AilyusError("bad_settings", f"`{listen[:80]}` is no address and port", hint="--listen 127.0.0.1:8440")
    return host.strip("[]"), int(port)


def _logs(files: list[Path]) -> "dict[str, LogKeys]":
    from receipts.audit.roots import read_roots

    logs: dict[str, LogKeys] = {}
    for file in files:
        roots = read_roots(file)
        if roots.origin in logs:  # of two files of one log one would be dropped silently
            hint = "give one file for each log; roots.json names all of its keys"
            raise AilyusError("bad_settings", f"two files are about the log `{roots.origin}`", hint=hint)
        logs[roots.origin] = roots.trusted
    return logs


async def _serve(served: "Witness", host: str, port: int, origins: list[str]) -> None:
    from server.listener.http_server import listen, serving
    from server.listener.witness_endpoint import application

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    listener = listen(host, port)
    try:
        async with serving(application(served), [listener]):
            bound = listener.getsockname()[1]
            typer.echo(f"the witness {served.cosigner.name} serves at http://{host}:{bound}/add-checkpoint")
            typer.echo(f"it knows {', '.join(origins)}; its key is {served.cosigner.verifier_key}")
            await stop.wait()
    finally:
        listener.close()
        served.store.close()
