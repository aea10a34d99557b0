"""The files of a release: what it is made of, its tests, and the signature beside them."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from contracts.errors import AilyusError
from contracts.text.draft_mark import is_draft
from contracts.text.source import MalformedSource, files_of, read_bytes, read_source
from policies.budget import FILE as BUDGET_FILE
from policies.case import load_tests
from policies.release import Release
from policies.signed_release import SignedRelease, check_results
from policies.testing import run_tests

SIGNED_FILE = "release.json"
"""Where an author's signature waits for the gateway, beside the files that it is about."""

_MAX_SIGNED = 4 * 1024 * 1024
_PATTERNS = (
    ("contracts", "*.yaml"),
    ("policies", "*.cedar"),
    ("policies", "*.test.yaml"),
    ("policies", BUDGET_FILE),
)


def sources_of(root: Path) -> dict[str, bytes]:
    """Every file that a release is made of, and its tests, by the path in the workspace. Raises `AilyusError`."""
    found = {}
    for folder, pattern in _PATTERNS:
        for path in files_of(root / folder, pattern):
            name = path.relative_to(root).as_posix()
            try:
                text = read_source(path)
            except MalformedSource as error:
                raise AilyusError("bad_contract", str(error), hint="correct or remove the file", field=name) from None
            # a draft is no part of a release, so an edit of one makes no other release
            if folder != "contracts" or not is_draft(text):
                found[name] = text.encode()
    return found


def write_signed(root: Path, signed: SignedRelease, path: Path | None = None) -> Path:
    """Put the author's signature beside the files, where the gateway finds it."""
    path = path or root / SIGNED_FILE
    path.write_text(signed.model_dump_json(indent=2) + "\n")
    return path


def read_signed(root: Path) -> SignedRelease | None:
    """The author's signature beside the files, if there is one. Raises `AilyusError`."""
    path = root / SIGNED_FILE
    if not path.exists():
        return None
    try:
        return SignedRelease.model_validate_json(read_bytes(path, _MAX_SIGNED))
    except (MalformedSource, ValidationError):
        hint = "sign again: `ailyus release sign --as PERSON`"
        raise AilyusError("not_released", f"`{SIGNED_FILE}` holds no signed release", hint=hint) from None


@contextmanager
def written_files(sources: Mapping[str, bytes]) -> Iterator[Path]:
    """The files of a release in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="ailyus-release-") as folder:
        root = Path(folder).resolve()
        for name in ("contracts", "policies"):
            (root / name).mkdir()
        for name, data in sources.items():
            # a store that somebody edited may name a path that leads out of the folder
            path = (root / name).resolve()
            if not path.is_relative_to(root):
                raise AilyusError("store_corrupt", "a file of the last release has a path that leads elsewhere")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        yield root


def run_tests_of(release: Release, sources: Mapping[str, bytes]) -> int:
    """Run the policy tests of a release's files by its own decider: how many there are. Raises `tests_failed`."""
    with written_files(sources) as root:
        cases = [case for _, case in load_tests(root / "policies")]
    results = run_tests(release.decider, release.catalog.programs, cases)
    check_results(results)
    return len(results)
