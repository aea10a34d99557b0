"""`ailyus policy test --watch`: the cases that a saved file is about run again, and what changed is told.

A saved file of cases runs again alone. Any other file of the release may turn every case, so all of them run again.
"""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from contracts.errors import AilyusError
from server.cli.output import Format, is_silent, note, show
from server.cli.policy_test_report import report_of
from server.cli.reload import LOOK_SECONDS, digests_of_files

if TYPE_CHECKING:
    from policies.testing import Result
    from server.workspace.policy_set import PolicySet

_CASES: Final = ".test.yaml"


def watch_tests(root: Path, format_: Format) -> None:
    """Run the cases of the workspace in this folder now and after each save, until the person ends it (Ctrl-C).

    JSON is one document a line, about all cases.
    """
    runs = PolicyTestRuns(root, format_)
    with contextlib.suppress(KeyboardInterrupt):
        seen = digests_of_files(root)
        runs.run(None)
        note("waits for a saved file; Ctrl-C ends it")
        while True:
            now = _settled(root, seen)
            changed = sorted(name for name in {*seen, *now} if seen.get(name) != now.get(name))
            seen = now
            note(f"saved: {', '.join(changed)}")
            runs.run(changed)


def _settled(root: Path, seen: dict[str, str | None]) -> dict[str, str | None]:
    """What the files say once it is something else, and the same at two looks."""
    before = seen
    while True:
        time.sleep(LOOK_SECONDS)
        now = digests_of_files(root)
        # an editor that is half through its save shows what nobody means
        if now == before != seen:
            return now
        before = now


class PolicyTestRuns:
    """The runs of one watch: what came of each case, so that the next run tells only what is other."""

    def __init__(self, root: Path, format_: Format) -> None:
        self._root = root
        self._format = format_
        self._policies: PolicySet | None = None
        self._results: dict[str, list[Result]] = {}
        self._failures: dict[tuple[str, str], str] = {}

    def run(self, changed: list[str] | None) -> None:
        """Run what these files are about, all cases for None; files that do not load are told, and the next run is.

        Writes to standard output what fails now and did not before, what passes again, and the numbers of all cases.
        """
        try:
            self._run(changed)
        except AilyusError as error:
            # the next save may mend policies that did not load, so nothing of this run is kept
            self._policies = None
            note(f"not run: {error}")

    def _run(self, changed: list[str] | None) -> None:
        from policies.case import load_tests
        from policies.testing import run_tests
        from server.workspace.policy_set import policy_set_of

        names = {Path(name).name for name in changed or ()}
        policies = self._policies
        if policies is None or changed is None or not all(name.endswith(_CASES) for name in names):
            policies, names = policy_set_of(self._root), set()
        cases = load_tests(policies.folder)
        results: dict[str, list[Result]] = {}
        for file, case in cases:
            if names and file not in names:
                results[file] = self._results[file]
            else:
                results.setdefault(file, []).extend(run_tests(policies.decider, policies.programs, [case]))
        self._policies, self._results = policies, results
        found = [(file, one) for file, some in results.items() for one in some]
        answer = report_of(policies, cases, found, is_bundled=False)
        form = Format.table if self._format is Format.table else Format.jsonl
        show(form, answer.document, [*self._changed(found), *(() if is_silent() else answer.says)])

    def _changed(self, found: "list[tuple[str, Result]]") -> list[str]:
        failures = {(file, one.case.name): one.failure for file, one in found if one.failure}
        former, self._failures = self._failures, failures
        ran = {(file, one.case.name) for file, one in found}
        lines = [f"FAILED {key[1]}: {why}" for key, why in failures.items() if former.get(key) != why]
        # one that is no longer there has not passed
        return lines + [f"passes again: {key[1]}" for key in former if key in ran and key not in failures]
