"""A release is proposed at one of two gateways over one database, signed at the other one, and then live at both."""

import asyncio
from pathlib import Path

from tests.journeys.candidates import Signer, candidates, package
from tests.journeys.releases import SECOND, add_policies, widen
from tests.postgres import Postgres
from tests.replicas.database import with_database
from tests.replicas.pair import pair_of
from tests.until import until
from tests.world import Sandbox, make_workspace


async def test_a_candidate_is_signed_at_another_replica(tmp_path: Path, sandbox: Sandbox, postgres: Postgres) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox, extra=SECOND)
    add_policies(workspace.root)
    async with pair_of(with_database(workspace, postgres.database("candidates")), sandbox) as pair:
        widen(pair.a.workspace)
        digest = (await candidates(pair.a).propose(package(pair.a))).record.digest
        second = await Signer(pair.b, "second").linked()
        await second.approve(digest)
        # the same word again, at both at once, is one at most
        taken = await asyncio.gather(
            candidates(pair.a).take_back(digest, "second"),
            candidates(pair.b).take_back(digest, "second"),
            return_exceptions=True,
        )
        assert [one for one in taken if one is None] == [None]
        await second.approve(digest)
        assert await candidates(pair.a).apply(digest, "terminal")
        live = pair.a.app.runner.release.digest
        await until(lambda: pair.b.app.runner.release.digest == live)
        (record, standing), *_ = await candidates(pair.b).reviews.newest()
        assert (record.digest, standing, record.ended_by) == (digest, "applied", "terminal")
