"""Bundles of a real gateway, good and bad by name, and changed ones before both verifiers."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from receipts.audit.bundle import write_bundle
from receipts.audit.roots import Roots, read_roots
from tests.proofs.judges import Verdict, browser, python
from tests.proofs.mutants import BATCH, WAYS, Genuine, flip, lengthen, splice
from tests.world import LEO, MARIA, Sandbox, World, gateway, make_workspace

CEO = {"user_id": "00u3ceo000001", "ticket": "4714", "reason": "a new phone today"}
BUDGETS = "budgets:\n  - {name: resets, action: reset_user_mfa, window: 24h}\n"
KEPT = (
    "_system.yaml", "find_user.yaml", "get_user.yaml", "get_ticket.yaml", "reset_user_mfa.yaml", "add_ticket_tag.yaml",
    "remove_ticket_tag.yaml", "list_requested_tickets.yaml", "find_zendesk_user.yaml", "unlock_user.yaml",
)  # fmt: skip
LIMITS = """
@id("resets-within-a-budget")
forbid (principal is Agent, action == Action::"reset_user_mfa", resource)
when { context.budget.resets > 9 };

@id("a-user-is-read-first")
forbid (principal is Agent, action == Action::"reset_user_mfa", resource)
unless { context.session.saw.contains("get_user") };
"""
"""Policies about what agents did before, which a verifier runs again."""


async def lived(folder: Path, sandbox: Sandbox) -> tuple[dict[str, bytes], Roots]:
    """Good bundles by name: an approved write, with parts left out, a read, a refusal, a denial, and a plan."""
    workspace = make_workspace(folder / "w", sandbox)
    _narrow(workspace.root)
    (workspace.root / "policies" / "budgets.yaml").write_text(BUDGETS)
    (workspace.root / "policies" / "limits.cedar").write_text(LIMITS)
    async with gateway(workspace, sandbox) as world:
        return await bundles_of(world), read_roots(workspace.root / "roots.json")


def _narrow(root: Path) -> None:
    """Few contracts, and the policies about them: each file of a bundle holds the release's whole schema."""
    for path in (root / "contracts").rglob("*.yaml"):
        if path.name not in KEPT:
            path.unlink()
    for path in (root / "policies").iterdir():
        if path.name.partition(".")[0] not in ("approvals", "base", "support") or path.name.endswith(".yaml"):
            path.unlink()


async def bundles_of(world: World) -> dict[str, bytes]:
    # nothing was read yet: the session's policy denies it
    denied = await world.call("reset_user_mfa", CEO)
    read = await world.call("get_user", {"user_id": MARIA["user_id"]})
    done = await world.reset(MARIA)
    refused = await world.call("reset_user_mfa", LEO)
    await world.app.inbox.decide(await world.sign(refused["action_id"], verdict="refuse"))
    ended = await world.get(refused["action_id"])
    steps = [
        {"id": name, "contract": "reset_user_mfa", "inputs": {k: v for k, v in who.items() if k != "reason"}}
        for name, who in (("one", MARIA), ("two", LEO))
    ]
    asked = await world.call("run_plan", {"steps": steps, "reason": "both phones were stolen"})
    await world.approve(asked["action_id"])
    plan = await world.get(asked["action_id"])
    assert (denied["status"], done["status"], plan["status"]) == ("denied", "confirmed", "confirmed")

    def file(receipt: object, id_: object, *without: str) -> bytes:
        return world._reading(lambda look: write_bundle(look, str(receipt), str(id_), without).encoded())

    return {
        "good-action": file(done["receipt_id"], done["action_id"]),
        "good-action-with-parts-left-out": file(done["receipt_id"], done["action_id"], "before/*", "cedar/*"),
        "good-denial": file(denied["receipt_id"], denied["receipt_id"]),
        "good-plan": file(plan["receipt_id"], plan["action_id"]),
        "good-read": file(read["receipt_id"], read["receipt_id"]),
        "good-refusal": file(ended["receipt_id"], ended["action_id"]),
    }


def bad(good: Mapping[str, bytes]) -> dict[str, bytes]:
    """What is no good bundle, by what is wrong with it."""
    files: dict[str, Any] = {name: orjson.loads(data) for name, data in good.items()}
    action, read, plan = (files[f"good-{name}"] for name in ("action", "read", "plan"))
    first, *others = read["proof"]["statements"]
    strange = {
        "bundle-of-another-proof": {**action, "proof": read["proof"]},
        "bundle-of-another-receipt": {**read, "id": files["good-denial"]["id"]},
        "bundle-of-an-action-called-a-plan": {**action, "kind": "plan"},
        "bundle-of-a-plan-called-an-action": {**plan, "kind": "action"},
        "bundle-of-a-receipt-called-an-action": {**read, "kind": "action"},
        "bundle-of-an-unknown-kind": {**read, "kind": "everything"},
        "bundle-with-an-unknown-key": {**read, "verdict": "authentic"},
        "bundle-without-what-is-withheld": {k: v for k, v in read.items() if k != "withheld"},
        "bundle-in-a-bundle": {**read, "proof": read},
        "bundle-with-a-consistency-of-another-form": {**read, "proof": {**read["proof"], "consistency": {"old": "1"}}},
        "bundle-whose-evidence-is-a-text": {**read, "proof": {**read["proof"], "disclosures": ""}},
        "bundle-without-its-first-statement": {**read, "proof": {**read["proof"], "statements": others}},
        "bundle-with-a-statement-twice": {**read, "proof": {**read["proof"], "statements": [first, first, *others]}},
    }
    return {name: orjson.dumps(content) for name, content in strange.items()}


