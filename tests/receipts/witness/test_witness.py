"""A witness cosigns what continues what it has seen, and answers each other request as the specification says."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policies.principal import keyid_of
from receipts.log.add_checkpoint import SIZE_TYPE, AddCheckpoint
from receipts.log.cosignature import cosignature_lines
from receipts.log.log_keys import LogKey, LogKeys
from receipts.witness.witness import Witness
from receipts.witness.witness_store import WitnessStore
from tests.project import ROOT
from tests.receipts.witness.log import ORIGIN, SmallLog

KEY = Ed25519PrivateKey.generate()
NAME = "witness.test/1"


@pytest.fixture
def log() -> SmallLog:
    return SmallLog().grow(5)


@pytest.fixture
def witness(tmp_path: Path, log: SmallLog) -> Iterator[Witness]:
    made = serving(tmp_path, log)
    yield made
    made.store.close()


def serving(folder: Path, log: SmallLog) -> Witness:
    return Witness(NAME, KEY, {ORIGIN: log.keys}, WitnessStore(folder / "witness.db"), lambda: 1_700_000_000.9)


def ask(witness: Witness, asked: AddCheckpoint) -> tuple[int, str]:
    answer = witness.answer(asked.encoded())
    return answer.status, answer.body


def test_each_checkpoint_that_continues_the_one_before_is_cosigned_at_its_time(witness: Witness, log: SmallLog) -> None:
    old = 0
    for more in (0, 1, 2, 8, 0, 17):  # an equal size is cosigned again, at a new time
        asked = log.grow(more).request(old)
        status, line = ask(witness, asked)
        assert status == 200
        assert cosignature_lines(asked.note, line, [witness.cosigner]) == (line,)
        assert witness.cosigner.cosigned(asked.note + line) == 1_700_000_000
        old = len(log.leaves)
        assert witness.store.head(ORIGIN).size == old


@pytest.mark.parametrize("old", [0, 3, 6])
def test_whoever_does_not_know_the_size_that_was_seen_is_told_it(witness: Witness, log: SmallLog, old: int) -> None:
    assert ask(witness, log.request(0))[0] == 200
    answer = witness.answer(log.grow(3).request(old).encoded())
    assert (answer.status, answer.body, answer.media_type) == (409, "5\n", SIZE_TYPE)
    assert witness.store.refusals() == []


def test_a_fork_a_cut_and_a_rewritten_log_are_refused_and_kept_as_proof_across_a_restart(
    tmp_path: Path, log: SmallLog
) -> None:
    witness = serving(tmp_path, log)
    ask(witness, log.grow(4).request(0))
    fork, cut, same = log.fork(7).grow(5, "x"), log.fork(7), log.fork(8).grow(1, "x")
    assert ask(witness, fork.request(9)) == (422, "the log does not continue what this witness has seen of it\n")
    assert ask(witness, cut.request(0)) == (409, "9\n")
    assert ask(witness, same.request(9)) == (409, "9\n")
    witness.store.close()
    again = serving(tmp_path, log)
    assert [ask(again, one.request(9))[0] for one in (fork, same)] == [422, 409]
    kept = again.store.refusals()
    assert [one.note for one in kept] == [fork.note(), cut.note(), same.note()]
    assert [one.why for one in kept] == [
        "the proof does not hold",
        "9 were seen before",
        "another tree of the same size",
    ]
    assert ask(again, log.grow(1).request(9))[0] == 200
    again.store.close()


def test_a_proof_that_is_short_long_or_of_something_else_is_refused(witness: Witness, log: SmallLog) -> None:
    ask(witness, log.request(0))
    asked = log.grow(6).request(5)
    for proof in (asked.proof[:-1], (*asked.proof, bytes(32)), (bytes(32), *asked.proof[1:]), ()):
        assert ask(witness, replace(asked, proof=proof))[0] == 422
    assert ask(witness, replace(log.request(0), old=5, proof=asked.proof))[0] == 200


def test_the_first_checkpoint_comes_without_a_proof(witness: Witness, log: SmallLog) -> None:
    assert ask(witness, replace(log.request(0), proof=(bytes(32),)))[0] == 422
    assert ask(witness, log.fork(0).request(0))[0] == 200


def test_what_no_key_of_the_log_signed_is_refused_and_leaves_no_row(witness: Witness, log: SmallLog) -> None:
    stranger = SmallLog().grow(5)
    assert ask(witness, stranger.request(0))[0] == 403
    assert ask(witness, SmallLog(origin="other.test").grow(1).request(0))[0] == 404
    assert ask(witness, replace(log.request(0), note=log.note().replace("\n5\n", "\n6\n")))[0] == 403
    # signed under the log's name, though the text names another log
    assert witness.store.logs() == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"old 0\n",
        b"old 00\n\nNOTE",
        b"old -1\n\nNOTE",
        b"old 0 \n\nNOTE",
        b"new 0\n\nNOTE",
        b"old 0\nnot base64\n\nNOTE",
        b"old 0\n" + b"A" * 43 + b"=\n" * 1 + b"\n",
        b"old 1\n" + (b"A" * 43 + b"=\n") * 64 + b"\nNOTE",
    ],
)
def test_what_is_no_request_is_a_bad_request(witness: Witness, log: SmallLog, data: bytes) -> None:
    assert witness.answer(data.replace(b"NOTE", log.note().encode())).status == 400


def test_an_old_size_beyond_the_checkpoint_is_a_bad_request(witness: Witness, log: SmallLog) -> None:
    assert ask(witness, replace(log.request(0), old=6))[0] == 400


def test_of_many_that_ask_at_once_none_rolls_the_log_back(witness: Witness, log: SmallLog) -> None:
    ask(witness, log.request(0))
    requests = [log.fork(5).grow(n, f"{n}-").request(5).encoded() for n in range(1, 9)]
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda one=one: found.append(witness.answer(one).status))  # type: ignore[misc]
        for one in requests
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # each is a fork of all the others: one at most may be cosigned
    assert sorted(found) == [200, *[409] * 7]


def test_what_a_third_party_s_witness_was_asked_this_one_answers_alike(tmp_path: Path) -> None:
    vector = orjson.loads((ROOT / "tests" / "vectors" / "witness" / "aics-witness.json").read_bytes())
    public = bytes.fromhex(vector["log"])
    keys = LogKeys((LogKey(keyid_of(public), public),))
    witness = Witness(NAME, KEY, {vector["origin"]: keys}, WitnessStore(tmp_path / "witness.db"))
    assert [witness.answer(one["request"].encode()).status for one in vector["cosigned"]] == [200] * 5
    for one in vector["refused"]:
        answer = witness.answer(one["request"].encode())
        # of another tree of the same size the specification says 409, and that one 422
        assert answer.status == (409 if one["name"] == "same size" else one["status"]), one["name"]
        assert one["size"] in (None, answer.body)
    witness.store.close()
