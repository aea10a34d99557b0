"""A third party's SCIM server as a process, and a workspace that governs it."""

import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx2

from server.workspace.free_port import free_port
from tests.web import blocking_web
from tests.world import ROOT, Sandbox, Workspace, make_workspace

CONNECTION = """
[connections.scim]
kind = "scim"
base_url = "http://127.0.0.1:{port}/v2"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/scim"
write = "file:.ailyus/secrets/scim"
max_timeout = "1s"
max_settle = "300ms"
"""


class Scim:
    def __init__(self) -> None:
        self.port = free_port()
        command = [
            str(Path(sys.executable).parent / "scim2-server"),
            "--port",
            str(self.port),
            "--bearer-token",
            "secret",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        headers = {"authorization": "Bearer secret", "content-type": "application/scim+json"}
        self.http = blocking_web(base_url=f"http://127.0.0.1:{self.port}/v2", headers=headers)
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        for _ in range(200):
            try:
                self.http.get("/Users")
                break
            except httpx2.TransportError:
                assert self.process.poll() is None, "scim2-server ended"
                time.sleep(0.05)

    def reset(self) -> None:
        """Two people and two groups, and nothing of an earlier test."""
        for path in ("/Groups", "/Users"):
            while resources := self.http.get(path).json().get("Resources"):  # a page at a time
                for found in resources:
                    assert self.http.delete(f"{path}/{found['id']}").status_code == 204
        schema = "urn:ietf:params:scim:schemas:core:2.0:"
        self.maria = self.create("/Users", {"schemas": [schema + "User"], "userName": "maria@example.com"})
        self.leo = self.create("/Users", {"schemas": [schema + "User"], "userName": "leo@example.com"})
        self.engineering = self.create(
            "/Groups", {"schemas": [schema + "Group"], "displayName": "engineering", "members": [{"value": self.leo}]}
        )
        self.admins = self.create("/Groups", {"schemas": [schema + "Group"], "displayName": "admins"})

    def create(self, path: str, body: dict[str, Any]) -> str:
        answer = self.http.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def group(self, name: str) -> str:
        schemas = ["urn:ietf:params:scim:schemas:core:2.0:Group"]
        return self.create("/Groups", {"schemas": schemas, "displayName": name, "members": [{"value": self.leo}]})

    def members(self, group: str) -> set[str]:
        return {m["value"] for m in self.http.get(f"/Groups/{group}").json().get("members", [])}

    def close(self) -> None:
        self.http.close()
        self.process.kill()
        self.process.wait()


def scim_workspace(folder: Path, sandbox: Sandbox, port: int) -> Workspace:
    workspace = make_workspace(folder, sandbox, extra=CONNECTION.format(port=port))
    shutil.copytree(ROOT / "contracts" / "library" / "scim", folder / "contracts" / "scim")
    for name in ("groups.cedar", "groups.test.yaml"):
        shutil.copy(ROOT / "policies" / "library" / name, folder / "policies" / name)
    (folder / ".ailyus" / "secrets" / "scim").write_text("secret\n")
    return workspace
