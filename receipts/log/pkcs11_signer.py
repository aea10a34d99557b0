"""The signer of a key in a token (PKCS #11 v3, CKM_EDDSA), as a program of its own: `python -m` with a `Pkcs11Uri`.

A driver is foreign code in C: here it can hang or crash without the gateway, which ends this program at its time limit.
It speaks the protocol of `receipts/log/program_key.py`; the first line that it is told is `{"pin":"…"}`.
"""

import sys
from base64 import b64decode, b64encode

import orjson
import pkcs11
from pkcs11.types import SignMixin

from receipts.log.pkcs11_uri import Pkcs11Uri


def key_of(uri: Pkcs11Uri, pin: str) -> SignMixin:
    """The private key that the URI names. Raises what the driver raises."""
    found = pkcs11.lib(uri.module).get_tokens(uri.token or None, uri.serial.encode() or None)
    (token,) = found  # of two tokens that both fit nobody says which one is meant
    session = token.open(user_pin=pin or None)
    key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=uri.label or None, id=uri.id or None)
    if not isinstance(key, SignMixin):
        raise TypeError
    return key


def main() -> None:
    """Sign until the input ends. Any fault ends it: whoever asked sees that, and starts it anew."""
    pin = orjson.loads(sys.stdin.buffer.readline())["pin"]
    key = key_of(Pkcs11Uri.parse(sys.argv[1]), pin)
    for line in sys.stdin.buffer:
        data = b64decode(orjson.loads(line)["sign"], validate=True)
        signature = key.sign(data, mechanism=pkcs11.Mechanism.EDDSA)
        sys.stdout.buffer.write(orjson.dumps({"signature": b64encode(signature).decode()}) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
