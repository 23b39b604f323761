# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private folder of one run, for keys and certificates of a shared store, since ssh and Docker want them as files."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
import typing as t

from .._durable import make_folder, read_texts, write_file
from .._errors import MachineError
from ._base import DERIVED

CA = ".ca"  # no machine's name begins with a dot


class Scratch:
    def __init__(self, where: str, parent: str | None) -> None:
        """``parent``: a folder that goes with the run. Without one, this process makes one, and removes it."""
        self._where = where
        self._parent = parent
        self._root = ""

    def folder(self, name: str) -> str:
        return os.path.join(self.root(), name)

    def root(self) -> str:
        if not self._root:
            with explained():
                if self._parent:
                    # The same for all processes of a run: what one has fetched is there for the next
                    mine = hashlib.sha256(self._where.encode()).hexdigest()[:12]
                    self._root = os.path.join(self._parent, f"dockyard-{mine}")
                    make_folder(self._root)
                else:
                    self._root = tempfile.mkdtemp(prefix="dockyard-")
                    atexit.register(shutil.rmtree, self._root, ignore_errors=True)
        return self._root

    def read(self, name: str) -> dict[str, str]:
        """What is in a machine's folder, but for what is derived and what is half written."""
        with explained():
            return read_texts(self.folder(name), but=DERIVED)

    def replace(self, name: str, texts: dict[str, str]) -> None:
        """Let a machine's folder hold these files, and of others only what is derived."""
        with explained():
            for file in set(self.read(name)) - set(texts):
                os.unlink(os.path.join(self.folder(name), file))
        self.write(name, texts)

    def write(self, name: str, texts: dict[str, str]) -> None:
        with explained():
            make_folder(self.folder(name))
            for file, text in texts.items():
                path = os.path.join(self.folder(name), file)
                make_folder(os.path.dirname(path))
                write_file(path, text, durable=False)

    def remove(self, name: str) -> None:
        shutil.rmtree(self.folder(name), ignore_errors=True)


@contextlib.contextmanager
def explained() -> t.Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineError(
            f"The private folder of this run can't be used: {error.strerror} ({error.filename})",
            code="store",
            remedy="Free some space, or let TMPDIR name another folder, and run again",
        ) from error
