"""The credentials of a gateway: read at their source, kept for a while, shared, and read again in time."""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog

from adapters.credentials.cache import Credentials, Lifetime
from adapters.credentials.source import SourceFault
from contracts.errors import AilyusError

FOREVER = Lifetime(3600.0, 3600.0)


@dataclass
class Programs:
    """A source whose answers a test gives."""

    says: bytes | SourceFault = b"one"
    asked: int = 0
    goes_on: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.goes_on.set()

    def read(self, name: str) -> bytes | SourceFault:
        self.asked += 1
        says = self.says
        assert self.goes_on.wait(60)
        return says


def with_source(root: Path, lifetime: Lifetime = FOREVER) -> tuple[Credentials, Programs]:
    source = Programs()
    return Credentials(root, lifetime, {"exec": source}), source


async def test_each_kind_gives_its_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("A_TOKEN", "from-env")
    credentials, _ = with_source(tmp_path)
    found = [await credentials.value(one) for one in ("file:token", "env:A_TOKEN", "none", "exec:a")]
    assert found == ["s3cret", "from-env", None, "one"]
    assert [credentials.read(one) for one in ("file:token", "env:A_TOKEN", "none", "exec:a")] == found
    for bad in ("file:missing", "env:NOT_SET_ANYWHERE"):
        with pytest.raises(AilyusError, match=f"no usable credential at `{bad}`"):
            await credentials.value(bad)
        assert bad in await credentials.missing(bad)
    assert await credentials.missing("file:{person}") == ""
    with pytest.raises(AilyusError) as refused:
        await credentials.value("plain-secret")
    assert "plain-secret" not in str(refused.value)
    with pytest.raises(AilyusError, match="nothing says where `vault:` is read"):
        await credentials.value("vault:secret/x#y")
    await credentials.close()


