"""Genuine proofs of a gateway, and what becomes of them where their log's key signed something else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from contracts.canonical import sha256
from receipts.audit.proof_statement import Predicate
from receipts.audit.verify import AuthenticProof
from tests.world import LEO, MARIA, World

Change = Callable[[dict[str, Any]], object]


async def approved(world: World) -> AuthenticProof:
    """A reset that a person approved, and that was read back."""
    proof: AuthenticProof = world.proof((await world.reset(MARIA))["receipt_id"])
    return proof


async def planned(world: World) -> AuthenticProof:
    """A plan of two resets, approved once, by its newest receipt."""
    steps = [
        {"id": name, "contract": "reset_user_mfa", "inputs": {k: v for k, v in who.items() if k != "reason"}}
        for name, who in (("one", MARIA), ("two", LEO))
    ]
    asked = await world.call("run_plan", {"steps": steps, "reason": "both phones were stolen"})
    await world.approve(asked["action_id"])
    done = await world.get(asked["action_id"])
    assert done["status"] == "confirmed", done
    proof: AuthenticProof = world.proof(done["receipt_id"])
    return proof


def of_kind(proof: AuthenticProof, kind: str) -> Predicate:
    """The newest statement of a kind."""
    return [one for one in proof.statements if one["kind"] == kind][-1]


def without(proof: AuthenticProof, *labels: str) -> AuthenticProof:
    """The same file with this evidence left out."""
    return replace(proof, disclosed={k: v for k, v in proof.disclosed.items() if k[1] not in labels})


def said(proof: AuthenticProof, kind: str, change: Change) -> AuthenticProof:
    """The same file where the statements of a kind say something else."""
    changed = {id(one): orjson.loads(orjson.dumps(one)) for one in proof.statements if one["kind"] == kind}
    for one in changed.values():
        change(one)
    statements = tuple(changed.get(id(one), one) for one in proof.statements)
    receipt = next(one for one in statements if one["receipt"] == proof.receipt["receipt"])
    return replace(proof, statements=statements, receipt=receipt)


def opened(proof: AuthenticProof, label: str, change: Callable[[Any], object], digest: str = "") -> AuthenticProof:
    """The same file where evidence is another; with `digest`, the decision names it by that."""
    pieces: dict[tuple[str, str], bytes] = dict(proof.disclosed)
    for key in [key for key in pieces if key[1] == label]:
        value = orjson.loads(pieces[key])
        change(value)
        pieces[key] = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    found = replace(proof, disclosed=pieces)
    if not digest:
        return found

    def renamed(one: dict[str, Any]) -> None:
        one["decision"][digest] = sha256(pieces[one["receipt"], label])

    return said(found, "intent", renamed)


def labels(disclosed: Mapping[tuple[str, str], bytes]) -> set[str]:
    """What a file opens, by label."""
    return {label for _, label in disclosed}
