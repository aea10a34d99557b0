"""A disclosure opens what its statement committed to: once, with a salt of the right length, or the file is refused."""

import base64

import pytest

from contracts.canonical import commitment
from contracts.errors import AilyusError
from receipts.audit.disclosure import opened
from receipts.audit.proof import Disclosure, ProofFile
from receipts.audit.proof_statement import ProofStatement

SALT = bytes(range(16))
DATA = b'{"status":"ACTIVE"}'
STATED = [ProofStatement(3, {"receipt": "rcp_1", "commitments": {"before/user": commitment(SALT, DATA)}}, {})]


def disclosure(
    receipt: str = "rcp_1", label: str = "before/user", salt: bytes = SALT, data: bytes = DATA
) -> Disclosure:
    return Disclosure(
        receipt=receipt, label=label, salt=base64.b64encode(salt).decode(), data=base64.b64encode(data).decode()
    )


def file(*disclosures: Disclosure) -> ProofFile:
    return ProofFile(format="ailyus-proof-v1", receipt="rcp_1", statements=(), disclosures=disclosures)


def test_what_was_committed_to_is_opened() -> None:
    assert opened(file(disclosure()), STATED) == {("rcp_1", "before/user"): DATA}
    assert opened(file(), STATED) == {}


@pytest.mark.parametrize(
    "other",
    [
        disclosure(data=DATA + b" "),
        disclosure(salt=bytes(16)),
        disclosure(salt=SALT + DATA[:1], data=DATA[1:]),
        disclosure(salt=SALT[:-1], data=SALT[-1:] + DATA),
        disclosure(label="after/user"),
        disclosure(receipt="rcp_2"),
    ],
)
def test_anything_else_is_not(other: Disclosure) -> None:
    with pytest.raises(AilyusError, match=f"the disclosure `{other.label}` is not what was committed to") as caught:
        opened(file(other), STATED)
    assert caught.value.code == "not_authentic"


def test_one_that_is_there_twice_or_no_base64_is_refused() -> None:
    with pytest.raises(AilyusError, match="is in the file twice"):
        opened(file(disclosure(), disclosure()), STATED)
    for broken in ({"salt": "%"}, {"data": "a"}, {"data": "é"}):
        with pytest.raises(AilyusError, match="is no base64") as caught:
            opened(file(disclosure().model_copy(update=broken)), STATED)
        assert caught.value.code == "bad_proof"


def test_a_statement_without_commitments_opens_nothing() -> None:
    for said in ({"receipt": "rcp_1"}, {"receipt": "rcp_1", "commitments": []}):
        with pytest.raises(AilyusError, match="is not what was committed to"):
            opened(file(disclosure()), [ProofStatement(3, said, {})])  # type: ignore[arg-type]
