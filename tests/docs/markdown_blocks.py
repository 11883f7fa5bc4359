"""The code blocks of the Markdown pages, and what each of them is.

A block says so by its language:

* `sh`: commands that succeed, one a line;
* `console`: commands after a `$`, each with all that it prints below it; a line `...` stands
  for any lines;
* `python`: statements, in one namespace for the whole page;
* `output`: what the Python before it has printed since the last such block;
* anything with a `title`: the content of a file of that name;
* `formula` and `text`: to be read, not run.

A comment in front of a block may say more: `<!-- not run: NAME -->`, with a name that the tests
know, or `<!-- other numbers -->`, where the numbers printed need not be the same.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
LANGUAGES = {"sh", "console", "python", "output", "formula", "text"}

FENCE = re.compile(r'(`{3,})(\w*)(?: title="([^"]+)")?')
COMMENT = re.compile(r"<!-- (?:not run: (?P<name>[\w-]+)|(?P<loose>other numbers)) -->")
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Block:
    """One fenced block and where it stands."""

    page: str
    line: int
    """Of the fence that opens it."""
    language: str
    title: str | None
    not_run: str | None
    """The name under which it is not run, if it is not."""
    loose: bool
    """Whether other numbers may be printed than those that are shown."""
    text: str


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    found, lines = [], PAGES[page].read_text(encoding="utf-8").splitlines()
    i = 0
    while i < len(lines):
        opened = FENCE.fullmatch(lines[i])
        if opened is None:
            assert "```" not in lines[i], f"{page}, line {i + 1}: a fence that is not understood"
            i += 1
            continue
        marks, language, title = opened.groups()
        end = lines.index(marks, i + 1)
        comment = COMMENT.fullmatch(lines[i - 1]) if i else None
        found.append(
            Block(
                page=page,
                line=i + 1,
                language=language,
                title=title,
                not_run=comment["name"] if comment else None,
                loose=bool(comment and comment["loose"]),
                text="".join(f"{line}\n" for line in lines[i + 1 : end]),
            )
        )
        i = end + 1
    return found


def commands(text: str) -> Iterator[str]:
    """The commands of a `sh` block; lines are joined at a backslash, comments are no commands."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a `console` block, each with what it prints."""
    before, *parts = re.split(r"^\$ ", text, flags=re.M)
    assert not before, "a console block begins with a command"
    for part in parts:
        command, _, printed = part.partition("\n")
        yield command, printed


def looks_like(printed: str, shown: str, *, loose: bool) -> bool:
    """Whether what is printed is what is shown; how wide columns are does not matter."""
    pattern = ""
    for line in shown.splitlines():
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
            continue
        words = [_word(word, loose=loose) for word in line.split()]
        pattern += " *" + " +".join(words) + " *\n"
    return re.fullmatch(pattern, printed) is not None


def _word(word: str, *, loose: bool) -> str:
    if not loose:
        return re.escape(word)
    return NUMBER.pattern.join(map(re.escape, NUMBER.split(word)))
