# Copyright: (c) 2026, Dockyard contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CA and the Docker client's pair of a store in a folder: folders of their own, of which the last one counts."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import typing as t

from .._durable import make_folder, sync, write_file, write_files
from . import _ca, _modes, _names
from ._base import CA_LOCK, PAIR, Store
from ._folders import read_texts

CA_FOLDER = re.compile(r"ca(?:-([1-9][0-9]*))?")


class FileCA(Store):
    path: str

    def _path(self, *parts: str) -> str:
        return os.path.join(self.path, *parts)

    @property
    def ca(self) -> str:
        return self._path(self._ca_folders()[-1])

    def _ca_folders(self) -> list[str]:
        """Each of them whole and never changed, but by one file at a time; the last one counts."""
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = {name: one for name in os.listdir(self.path) if (one := CA_FOLDER.fullmatch(name))}
            return sorted(found, key=lambda name: int(found[name][1] or 1)) or ["ca"]
        return ["ca"]

    def fill_ca(self) -> None:
        """They are kept there."""

    def ca_files(self) -> dict[str, str]:
        _modes.check(self.path)
        with self.explained():
            while True:
                folder = self.ca
                with contextlib.suppress(FileNotFoundError):
                    files = {name: text for name, text in read_texts(folder).items() if _names.is_ca_file(name)}
                    if folder == self.ca:  # else it may have gone while it was read
                        return files

    def change_ca(self, change: t.Callable[[_ca.Files], _ca.Files | None], timeout: float = 60) -> bool:
        with self.lock(CA_LOCK, timeout), self.explained():
            temporary = self._path(".ca")
            shutil.rmtree(temporary, ignore_errors=True)  # of a killed run
            before = self.ca_files()
            after = change(before)
            changed = after is not None and after != before
            if after is not None and changed:
                self._replace_ca(before, after)
            # The one before stays as long as there is more to come, for those who have its path.
            kept = 2 if _ca.MARK in (after or before) else 1
            for name in self._ca_folders()[:-kept]:
                os.rename(self._path(name), temporary)
                shutil.rmtree(temporary)
                sync(self.path)  # keys that are worth nothing any more are gone for good
            return changed

    def _replace_ca(self, before: _ca.Files, after: _ca.Files) -> None:
        folder = self.ca
        differing = [name for name in {*before, *after} if before.get(name) != after.get(name)]
        if before and len(differing) == 1:
            path = os.path.join(folder, differing[0])
            if differing[0] in after:
                write_file(path, after[differing[0]])
            else:
                os.unlink(path)
                sync(folder)
            return
        number = int(CA_FOLDER.fullmatch(os.path.basename(folder))[1] or 1) + 1  # type: ignore[index]
        self._rename_ca(after, self._path(f"ca-{number}") if before else folder)

    def _rename_ca(self, files: _ca.Files, folder: str) -> None:
        temporary = self._path(".ca")
        shutil.rmtree(temporary, ignore_errors=True)
        make_folder(temporary)
        for name, text in files.items():
            write_file(os.path.join(temporary, name), text)
        os.rename(temporary, folder)  # refused if there is one that has files
        sync(self.path)

    def put_ca(self, files: dict[str, str]) -> None:
        with self.explained():
            _names.checked(files, _names.is_ca_file, f"The copy for {self._path('ca')}")
            for name in self._ca_folders():
                shutil.rmtree(self._path(name), ignore_errors=True)
            self._rename_ca(files, self._path("ca"))

    def give_client_pair(self, name: str) -> bool:
        return self._give_pair(self.folder(name))

    @property
    def client(self) -> str:
        return self._path("client")

    def give_client(self) -> bool:
        with self.explained():
            make_folder(self.client)
        return self._give_pair(self.client)

    def _give_pair(self, folder: str) -> bool:
        files = self.ca_files()
        with self.explained():
            return bool(files) and write_files(folder, {new: files[old] for new, old in PAIR.items()})