@pytest.mark.parametrize("content", [b"", b" \n", b"two\nlines", "ä".encode(), b"\xff", b"x" * 8193, b"a\0b"])
async def test_what_no_header_can_carry_is_no_credential(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    credentials = Credentials(tmp_path)
    with pytest.raises(AilyusError, match="no usable credential"):
        await credentials.value("file:token")
    await credentials.close()


async def test_a_person_has_a_value_of_their_own(tmp_path: Path) -> None:
    for person in ("ann", "bob"):
        (tmp_path / person).write_text(f"{person}-secret")
    credentials = Credentials(tmp_path)
    assert await credentials.value("file:{person}", "ann") == "ann-secret"
    assert await credentials.value("file:{person}", "bob") == "bob-secret"
    await credentials.close()


async def test_a_file_that_changes_counts_at_the_next_use(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("0000")
    credentials = Credentials(tmp_path, FOREVER)
    for number in range(50):  # as long as before, and faster than a file's times tell apart
        path.write_text(f"{number:04}")
        assert await credentials.value("file:token") == f"{number:04}"
    (tmp_path / "next").write_text("moved")
    (tmp_path / "next").rename(path)
    assert await credentials.value("file:token") == "moved"
    path.unlink()
    with pytest.raises(AilyusError, match="no usable credential"):
        await credentials.value("file:token")
    await credentials.close()


async def test_a_value_is_read_again_when_its_time_ends(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    for _ in range(5):
        assert await credentials.value("exec:a") == "one"
    assert source.asked == 1
    credentials._known["exec:a"].until = time.monotonic()
    source.says = b"two"
    assert await credentials.value("exec:a") == "two"
    assert source.asked == 2
    await credentials.close()


async def test_those_who_ask_at_once_share_one_answer_and_who_gives_up_ends_it_for_nobody(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    source.goes_on.clear()
    asking = [asyncio.create_task(credentials.value("exec:a")) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()  # the first, who began it
    source.goes_on.set()
    assert set(await asyncio.gather(*asking[1:])) == {"one"}
    assert source.asked == 1
    await credentials.close()


async def test_the_last_good_value_serves_for_a_bounded_time_and_the_log_says_so(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    await credentials.value("exec:a")
    source.says = SourceFault("it does not answer")
    known = credentials._known["exec:a"]
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            known.until = 0.0
            assert await credentials.value("exec:a") == "one"
    assert [line["event"] for line in lines] == ["credential_kept"]
    assert lines[0]["reference"] == "exec:a"
    await asyncio.gather(*credentials._reading.values())
    known.until, known.read_at = 0.0, time.monotonic() - 7201
    with pytest.raises(AilyusError, match="it does not answer"):
        await credentials.value("exec:a")
    source.says = b"three"
    assert await credentials.value("exec:a") == "three"
    await credentials.close()


async def test_while_a_source_does_not_answer_nobody_waits_for_it_twice(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    await credentials.value("exec:a")
    known = credentials._known["exec:a"]
    known.until, source.says = 0.0, SourceFault()
    await credentials.value("exec:a")
    source.goes_on.clear()
    known.until = 0.0
    assert await credentials.value("exec:a") == "one"  # at once, while it is being read
    source.says = b"two"
    source.goes_on.set()
    await asyncio.gather(*credentials._reading.values())
    await credentials.close()


async def test_a_secret_that_is_gone_serves_no_longer(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    await credentials.value("exec:a")
    credentials._known["exec:a"].until = 0.0
    source.says = SourceFault(is_final=True)
    with pytest.raises(AilyusError, match="no usable credential"):
        await credentials.value("exec:a")
    await credentials.close()


async def test_a_refused_value_is_read_again_once(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    since = time.monotonic()
    await credentials.value("exec:a")
    since = time.monotonic()
    source.says = b"two"
    assert await credentials.is_renewed("exec:a", since)
    assert await credentials.value("exec:a") == "two"
    assert await credentials.is_renewed("exec:a", since)  # another one whom the former value was refused
    assert source.asked == 2
    since = time.monotonic()
    assert not await credentials.is_renewed("exec:a", since)  # it is the same
    assert not await credentials.is_renewed("exec:a", since)
    assert source.asked == 3  # what is refused for good is not asked for at each call
    assert not await credentials.is_renewed("env:HOME", since)
    assert not await credentials.is_renewed("none", since)
    await credentials.close()


async def test_what_was_being_read_already_may_be_the_former_value(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    await credentials.value("exec:a")
    since = time.monotonic()
    source.goes_on.clear()
    credentials._known["exec:a"].until = 0.0
    early = asyncio.create_task(credentials.value("exec:a"))
    while source.asked < 2:
        await asyncio.sleep(0)
    source.says = b"two"  # renewed after it was read, and before it was told
    refused = asyncio.create_task(credentials.is_renewed("exec:a", since))
    await asyncio.sleep(0)
    source.goes_on.set()
    assert (await early, await refused, await credentials.value("exec:a")) == ("one", True, "two")
    await credentials.close()


async def test_a_doubted_value_is_read_again_by_the_next(tmp_path: Path) -> None:
    credentials, source = with_source(tmp_path)
    await credentials.value("exec:a")
    credentials.doubt("exec:a")
    source.says = b"two"
    assert await credentials.value("exec:a") == "two"
    credentials.doubt("exec:b")  # nobody used it
    assert source.asked == 2
    await credentials.close()


async def test_a_warm_value_costs_no_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials, _ = with_source(tmp_path)
    (tmp_path / "token").write_text("s3cret")
    references = ("exec:a", "file:token", "none", "env:HOME")
    for reference in references:
        await credentials.value(reference)
    known = credentials._known["file:token"]
    known.stamp = (tmp_path / "token").stat().st_mtime_ns, *_rest_of(tmp_path / "token")
    monkeypatch.setattr(credentials, "_looked_up", None)
    for reference in references:
        asking = credentials.value(reference)
        with pytest.raises(StopIteration):  # it ends without having waited for anything
            asking.send(None)
    await credentials.close()


def _rest_of(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ctime_ns, found.st_size, found.st_ino
