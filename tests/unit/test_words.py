# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The word list finds each of its words, in all kinds of texts that users read. The check itself runs in make check."""

from __future__ import annotations

import pathlib

import pytest

from tests.tools import words

LISTED = words.words()
MODULE = '''"""Not anew: a docstring."""
DOCUMENTATION = r"""
short_description: Run it anew
options:
  name:
    description:
      - Whose is it? It is
        ours.
      - C(anew) and O(anew) are code.
"""
EXAMPLES = r"""
- name: Issue it anew
  debug:
"""
RETURN = r"""
made:
  description: Made anew.
"""
MESSAGE = f"{name} is made " "anew"
WORD = "anew"
'''
TREE = {
    "README.md": "Code: `anew`\n\n```\nanew\n```\n\n- made\n  anew\n",
    "docs/drivers/x.md": "| [x](#anew) | made anew |\n",
    "roles/x/README.md": "<!-- anew -->\nAnew.\n",
    "plugins/module_utils/x.py": MODULE,
    "roles/x/meta/argument_specs.yml": "argument_specs: {main: {options: {x: {description: [Made anew.], default: made anew}}}}\n",
    "roles/x/tasks/main.yml": "- name: Note it\n  fail:\n    msg: >-\n      It is made\n      anew.\n# anew\n",
    "playbooks/x.yml": "- name: Make it anew\n",
    "changelogs/fragments/x.yml": "minor_changes:\n  - It makes ``x`` anew.\n",
    "Makefile": "x: y ## Make it anew\n# anew\n",
}
FOUND = {
    "README.md": [8],
    "docs/drivers/x.md": [1],
    "roles/x/README.md": [2],
    "plugins/module_utils/x.py": [3, 8, 12, 17, 19],
    "roles/x/meta/argument_specs.yml": [1],
    "roles/x/tasks/main.yml": [1, 5],
    "playbooks/x.yml": [1],
    "changelogs/fragments/x.yml": [2],
    "Makefile": [1],
}


@pytest.mark.parametrize("word", LISTED, ids=lambda word: word.examples[0])
def test_each_pattern_finds_its_examples(word: words.Word) -> None:
    assert word.plain
    for example in word.examples:
        assert word.hits(words.Text(1, example, names_a_task=True)), example


@pytest.mark.parametrize(
    "text",
    [
        "There is no machine of that name",
        "It is no longer used",
        "The machine tag",
        "Take part in the rotation",
        "live-restore",
        "The letter says so",
    ],
)
def test_ordinary_sentences_pass(text: str) -> None:
    assert [word.plain for word in LISTED if word.hits(words.Text(1, text))] == []


def test_all_texts_of_users_are_read_and_code_is_not(tmp_path: pathlib.Path) -> None:
    for name, text in TREE.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found: dict[str, list[int]] = {}
    for finding in words.findings(tmp_path):
        file, line, _rest = finding.split(":", 2)
        found.setdefault(file, []).append(int(line))
    assert {file: sorted(lines) for file, lines in found.items()} == FOUND


def test_a_finding_has_the_words_to_use_instead(tmp_path: pathlib.Path) -> None:
    (tmp_path / "README.md").write_text("It is made anew.\n", encoding="utf-8")
    (finding,) = words.findings(tmp_path)
    assert finding.startswith('README.md:1: "anew": use plain words (again;') and finding.endswith(": It is made anew.")


def test_a_long_sentence_is_found_in_docs_and_not_in_messages(tmp_path: pathlib.Path) -> None:
    most, more = " ".join(["word"] * words.LONGEST), " ".join(["word"] * (words.LONGEST + 1))
    (tmp_path / "README.md").write_text(
        f"{most}. {most}: {most}.\n\n| {most} | {most} |\n\n{more}.\n", encoding="utf-8"
    )
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "x.py").write_text(f"MESSAGE = '{more}'\n", encoding="utf-8")
    (finding,) = words.findings(tmp_path)
    assert finding.startswith(f"README.md:5: more than {words.LONGEST} words")
