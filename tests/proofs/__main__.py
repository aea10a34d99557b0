"""`uv run python -m tests.proofs --mutants 5000`: changed proof files before both verifiers; exit 0 iff none misled one.

`--write` makes the named vectors of tests/vectors/proofs anew, `--write-rotations` those of
tests/vectors/rotations, `--write-witnessed` those of tests/vectors/witnessed, `--write-bundles` those of
tests/vectors/bundles. `--bundles 10000` changes bundles in place of proofs; both verifiers must agree on each.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from receipts.audit.roots import Roots
from tests.proofs import framed, rotated, witnessed
from tests.proofs.made import forged
from tests.proofs.mutants import Genuine, campaign
from tests.proofs.worlds import lived
from tests.world import ROOT, Sandbox

VECTORS = ROOT / "tests" / "vectors" / "proofs"
ROTATIONS = ROOT / "tests" / "vectors" / "rotations"
BUNDLES = ROOT / "tests" / "vectors" / "bundles"
WITNESSED = ROOT / "tests" / "vectors" / "witnessed"


async def _made() -> tuple[dict[str, bytes], dict[str, bytes], Roots]:
    with tempfile.TemporaryDirectory(prefix="ailyus-proofs-") as folder:
        return await forged(Path(folder))


async def _lived() -> tuple[list[bytes], Roots]:
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory(prefix="ailyus-proofs-") as folder:
            return await lived(Path(folder), sandbox)
    finally:
        sandbox.close()


def _write_rotations() -> int:
    good, bad, first, whole = rotated.made()
    ROTATIONS.mkdir(parents=True, exist_ok=True)
    for name, data in {**good, **bad}.items():
        (ROTATIONS / f"{name}.json").write_bytes(data)
    (ROTATIONS / "roots-of-the-first-key.json").write_bytes(first.encoded())
    (ROTATIONS / "roots.json").write_bytes(whole.encoded())
    print(f"{len(good)} good and {len(bad)} bad files of rotations written")
    return 0


def _write_witnessed() -> int:
    good, bad, roots = witnessed.made()
    WITNESSED.mkdir(parents=True, exist_ok=True)
    for name, data in {**good, **bad, "roots": roots.encoded()}.items():
        (WITNESSED / f"{name}.json").write_bytes(data)
    print(f"{len(good)} good and {len(bad)} bad files of witnessed checkpoints written")
    return 0


async def _framed() -> tuple[dict[str, bytes], Roots]:
    sandbox = Sandbox()
    try:
        with tempfile.TemporaryDirectory(prefix="ailyus-proofs-") as folder:
            return await framed.lived(Path(folder), sandbox)
    finally:
        sandbox.close()


def _write_bundles() -> int:
    good, roots = asyncio.run(_framed())
    bad = framed.bad(good)
    BUNDLES.mkdir(parents=True, exist_ok=True)
    for name, data in {**good, **bad, "roots": roots.encoded()}.items():
        (BUNDLES / f"{name}.json").write_bytes(data.strip() + b"\n")
    print(f"{len(good)} good and {len(bad)} bad bundles written")
    return 0


def _bundles(count: int, seed: int) -> int:
    good, roots = asyncio.run(_framed())
    begun = time.monotonic()
    counts, misled = framed.campaign(framed.GenuineBundles(list(good.values()), roots), count, seed)
    print(", ".join(f"{name} {n}" for name, n in counts.items()))
    print("\n".join(misled[:20]), end="\n" if misled else "")
    print(f"{count} bundles, {len(misled)} misled a verifier, {time.monotonic() - begun:.0f} s")
    return 1 if misled else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.proofs", description=__doc__)
    parser.add_argument("--mutants", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--write-rotations", action="store_true")
    parser.add_argument("--write-witnessed", action="store_true")
    parser.add_argument("--write-bundles", action="store_true")
    parser.add_argument("--bundles", type=int, default=0)
    asked = parser.parse_args()
    if asked.write_bundles:
        return _write_bundles()
    if asked.bundles:
        return _bundles(asked.bundles, asked.seed)
    if asked.write_witnessed:
        return _write_witnessed()
    if asked.write_rotations:
        return _write_rotations()
    good, bad, roots = asyncio.run(_made())
    if asked.write:
        VECTORS.mkdir(parents=True, exist_ok=True)
        for name, data in {**good, **bad}.items():
            (VECTORS / f"{name}.json").write_bytes(data.strip() + b"\n")
        (VECTORS / "roots.json").write_bytes(roots.encoded())
        print(f"{len(good)} good and {len(bad)} bad files written")
        return 0
    files, own = asyncio.run(_lived())
    alive, begun = 0, time.monotonic()
    for what, genuine in (("a gateway's log", Genuine(files, own)), ("passkeys", Genuine(list(good.values()), roots))):
        counts, misled = campaign(genuine, asked.mutants // 2, asked.seed)
        print(what + ": " + ", ".join(f"{name} {n}" for name, n in counts.items()), flush=True)
        print("\n".join(misled[:20]), end="\n" if misled else "")
        alive += len(misled)
    print(f"{asked.mutants} mutants, {alive} accepted with another meaning, {time.monotonic() - begun:.0f} s")
    return 1 if alive else 0


if __name__ == "__main__":
    sys.exit(main())
