"""The completion of command lines: a script that knows every word by itself, so that no key press starts a program."""

import inspect
from collections.abc import Mapping
from enum import Enum
from types import UnionType
from typing import Annotated, Final, Literal, Union, get_args, get_origin

from typer.core import TyperCommand

from server.cli.command_tree import TREE, load, words_of

Shell = Literal["bash", "zsh"]
_SHARED: Final = ("-h", "--help")


def script_of(shell: Shell) -> str:
    """The script; written anew by each version, so that it must not be kept longer than that."""
    words, values = _words(), _values()
    name = "words" if shell == "bash" else "found"  # zsh keeps the words of the command line under the former
    cases = "\n".join(f"    '{path}') {name}='{' '.join(words[path])}' ;;" for path in words)
    chosen = "\n".join(f"    '{key}') {name}='{' '.join(values[key])}' ;;" for key in values)
    return _TEMPLATES[shell].replace("@CASES@", cases).replace("@VALUES@", chosen)


def _words() -> Mapping[str, list[str]]:
    """What may come next, by the command's words so far."""
    found: dict[str, list[str]] = {"": [name for name, entry in TREE.items() if not entry.is_hidden]}
    found[""] += ["--version", *_SHARED]
    for path, command in words_of(load()):
        for count in range(1, len(path)):
            known = found.setdefault(" ".join(path[:count]), [])
            known += [path[count]] if path[count] not in known else []
        found[" ".join(path)] = [*_arguments(command), *_options(command), *_SHARED]
    return found


def _values() -> Mapping[str, list[str]]:
    """The values that an option takes, by the command's words and the option."""
    found: dict[str, list[str]] = {}
    for path, command in words_of(load()):
        for part in command.params:
            choices = _choices(command, part.name)
            for option in part.opts if choices else ():
                if option.startswith("-"):
                    found[f"{' '.join(path)} {option}"] = choices
    return found


def _arguments(command: TyperCommand) -> list[str]:
    arguments = (part for part in command.params if part.param_type_name == "argument")
    return [word for part in arguments for word in _choices(command, part.name)]


def _options(command: TyperCommand) -> list[str]:
    options = (part for part in command.params if part.param_type_name == "option")
    return [word for part in options for word in (*part.opts, *part.secondary_opts) if word.startswith("--")]


def _choices(command: TyperCommand, name: str | None) -> list[str]:
    """The values of a parameter that takes one of a few, as its function declares them."""
    parameters = inspect.signature(command.callback).parameters if command.callback else {}
    found = parameters[name].annotation if name and name in parameters else None
    while get_origin(found) in (Annotated, Union, UnionType):
        found = get_args(found)[0]
    if get_origin(found) is Literal:
        return [str(one) for one in get_args(found)]
    return [str(one.value) for one in found] if isinstance(found, type) and issubclass(found, Enum) else []


# the words before the one at the cursor, without options and their values, are the command; two of them at most
_BASH = """\
_ailyus() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" path='' words='' word i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="${COMP_WORDS[i]}"
    [[ $word == -* ]] && break
    _ailyus_words "$path" && [[ " $words " == *" $word "* ]] || break
    path="${path:+$path }$word"
  done
  words=''
  _ailyus_values "$path $prev" || _ailyus_words "$path" || return 0
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
_ailyus_words() {
  case "$1" in
@CASES@
    *) return 1 ;;
  esac
}
_ailyus_values() {
  case "$1" in
@VALUES@
    *) return 1 ;;
  esac
}
complete -o bashdefault -o default -F _ailyus ailyus
"""
_ZSH = """\
#compdef ailyus
_ailyus() {
  emulate -L zsh
  local prev="${words[CURRENT-1]}" so_far='' found='' word
  local -i i
  local -a typed=("${words[@]}")
  for ((i = 2; i < CURRENT; i++)); do
    word="${typed[i]}"
    [[ $word == -* ]] && break
    _ailyus_words "$so_far" && [[ " $found " == *" $word "* ]] || break
    so_far="${so_far:+$so_far }$word"
  done
  found=''
  _ailyus_values "$so_far $prev" || _ailyus_words "$so_far"
  if [[ -n $found ]]; then
    compadd -- ${(s: :)found} || _files
  else
    _files
  fi
}
_ailyus_words() {
  case "$1" in
@CASES@
    *) return 1 ;;
  esac
}
_ailyus_values() {
  case "$1" in
@VALUES@
    *) return 1 ;;
  esac
}
whence compdef > /dev/null || { autoload -Uz compinit && compinit -u }
compdef _ailyus ailyus
"""
_TEMPLATES: Final[Mapping[Shell, str]] = {"bash": _BASH, "zsh": _ZSH}
