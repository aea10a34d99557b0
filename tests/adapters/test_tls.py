"""TLS to a target: one certificate is trusted, and for every other one not a byte of the write leaves."""

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.tls import no_trust, trusted
from tests.adapters.raw_server import answer, raw_server
from tests.adapters.requests import execute, release_for

NOW = datetime.now(UTC)
HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


@dataclass(frozen=True)
class Authority:
    """Who signs certificates, in a folder."""

    folder: Path
    name: str
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def new(cls, folder: Path, name: str) -> "Authority":
        authority = cls(folder, name, ec.generate_private_key(ec.SECP256R1()))
        issued = authority._issued(name, authority.key, NOW + timedelta(days=1))
        issued = issued.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        signed = issued.sign(authority.key, hashes.SHA256())
        authority.file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return authority

    @property
    def file(self) -> Path:
        return self.folder / f"{self.name}.pem"

    def server(self, at: x509.GeneralName = HERE, until: datetime = NOW + timedelta(hours=1)) -> ssl.SSLContext:
        """What a server shows that holds a certificate of this authority."""
        key = ec.generate_private_key(ec.SECP256R1())
        issued = self._issued("server", key, until).add_extension(x509.SubjectAlternativeName([at]), critical=False)
        path = self.folder / "server.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + issued.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _issued(self, name: str, key: ec.EllipticCurvePrivateKey, until: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self.name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=2))
            .not_valid_after(until)
        )


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """The only authority that this machine trusts."""
    authority = Authority.new(tmp_path, "trusted")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    trusted.cache_clear()
    yield authority
    trusted.cache_clear()


@asynccontextmanager
async def server(context: ssl.SSLContext) -> AsyncIterator[tuple[str, list[bytes]]]:
    seen: list[bytes] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.read(65_536):
            seen.append(head)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        writer.close()

    # a refused handshake is the refusing side's to tell; asyncio would log it here
    asyncio.get_running_loop().set_exception_handler(lambda loop, about: None)
    listening = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1", seen
    finally:
        listening.close()


async def test_a_trusted_certificate_is_asked_and_the_authorities_are_loaded_once(authority: Authority) -> None:
    async with server(authority.server()) as (url, seen):
        for _ in range(3):  # each over a connection of its own
            assert (await execute(release_for(0, base_url=url))).delivery == "answered"
    assert sum(head.startswith(b"PUT ") for head in seen) == 3
    assert trusted.cache_info().misses == 1


@pytest.mark.parametrize("what", ["another authority", "another name", "expired", "an old protocol"])
async def test_every_other_certificate_gets_not_a_byte(authority: Authority, tmp_path: Path, what: str) -> None:
    (tmp_path / "other").mkdir()
    of_that_name = Authority.new(tmp_path / "other", "trusted")
    context = {
        "another authority": of_that_name.server,
        "another name": lambda: authority.server(x509.DNSName("localhost.example")),
        "expired": lambda: authority.server(until=NOW - timedelta(minutes=1)),
        "an old protocol": authority.server,
    }[what]()
    if what == "an old protocol":
        with pytest.warns(DeprecationWarning, match="TLSv1"):
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    async with server(context) as (url, seen):
        execution = await execute(release_for(0, base_url=url))
        assert execution.delivery == "not_sent", execution
        assert seen == []


async def test_a_proxy_of_the_environment_is_not_asked(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    async with raw_server(answer(502)) as (proxy, taken), server(authority.server()) as (url, seen):
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert (await execute(release_for(0, base_url=url))).delivery == "answered"
    assert taken == []
    assert seen[0].startswith(b"PUT /v1/records/r1 ")


def test_where_nothing_leaves_the_machine_nobody_is_trusted() -> None:
    context = no_trust()
    assert context.get_ca_certs() == []
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
