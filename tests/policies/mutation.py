"""How many mistakes in the shipped policies their own tests notice: `uv run python -m tests.policies.mutation`"""

from server.workspace.policy_mutation import mutation_score


def main() -> None:
    """Print the survivors and the score."""
    score = mutation_score(None, 3600.0)
    for one in score.survivors:
        print(f"SURVIVES {one.position} {one.policy}: {one.kind}: {one.says}")
    loads = score.tried
    print(f"{score.noticed} of {loads} mistakes are noticed: {score.percent:.1f} %; {score.refused} more do not load")


if __name__ == "__main__":
    main()
