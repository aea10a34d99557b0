"""The head of a log in a database: signed by our own key, and of the database that was seen before."""

import stat
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.log.merkle import Frontier
from receipts.log.signing import Signer, open_note
from receipts.store.postgres_head import IDENTITY, DatabaseHead, signed_frontier
from receipts.store.row import Read, Row, Value
from receipts.store.sqlite_file import snapshot
from tests.receipts.making import SIGNER, store_at
from tests.receipts.statements import statement

ORIGIN = "ailyus.test"


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """Nodes and checkpoints of a log of seven, in a file: the queries are those that a database is asked."""
    store = store_at(tmp_path / "store.db")
    for number in range(7):
        await store.write(lambda txn, n=number: statement(txn, f"rcp_{n}"))  # type: ignore[misc]
    await store.aclose()
    return tmp_path / "store.db"


def of(read: Read, system: str = "73", timeline: str = "00000001") -> Read:
    """The same reading, of a cluster with this identity."""

    def asked(sql: str, *values: Value) -> list[Row]:
        return [(system, timeline)] if sql == IDENTITY else read(sql, *values)

    return asked


def own(origin: str, public: bytes) -> Callable[[str, Read], None]:
    """The check of a store whose key and name are these."""

    def check(note: str, read: Read) -> None:
        open_note(note, origin, public)

    return check


def frontier(read: Read, size: int = 7) -> Frontier:
    return signed_frontier(read, size, own(ORIGIN, SIGNER.public))


def test_only_what_our_key_signed_is_gone_on_from(path: Path) -> None:
    with snapshot(path) as read:
        assert signed_frontier(read, 0, own(ORIGIN, SIGNER.public)) == Frontier(0, [])
        assert [frontier(read, size).size for size in range(1, 8)] == list(range(1, 8))
        with pytest.raises(AilyusError, match="there is no checkpoint at 8"):
            frontier(read, 8)
        stranger = Signer(Ed25519PrivateKey.generate())
        for origin, key in ((ORIGIN, stranger.public), ("another.name", SIGNER.public)):
            with pytest.raises(AilyusError, match="no trusted signature") as caught:
                signed_frontier(read, 7, own(origin, key))
            assert caught.value.code == "not_authentic"


async def test_nodes_that_were_changed_are_not_gone_on_from(path: Path) -> None:
    store = store_at(path)
    await store.write(lambda txn: txn.write("UPDATE nodes SET hash = ? WHERE level = 2 AND idx = 0", b"\0" * 32))
    await store.write(lambda txn: txn.write("DELETE FROM nodes WHERE level = 0 AND idx = 6"))
    with pytest.raises(AilyusError, match="do not give the root"):
        await store.read_aside(frontier)
    store.close()


def test_a_promoted_or_another_database_is_refused(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "store.db.pg"
    with snapshot(path) as read:
        DatabaseHead(file).refuse_another(of(read), frontier(read))
        DatabaseHead(file).refuse_another(of(read), frontier(read))
        for system, timeline in (("74", "00000001"), ("73", "00000002")):
            with pytest.raises(AilyusError, match="the database is another one, or was promoted") as caught:
                DatabaseHead(file).refuse_another(of(read, system, timeline), frontier(read))
            assert caught.value.code == "store_rewound"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_shorter_log_or_another_past_is_refused(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "store.db.pg"
    with snapshot(path) as read:
        DatabaseHead(file).refuse_another(of(read), frontier(read))
        with pytest.raises(AilyusError, match="the log ends at 5, its last known head is 7"):
            DatabaseHead(file).refuse_another(of(read), frontier(read, 5))
        seen = orjson.loads(file.read_bytes())
        file.write_bytes(orjson.dumps({**seen, "root": "0" * 64}))
        with pytest.raises(AilyusError, match="its last known head is 7"):
            DatabaseHead(file).refuse_another(of(read), frontier(read))


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"size": 7}', '{"system": "73", "timeline": "1", "root": "", "size": "7"}']
)
def test_a_damaged_head_file_is_told(path: Path, tmp_path: Path, text: str) -> None:
    file = tmp_path / "store.db.pg"
    file.write_text(text)
    with snapshot(path) as read, pytest.raises(AilyusError, match=r"the head file `store.db.pg` is damaged") as caught:
        DatabaseHead(file).refuse_another(of(read), frontier(read))
    assert caught.value.code == "store_corrupt"
    assert file.read_text() == text


def test_a_head_file_that_was_made_and_not_written_to_is_a_new_one(path: Path, tmp_path: Path) -> None:
    """Its process died in between, and nobody was answered yet."""
    file = tmp_path / "store.db.pg"
    file.touch()
    with snapshot(path) as read:
        DatabaseHead(file).refuse_another(of(read), frontier(read))
    assert orjson.loads(file.read_bytes())["size"] == 7


def test_a_newer_head_that_another_replica_remembered_stays(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "store.db.pg"
    with snapshot(path) as read:
        head = DatabaseHead(file)
        assert not head.is_of_another("99", "0"), "nothing was opened yet"
        head.refuse_another(of(read), frontier(read, 5))
        head.remember(frontier(read, 7))
        head.remember(frontier(read, 6))
        seen = orjson.loads(file.read_bytes())
        assert (seen["size"], seen["root"]) == (7, frontier(read).root().hex())
        assert len(file.read_bytes()) == 256
        assert not head.is_of_another("73", "00000001")
        assert head.is_of_another("73", "00000002")
        assert head.is_of_another("74", "00000001")
