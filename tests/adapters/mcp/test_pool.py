"""The pool of sessions: what no session can be opened for is said, and each credential has its own."""

import asyncio
from pathlib import Path

import pytest

from adapters.credentials.cache import Credentials
from adapters.mcp.pool import Servers
from adapters.mcp.stream_budget import Lost
from contracts.action.target import Mcp
from contracts.errors import AilyusError
from tests.adapters.raw_server import answer, raw_server
from tests.contracts.targets import target
from tests.slowness import scaled


async def test_a_connection_without_a_server_has_no_session(tmp_path: Path) -> None:
    pool = Servers(Credentials(tmp_path))
    with pytest.raises(AilyusError, match="the connection `main` has no MCP server") as caught:
        await pool.of(target(), "ann", "env:READ")
    assert caught.value.code == "no_server"
    await pool.close()


async def test_a_start_that_failed_is_tried_again(tmp_path: Path) -> None:
    pool = Servers(Credentials(tmp_path))
    at = target(mcp=Mcp(command=("no-such-server",)))
    for _ in range(2):
        with pytest.raises(AilyusError, match="there is no program `no-such-server`"):
            await pool.of(at, "ann", "none")
    assert pool.sessions == {}
    # a folder of its own, which nobody else reads
    folder = tmp_path / ".ailyus" / "servers" / "main"
    assert folder.stat().st_mode & 0o777 == 0o700
    await pool.close()


async def test_what_is_warmed_is_shared_by_all_people_and_its_failure_is_nobodys(tmp_path: Path) -> None:
    pool = Servers(Credentials(tmp_path))
    own = target(name="own", mcp=Mcp(command=("no-such-server",), variables=(("T", "text:{person}"),)))
    pool.warm([target(), own, target(mcp=Mcp(command=("no-such-server",)))])
    await asyncio.gather(*pool._closing)
    assert (tmp_path / ".ailyus" / "servers" / "main").exists()
    assert not (tmp_path / ".ailyus" / "servers" / "own").exists()
    await pool.close()


@pytest.mark.parametrize(
    ("reference", "variables", "sessions"),
    [("none", (), 1), ("env:T_{person}", (), 2), ("none", (("TOKEN", "env:T_{person}"),), 2)],
)
async def test_people_share_a_session_where_its_credentials_are_nobodys_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reference: str,
    variables: tuple[tuple[str, str], ...],
    sessions: int,
) -> None:
    for person in ("ann", "bob"):
        monkeypatch.setenv(f"T_{person}", f"{person}-secret")
    pool = Servers(Credentials(tmp_path))
    at = target(mcp=Mcp(command=("cat",), variables=(("PATH", "text:/usr/bin:/bin"), *variables)))
    waiting = [asyncio.create_task(pool.of(at, person, reference)) for person in ("ann", "bob", "ann")]
    await asyncio.sleep(0)
    assert len(pool._opening) == sessions
    for task in waiting:
        task.cancel()
    await pool.close()


async def test_a_person_has_a_credential_of_their_own(tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        (tmp_path / person).write_text(f"{person}-secret")
    async with raw_server(answer(401)) as (port, seen):
        at = target(mcp=Mcp(url=f"http://127.0.0.1:{port}/mcp"))
        pool = Servers(Credentials(tmp_path), scaled(10))
        for person in ("ann", "bob"):
            with pytest.raises(Lost, match="refused the credential"):
                await pool.of(at, person, "file:{person}")
        await pool.close()
    sent = b"".join(seen).lower()
    assert b"authorization: bearer ann-secret" in sent
    assert b"authorization: bearer bob-secret" in sent
