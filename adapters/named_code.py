"""The import of an adapter's code: exactly the files whose digest the settings name, as the text that was digested.

Python prefers a compiled module that lies beside a text, if time and size fit, and an extension module of the same
name. The digest covers neither, so both could stand in for the code that somebody looked at. Dependencies are imported
as usual: they are no part of the digest.
"""

import sys
from collections.abc import Collection, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from contracts.errors import AilyusError


class _SourceText(SourceFileLoader):
    """Compiles the text anew, whatever lies in `__pycache__`."""

    def path_stats(self, path: str) -> dict[str, float]:
        """Without time and size of the text there is no byte code that fits it, and none is written."""
        raise OSError(path)


class NamedCode(MetaPathFinder):
    """Finds the modules of one distribution, and only in the files that its digest covers."""

    def __init__(self, files: Collection[Path]) -> None:
        self._files = {file.resolve() for file in files}
        roots = {file.parent.resolve() for file in self._files if file.suffix == ".py"}
        self._names = {file.stem for file in self._files if file.suffix == ".py"} | {root.name for root in roots}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module, if it is one of the distribution's; None leaves every other to Python. Raises `no_adapter`."""
        if fullname.rpartition(".")[2] not in self._names:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None:
            return None
        origin = Path(spec.origin).resolve()
        if origin in self._files and origin.suffix == ".py":
            spec.loader = _SourceText(fullname, spec.origin)
        elif any(file.parent == origin.parent and file.stem == origin.name.partition(".")[0] for file in self._files):
            # an extension module or byte code stands before the text of the same name
            sentence = f"`{origin.name}` would be imported in place of the code that the settings name"
            raise AilyusError("no_adapter", sentence, hint="install the distribution anew into an empty environment")
        return spec


def import_only(files: Collection[Path]) -> None:
    """From now on modules of these files are imported from them alone."""
    sys.meta_path.insert(0, NamedCode(files))
