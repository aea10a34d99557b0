"""`uv run python -m tests.policies.differential [--requests N | --mistakes]`: our decisions against the official Cedar WASM.

Random policies and requests, half of them over the schema that the gateway writes (`decide`, `denied_early`,
`may_approve`), half over one with tags, addresses, dates and nested records too (`decide_again`). The judge gets every
policy as text, where we have slices of a parsed tree and a narrower schema. `--mistakes` holds what `policy diff` says of
each single mistake in the policies of a small world against every situation of that world, decided one by one.
"""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from tests.policies.differential.difference import AT_ONCE, Count, differences
from tests.policies.differential.judge import Judge
from tests.policies.small_world import BASE, by_brute_force, decided, found, mutants, release


def some(seeds: range) -> Count:
    """The count over these sets of policies."""
    count, judge = Count(), Judge()
    try:
        for seed in seeds:
            count.add(differences(judge, seed))
    finally:
        judge.close()
    return count


def mistakes() -> int:
    """How many mistakes change other outcomes than `policy diff` says."""
    before, wrong, count = release(BASE), 0, 0
    was = decided(before)
    for says, after in mutants():
        told, true = found(before, after), by_brute_force(was, decided(after))
        wrong, count = wrong + (told != true), count + 1
        if told != true:
            print(f"{says}: untold {sorted(true - told)}, not so {sorted(told - true)}", flush=True)
    print(f"{count} mistakes in the policies of the small world: {wrong} are told otherwise than they are decided")
    return wrong


def main() -> None:
    """Print the count; exit with 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--mistakes", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    wanted = parser.parse_args()
    if wanted.mistakes:
        sys.exit(1 if mistakes() else 0)
    sets = -(-wanted.requests // AT_ONCE)
    step, count = 40, Count()
    with ProcessPoolExecutor(wanted.processes) as pool:
        for found in pool.map(some, (range(at, min(at + step, sets)) for at in range(0, sets, step))):
            count.add(found)
            print(f"{count.asked} asked, {len(count.differ)} otherwise", file=sys.stderr, flush=True)
    print(*count.differ[:3], sep="\n\n")
    print(
        f"{count.asked} requests under {sets} sets of policies: {count.permitted} permitted, {count.approvals} with "
        f"approvals, {count.denied} denied ({count.early} early), {count.erring} with errors, {count.unfit} that do not fit "
        f"the schema, {count.approvers} approvers: {len(count.differ)} decided otherwise than by Cedar's WASM"
    )
    sys.exit(1 if count.differ else 0)


if __name__ == "__main__":
    main()
