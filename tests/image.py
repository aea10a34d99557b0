"""`uv run python -m tests.image`: the Dockerfile's steps as a script, since no Docker daemon is at hand.

It carries out COPY and RUN of the stage `build` in a folder of its own (what must be root's, or would change this
machine, is left out and named), then starts the gateway as that image does: another user where this one is
root, a workspace that cannot be written, keys that cannot be written, an empty private folder. It waits for `/readyz`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

from server.workspace.free_port import free_port
from tests.newest import ROOT
from tests.wheel import interpreter

DOCKERFILE = ROOT / "server" / "deploy" / "Dockerfile"
USER = 10_001
SECONDS = 60.0
_LEFT_OUT = ("groupadd", "pip install", "apt-get")


def steps(stage: str) -> Iterator[tuple[str, str]]:
    """The instructions of one stage, each on one line, without comments."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    part = text.split(f" AS {stage}\n", 1)[1].split("\nFROM ", 1)[0]
    for line in part.splitlines():
        word, _, rest = line.partition(" ")
        if rest:
            yield word, rest.strip()


def build(source: Path, environment: Path) -> None:
    """The stage `build`: what it copies is copied, what it runs is run, with the environment in another folder."""
    variables: dict[str, str] = {}
    for word, rest in steps("build"):
        if word in ("ARG", "ENV"):
            variables |= dict(one.split("=", 1) for one in shlex.split(rest))
        elif word == "COPY":
            *names, target = rest.split()
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / target)
        elif word == "RUN" and not rest.startswith(_LEFT_OUT):
            kept = {name: os.environ[name] for name in os.environ if name not in ("VIRTUAL_ENV", "UV_NO_CACHE")}
            asked = {**variables, "UV_PROJECT_ENVIRONMENT": str(environment), "UV_PYTHON": str(interpreter())}
            asked.pop("UV_NO_CACHE", None)  # an image keeps no cache; this machine may
            subprocess.run(["/bin/sh", "-ec", rest], cwd=source, env={**kept, **asked}, check=True)


def main() -> None:
    """Build, start, ask, end."""
    with tempfile.TemporaryDirectory(prefix="ailyus-image-") as name:
        root = Path(name)
        root.chmod(0o755)
        source, environment, home = root / "source", root / "opt-ailyus", root / "workspace"
        source.mkdir()
        build(source, environment)
        ailyus = environment / "bin" / "ailyus"
        start_as_image(ailyus, home)
    print("image: ok")


def first_start(ailyus: Path, home: Path) -> None:
    """What a person does before anything is deployed: a workspace, its keys, and `roots.json`."""
    subprocess.run([ailyus, "init", home], check=True, stdout=subprocess.DEVNULL)
    port = free_port()
    process = subprocess.Popen(
        [ailyus, "serve", "--as", "lead", "--port", str(port)], cwd=home, stdout=subprocess.DEVNULL
    )
    try:
        wait_until_ready(port, process)
    finally:
        process.terminate()
        process.wait(timeout=SECONDS)


def start_as_image(ailyus: Path, home: Path) -> None:
    """Start it as the image's last lines say: of the private folder the keys alone, and nothing else can be written."""
    first_start(ailyus, home)
    private, port = home / ".ailyus", free_port()
    for path in private.iterdir():
        if path.name.startswith(("store.db", "owner", "gateway")):
            path.unlink()
    for path in (home, *home.rglob("*")):
        key = path.name in ("log.pem", "store.secrets")
        own = path == private or private in path.parents
        if os.geteuid() == 0:
            os.chown(path, USER if own else 0, USER)
        path.chmod((0o700 if own else 0o750) if path.is_dir() else (0o400 if key else 0o600 if own else 0o440))
    (command,) = [shlex.split(rest.strip("[]").replace(",", " ")) for word, rest in steps("runtime") if word == "CMD"]
    settings = {"AILYUS_SERVER__PORT": str(port), "HOME": str(home / ".ailyus"), "PYTHONDONTWRITEBYTECODE": "1"}
    env = {"PATH": f"{ailyus.parent}:/usr/local/bin:/usr/bin:/bin", **settings}
    user: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
    process = subprocess.Popen([ailyus, *command, "--as", "lead"], cwd=home, env=env, stdout=subprocess.DEVNULL, **user)
    try:
        wait_until_ready(port, process)
    finally:
        process.terminate()
        if process.wait(timeout=SECONDS) != 0:
            sys.exit(f"the gateway ended with {process.returncode}")


def wait_until_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Until `/readyz` answers 200."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    sys.exit("the gateway did not get ready")


if __name__ == "__main__":
    main()
