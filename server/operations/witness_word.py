"""The word of witnesses, asked by an auditor: each cosigns the newest checkpoint now, or says why it does not."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import httpx2

from receipts.audit.roots import Roots
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import Cosigner, Quorum
from receipts.store.log_tables import newest_note
from receipts.store.row import Read
from receipts.witness.submission import Cosignature, NoAnswer, Reply, WitnessRefusal
from server.operations.webhooks import client
from server.operations.witness_client import Look, ask
from server.workspace.stores import reading
from server.workspace.workspace import Workspace

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WitnessWord:
    """The checkpoints that witnesses cosigned just now, and what is to be told of the others."""

    vouched: tuple[Checkpoint, ...] = ()
    findings: tuple[str, ...] = ()


def heard_of(workspace: Workspace, roots: Roots, urls: Sequence[str] | None) -> WitnessWord:
    """Ask the witnesses at these addresses, else those of the settings; only those that the roots trust count."""
    part = workspace.settings.witness
    asked = list(urls) if urls else [one.url for one in part.cosigners] if part is not None else []
    quorum = roots.quorum
    # without trusted witnesses an answer would prove nothing
    if not asked or quorum is None:
        return WitnessWord()

    def read_now(work: Callable[[Read], T]) -> T:
        with reading(workspace) as read:
            return work(read)

    async def look(work: Callable[[Read], T]) -> T:
        # a database is read by a loop of its own
        return await asyncio.to_thread(read_now, work)

    return asyncio.run(hear(look, asked, quorum))


async def hear(look: Look, urls: Sequence[str], quorum: Quorum) -> WitnessWord:
    """Ask the witnesses at these addresses about the log that is read by `look`."""
    findings: list[str] = []
    vouched: dict[str, Checkpoint] = {}
    async with client() as http:
        for url in urls:
            note, reply = await _first(http, look, url, quorum.cosigners)
            if isinstance(reply, Cosignature):
                names = (one.name for one in quorum.cosigners if one.cosigned(note + reply.lines[0]) is not None)
                vouched |= dict.fromkeys(names, Checkpoint.of_note(note))
            elif isinstance(reply, WitnessRefusal):
                findings.append(f"the witness at `{url}` refuses the log: {reply.says}")
            elif isinstance(reply, NoAnswer):
                findings.append(f"the witness at `{url}` says nothing of the log: {reply.says}")
    if len(vouched) >= quorum.need:  # one that is down is no finding while enough others vouch
        findings = [said for said in findings if "says nothing" not in said]
    return WitnessWord(tuple(dict.fromkeys(vouched.values())), tuple(findings))


async def _first(http: httpx2.AsyncClient, look: Look, url: str, cosigners: Sequence[Cosigner]) -> tuple[str, Reply]:
    """The newest checkpoint, and the word of the witness at an address, which must hold under a trusted key."""
    reply: Reply = NoAnswer("the log is empty")
    note = await look(newest_note)
    for cosigner in cosigners if note else ():
        found = await ask(http, look, url, cosigner, note, 0)
        # while this was asked, a gateway that runs may have logged more, and had it cosigned
        newest = await look(newest_note)
        size, now = Checkpoint.of_note(note).size, Checkpoint.of_note(newest).size
        if isinstance(found, WitnessRefusal) and size < found.seen <= now:
            note = newest
            found = await ask(http, look, url, cosigner, note, 0)
        if not isinstance(found, NoAnswer):
            return note, found
        reply = found
    return note, reply
