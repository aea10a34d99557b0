"""The versions of one contract's or plan's file: what the log keeps of it with each release, and what changed."""

import difflib
import re
from dataclasses import dataclass, replace

from receipts.log.log_keys import LogKeys
from receipts.statement import releases
from receipts.statement.releases import FILE, ReleaseRecord, opened
from receipts.store.row import Read


@dataclass(frozen=True, slots=True)
class ContractVersion:
    """The file as a release brought it. `difference` is against the version before; empty where that is not known."""

    record: ReleaseRecord
    text: str
    difference: tuple[str, ...] = ()


def versions_of(read: Read, keys: LogKeys, name: str, most: int) -> list[ContractVersion]:
    """The versions in the last `most` releases, the newest first; none where the log keeps no such file."""
    # as a file begins that declares it; what is told is the file's own text, and nothing that is decided by it
    declares = re.compile(rf"^(?:contract|plan):[ \t]*[\"']?{re.escape(name)}[\"']?[ \t]*(?:#.*)?$", re.MULTILINE)
    found: list[ContractVersion] = []
    for record in releases.history(read, keys, most):
        files = opened(read, record, keys, lambda label: label.startswith(FILE) and label.endswith((".yaml", ".yml")))
        text = next((text for data in files.values() if declares.search(text := data.decode())), None)
        # before this release there was no such file
        if text is None:
            break
        if found and found[-1].text == text:
            # the same file: the release before brought it
            found[-1] = replace(found[-1], record=record)
        else:
            found.append(ContractVersion(record, text))
    return [
        replace(one, difference=_difference(before.text, one.text)) if before is not None else one
        for one, before in zip(found, [*found[1:], None], strict=True)
    ]


def _difference(before: str, after: str) -> tuple[str, ...]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2)
    return tuple(lines)[2:]  # without the two lines that name files
