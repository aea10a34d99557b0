"""Behind a pooler: what it drops of a session is noticed when it opens, and in every transaction after."""

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from contracts.errors import AilyusError, NotDurable
from receipts.store.postgres import PostgresStore
from tests.postgres import Postgres
from tests.receipts.making import SIGNER
from tests.receipts.statements import statement

SETTINGS = "synchronous_commit = on", "idle_in_transaction_session_timeout = 2500", "lock_timeout = 8000"


def start_of(client: socket.socket) -> dict[bytes, bytes]:
    """What a client asks for when it begins, once it was told that there is no TLS here."""
    while True:
        size, code = struct.unpack("!ii", client.recv(8, socket.MSG_WAITALL))
        if code == 80877103:
            client.sendall(b"N")
            continue
        parts = client.recv(size - 8, socket.MSG_WAITALL).split(b"\0")
        return dict(zip(parts[::2], parts[1::2], strict=False))


@contextmanager
def pooler(port: int) -> Iterator[int]:
    """A port before the database that passes a client's name and database on, and drops every other setting."""

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = start_of(self.request)
            kept = b"".join(n + b"\0" + asked[n] + b"\0" for n in (b"user", b"database")) + b"\0"
            with socket.create_connection(("127.0.0.1", port)) as server:
                server.sendall(struct.pack("!ii", len(kept) + 8, 196608) + kept)
                back = threading.Thread(target=passed, args=(server, self.request), daemon=True)
                back.start()
                passed(self.request, server)
                back.join()

    class Serving(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Serving(("127.0.0.1", 0), Passing) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield serving.server_address[1]
        finally:
            serving.shutdown()
            thread.join()


def passed(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


async def sql(url: str, *texts: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for text in texts:
            await connection.execute(text)
    finally:
        await connection.close()


async def test_what_a_pooler_drops_is_noticed_when_the_store_opens(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.database("pooled")
    database = url.rpartition("/")[2]
    with pooler(postgres.port) as port:
        through = url.replace(f":{postgres.port}/", f":{port}/")
        with pytest.raises(AilyusError) as caught:
            PostgresStore(through, tmp_path / "store.db", SIGNER, "ailyus.test")
        assert caught.value.code == "bad_settings"
        assert "idle_in_transaction_session_timeout = 0" in caught.value.sentence
        await sql(url, *(f"ALTER DATABASE {database} SET {one}" for one in SETTINGS[1:]))
        await sql(url, f"ALTER DATABASE {database} SET synchronous_commit = off")
        with pytest.raises(AilyusError, match="synchronous_commit = off"):
            PostgresStore(through, tmp_path / "store.db", SIGNER, "ailyus.test")
        await sql(url, f"ALTER DATABASE {database} SET {SETTINGS[0]}")
        store = PostgresStore(through, tmp_path / "store.db", SIGNER, "ailyus.test")
        await store.write(lambda txn: statement(txn, "rcp_1"))
        await store.aclose()


async def test_a_setting_that_is_lost_later_is_noticed_before_anything_is_said(
    postgres: Postgres, tmp_path: Path
) -> None:
    store = PostgresStore(postgres.database("lost"), tmp_path / "store.db", SIGNER, "ailyus.test")
    await store.write(lambda txn: statement(txn, "rcp_1"))
    await store.write(lambda txn: txn.query("SELECT set_config('synchronous_commit', 'off', false)"))
    with pytest.raises(NotDurable, match="synchronous_commit = off"):
        await store.write(lambda txn: statement(txn, "rcp_2"))
    await store.write(lambda txn: statement(txn, "rcp_3"))  # in a new session
    assert [row[0] for row in await store.read("SELECT id FROM statements ORDER BY leaf_index")] == ["rcp_1", "rcp_3"]
    await store.aclose()
