"""A real nginx, on a free port of 127.0.0.1, ended by its process id. Debian's package is unpacked, and not installed."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.workspace.free_port import free_port
from tests.certificates import Authority
from tests.slowness import scaled

_CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {http}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {folder}/cert.pem;
    ssl_certificate_key {folder}/key.pem;
    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_read_timeout 300s;
    {body}
  }}
}}
"""


def found(folder: Path) -> Path:
    """The program: of this machine, else out of Debian's package."""
    known = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if known:
        return Path(known)
    folder.mkdir()
    for command in (["apt-get", "-qq", "download", "nginx"], ["dpkg", "-x", "PACKAGE", "unpacked"]):
        packages = sorted(folder.glob("nginx_*.deb"))
        line = [packages[0].name if word == "PACKAGE" and packages else word for word in command]
        try:
            subprocess.run(line, cwd=folder, capture_output=True, check=True, timeout=scaled(120))
        except (OSError, subprocess.SubprocessError):
            break
    program = folder / "unpacked" / "usr" / "sbin" / "nginx"
    if not program.exists():
        pytest.fail("there is no nginx, and none could be downloaded: run `apt-get install nginx-light`", pytrace=False)
    return program


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program."""
    return found(tmp_path_factory.mktemp("nginx") / "package")


@dataclass(frozen=True)
class Proxy:
    """One that runs, with TLS."""

    port: int
    origin: str


@contextmanager
def proxying(
    program: Path, folder: Path, authority: Authority, body: str, port: int = 0, http: str = ""
) -> Iterator[Proxy]:
    """An nginx whose server block holds these lines, and `http` before it, at `https://localhost:PORT`."""
    authority.write(folder)
    port = port or free_port()
    (folder / "nginx.conf").write_text(_CONFIG.format(folder=folder, port=port, body=body, http=http))
    command = [str(program), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + scaled(20)
        while not (folder / "pid").exists() or not (folder / "pid").read_text().strip():
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < end, (folder / "error.log").read_text()
            time.sleep(0.01)
        yield Proxy(port, f"https://localhost:{port}")
    finally:
        process.terminate()
        process.wait(timeout=scaled(20))
