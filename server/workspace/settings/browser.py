"""`[browser]`: the browser that opens the pages of connections."""

from typing import Annotated

from pydantic import Field

from adapters.browser.launch import BrowserSettings
from server.workspace.settings.part import Measure, SettingsPart


class BrowserPart(SettingsPart):
    """The browser of the gateway: which one, as which user of the operating system, how many pages at once."""

    path: str | None = Field(None, examples=["/usr/bin/chromium"])
    """The program; without it the one that `ailyus doctor --fix` installs, or a Chromium of the system."""
    user: str | None = Field(None, examples=["nobody"])
    """The operating system's user that it runs as, where the gateway is root."""
    sandbox: bool = True
    """Does it keep its sandbox? `false` is for workspaces with `development = true`."""
    pages: Annotated[int, Measure("pages")] = Field(4, ge=1, le=32)
    """How many pages may be open at once."""

    @property
    def launch(self) -> BrowserSettings:
        """What the browser is started with."""
        return BrowserSettings(self.path, self.user, self.sandbox, self.pages)
