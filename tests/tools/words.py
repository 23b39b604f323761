# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds words of words.txt in what users read: docs, option descriptions, messages, task names and changelog fragments.
In all but messages and task names, it finds sentences that are too long as well.

words.py [ROOT]: prints each with its file and line, and the plain words to use instead.
"""

from __future__ import annotations

import ast
import dataclasses
import pathlib
import re
import sys
import typing as t

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIST = pathlib.Path(__file__).with_suffix(".txt")
# Code, targets of links, Ansible's markup and comments, which are not prose
CODE = re.compile(r"`+[^`]*`+|\]\([^)]*\)|\b[A-Z]+\([^)]*\)|<!--.*?-->")
DOCUMENTATION = ("DOCUMENTATION", "RETURN", "EXAMPLES")
PROSE = ("description", "short_description", "details", "notes", "requirements")
MESSAGES = ("msg", "fail_msg", "success_msg")
# Words of a sentence at most. 25 are the aim, but an enumeration may have more.
LONGEST = 35


@dataclasses.dataclass(frozen=True)
class Text:
    """What a user reads, and where it starts."""

    line: int
    text: str
    names_a_task: bool = False
    documents: bool = False

    def long_sentences(self) -> list[str]:
        sentences = re.split(r"(?<=[.!?:;])\s|\|", self.text) if self.documents else []
        return [one.strip() for one in sentences if len(one.split()) > LONGEST]


@dataclasses.dataclass(frozen=True)
class Word:
    pattern: re.Pattern[str]
    plain: str
    examples: tuple[str, ...]
    for_names: bool

    def hits(self, text: Text) -> list[str]:
        if self.for_names and not text.names_a_task:
            return []
        return [match.group(0).strip() for match in self.pattern.finditer(text.text)]


def words(path: pathlib.Path = LIST) -> list[Word]:
    found, section = [], ""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            pattern, plain, examples = line.split("\t")
            compiled = re.compile(pattern, re.IGNORECASE)
            found.append(Word(compiled, plain, tuple(examples.split(" | ")), section == "names"))
    return found


def prose(text: str) -> str:
    return " ".join(CODE.sub("X", text).split())


def markdown(path: pathlib.Path) -> t.Iterator[Text]:
    """A paragraph, an item of a list or a row of a table at a time, since a phrase may span lines."""
    fenced, start, collected = False, 0, []
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), ""], 1):
        fence = line.lstrip().startswith("```")
        ends = fence or not line.strip() or re.match(r"\s*([-*#|]|\d+\.)", line)
        if ends and collected:
            yield Text(start, prose(" ".join(collected)), documents=True)
            collected = []
        if fence:
            fenced = not fenced
        elif line.strip() and not fenced:
            start = start if collected else number
            collected.append(line.strip())


def described(value: t.Any, line: int) -> t.Iterator[Text]:
    """The descriptions of options and results, at any depth."""
    if isinstance(value, list):
        for one in value:
            yield from described(one, line)
    elif isinstance(value, dict):
        for key, one in value.items():
            if key in PROSE:
                texts = one if isinstance(one, list) else [one]
                yield from (Text(line, prose(text), documents=True) for text in texts if isinstance(text, str))
            if key not in ("default", "choices"):
                yield from described(one, line)
            if key == "sample" and isinstance(one, str):
                yield Text(line, prose(one))


def python(path: pathlib.Path) -> t.Iterator[Text]:
    """Documentation of plugins, and all strings of more than one word but docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            target = node.targets[0]
            if isinstance(target, ast.Name) and target.id in DOCUMENTATION:
                skipped.add(id(node.value))
                text = str(node.value.value)
                if target.id == "EXAMPLES":
                    yield from task_names(text.splitlines(), node.lineno - 1)
                else:
                    yield from described(yaml.safe_load(text), node.lineno)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            skipped.update(id(part) for part in node.values)
            parts = (str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
            yield from spoken("".join(parts), node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
            yield from spoken(node.value, node.lineno)


def spoken(text: str, line: int) -> t.Iterator[Text]:
    if " " in text.strip():
        yield Text(line, prose(text))


def task_names(lines: t.Sequence[str], before: int = 0) -> t.Iterator[Text]:
    for number, line in enumerate(lines, before + 1):
        match = re.match(r"\s*(?:- )?name: ([A-Z].*)$", line)
        if match:
            yield Text(number, prose(match[1]), names_a_task=True)


def tasks(path: pathlib.Path) -> t.Iterator[Text]:
    """Names and messages of tasks and plays."""
    lines = path.read_text(encoding="utf-8").splitlines()
    yield from task_names(lines)
    for number, line in enumerate(lines, 1):
        match = re.match(rf"(\s*)(?:- )?(?:{'|'.join(MESSAGES)}): ?(.*)$", line)
        if match:
            rest = [match[2]]
            for other in lines[number:]:
                if not other.strip() or len(other) - len(other.lstrip()) <= len(match[1]):
                    break
                rest.append(other)
            yield Text(number, prose(re.sub(r"^['\">|-]+ ?", "", " ".join(rest))))


def fragment(path: pathlib.Path) -> t.Iterator[Text]:
    for entries in yaml.safe_load(path.read_text(encoding="utf-8")).values():
        for entry in [entries] if isinstance(entries, str) else entries:
            yield Text(1, prose(entry), documents=True)


def makefile(path: pathlib.Path) -> t.Iterator[Text]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if ": " in line and " ## " in line:
            yield Text(number, prose(line.partition(" ## ")[2]))


def meta(path: pathlib.Path) -> t.Iterator[Text]:
    yield from described(yaml.safe_load(path.read_text(encoding="utf-8")), 1)


# What is read how
READERS: dict[str, t.Callable[[pathlib.Path], t.Iterator[Text]]] = {
    "*.md": markdown,
    "docs/**/*.md": markdown,
    "roles/*/README.md": markdown,
    "plugins/**/*.py": python,
    "roles/*/meta/*.yml": meta,
    "roles/*/tasks/*.yml": tasks,
    "roles/*/handlers/*.yml": tasks,
    "roles/*/vars/*.yml": tasks,
    "playbooks/**/*.yml": tasks,
    "changelogs/fragments/*.yml": fragment,
    "galaxy.yml": meta,
    "Makefile": makefile,
}


def line_of(path: pathlib.Path, text: Text, hit: str) -> int:
    """The line that has the hit, or the one where its text begins."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next((n for n in range(text.line, len(lines) + 1) if hit in lines[n - 1]), text.line)


def findings(root: pathlib.Path) -> t.Iterator[str]:
    listed = words()
    for pattern, read in READERS.items():
        for path in sorted(root.glob(pattern)):
            for text in read(path):
                for word in listed:
                    for hit in word.hits(text):
                        place = f"{path.relative_to(root)}:{line_of(path, text, hit)}"
                        yield f'{place}: "{hit}": use plain words ({word.plain}): {text.text}'
                for sentence in text.long_sentences():
                    place = f"{path.relative_to(root)}:{line_of(path, text, sentence[:20])}"
                    yield f"{place}: more than {LONGEST} words: split it, or make it a list: {sentence}"


def main() -> int:
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT
    found = list(findings(root))
    print("\n".join(found) if found else "plain words: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
