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
from server.cli.toml_table import table_text, with_table

MAX_FILE = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class McpClient:
    """One client: where its configuration is, under which key its servers stand, and how it writes a remote one.

    `url` is the key of an address, empty where the file holds none. `reference` is how a value refers to a variable of
    the environment, so that no token stands in the file; empty where the client asks its user instead (`inputs`).
    `variable` is the key of the name of such a variable, where the file has one for it and needs no header.
    """

    file: Path
    key: str
    typed: bool
    url: str = "url"
    reference: str = "${{env:{}}}"
    variable: str = ""

    @property
    def is_found(self) -> bool:
        """Is this client here? Its file is, or the folder that it made for it (a home folder proves nothing)."""
        return self.file.exists() or (self.file.parent != Path.home() and self.file.parent.is_dir())

    def entry(self, command: str, arguments: list[str]) -> dict[str, JsonValue]:
        """The entry of a server that is started over standard input and output."""
        found: dict[str, JsonValue] = {"command": command, "args": list(arguments)}
        return {"type": "stdio", **found} if self.typed else found

    def remote(self, name: str, url: str, variable: str | None) -> dict[str, JsonValue]:
        """The entry of a gateway elsewhere; `variable` holds the agent's token, None where people sign in (OAuth)."""
        entry: dict[str, JsonValue] = {"type": "http"} if self.typed else {}
        entry[self.url] = url
        if variable is not None and self.variable:
            entry[self.variable] = variable
        elif variable is not None:
            given = self.reference.format(variable) if self.reference else f"${{input:{name}-token}}"
            entry["headers"] = {"Authorization": f"Bearer {given}"}
        return entry

    def document(self, name: str, entry: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """What a file with this entry alone would hold."""
        inputs = self._inputs(name, entry)
        return {self.key: {name: dict(entry)}, **({"inputs": inputs} if inputs else {})}

    def text(self, name: str, entry: Mapping[str, JsonValue]) -> str:
        """The same, as the file spells it."""
        if self._is_toml:
            return table_text(self.key, name, entry)
        return orjson.dumps(self.document(name, entry), option=orjson.OPT_INDENT_2).decode() + "\n"

    def put(self, name: str, entry: Mapping[str, JsonValue] | None) -> bool:
        """Put the entry in (None: take it out); was anything changed? Raises `AilyusError`, and then nothing was."""
        if self._is_toml:
            return self._put_table(name, entry)
        content = self._read()
        if not self.reference:
            self._put_inputs(content, name, self._inputs(name, entry) if entry is not None else [])
        servers = content.get(self.key, {})  # everything else in the file belongs to its client
        if not isinstance(servers, dict):
            raise self._unreadable(f"`{self.key}` is no object")
        if servers.get(name) == entry:
            return False
        kept = {n: e for n, e in servers.items() if n != name}
        content[self.key] = kept | ({name: dict(entry)} if entry is not None else {})
        self._write(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
        return True

    @property
    def _is_toml(self) -> bool:
        return self.file.suffix == ".toml"

    def _put_table(self, name: str, entry: Mapping[str, JsonValue] | None) -> bool:
        try:
            before = self._bytes().decode()
            after = with_table(before, self.key, name, entry)
        except (ValueError, RecursionError) as error:  # no UTF-8 and no TOML among them
            raise self._unreadable(str(error)) from None
        if after != before:
            self._write(after.encode())
        return after != before

    def _inputs(self, name: str, entry: Mapping[str, JsonValue]) -> list[JsonValue]:
        """What the client is to ask its user for, once, because the entry refers to it."""
        if self.reference or "headers" not in entry:
            return []
        what = "The token of the agent (ailyus agent add)"
        return [{"type": "promptString", "id": f"{name}-token", "description": what, "password": True}]

    def _put_inputs(self, content: dict[str, JsonValue], name: str, asked: list[JsonValue]) -> None:
        known = content.get("inputs", [])
        if not isinstance(known, list):
            raise self._unreadable("`inputs` is no list")
        kept = [one for one in known if not isinstance(one, dict) or one.get("id") != f"{name}-token"]
        # a file that had none gets none: taking the entry out leaves it as it was
        if kept or asked:
            content["inputs"] = kept + asked
        elif known:
            del content["inputs"]

    def _bytes(self) -> bytes:
        data = self.file.read_bytes() if self.file.exists() else b""
        if len(data) > MAX_FILE:
            raise self._unreadable("it is too large")
        return data

    def _read(self) -> dict[str, JsonValue]:
        data = self._bytes()
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

    def _write(self, data: bytes) -> None:
        """Whole or not at all, with the mode that it had."""
        target = self.file.resolve()  # a link to a file elsewhere stays a link
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        # beside the target: `os.replace` is whole or not at all only within one file system
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".ailyus-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, target)

    def _unreadable(self, reason: str) -> AilyusError:
        hint = "nothing was changed; add what `--print` shows by hand"
        return AilyusError("bad_settings", f"`{self.file}` cannot be changed: {reason}", hint=hint)


def client_of(name: str) -> McpClient:
    """A client by its name in `ailyus connect`."""
    home = Path.home()
    # each client reads its own file and key; these are the places that their pages name
    if name == "claude-code":
        folder = Path(os.environ.get("CLAUDE_CONFIG_DIR") or home)
        return McpClient(folder / ".claude.json", "mcpServers", True, reference="${{{}}}")
    if name == "codex":
        # it takes no token from its file, only the name of a variable
        folder = Path(os.environ.get("CODEX_HOME") or home / ".codex")
        return McpClient(folder / "config.toml", "mcp_servers", False, variable="bearer_token_env_var")
    if name == "cursor":
        return McpClient(home / ".cursor" / "mcp.json", "mcpServers", False)
    if name == "windsurf":
        return McpClient(home / ".codeium" / "windsurf" / "mcp_config.json", "mcpServers", False, url="serverUrl")
    if name == "gemini-cli":
        # its `url` is for the older transport of two channels
        return McpClient(home / ".gemini" / "settings.json", "mcpServers", False, url="httpUrl", reference="${{{}}}")
    if name == "claude-desktop":
        # it reads commands from its file, and addresses only from its window of settings
        return McpClient(_settings() / "Claude" / "claude_desktop_config.json", "mcpServers", False, url="")
    return McpClient(_settings() / "Code" / "User" / "mcp.json", "servers", True, reference="")


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
