"""The exit codes of commands: each has one meaning, and Typer's own keeps its number."""

from click import UsageError

from server.cli import exit_code


def test_each_code_has_one_meaning() -> None:
    codes = [value for name, value in vars(exit_code).items() if name.isupper() and isinstance(value, int)]
    assert sorted(codes) == sorted(exit_code.MEANINGS)
    assert len(set(exit_code.MEANINGS.values())) == len(codes)
    assert UsageError.exit_code == exit_code.MISUSED
