"""The pages: every Markdown file of the repository, its links, its blocks, and the commands that it names."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.project import ROOT

FENCE: Final = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE: Final = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
_BEFORE: Final = re.compile(r"sudo|exec|uv|run|--no-dev|[A-Z_]+=\S*")
LINK: Final = re.compile(r"(!?)\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Page:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its place in the repository."""
        return self.path.relative_to(ROOT).as_posix()

    def blocks(self, language: str) -> list[str]:
        """What stands in its fences of one language."""
        return [block for found, block in FENCE.findall(self.text) if found == language]

    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        return [target for _, target in LINK.findall(FENCE.sub("", self.text))]

    def commands(self) -> Iterator[str]:
        """Each line that is a command of ours, in fences and in the text."""
        for block in self.blocks("sh"):
            for line in re.sub(r"\\\n", " ", block).splitlines():
                yield from _own(re.sub(r"(^|\s)#\s.*$", "", line))
        for words in INLINE.findall(FENCE.sub("", self.text)):
            yield from _own(" ".join(words.split()))


def _own(line: str) -> Iterator[str]:
    for part in re.split(r"&&|\|\||;|\|", re.sub(r"\"[^\"]*\"|'[^']*'", "VALUE", line)):
        words = part.split()
        if "ailyus" in words:
            place = words.index("ailyus")
            if all(_BEFORE.fullmatch(word) for word in words[:place]):
                yield " ".join(words[place + 1 :])


def pages() -> list[Page]:
    """Every page that is ours."""
    found = []
    for folder, folders, files in os.walk(ROOT):
        # not looked into at all: in an environment's folders packages come and go while other tests run
        folders[:] = [name for name in folders if name == ".github" or (name[0] != "." and name != "node_modules")]
        found += [Path(folder, name) for name in files if name.endswith(".md") and name[0] != "."]
    return [Page(path, path.read_text()) for path in sorted(found)]


def anchors(text: str) -> frozenset[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.MULTILINE)
    return frozenset(re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-") for head in heads)


def fault_of(command: str, options: Mapping[str, frozenset[str]]) -> str:
    """What is wrong with a command line, or nothing; `options` has the options of each command by its words."""
    words = [word for word in command.split() if word not in ("…", "`")]
    name = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in options), "")
    if not name:
        groups = {known.split()[0] for known in options}
        return "" if len(words) < 2 and (not words or words[0] in groups) else f"there is no command `ailyus {command}`"
    known = options[name]
    unknown = [w.split("=")[0] for w in words if re.match(r"--?[a-z]", w) and w.split("=")[0].strip(".,)") not in known]
    return f"`ailyus {name}` has no `{unknown[0]}`" if unknown else ""
