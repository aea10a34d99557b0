"""The launch of a browser: which program, with which arguments, as which user of the operating system."""

import importlib.util
import os
import pwd
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import AilyusError

if TYPE_CHECKING:  # heavy: imported where the first browser starts
    from playwright.async_api import Browser, Playwright

_KNOWN = (
    "/usr/lib/chromium/chromium-headless-shell",
    "/usr/bin/chromium-headless-shell",
    "/usr/lib/chromium/chromium",
    "/usr/bin/chromium",
)
_OF_PLAYWRIGHT = (
    "chromium_headless_shell-*/chrome-*/headless_shell",
    "chromium_headless_shell-*/chrome-*/chrome-headless-shell",
    "chromium-*/chrome-*/chrome",
)
_ARGUMENTS = (
    "--headless",
    "--remote-debugging-pipe",
    "--block-new-web-contents",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-breakpad",
    "--disable-client-side-phishing-detection",
    "--disable-component-extensions-with-background-pages",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-features=AutofillServerCommunication,MediaRouter,OptimizationHints,Prerender2,Translate",
    "--disable-field-trial-config",
    "--disable-gpu",
    "--disable-hang-monitor",
    "--disable-quic",
    "--disable-renderer-backgrounding",
    "--disable-sync",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--hide-scrollbars",
    "--metrics-recording-only",
    "--mute-audio",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    "--use-mock-keychain",
)
_LAUNCH_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class BrowserSettings:
    """Which browser, as which user of the operating system (`nobody` where we are root), how many pages at once.

    `sandbox = False` takes the browser's own sandbox away; settings allow that for development only.
    """

    path: str | None = None
    user: str | None = None
    sandbox: bool = True
    pages: int = 4


def check_driver() -> None:
    """Raise `AilyusError` `no_browser` without the extra that drives a browser."""
    if importlib.util.find_spec("playwright") is None:
        hint = "install the extra: `uv tool install '.[browser]'`"
        raise AilyusError("no_browser", "pages need playwright, which is not installed", hint=hint)


def find_browser(path: str | None = None) -> Path | None:
    """The browser to use: the one of the settings, Debian's chromium, or the one that Playwright installed."""
    if path is not None:
        return Path(path) if os.access(path, os.X_OK) else None
    known = [Path(p) for p in _KNOWN]
    home = os.environ.get("PLAYWRIGHT_BROWSERS_PATH")
    for folder in (
        Path(home) if home else Path.home() / ".cache/ms-playwright",
        Path.home() / "Library/Caches/ms-playwright",
    ):
        known += [p for pattern in _OF_PLAYWRIGHT for p in sorted(folder.glob(pattern), reverse=True)]
    return next((p for p in known if os.access(p, os.X_OK)), None)


def launch_line(settings: BrowserSettings, browser: Path, folder: Path) -> tuple[str, list[str]]:
    """The program and its arguments; as another user where we are root. Raises `AilyusError` `no_browser`."""
    arguments = [*_ARGUMENTS, f"--user-data-dir={folder}"]
    arguments += [] if settings.sandbox else ["--no-sandbox"]
    user = settings.user or ("nobody" if os.geteuid() == 0 and settings.sandbox else None)
    if user is None:
        return str(browser), [*arguments, "about:blank"]
    setpriv = shutil.which("setpriv")
    if setpriv is None or os.geteuid() != 0:
        hint = "run the gateway as that user, or as root with util-linux's setpriv installed"
        raise AilyusError("no_browser", f"the browser cannot be started as the user `{user}`", hint=hint)
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        raise AilyusError("no_browser", f"there is no user `{user}`", hint="see `user` under [browser]") from None
    os.chown(folder, found.pw_uid, found.pw_gid)
    drop = [f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups", "--inh-caps=-all", "--"]
    return setpriv, [*drop, str(browser), *arguments, "about:blank"]


async def launched(driver: "Playwright", settings: BrowserSettings, browser: Path, folder: Path) -> "Browser":
    """Start a browser with an environment of its own. Raises Playwright's `Error`, or `AilyusError` `no_browser`."""
    program, arguments = launch_line(settings, browser, folder)
    env: dict[str, str | float | bool] = {"HOME": str(folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return await driver.chromium.launch(
        executable_path=program,
        # Playwright's own arguments change with each of its versions; ours are what was tried
        ignore_default_args=True,
        args=arguments,
        env=env,
        timeout=_LAUNCH_SECONDS * 1000,
        # a signal to the gateway is the gateway's: it ends the browser when nothing is out any more
        handle_sigint=False,
        handle_sigterm=False,
        handle_sighup=False,
    )
