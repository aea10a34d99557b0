"""Install what is missing, with the package manager that this machine has."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from adapters.browser.launch import check_driver, find_browser
from contracts.errors import AilyusError

_SECONDS = 900
_INSTALL = (
    "-o",
    "DPkg::Lock::Timeout=300",
    "install",
    "-y",
    "-qq",
    "--no-install-recommends",
    "chromium-headless-shell",
)
"""Another installation that runs is waited for, 300 s at most."""


def install_browser(say: Callable[[str], None], path: str | None = None) -> Path:
    """Debian's headless browser where apt is at hand, else Playwright's own. Raises `AilyusError` `no_browser`."""
    check_driver()
    found = find_browser(path)
    if found is not None:
        return found
    tried = []
    for commands in _ways():
        tried.append(" && ".join(" ".join(command) for command in commands))
        say(f"installing a browser: {tried[-1]}")
        # looked for again: a package manager that says yes may have installed something else
        if all(_done(command) for command in commands) and (found := find_browser(path)):
            return found
    hint = f"run `{tried[0]}` yourself, or name an installed one as `path` under [browser]"
    raise AilyusError("no_browser", "no browser could be installed", hint=hint)


def _ways() -> Iterator[Sequence[Sequence[str]]]:
    apt = shutil.which("apt-get")
    # Debian's first: 0.2 s to a page against 0.5 s of a full Chromium, and it is updated with the system
    if apt and os.geteuid() == 0:
        yield [[apt, "update", "-qq"], [apt, *_INSTALL]]
    elif apt and (sudo := shutil.which("sudo")):
        # -n: it never waits for a password that nobody sees asked for
        yield [[sudo, "-n", apt, "update", "-qq"], [sudo, "-n", apt, *_INSTALL]]
    yield [[sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]]


def _done(command: Sequence[str]) -> bool:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=env, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - ours
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
