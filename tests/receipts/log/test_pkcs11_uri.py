"""URIs of keys in tokens (RFC 7512): what is read, and that nothing is left out in silence."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.errors import AilyusError
from receipts.log.pkcs11_uri import Pkcs11Uri

MODULE = "?module-path=/usr/lib/driver.so"


def test_every_attribute_is_read() -> None:
    text = f"pkcs11:token=My%20token;serial=01;object=log;id=%00%ff;type=private{MODULE}"
    assert Pkcs11Uri.parse(text) == Pkcs11Uri("/usr/lib/driver.so", "My token", "01", "log", b"\x00\xff")


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_label_is_read_as_it_was_written(token: str, label: str) -> None:
    text = f"pkcs11:token={quote(token, safe='')};object={quote(label, safe='')}{MODULE}"
    assert Pkcs11Uri.parse(text) == Pkcs11Uri("/usr/lib/driver.so", token, label=label)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "pkcs11:",
        f"pkcs12:token=a;object=b{MODULE}",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a;object=b?module-path=driver.so",
        f"pkcs11:token=a{MODULE}",
        f"pkcs11:object=b{MODULE}",
        f"pkcs11:token=a;object=b;object=c{MODULE}",
        f"pkcs11:token=a;object=b;type=public{MODULE}",
        f"pkcs11:token=a;object=b;manufacturer=c{MODULE}",
        f"pkcs11:token=a;object=b%2{MODULE}",
        f"pkcs11:token=a;object{MODULE}",
        f"pkcs11:token=a;object=b{MODULE}&pin-value=1234",
        f"pkcs11:token=a;object=b{MODULE}&pin-source=file:x",
    ],
)
def test_what_names_no_one_key_is_refused(text: str) -> None:
    with pytest.raises(AilyusError) as caught:
        Pkcs11Uri.parse(text)
    assert "1234" not in str(caught.value)
