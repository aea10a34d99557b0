"""A signer as a program, as a person would write one: a key file, the protocol, and what may go wrong with it.

`python signer_program.py KEY.pem FAULT`: while the file FAULT is there, it does what that says: `ends`, `hangs`, `lies`
(a signature of another key), `babbles` (no JSON), `shouts` (its secret on the error output, then it ends).
"""

import base64
import json
import sys
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def main() -> None:
    key = load_pem_private_key(Path(sys.argv[1]).read_bytes(), None)
    fault = Path(sys.argv[2])
    assert isinstance(key, Ed25519PrivateKey)
    for line in sys.stdin:
        data = base64.b64decode(json.loads(line)["sign"])
        wrong = fault.read_text() if fault.exists() else ""
        if wrong == "ends":
            return
        if wrong == "shouts":
            sys.exit("the secret is 274911")
        if wrong == "hangs":
            time.sleep(3600)
        if wrong == "babbles":
            print("signed!", flush=True)
            continue
        signer = Ed25519PrivateKey.generate() if wrong == "lies" else key
        print(json.dumps({"signature": base64.b64encode(signer.sign(data)).decode()}), flush=True)


if __name__ == "__main__":
    main()
