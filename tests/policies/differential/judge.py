"""The judge: the official Cedar WASM in a process of Node.js, which answers one line for each line."""

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tests.node import NODE, environment, packages
from tests.world import ROOT

PACKAGE = "@cedar-policy/cedar-wasm@4.13.0"


class Judge:
    """Judges requests under one set of policies at a time."""

    def __init__(self) -> None:
        folder = packages(PACKAGE)
        script = ROOT / "tests" / "policies" / "differential" / "judge.mjs"
        self._process = subprocess.Popen(
            [NODE, str(script)],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def of(
        self, policies: Mapping[str, str], schema: str, guards: Sequence[str], requests: Sequence[object]
    ) -> list[dict[str, Any]]:
        """What it says to each request."""
        asked = {"policies": policies, "schema": schema, "guards": guards, "requests": requests}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(orjson.dumps(asked) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the judge has ended; its words are on stderr"
        found: list[dict[str, Any]] = orjson.loads(line)
        return found

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=60)
