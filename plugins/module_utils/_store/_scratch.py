# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private folder of one run, for keys and certificates of a shared store, since ssh and Docker want them as files."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import tempfile
import time
import typing as t

from .. import _pin
from .._durable import make_folder, write_file
from .._errors import MachineError
from .._record import Record
from ._base import DERIVED
from ._folders import read_texts

PREFIX = "dockyard-"
OWNER = ".owner"  # locked by the process whose folder it is: the kernel releases it when the process exits
LEFT = 86400.0  # seconds after which the folder of a run that is not seen here any more is taken for left
CA, CLIENT = ".ca", ".client"  # no machine's name begins with a dot


class Scratch:
    def __init__(self, where: str, parent: str | None) -> None:
        """``parent``: a folder that goes with the run. Without one, this process makes one, and removes it."""
        self._where = where
        self._parent = parent
        self._root = ""
        self._owner = -1

    def folder(self, name: str) -> str:
        return os.path.join(self.root(), name)

    def root(self) -> str:
        if not self._root:
            with explained():
                if self._parent:
                    # The same for all processes of a run: what one has fetched is there for the next
                    mine = hashlib.sha256(self._where.encode()).hexdigest()[:12]
                    self._root = os.path.join(self._parent, f"{PREFIX}{mine}")
                    if not os.path.isdir(self._root):
                        sweep_runs(self._parent)
                    make_folder(self._root)
                else:
                    sweep_processes(tempfile.gettempdir())
                    self._root = tempfile.mkdtemp(prefix=PREFIX)
                    self._owner = os.open(os.path.join(self._root, OWNER), os.O_RDWR | os.O_CREAT, 0o600)
                    fcntl.flock(self._owner, fcntl.LOCK_EX)
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

    def pin(self, record: Record) -> None:
        """Write the machine's pinned host key, and the programs that know it."""
        with explained():
            make_folder(self.folder(record.name))
            _pin.write(record, self.folder(record.name), durable=False)

    def remove(self, name: str) -> None:
        shutil.rmtree(self.folder(name), ignore_errors=True)


def sweep_processes(temporary: str) -> None:
    """Remove what processes of ours that were killed have left in a folder for temporary files: private keys."""
    for folder in _mine(os.path.join(glob.escape(temporary), f"{PREFIX}*")):
        with contextlib.suppress(OSError):
            # Held by its process; refused as long as that lives
            owner = os.open(os.path.join(folder, OWNER), os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(owner)


def sweep_runs(parent: str) -> None:
    """The same beside the folder of a run of Ansible, which has the run's process in its name."""
    beside, name = os.path.split(parent)
    run = re.fullmatch(r"(ansible-local-)[0-9]+.{8}", name)
    if not run:
        return
    for folder in _mine(os.path.join(glob.escape(beside), f"{run[1]}*", f"{PREFIX}*")):
        process = re.fullmatch(rf"{run[1]}([0-9]+).{{8}}", os.path.basename(os.path.dirname(folder)))
        with contextlib.suppress(OSError):
            if process and not _lives(int(process[1])) and time.time() - os.stat(folder).st_mtime > LEFT:
                shutil.rmtree(folder, ignore_errors=True)


def _mine(pattern: str) -> list[str]:
    """Folders of this user, and no links to any."""
    found = [path for path in glob.glob(pattern) if os.path.isdir(path) and not os.path.islink(path)]
    return [path for path in found if os.stat(path).st_uid == os.geteuid()]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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
