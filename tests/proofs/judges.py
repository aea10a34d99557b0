"""Both verifiers, with one answer: Python's `receipts.audit.verify`, and the console's verify.js run by Node.js."""

import base64
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from contracts.errors import AilyusError
from receipts.audit.roots import Roots
from receipts.audit.verify import verify
from tests.node import node
from tests.world import ROOT

STATIC = ROOT / "server" / "console" / "static"


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one file: of which receipt, with which evidence (`receipt label` → bytes)."""

    ok: bool
    says: str
    receipt: Any = None
    disclosed: tuple[tuple[str, bytes], ...] = ()
    unseen: tuple[str, ...] = ()


def python(data: bytes, roots: Roots) -> Verdict:
    """`ailyus receipt verify`."""
    try:
        said = verify(data, roots)
    except AilyusError as error:
        return Verdict(False, error.sentence)
    disclosed = tuple(sorted((f"{receipt} {label}", piece) for (receipt, label), piece in said.disclosed.items()))
    return Verdict(True, "authentic", dict(said.receipt), disclosed, said.not_shown)


def browser(files: Sequence[bytes], roots: Roots) -> list[Verdict]:
    """The console's page."""
    with tempfile.TemporaryDirectory(prefix="ailyus-judge-") as folder:
        path, known = Path(folder) / "files", roots.model_dump()
        lines = [orjson.dumps({"proof": base64.b64encode(f).decode(), "roots": known}) for f in files]
        path.write_bytes(b"\n".join(lines))
        said = node(Path(folder), str(ROOT / "tests" / "proofs" / "judge.js"), str(STATIC), str(path), seconds=3000)
    found = [_verdict(orjson.loads(line)) for line in said.splitlines() if line.startswith("{")]
    assert len(found) == len(files), said[-2000:]
    return found


def _verdict(said: Any) -> Verdict:
    disclosed = tuple(sorted((name, base64.b64decode(data)) for name, data in said["disclosed"]))
    return Verdict(said["ok"], said["says"], said.get("receipt"), disclosed, tuple(said["unseen"]))
