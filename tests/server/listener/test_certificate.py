"""The certificate of two files: each new handshake takes the newest pair that is good."""

import asyncio
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from contracts.errors import AilyusError
from server.listener.certificate import Certificate
from tests.certificates import authority


def certificate_in(folder: Path) -> Certificate:
    return Certificate(folder / "cert.pem", folder / "key.pem")


@asynccontextmanager
async def shown_at(certificate: Certificate) -> AsyncIterator[int]:
    """A server of a few lines; its port."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=certificate.context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def shown(port: int, name: str = "localhost", version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """The certificate that a client of the authority is shown, in DER."""
    context = authority().client()
    context.minimum_version = context.maximum_version = version
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    await reader.read()
    writer.close()
    return found


def der(certificate: object) -> bytes:
    return certificate.public_bytes(Encoding.DER)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])  # an address is asked for without a name in the handshake
async def test_a_new_handshake_takes_the_new_certificate(tmp_path: Path, version: ssl.TLSVersion, name: str) -> None:
    first = authority().write(tmp_path)
    certificate = certificate_in(tmp_path)
    async with shown_at(certificate) as port:
        assert await shown(port, name, version) == der(first)
        second = authority().write(tmp_path)
        certificate.look()
        assert await shown(port, name, version) == der(second) != der(first)


async def test_nonsense_keeps_the_last_good_one_and_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = authority().write(tmp_path)
    certificate = certificate_in(tmp_path)
    key = (tmp_path / "key.pem").read_bytes()
    async with shown_at(certificate) as port:
        for name, content in (
            ("key.pem", b"nonsense"),
            ("cert.pem", b""),
            ("key.pem", None),
            ("cert.pem", b"x" * 2_000_000),
        ):
            path = tmp_path / name
            kept = path.read_bytes()
            path.unlink()
            if content is not None:
                path.write_bytes(content)
            certificate.look()
            assert certificate.fault, name
            assert await shown(port) == der(good)
            path.write_bytes(kept)
            certificate.look()
            assert not certificate.fault, name
        # half of a pair is written first: the two do not belong together yet
        (tmp_path / "next").mkdir()
        second = authority().write(tmp_path / "next")
        (tmp_path / "cert.pem").write_bytes((tmp_path / "next" / "cert.pem").read_bytes())
        certificate.look()
        certificate.look()
        assert await shown(port) == der(good)
        (tmp_path / "key.pem").write_bytes((tmp_path / "next" / "key.pem").read_bytes())
        certificate.look()
        assert await shown(port) == der(second)
    said = capsys.readouterr().out + capsys.readouterr().err
    assert key.decode().splitlines()[1] not in said


async def test_the_files_are_followed(tmp_path: Path) -> None:
    authority().write(tmp_path)
    certificate = certificate_in(tmp_path)
    async with certificate.followed(), shown_at(certificate) as port:
        second = authority().write(tmp_path)
        for _ in range(10_000):
            if await shown(port) == der(second):
                return
            await asyncio.sleep(0.02)
    raise AssertionError("the new certificate was not taken")


@pytest.mark.parametrize("spoil", ["no key", "nonsense", "another key", "a passphrase"])
def test_a_gateway_does_not_start_without_a_good_pair(tmp_path: Path, spoil: str) -> None:
    authority().write(tmp_path)
    key = tmp_path / "key.pem"
    if spoil == "no key":
        key.unlink()
    elif spoil == "nonsense":
        key.write_text("nonsense")
    elif spoil == "another key":
        authority().write(tmp_path / "other")
        key.write_bytes((tmp_path / "other" / "key.pem").read_bytes())
    else:
        private = load_pem_private_key(key.read_bytes(), None)
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    # in a process of its own: OpenSSL asks for a passphrase at the terminal where nobody answers it
    code = "from server.listener.certificate import Certificate; from pathlib import Path; Certificate(Path('cert.pem'), Path('key.pem'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[3])}, timeout=120,
    )  # fmt: skip
    assert "AilyusError: `cert.pem` and `key.pem` are not taken" in done.stderr
    assert "secret" not in done.stderr


def test_a_certificate_that_ended_is_served_and_known(tmp_path: Path) -> None:
    authority().write(tmp_path, valid=timedelta(seconds=-60))
    assert not certificate_in(tmp_path).is_valid
    authority().write(tmp_path)
    assert certificate_in(tmp_path).is_valid


def test_old_protocols_are_not_spoken(tmp_path: Path) -> None:
    authority().write(tmp_path)
    assert certificate_in(tmp_path).context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_the_loop_of_the_gateway_takes_new_certificates_too(tmp_path: Path) -> None:
    """`ailyus serve` runs on uvloop, whose TLS is another one than asyncio's."""

    async def exchanged() -> tuple[bytes, bytes]:
        authority().write(tmp_path)
        certificate = certificate_in(tmp_path)
        async with shown_at(certificate) as port:
            second = authority().write(tmp_path)
            certificate.look()
            return await shown(port, "127.0.0.1"), der(second)

    found, wanted = uvloop.run(exchanged())
    assert found == wanted


def test_what_is_refused_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="cannot be read: no such file") as caught:
        certificate_in(tmp_path)
    assert "certificate with its chain" in caught.value.hint
