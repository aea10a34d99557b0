"""The check of a workspace's settings: all faults at once, and what was written and is read by nothing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import AilyusError
from server.workspace.settings.coverage_fault import coverage_faults
from server.workspace.settings.effective import effective_settings
from server.workspace.settings.fault import faults_of
from server.workspace.settings.file import FILE, check_settings, content_of
from server.workspace.settings.references import variables_in
from server.workspace.settings.settings import Settings
from server.workspace.settings.variables import unread_variables


@dataclass(frozen=True, slots=True)
class CheckedSettings:
    """The faults; the variables that no setting reads and that mean none; how many keys each source says."""

    faults: tuple[AilyusError, ...]
    unread: tuple[str, ...]
    sources: Mapping[str, int]


def check_folder(folder: Path, environ: Mapping[str, str]) -> CheckedSettings:
    """Check the settings of a workspace. Raises `AilyusError` where there is no file, or where it is no TOML."""
    content = content_of(folder)
    try:
        settings = Settings(**content)
    except ValidationError as error:
        return CheckedSettings(tuple(faults_of(error, FILE, environ)), (), {})
    variables = unread_variables(environ, variables_in(settings))
    unread = tuple(one.name for one in variables if not one.is_misspelt)
    try:
        check_settings(settings)
    except AilyusError as error:
        return CheckedSettings((error,), unread, {})
    if faults := tuple(fault for name in settings.coverage for fault in coverage_faults(settings, name)):
        return CheckedSettings(faults, unread, {})
    sources = Counter(
        one.source if one.source in (FILE, "default") else "variables" for one in effective_settings(folder, environ)
    )
    return CheckedSettings((), unread, sources)