# -- ways to change a bundle -------------------------------------------------------------------------------------------


def reframe(data: bytes, rng: random.Random) -> bytes:
    """A key of the frame has another value, is gone, or is one more."""
    whole = orjson.loads(data)
    key = rng.choice([*whole, "verdict", "__proto__"])
    values = [
        None,
        1,
        True,
        [],
        {},
        "",
        "plan",
        "action",
        "receipt",
        [1],
        ["*"] * 101,
        "x" * 201,
        whole["id"],
        "act_none",
    ]
    if rng.random() < 0.2:
        whole.pop(key, None)
    else:
        whole[key] = rng.choice(values)
    return orjson.dumps(whole)


def reorder(data: bytes, rng: random.Random) -> bytes:
    """Objects and lists in another order, which says the same or is refused."""

    def shuffled(value: Any, depth: int = 0) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            rng.shuffle(items)
            return {key: shuffled(one, depth + 1) for key, one in items}
        if isinstance(value, list) and depth < 4:
            return rng.sample(value, len(value))
        return value

    return orjson.dumps(shuffled(orjson.loads(data)))


def transplant(data: bytes, rng: random.Random, other: bytes) -> bytes:
    """The frame of one bundle around the proof, or a part of the proof, of another."""
    whole, theirs = orjson.loads(data), orjson.loads(other)
    part = rng.choice(["proof", "statements", "disclosures", "receipt", "one"])
    if part == "proof":
        whole["proof"] = theirs["proof"]
    elif part == "one":
        mine = whole["proof"]["statements"]
        mine[rng.randrange(len(mine))] = rng.choice(theirs["proof"]["statements"])
    else:
        whole["proof"][part] = theirs["proof"][part]
    return orjson.dumps(whole)


def _inside(way: Callable[..., bytes]) -> Callable[..., bytes]:
    """A way to change a proof, for the proof of a bundle."""

    def changed(data: bytes, rng: random.Random, other: bytes) -> bytes:
        whole = orjson.loads(data)
        proof = orjson.dumps(whole.pop("proof"))
        theirs = (orjson.dumps(orjson.loads(other)["proof"]),) if way is lengthen else ()
        new = way(proof, rng, *theirs)
        return orjson.dumps(whole)[:-1] + b',"proof":' + new + b"}"

    changed.__name__ = f"{way.__name__} inside"
    return changed


_FRAME: Sequence[Callable[..., bytes]] = (
    lambda data, rng, other: flip(data, rng),
    lambda data, rng, other: splice(data, rng),
    lambda data, rng, other: reframe(data, rng),
    lambda data, rng, other: reorder(data, rng),
    transplant,
)
_NAMES = ("flip", "splice", "reframe", "reorder", "transplant")
_ALL: Sequence[tuple[str, Callable[..., bytes]]] = (
    *zip(_NAMES, _FRAME, strict=True),
    *((f"{way.__name__} inside", _inside(way)) for way in WAYS if way not in (flip, splice)),
)


def mutants(files: Sequence[bytes], count: int, seed: int) -> Iterator[tuple[str, bytes, bytes]]:
    """So many changed bundles: the way, the file that it was, and what became of it."""
    rng = random.Random(seed)
    number = 0
    while number < count:
        (name, way), base = _ALL[number % len(_ALL)], rng.choice(files)
        try:
            made = way(base, rng, rng.choice(files))
        except (ValueError, KeyError, IndexError, TypeError):
            made = flip(base, rng)
        number += 1
        yield name, base, made


class GenuineBundles:
    """What unchanged bundles of one log say."""

    def __init__(self, files: Sequence[bytes], roots: Roots) -> None:
        self.files = files
        self._inner = Genuine([_proof(one) for one in files], roots)
        self.roots = roots

    def is_misled(self, mutant: bytes, base: bytes, verdict: Verdict) -> str:
        """'' where the verdict on a mutant says nothing that the unchanged bundles do not; else what is wrong."""
        if not verdict.ok:
            return ""
        whole = orjson.loads(mutant)
        if whole.get("format") == "ailyus-bundle-v1":
            own = verdict.receipt
            about = own["receipt"] if whole["kind"] == "receipt" else own["action"]
            if about != whole["id"] or (whole["kind"] == "plan") is not bool(
                own.get("planOf") and whole["kind"] != "receipt"
            ):
                return "the bundle is about something else than its receipt"
        return self._inner.is_misled(_proof(mutant), _proof(base), verdict)


def _proof(data: bytes) -> bytes:
    return orjson.dumps(orjson.loads(data)["proof"])


def campaign(genuine: GenuineBundles, count: int, seed: int) -> tuple[dict[str, int], list[str]]:
    """Verdicts counted, and every mutant by which a verifier was misled, or on which the two do not agree."""
    counts = {"refused": 0, "the same said otherwise": 0}
    misled: list[str] = []
    todo = list(mutants(genuine.files, count, seed))
    for start in range(0, len(todo), BATCH):
        part = todo[start : start + BATCH]
        theirs = browser([mutant for _, _, mutant in part], genuine.roots)
        for (way, base, mutant), there in zip(part, theirs, strict=True):
            here = python(mutant, genuine.roots)
            counts["the same said otherwise" if here.ok else "refused"] += 1
            if here.ok is not there.ok:
                misled.append(f"{way}: the command says `{here.says}`, the page `{there.says}`")
            for verdict in (here, there):
                if why := genuine.is_misled(mutant, base, verdict):
                    misled.append(f"{way}: {why}")
    return counts, misled
