# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left of a file system after a power cut: only what was fsynced is sure to be.

A killed process can't show that an fsync is missing, since the kernel lives on. So each step is noted here,
and for any moment it can be told which states a disk may be in when power comes back:

- a file holds what it held at its last fsync; what was written since may be there, in half, or not at all;
- a name in a folder is what it was at the folder's last fsync; each later change of names may have reached the
  disk or not, whatever the others did, and a rename is done whole or not at all.
"""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import typing as t

TEMPORARY = re.compile(r"\.new|/\.ca(/|$)")  # what is not yet in its place
SHARES = (0.0, 0.5, 1.0)  # of what was written and not synced
ALL_SUBSETS = 6  # of up to so many unsynced changes all subsets are looked at; beyond that of the renames alone

State = dict[str, t.Optional[bytes]]  # path below the root -> content; None: a folder


class Node:
    """A file or a folder, by whatever name."""

    def __init__(self, folder: bool) -> None:
        self.now: dict[str, Node] | None = {} if folder else None  # as running processes see it
        self.kept: dict[str, Node] = {}  # as on the disk
        self.data = b""  # as on the disk
        self.dirty = False


Change = list[tuple[Node, str, t.Optional[Node]]]  # (folder, name, what it is then): done together or not at all


class Survives:
    """A file system from the moment on when this was made; what was there then is all on the disk."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = str(root)
        self.pending: list[Change] = []
        self.top = self._load(root)

    # What happens

    def made(self, path: str) -> None:
        folder, name = self._place(path)
        node = Node(os.path.isdir(path))
        node.dirty = node.now is None
        self._change((folder, name, node))

    def written(self, path: str) -> None:
        self._node(path).dirty = True

    def synced(self, path: str) -> None:
        node = self._node(path)
        if node.now is None:
            node.data, node.dirty = pathlib.Path(path).read_bytes(), False
            return
        for change in [one for one in self.pending if any(part[0] is node for part in one)]:
            for folder, name, what in change:
                _set(folder.kept, name, what)
            self.pending.remove(change)
        there = self._reachable()  # what happened in a folder that is gone for good, can be told no more
        self.pending = [one for one in self.pending if any(id(part[0]) in there for part in one)]

    def moved(self, source: str, target: str) -> None:
        node = self._node(source)
        self._change((*self._place(target), node), (*self._place(source), None))

    def linked(self, source: str, target: str) -> None:
        self._change((*self._place(target), self._node(source)))

    def removed(self, path: str) -> None:
        self._change((*self._place(path), None))

    # What may be left

    def states(self) -> list[State]:
        """Each state that a power cut may leave now, some of them twice."""
        contents = self._contents()
        found: list[State] = []
        for chosen in self._choices():
            kept: dict[int, dict[str, Node]] = {}
            for change in chosen:
                for folder, name, what in change:
                    _set(kept.setdefault(id(folder), dict(folder.kept)), name, what)
            for share in SHARES if contents else SHARES[-1:]:
                state = self._render(
                    lambda folder, kept=kept: kept.get(id(folder), folder.kept),  # type: ignore[misc]
                    lambda node, share=share: _part(node, contents.get(id(node), node.data), share),  # type: ignore[misc]
                )
                found.append(state)
        return found

    def fresh(self, known: set[str], where: str) -> list[int]:
        """Numbers of the states that were not there before, temporary files apart."""
        found = []
        for number, state in enumerate(self.states()):
            key = where + str([(name, one) for name, one in sorted(state.items()) if not TEMPORARY.search(name)])
            if key not in known:
                known.add(key)
                found.append(number)
        return found

    def _choices(self) -> list[list[Change]]:
        pending = self.pending
        if len(pending) <= ALL_SUBSETS:
            return [
                list(chosen) for count in range(len(pending) + 1) for chosen in itertools.combinations(pending, count)
            ]
        prefixes = [pending[:count] for count in range(len(pending) + 1)]
        without = [[one for one in pending if one is not left] for left in pending]
        renames = [one for one in pending if len(one) > 1]
        some = [chosen for count in range(len(renames) + 1) for chosen in itertools.combinations(renames, count)]
        # With all else on the disk, and with nothing else
        rest = [[one for one in pending if len(one) == 1 or one in chosen] for chosen in some]
        return [*prefixes, *without, *([one] for one in pending), *rest, *map(list, some)]

    def _contents(self) -> dict[int, bytes]:
        """What the processes see in the files that are not safe on the disk."""
        found: dict[int, bytes] = {}

        def walk(node: Node, path: pathlib.Path) -> None:
            for name, one in (node.now or {}).items():
                if one.dirty:
                    found[id(one)] = (path / name).read_bytes()
                walk(one, path / name)

        walk(self.top, pathlib.Path(self.root))
        return found

    def _render(self, entries: t.Callable[[Node], dict[str, Node]], content: t.Callable[[Node], bytes]) -> State:
        state: State = {}

        def walk(folder: Node, path: str) -> None:
            for name, node in entries(folder).items():
                state[f"{path}{name}"] = content(node) if node.now is None else None
                if node.now is not None:
                    walk(node, f"{path}{name}/")

        walk(self.top, "")
        return state

    # Helpers

    def _load(self, path: pathlib.Path) -> Node:
        node = Node(path.is_dir())
        if node.now is None:
            node.data = path.read_bytes()
        else:
            node.now = {one.name: self._load(one) for one in path.iterdir()}
            node.kept = dict(node.now)
        return node

    def _change(self, *parts: tuple[Node, str, Node | None]) -> None:
        for folder, name, node in parts:
            _set(t.cast("dict[str, Node]", folder.now), name, node)
        self.pending.append(list(parts))

    def _node(self, path: str) -> Node:
        node = self.top
        for name in pathlib.PurePath(os.path.relpath(path, self.root)).parts:
            node = t.cast("dict[str, Node]", node.now)[name]
        return node

    def _reachable(self) -> set[int]:
        """Nodes that are somewhere, now or on the disk."""
        found: set[int] = set()
        waiting = [self.top]
        while waiting:
            node = waiting.pop()
            if id(node) not in found:
                found.add(id(node))
                waiting += [*(node.now or {}).values(), *node.kept.values()]
        return found

    def _place(self, path: str) -> tuple[Node, str]:
        return self._node(os.path.dirname(path)), os.path.basename(path)


def _set(entries: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        entries.pop(name, None)
    else:
        entries[name] = node


def _part(node: Node, content: bytes, share: float) -> bytes:
    if not node.dirty or share == 1.0:
        return content
    return content[: int(len(content) * share)] if share else node.data


def write_state(state: State, root: pathlib.Path) -> None:
    """Let the folder, which is empty, hold that state."""
    for name, content in state.items():
        path = root / name
        if content is None:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        else:
            path.write_bytes(content)
            path.chmod(0o600)
