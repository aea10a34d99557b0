"""Kept tokens open only in their place, under the key that sealed them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from receipts.journal.secret_vault import SecretVault
from receipts.journal.token_seal import TokenSeal
from tests.receipts.making import store_at


def seal_of(folder: Path, key: bytes) -> TokenSeal:
    store = store_at(folder / "store.db")
    store.close()
    return TokenSeal(SecretVault(store, key))


def test_a_token_opens_only_where_it_was_sealed_for(tmp_path: Path) -> None:
    one, other = seal_of(tmp_path, b"k" * 32), seal_of(tmp_path, b"o" * 32)

    @given(st.text(), st.text(st.characters(codec="ascii"), min_size=1), st.binary(max_size=60))
    def holds(grant: str, token: str, noise: bytes) -> None:
        sealed = one.sealed(grant, "access", token)
        assert token.encode() not in sealed or len(token) < 4
        assert one.opened(grant, "access", sealed) == token
        assert one.sealed(grant, "access", token) != sealed
        assert one.opened(grant, "refresh", sealed) == ""
        assert one.opened(grant + "x", "access", sealed) == ""
        assert one.opened(grant, "access", sealed[:-1] + bytes([sealed[-1] ^ 1])) == ""
        assert other.opened(grant, "access", sealed) == ""
        assert one.opened(grant, "access", noise) == ""

    holds()
    assert one.sealed("g", "refresh", "") == b""
    assert one.opened("g", "refresh", b"") == ""
