"""The answer of a command: a document for programs, lines for people, and the exit code.

The document's type is the command's published schema (`ailyus schema COMMAND`): a frozen dataclass, a list of them, or
a mapping where the document has a schema of its own.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Generic, ParamSpec, TypeVar, get_args, get_origin

import typer

from contracts.errors import AilyusError
from server.cli import output
from server.cli.exit_code import DONE
from server.cli.output import Format

P = ParamSpec("P")
T = TypeVar("T")
Document = TypeVar("Document")

FormatOption = Annotated[Format, typer.Option("--format", help="A table for people, or JSON for programs.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print only what was asked for, and errors.")]
_KEYWORD: Final = inspect.Parameter.KEYWORD_ONLY
_SHARED: Final = (
    inspect.Parameter("format", _KEYWORD, default=Format.table, annotation=FormatOption),
    inspect.Parameter("quiet", _KEYWORD, default=False, annotation=QuietOption),
)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Document]):
    """What a command says: `lines` are what was asked for, `says` a word about it that `--quiet` leaves out."""

    document: Document
    lines: Sequence[str] = ()
    says: Sequence[str] = ()
    code: int = DONE


def group(help: str) -> typer.Typer:
    """A group of commands with the same first word; or of one word each, which the root lists by themselves."""
    from server.cli.command_tree import WordGroup

    return typer.Typer(
        help=help,
        cls=WordGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,  # what it draws costs 0.3 s for each help and each wrong option
    )


def verb(
    of: typer.Typer, name: str, *, is_hidden: bool = False
) -> Callable[[Callable[P, Answer[T] | None]], Callable[P, Answer[T] | None]]:
    """Add a function to a group under this name. It takes `--quiet`, and `--format` if it returns an `Answer`."""

    def add(function: Callable[P, Answer[T] | None]) -> Callable[P, Answer[T] | None]:
        of.command(name, hidden=is_hidden)(_command_of(function))
        return function

    return add


def document_of(command: object) -> type[object] | None:
    """The type of a command's document; None where it answers with none."""
    found: type[object] | None = getattr(command, "document", None)
    return found


def _command_of(function: Callable[..., Answer[T] | None]) -> Callable[..., None]:
    signature = inspect.signature(function)
    answered = [one for one in (signature.return_annotation, *get_args(signature.return_annotation)) if _answers(one)]
    own = signature.parameters
    shared = [part for part in _SHARED if part.name not in own and (answered or part.name == "quiet")]

    def run(**given: object) -> None:
        # a function that tells its story while it goes on takes the format itself
        taken = given if "format" in signature.parameters else {"format": given.pop("format", Format.table)}
        named, quiet = str(taken["format"]), given.pop("quiet", False)
        # a report has forms of its own, which its lines are in already
        format_ = Format(named) if named in Format.__members__ else Format.table
        output.silence(bool(quiet))
        try:
            answer = function(**given)
        except AilyusError as error:
            output.fail(error)
        if answer is not None:
            output.show(format_, answer.document, [*answer.lines, *(() if quiet else answer.says)])
            if answer.code != DONE:
                raise typer.Exit(answer.code)

    parameters = [*signature.parameters.values(), *shared]
    run.__name__, run.__doc__, run.__module__ = function.__name__, function.__doc__, function.__module__
    run.__annotations__ = {part.name: part.annotation for part in parameters}
    facts: Mapping[str, object] = {
        "__signature__": signature.replace(parameters=parameters, return_annotation=None),
        "document": get_args(answered[0])[0] if answered else None,
    }
    for name, value in facts.items():
        setattr(run, name, value)
    return run


def _answers(annotation: object) -> bool:
    return get_origin(annotation) is Answer
