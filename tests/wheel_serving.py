"""What the wheel serves: as another user than root, on every address with TLS, and behind nginx with a path before it.

Clients of both eras, a person with a passkey, the link of an approval, the event stream and the OAuth metadata reach it
by the public address alone.
"""

import asyncio
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from server.workspace.free_port import free_port
from tests.certificates import authority
from tests.console.authenticator import Authenticator, signed_in
from tests.identity.issuer import Issuer
from tests.nginx import found, proxying
from tests.slowness import scaled
from tests.web import web
from tests.world import MARIA, app_serving

USER = "nobody"
OWN_TLS = """
host = "0.0.0.0"
certificate = "tls/cert.pem"
key = "tls/key.pem"
hosts = ["localhost:{port}"]
"""
BEHIND = """
base_path = "/ailyus"
hosts = ["localhost:{outer}"]
tls_terminated_by = ["127.0.0.1"]
forwarded = ["127.0.0.1"]
"""
LOCATIONS = """
location /ailyus/ {{
  proxy_pass http://127.0.0.1:{port};
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto $scheme;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header Forwarded "";
}}
location /.well-known/oauth-protected-resource/ailyus/ {{ proxy_pass http://127.0.0.1:{port}; }}
"""


PEOPLE = """
[[people]]
name = "maria"
tenant = "acme"
issuer = "{url}"
subject = "maria-1"
roles = ["Support"]

[oauth]
issuer = "{url}"
agents = {{ "support-bot" = "support-bot" }}
"""


def interpreter() -> str:
    """A Python that another user may start, where there is one."""
    for path in (sys.executable, "/usr/bin/python3"):
        real = Path(path).resolve()
        open_to_all = all(place.stat().st_mode & 0o001 for place in (real, *real.parents))
        code = "import sys; sys.exit(sys.version_info < (3, 11))"
        if open_to_all and subprocess.run([path, "-c", code], check=False).returncode == 0:
            return path
    return sys.executable


@dataclass(frozen=True)
class Installed:
    """The command that was installed, and the user that it runs as."""

    ailyus: Path
    who: Mapping[str, Any]

    @classmethod
    def of(cls, ailyus: Path) -> "Installed":
        real = Path(os.path.realpath(ailyus.with_name("python")))
        if os.geteuid() != 0 or not all(place.stat().st_mode & 0o001 for place in (real, *real.parents)):
            return cls(ailyus, {})
        return cls(ailyus, {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []})

    def environment(self, folder: Path) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "HOME": str(folder)}

    def run(self, *words: str, folder: Path) -> str:
        done = subprocess.run(
            [self.ailyus, *words], cwd=folder, env=self.environment(folder), capture_output=True, text=True,
            check=False, **self.who,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def give(self, folder: Path) -> None:
        """Let the user own it."""
        if self.who:
            for path in (folder, *folder.rglob("*")):
                shutil.chown(path, USER, pwd.getpwnam(USER).pw_gid)

    @asynccontextmanager
    async def serving(self, workspace: Path) -> AsyncIterator[None]:
        """`ailyus serve`, from its first readiness to its end."""
        with (workspace / "serve.log").open("wb") as log:
            process = subprocess.Popen(
                [self.ailyus, "serve"], cwd=workspace, env=self.environment(workspace), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, **self.who,
            )  # fmt: skip
        try:
            async with asyncio.timeout(scaled(60)):
                while "the console is at" not in (said := (workspace / "serve.log").read_text()):
                    assert process.poll() is None, said
                    await asyncio.sleep(0.05)
            yield
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait)


async def _reached(base: str, installed: Installed, workspace: Path, issuer: Issuer) -> None:
    """Everything that anybody does at a public address."""
    token = (workspace / ".ailyus" / "agents" / "support-bot.token").read_text().strip()
    trusting: dict[str, Any] = {"verify": authority().client(), "timeout": 60.0}
    headers = {"authorization": f"Bearer {token}"}
    link = ""
    for mode in ("auto", "legacy"):
        async with web(headers=headers, **trusting) as http:
            async with Client(streamable_http_client(f"{base}/mcp", http_client=http), mode=mode) as client:
                answer = await client.call_tool("find_user", {"email": "maria@example.com"})
                assert (answer.structured_content or {})["status"] == "confirmed"
                asked = (await client.call_tool("reset_user_mfa", MARIA)).structured_content or {}
                link = asked["approval"]["url"]
    assert link.startswith(f"{base}/approvals/"), link
    async with web(**trusting) as http:
        assert (await http.get(f"{base}/readyz")).json()["ok"]
        refused = await http.post(f"{base}/mcp/", json={})
        located = re.search(r'resource_metadata="([^"]+)"', refused.headers["www-authenticate"])
        assert located is not None
        assert (await http.get(located[1])).json()["resource"] == f"{base}/mcp/"
        headers = {"authorization": f"Bearer {issuer.token(aud=f'{base}/mcp')}", "accept": "application/json"}
        assert (await http.post(f"{base}/mcp", json={}, headers=headers)).status_code != 401
        made = await asyncio.to_thread(lambda: installed.run("person", "invite", "lead", folder=workspace))
        found_link = re.search(r"https://\S+", made)
        assert found_link is not None
        assert found_link[0].startswith(f"{base}/enrol/")
        origin = "/".join(base.split("/")[:3])
        cookie = await signed_in(http, found_link[0], Authenticator(origin))
        page = await http.get(link, headers={"cookie": cookie})
        assert (page.status_code, "approve with a passkey" in page.text) == (200, True)
        async with http.stream("GET", f"{base}/events", headers={"cookie": cookie}) as events:
            assert events.headers["content-type"].startswith("text/event-stream")
            assert (await anext(aiter(events.aiter_lines()))) == "event: mark"


async def _played(installed: Installed, folder: Path) -> None:
    for name in ("own", "behind"):
        port, outer, issuer = free_port(), free_port(), Issuer(free_port())
        place = folder / name
        place.mkdir()
        installed.give(place)
        installed.run("init", "w", folder=place)
        workspace = place / "w"
        path = workspace / "ailyus.toml"
        lines = (OWN_TLS if name == "own" else BEHIND).format(port=port, outer=outer)
        people = PEOPLE.format(url=issuer.url)
        path.write_text(re.sub(r"(\[server\]\nport = )\d+\n", rf"\g<1>{port}\n{lines}", path.read_text()) + people)
        authority().write(workspace / "tls")
        installed.give(workspace)
        async with app_serving(issuer.app(), issuer.port):
            if name == "own":
                async with installed.serving(workspace):
                    await _reached(f"https://localhost:{port}", installed, workspace, issuer)
                continue
            (place / "nginx").mkdir()
            program = found(place / "package")
            with proxying(program, place / "nginx", authority(), LOCATIONS.format(port=port), outer):
                async with installed.serving(workspace):
                    await _reached(f"https://localhost:{outer}/ailyus", installed, workspace, issuer)


def play(ailyus: Path, folder: Path) -> str:
    """Serve, and be reached; says as whom."""
    installed = Installed.of(ailyus)
    folder.mkdir()
    asyncio.run(_played(installed, folder))
    return f"as the user {USER}" if installed.who else "as this user"
