"""The shelf: every file of the bundled library by its name, such as `okta/unlock_user`, with what it needs.

It reads the files and compiles none: a list is shown at once, and a workspace compiles what it takes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Final

from pydantic import JsonValue

from contracts.compiler.catalog import SYSTEM_FILE
from contracts.errors import AilyusError
from contracts.schema.contract import RISKS
from contracts.text.document import read_document
from contracts.text.source import files_of, read_source
from policies.schema import groups
from server.results.json_value import object_of

_NAMING: Final = ("from", "contract", "browser", "flow", "login")
"""The keys under which one file names another: a finder, an undo or a step, and flows."""


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """A contract, plan or flow of the library. `name` is its path without the ending, `key` what others call it.

    `targets` are the kinds of system that it speaks to; `mentions` are the keys of all that it names.
    """

    name: str
    key: str
    kind: str
    text: str
    content: Mapping[str, JsonValue]
    targets: frozenset[str]
    mentions: frozenset[str]

    @property
    def system(self) -> str:
        """Its folder."""
        return self.name.rpartition("/")[0]

    @property
    def path(self) -> str:
        """Its place in a workspace."""
        return f"contracts/{self.name}.yaml"

    @property
    def risk(self) -> str:
        """Its risk; a plan's is that of its steps, a flow has none."""
        return str(self.content.get("risk", ""))

    def groups(self) -> frozenset[str]:
        """The groups of its action in Cedar; a plan or a flow is no action of its own."""
        risk = next((risk for risk in RISKS if risk == self.risk), None)
        tags = self.content.get("tags")
        if risk is None:
            return frozenset()
        return groups(self.kind, risk, map(str, tags if isinstance(tags, list) else ()))


@dataclass(frozen=True, slots=True)
class Shelf:
    """The whole library: its files by name, and the text that each folder's contracts share."""

    files: Mapping[str, LibraryFile]
    shared: Mapping[str, str]

    @classmethod
    def read(cls) -> "Shelf":
        """Read the bundled library."""
        with as_file(files("contracts").joinpath("library")) as root:
            texts = {path.relative_to(root): read_source(path) for path in files_of(root, "*.yaml")}
        shared = {path.parent.as_posix(): text for path, text in texts.items() if path.name == SYSTEM_FILE}
        own = (_file(path.with_suffix("").as_posix(), text) for path, text in texts.items() if path.name != SYSTEM_FILE)
        return cls({file.name: file for file in own}, shared)

    def found(self, words: Iterable[str]) -> list[LibraryFile]:
        """The contracts and plans in whose name, title or texts each of these words stands."""
        wanted = [word.lower() for word in words]
        return [
            file
            for file in self.files.values()
            if file.kind != "flow" and all(word in _searched(file) for word in wanted)
        ]

    def named(self, name: str) -> list[LibraryFile]:
        """What one word names: a contract or plan, with its folder or without, or all of a folder's."""
        if name in self.files:
            return [self.files[name]]
        # a flow alone does nothing: it comes with the contract that uses it
        own = [file for file in self.files.values() if file.kind != "flow" and name in (file.system, file.key)]
        if own:
            return own
        hint = "`ailyus contract library` lists what there is; `ailyus contract library WORD` searches in it"
        raise AilyusError("not_found", f"the library has no `{name}`", hint=hint)

    def with_needs(self, wanted: Iterable[LibraryFile]) -> list[LibraryFile]:
        """These files and all that they name, in the order of their names."""
        by_key = {file.key: file for file in self.files.values()}
        found: dict[str, LibraryFile] = {}
        left = list(wanted)
        while left:
            file = left.pop()
            if file.name not in found:
                found[file.name] = file
                # words that name nothing of the library are values, such as a browser's page
                left += [by_key[key] for key in file.mentions if key in by_key]
        return [found[name] for name in sorted(found)]

    def resource_type(self, file: LibraryFile) -> str:
        """What Cedar decides about where this contract is called."""
        own = file.content.get("resource")
        if own == "system":
            own = _document(self.shared[file.system]).get("resource")
        return str(object_of(own).get("type", "")) if isinstance(own, dict) else ""


def _file(name: str, text: str) -> LibraryFile:
    content = _document(text)
    form = next(key for key in ("contract", "plan", "flow") if key in content)
    kind = str(content["kind"]) if form == "contract" else form
    # the file's own name is no mention of it
    pairs = [pair for key, value in content.items() if key != form for pair in _pairs(key, value)]
    targets = frozenset(value for key, value in pairs if key == "target")
    mentions = frozenset(value for key, value in pairs if key in _NAMING)
    return LibraryFile(name, str(content[form]), kind, text, content, targets, mentions)


def _document(text: str) -> Mapping[str, JsonValue]:
    content = read_document(text)[1]
    return content if isinstance(content, dict) else {}


def _pairs(key: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """Every text below a key, with the key that it stands at."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from _pairs(name, part)
    elif isinstance(value, list):
        for part in value:
            yield from _pairs(key, part)


def _searched(file: LibraryFile) -> str:
    parts = (file.content.get(key, "") for key in ("title", "summary", "use_when"))
    return " ".join((file.name, *map(str, parts))).lower()
