"""`uv run python -m tests.wheel`: what a stranger installs, in an environment of its own, away from the checkout.

It builds the wheel, installs it without extras at the pinned versions, runs the demo and the checks of a new workspace
from an empty folder, and prints how much was installed. Without an extra, what needs it says which one. Then it serves,
as another user where this one is root: on every address with TLS, and behind nginx with a path before every path.
"""

import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tests.newest import ROOT
from tests.wheel_serving import interpreter, play

WITHOUT_EXTRAS = """
from adapters.browser.launch import check_driver
from contracts.errors import AilyusError
try:
    check_driver()
except AilyusError as error:
    print(error)
"""


def run(*command: str | Path, folder: Path) -> str:
    """What a command prints. It sees nothing of this checkout and of this environment."""
    kept = {name: os.environ[name] for name in os.environ if not name.startswith(("VIRTUAL_ENV", "PYTHON", "AILYUS_"))}
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, env=kept, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(
            f"{' '.join(map(str, command))} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout


def main() -> None:
    """Build, install, try."""
    pins = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
    with tempfile.TemporaryDirectory(prefix="ailyus-wheel-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # another user serves from it
        (folder / "pins.txt").write_text("\n".join(pins))
        run("uv", "build", "-q", "--wheel", "--out-dir", folder / "dist", ROOT, folder=ROOT)
        (wheel,) = (folder / "dist").glob("*.whl")
        run("uv", "venv", "-q", "--python", interpreter(), folder / "env", folder=folder)
        python = folder / "env" / "bin" / "python"
        run("uv", "pip", "install", "-q", "--python", python, "-c", folder / "pins.txt", wheel, folder=folder)
        empty = folder / "empty"
        empty.mkdir()
        ailyus = folder / "env" / "bin" / "ailyus"
        run(ailyus, "demo", "--format", "json", folder=empty)
        run(ailyus, "init", "w", folder=empty)
        for check in (("settings", "check"), ("contract", "check"), ("policy", "test")):
            run(ailyus, *check, folder=empty / "w")
        said = run(python, "-c", WITHOUT_EXTRAS, folder=empty)
        if "uv tool install '.[browser]'" not in said:
            sys.exit(f"without the extra `browser` it says: {said}")
        served = play(ailyus, folder / "served")
        packages = [path for path in (folder / "env").rglob("*.dist-info") if path.is_dir()]
        size = sum(path.stat().st_size for path in (folder / "env").rglob("*") if path.is_file())
        print(f"wheel: ok, {len(packages)} packages, {size / 2**20:.0f} MiB, served {served}")


if __name__ == "__main__":
    main()
