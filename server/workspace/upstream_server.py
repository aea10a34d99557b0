"""An upstream MCP server as a person names it, and the tools that it defines now."""

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from adapters.mcp.pool import Servers
from adapters.mcp.sessions import FETCH_SECONDS
from adapters.mcp.stream_budget import Lost
from contracts.action.target import Mcp, Target
from contracts.drafts.draft import identifier
from contracts.drafts.mcp_import import Tool
from contracts.errors import AilyusError
from server.workspace.credentials import credentials_of
from server.workspace.settings.connection import McpPart
from server.workspace.workspace import Workspace

_ALWAYS = ("PATH", "HOME", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")

_OF_LAUNCHERS = ("UV_", "npm_config_", "NPM_CONFIG_")


@dataclass(frozen=True, slots=True)
class UpstreamServer:
    """How a person names an upstream server on the command line, and what of it is to be governed."""

    server: str
    kind: str = ""
    tools: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    fixed: Mapping[str, JsonValue] = field(default_factory=dict)
    variables: tuple[str, ...] = ()
    directory: str = ""
    credential: str = "none"

    @property
    def part(self) -> McpPart:
        """The settings of its connection. A command is split as a shell would, and run without one."""
        if self.server.startswith(("http://", "https://")):
            return McpPart(url=self.server)
        try:
            command = tuple(shlex.split(self.server))
        except ValueError as error:
            raise AilyusError("bad_settings", f"`{self.server}` is no command: {error}", hint="quote it") from None
        if not command:
            raise AilyusError("bad_settings", "there is no command", hint="give a URL or a command")
        # a launcher finds and builds packages by variables of its own; a server gets none that nobody named
        launcher = Path(command[0]).name in ("uvx", "npx")
        names = {n for n in os.environ if launcher and (n in _ALWAYS or n.startswith(_OF_LAUNCHERS))}
        variables = {n: f"env:{n}" for n in sorted(names)}
        for given in self.variables:
            name, equals, text = given.partition("=")
            variables[name] = f"text:{text}" if equals else f"env:{name}"
        return McpPart(command=command, variables=variables, directory=self.directory)


async def listed(workspace: Workspace, kind: str, part: McpPart, credential: str) -> list[Tool]:
    """The tools of a server as it defines them now."""
    mcp = Mcp(part.url, part.command, tuple(sorted(part.variables.items())), part.directory)
    target = Target(kind, kind, "", "", "", credential, credential, "", mcp=mcp)
    credentials = credentials_of(workspace)
    servers = Servers(credentials, FETCH_SECONDS)
    try:
        tools: list[Tool] = [*await (await servers.of(target, "", credential)).tools()]
        return tools
    except Lost as lost:
        raise AilyusError("no_server", f"`{part.url or ' '.join(part.command)}`: {lost.sentence}") from None
    finally:
        await servers.close()
        await credentials.close()


def kind_of(part: McpPart) -> str:
    """A name for a connection out of a package's, for example `git` out of `mcp-server-git==2026.10.19`."""
    words: Sequence[str] = (
        part.command[1:] if Path(part.command[0] if part.command else "").name in ("uvx", "npx") else part.command[:1]
    )
    own = next((word for word in words if not word.startswith("-")), part.url.split("//")[-1])
    package = own.split("/")[-1].split("==")[0].split("@")[0] or "upstream"
    return identifier(package).removeprefix("mcp_server_").removeprefix("server_") or "upstream"
