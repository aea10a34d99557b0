"""The head of commands that kill gateways: their common options, campaigns side by side as one, and what is printed."""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Deaths(Protocol):
    """A campaign: how often it killed where, how the actions ended, and what was not as it must be."""

    deaths: Counter[str]
    ends: Counter[str]
    wrong: list[str]


T = TypeVar("T", bound=Deaths)


def options(name: str, description: str | None) -> argparse.ArgumentParser:
    """What every such command takes."""
    parser = argparse.ArgumentParser(prog=name, description=description)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    return parser


def shares(kills: int, lanes: int) -> list[int]:
    """How many of the kills each of so many campaigns makes, without those that would make none."""
    return [share for lane in range(lanes) if (share := kills // lanes + (lane < kills % lanes))]


def joined(made: Sequence[T]) -> T:
    """The first campaign, with what the others made."""
    whole = made[0]
    for one in made[1:]:
        whole.deaths += one.deaths
        whole.ends += one.ends
        whole.wrong += one.wrong
    return whole


def told(made: Deaths, began: float, what: str) -> int:
    """Print it; the exit code. `what` is its own part of the last line."""
    for name, count in sorted(made.deaths.items()):
        print(f"{count:6}  {name}")
    for name, count in sorted(made.ends.items()):
        print(f"{count:6}  ended: {name}")
    for sentence in made.wrong:
        print(f"WRONG: {sentence}")
    total, seconds = sum(made.deaths.values()), time.monotonic() - began
    print(f"{total} {what}, {len(made.wrong)} findings, {seconds:.0f} s")
    return 1 if made.wrong else 0
