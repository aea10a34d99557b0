"""One log, two writers, twenty deaths: no gap, no fork, and everything that was acknowledged is in it."""

import asyncio
import random
from pathlib import Path

from receipts.audit.audit import audit
from receipts.audit.roots import Roots
from receipts.log.signing import Signer, create_key
from receipts.store.postgres_readers import snapshot
from receipts.store.row import Read
from tests.forks import Forked
from tests.postgres import Postgres
from tests.replicas import writer
from tests.slowness import scaled
from tests.world import ROOT

KILLS = 20


async def test_two_writers_and_twenty_deaths(tmp_path: Path, postgres: Postgres) -> None:
    url, dice = postgres.database("two_writers"), random.Random(3)
    signer = Signer(create_key(tmp_path / "log.pem"))

    def begin(side: str) -> Forked:
        arguments = (url, str(tmp_path / "log.pem"), str(tmp_path / f"{side}.db"))
        with (tmp_path / f"{side}.out").open("ab") as out, (tmp_path / f"{side}.err").open("ab") as err:
            return Forked(arguments, ROOT, out, err, entry=writer.main)

    def said(side: str) -> int:
        path = tmp_path / f"{side}.out"
        return path.stat().st_size if path.exists() else 0

    writers = {side: begin(side) for side in "ab"}
    try:
        for _ in range(KILLS):
            side = dice.choice("ab")
            size = said(side)
            async with asyncio.timeout(scaled(20)):
                while said(side) == size:
                    await asyncio.sleep(0.005)
            await asyncio.sleep(dice.random() * 0.1)
            writers[side].kill()
            writers[side].wait()
            writers[side] = begin(side)
    finally:
        for one in writers.values():
            one.kill()
            one.wait()
    acknowledged = {
        line.split()[1]: int(line.split()[0])
        for side in "ab"
        for line in (tmp_path / f"{side}.out").read_text().splitlines()
        if len(line.split()) == 2
    }
    roots = Roots(origin="ailyus.test", keys={signer.keyid: signer.public.hex()})

    def look() -> tuple[list[str], dict[str, int]]:
        def logged(read: Read) -> dict[str, int]:
            return {str(name): int(str(at)) for at, name in read("SELECT leaf_index, id FROM statements")}

        with snapshot(url) as read:
            return list(audit(read, roots)), logged(read)

    findings, log = await asyncio.to_thread(look)
    assert findings == []
    assert sorted(log.values()) == list(range(len(log)))
    assert {name: log.get(name) for name in acknowledged} == acknowledged
    assert len({path.read_bytes()[:20] for path in tmp_path.glob("*.head")}) == 1  # both saw the same database
