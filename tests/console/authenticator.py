"""An authenticator in software, for whoever needs a session without a browser, and for the algorithms that few have."""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

import cbor2
import httpx2
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from policies.passkey import Assertion, Attestation, decode, encode

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
MAKERS: dict[str, Any] = {
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
}


@dataclass
class Authenticator:
    """One resident passkey."""

    origin: str
    algorithm: str = "ES256"
    flags: int = 0x05
    count: int = 0
    credential: bytes = b"a passkey in software"
    key: Private = field(init=False)

    def __post_init__(self) -> None:
        self.key = MAKERS[self.algorithm]()

    @property
    def rp_id(self) -> str:
        return self.origin.split("//")[1].split(":")[0]

    @property
    def cose(self) -> bytes:
        public = self.key.public_key()
        if isinstance(public, ec.EllipticCurvePublicKey):
            point = public.public_numbers()
            return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")})
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return cbor2.dumps({1: 3, 3: -257, -1: numbers.n.to_bytes(256, "big"), -2: numbers.e.to_bytes(3, "big")})
        assert isinstance(public, ed25519.Ed25519PublicKey)
        return cbor2.dumps({1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()})

    def client_data(self, kind: str, challenge: bytes) -> bytes:
        return orjson.dumps(
            {"type": f"webauthn.{kind}", "challenge": encode(challenge), "origin": self.origin, "crossOrigin": False}
        )

    def head(self, flags: int) -> bytes:
        self.count += 1
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def make(self, challenge: bytes) -> Attestation:
        size = len(self.credential).to_bytes(2, "big")
        data = self.head(self.flags | 0x40) + bytes(16) + size + self.credential + self.cose
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self.client_data("create", challenge)
        return Attestation(
            credential=encode(self.credential),
            client_data=encode(client_data),
            attestation_object=encode(attested),
        )

    def sign(self, challenge: bytes) -> Assertion:
        client_data, data = self.client_data("get", challenge), self.head(self.flags)
        message = data + hashlib.sha256(client_data).digest()
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            signature = self.key.sign(message, ec.ECDSA(SHA256()))
        elif isinstance(self.key, rsa.RSAPrivateKey):
            signature = self.key.sign(message, padding.PKCS1v15(), SHA256())
        else:
            signature = self.key.sign(message)
        return Assertion(
            credential=encode(self.credential),
            client_data=encode(client_data),
            authenticator_data=encode(data),
            signature=encode(signature),
        )


async def signed_in(http: httpx2.AsyncClient, link: str, passkey: Authenticator) -> str:
    """Enrol by a link and sign in, as a browser would; returns the `cookie` header of the session."""

    async def post(url: str, fields: dict[str, str]) -> httpx2.Response:
        answer = await http.post(url, data=fields, headers={"origin": passkey.origin})
        assert answer.status_code == 303, answer.text
        return answer

    def challenge(page: str) -> str:
        found = re.search(r'name="challenge" value="([^"]+)"', page)
        assert found, page
        return found[1]

    text = challenge((await http.get(link)).text)
    made = passkey.make(decode(text)).model_dump_json()
    await post(link, {"token": "", "challenge": text, "attestation": made})
    door = f"{link.partition('/enrol/')[0]}/sign-in"
    text = challenge((await http.get(door)).text)
    answer = await post(
        door, {"challenge": text, "to": "/inbox", "signed": passkey.sign(decode(text)).model_dump_json()}
    )
    return answer.headers["set-cookie"].partition(";")[0]
