"""The configuration files of MCP clients: one entry put in or taken out, everything else left as it is."""

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
from pydantic import JsonValue

from contracts.errors import AilyusError

MAX_FILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class McpClient:
    """One client: where its configuration is, and under which key its servers stand."""

    file: Path
    key: str
    typed: bool

    @property
    def is_found(self) -> bool:
        """Is this client here? Its file is, or the folder that it made for it (a home folder proves nothing)."""
        return self.file.exists() or (self.file.parent != Path.home() and self.file.parent.is_dir())

    def entry(self, command: str, arguments: list[str]) -> dict[str, JsonValue]:
        """The entry of a server that is started over standard input and output."""
        found: dict[str, JsonValue] = {"command": command, "args": list(arguments)}
        return {"type": "stdio", **found} if self.typed else found

    def put(self, name: str, entry: Mapping[str, JsonValue] | None) -> bool:
        """Put the entry in (None: take it out); was anything changed? Raises `AilyusError`, and then nothing was."""
        content = self._read()
        servers = content.get(self.key, {})  # everything else in the file belongs to its client
        if not isinstance(servers, dict):
            raise self._unreadable(f"`{self.key}` is no object")
        if servers.get(name) == entry:
            return False
        kept = {n: e for n, e in servers.items() if n != name}
        content[self.key] = kept | ({name: dict(entry)} if entry is not None else {})
        self._write(content)
        return True

    def _read(self) -> dict[str, JsonValue]:
        if not self.file.exists():
            return {}
        data = self.file.read_bytes()
        if len(data) > MAX_FILE:
            raise self._unreadable("it is too large")
        if not data.strip():
            return {}
        try:
            content = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            # VS Code allows comments: to write the file anew would lose them
            raise self._unreadable(f"it is no plain JSON: {str(error).partition(':')[0]}") from None
        if not isinstance(content, dict):
            raise self._unreadable("it is no object")
        return content

    def _write(self, content: Mapping[str, JsonValue]) -> None:
        """Whole or not at all, with the mode that it had."""
        target = self.file.resolve()  # a link to a file elsewhere stays a link
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        # beside the target: `os.replace` is whole or not at all only within one file system
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".ailyus-")
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        os.chmod(temporary, mode)
        os.replace(temporary, target)

    def _unreadable(self, reason: str) -> AilyusError:
        hint = "nothing was changed; add what `--print` shows by hand"
        return AilyusError("bad_settings", f"`{self.file}` cannot be changed: {reason}", hint=hint)


def client_of(name: str) -> McpClient:
    """A client by its name in `ailyus connect`."""
    home = Path.home()
    if name == "claude-code":
        return McpClient(Path(os.environ.get("CLAUDE_CONFIG_DIR") or home) / ".claude.json", "mcpServers", True)
    if name == "cursor":
        return McpClient(home / ".cursor" / "mcp.json", "mcpServers", False)
    if name == "claude-desktop":
        return McpClient(_settings() / "Claude" / "claude_desktop_config.json", "mcpServers", False)
    return McpClient(_settings() / "Code" / "User" / "mcp.json", "servers", True)


def command() -> tuple[str, list[str]]:
    """How this program is started by others: by its absolute path, since clients start without a shell's PATH."""
    found = shutil.which("ailyus")
    if found:
        return str(Path(found).resolve() if not Path(found).is_absolute() else found), []
    # -P: a folder that a client starts us in is no place to import from
    return sys.executable, ["-P", "-c", "from server.cli.main import main; main()"]


def _settings() -> Path:
    """Where programs of this operating system keep their settings."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
