"""A witness over HTTP: one path, bounded bodies, the media type of a size; and as a process that is ended and restarted."""

import shlex
import time
from pathlib import Path

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.audit.roots import Roots
from receipts.log.add_checkpoint import MAX_REQUEST
from receipts.log.cosignature import Cosigner
from receipts.witness.witness import Witness
from receipts.witness.witness_store import WitnessStore
from server.listener.witness_endpoint import application
from server.workspace.free_port import free_port
from tests.forks import Forked
from tests.receipts.witness.log import ORIGIN, SmallLog
from tests.server.guide.blocks import block, commands_of
from tests.slowness import scaled
from tests.web import blocking_web, web
from tests.world import app_serving, cli


async def test_over_http_only_the_one_request_is_answered_and_only_within_its_bound(tmp_path: Path) -> None:
    log = SmallLog().grow(3)
    witness = Witness("w.test", Ed25519PrivateKey.generate(), {ORIGIN: log.keys}, WitnessStore(tmp_path / "w.db"))
    port = free_port()
    async with app_serving(application(witness), port), web() as http:
        url = f"http://127.0.0.1:{port}/add-checkpoint"
        answer = await http.post(url, content=log.request(0).encoded())
        assert answer.status_code == 200
        assert witness.cosigner.cosigned(log.note() + answer.text) is not None
        conflict = await http.post(url, content=log.grow(1).request(0).encoded())
        assert (conflict.status_code, conflict.text, conflict.headers["content-type"]) == (
            409,
            "3\n",
            "text/x.tlog.size",
        )
        assert (await http.post(url, content=bytes(MAX_REQUEST + 1))).status_code == 413
        assert (await http.get(url)).status_code == 405
        assert (await http.get(f"http://127.0.0.1:{port}/")).status_code == 404
    witness.store.close()


async def test_a_witness_that_cannot_write_cosigns_nothing(tmp_path: Path) -> None:
    log = SmallLog().grow(3)
    witness = Witness("w.test", Ed25519PrivateKey.generate(), {ORIGIN: log.keys}, WitnessStore(tmp_path / "w.db"))
    witness.store.close()
    port = free_port()
    async with app_serving(application(witness), port), web() as http:
        answer = await http.post(f"http://127.0.0.1:{port}/add-checkpoint", content=log.request(0).encoded())
    assert (answer.status_code, answer.text) == (503, "the witness cannot write its store\n")


def test_a_witness_is_a_process_with_a_key_and_a_store_of_its_own(tmp_path: Path) -> None:
    log = SmallLog().grow(3)
    (tmp_path / "roots.json").write_bytes(Roots.of(ORIGIN, log.keys).encoded())
    # as receipts/README.md says it, but for the port
    key, serve = (shlex.split(one)[1:] for one in commands_of(block("receipts/README.md", "ailyus witness key")))
    assert serve.pop() == "--new"
    line = cli(*key, "-q", cwd=tmp_path).strip()
    assert (tmp_path / "witness.pem").stat().st_mode & 0o777 == 0o600
    assert cli(*key, "-q", cwd=tmp_path).strip() == line
    port = free_port()
    serve += ["--listen", f"127.0.0.1:{port}"]
    # a key whose store is lost could cosign a second past
    assert "there is no store" in cli(*serve, cwd=tmp_path, ok=False)
    for more, old in ((("--new",), 0), ((), 3)):
        with (tmp_path / "out").open("wb") as out:
            process = Forked((*serve, *more), tmp_path, out, out)
            try:
                answer = _asked(port, log.request(old).encoded())
            finally:
                process.terminate()
                process.wait(60)
        assert Cosigner.parse(line).cosigned(log.note() + answer) is not None
        log.grow(2)
    assert f"{ORIGIN}  5 " in cli("witness", "list", cwd=tmp_path)
    assert "was cosigned" in cli("witness", "forget", "other.test", "--reason", "restored", cwd=tmp_path, ok=False)
    assert "may begin anew" in cli("witness", "forget", ORIGIN, "--reason", "restored", cwd=tmp_path)
    assert f"{ORIGIN}  0 " in cli("witness", "list", cwd=tmp_path)
    assert "there is a store" in cli(*serve, "--new", cwd=tmp_path, ok=False)


def _asked(port: int, data: bytes) -> str:
    end = time.monotonic() + scaled(20)
    while True:
        try:
            with blocking_web() as http:
                answer = http.post(f"http://127.0.0.1:{port}/add-checkpoint", content=data)
        except httpx2.ConnectError:
            assert time.monotonic() < end, "it did not listen in time"
            time.sleep(0.02)
            continue
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--name", "a b"), "is no name of a witness"),
        (("--listen", "8440"), "is no address and port"),
        (("--log", "roots.json"), "two files are about the log"),
    ],
)
def test_what_cannot_be_served_is_refused_before_it_listens(
    tmp_path: Path, options: tuple[str, str], says: str
) -> None:
    (tmp_path / "roots.json").write_bytes(Roots.of(ORIGIN, SmallLog().grow(1).keys).encoded())
    cli("witness", "key", "--name", "w.test/1", cwd=tmp_path)
    given = ("--name", "w.test/1", "--log", "roots.json", *options)
    assert says in cli("witness", "serve", *given, cwd=tmp_path, ok=False)
